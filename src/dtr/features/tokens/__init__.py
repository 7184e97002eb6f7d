"""Tokens: what a client gets for its password, the keys that sign them, how they are checked and revoked.

Also the access tokens of users, and the one place where a name and a secret of any kind become a caller (`sign_in`).

Owns the tables `client_token` (refresh tokens and access tokens, by hash), `client_token_use`, `revocation` and
`signing_key` (sealed private keys), and the settings `tokens`. Leans on `accounts`, `access` and `repositories`.
"""
