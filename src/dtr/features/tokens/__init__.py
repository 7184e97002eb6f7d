"""Tokens: what a client gets for its password, the keys that sign them, and how they are checked.

Owns the tables `client_token` (refresh tokens, by hash) and `signing_key` (sealed private keys). Settings:
issuer, service, lifetime, rotation, leeway. Leans on `accounts`, `access` and `repositories`.
"""
