"""Repositories: their names, who sees them, how strictly they take pushes, and how often they are used.

Owns the table `repository`. Leans on `access`. The content of repositories belongs to the room `images`.
"""
