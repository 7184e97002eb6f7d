"""Accounts: who there is, how they prove it, and how guessing is slowed down.

Owns the tables `account`, `login_failure` and `login_success`. Leans on no other room: what must happen when
credentials are taken away (tokens are revoked) is handed in.
"""
