"""Search: repositories and accounts by part of their names, for people who type and for `docker search`.

Owns no table. Leans on `repositories` and `accounts`: it shows only what their rules let the caller see.
"""
