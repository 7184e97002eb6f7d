"""Accounts: users and organizations, teams, public keys; how users prove themselves, and how guessing is slowed down.

Owns the tables `account`, `organization_member`, `team`, `team_member`, `public_key`, `session`, `login_failure` and
`login_success`, the settings `passwords` and `sessions`. Leans on the rules of `access` only: what must happen when
credentials or rights are taken away, and what stands in the way of deleting an account, is handed in.
"""
