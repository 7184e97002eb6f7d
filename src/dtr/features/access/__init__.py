"""Who may do what: the table of roles, as pure rules for all rooms.

Owns no tables, events or settings. Who belongs to which organization and team is kept by `accounts`; which team or user
was granted what is kept by `repositories`. Both ask these rules, so this room stands left of all others.
"""
