"""Who may do what to a repository: pure rules, no tables, no settings of its own.

Leans on nothing but the words of floor 0. Every door and service asks here, so that a right means the same
everywhere.
"""
