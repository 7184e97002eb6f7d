"""The use cases of the accounts room.

| module | holds |
| --- | --- |
| `accounts` | `Accounts`: everything below in one object, and what doors and commands use most |
| `users` | accounts: lists, making, changing, deleting, passwords |
| `organizations` | members of organizations |
| `teams` | teams and their members |
| `views` | organizations and teams as pages show them |
| `public_keys` | public keys of users |
| `login` | logging in with a password, and the throttle |
| `sessions` | what a browser or program gets for a password |
| `guard` | whether a caller may do it |
| `room` | what they all share |
"""

from dtr.features.accounts.service.accounts import Accounts
from dtr.features.accounts.service.room import DeletionGuard, RevokeAccess, RevokeTokens

__all__ = ["Accounts", "DeletionGuard", "RevokeAccess", "RevokeTokens"]
