"""What happened: the activity log of repositories, and the audit chain of security matters.

Owns the tables `event`, `audit_entry` and `audit_head`. Listens to the facts that other rooms tell; leans on
`accounts`, `access` and `repositories`.
"""
