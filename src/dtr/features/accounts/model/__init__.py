"""What accounts are: users and organizations, teams, public keys, names, and how failed logins are counted.

| module | holds |
| --- | --- |
| `accounts` | users and organizations, their names, lists and changes |
| `organizations` | members and teams |
| `public_keys` | keys that prove a user |
| `login` | the throttle of failed logins |
"""

from dtr.features.accounts.model.accounts import (
    ADMIN_NAME,
    MAX_NAME_LENGTH,
    RESERVED_NAMES,
    Account,
    AccountOwnsRepositories,
    NoSuchAccount,
    NoSuchUser,
    ProvenLogin,
    check_new_name,
    is_account_name,
    no_such_account,
    no_such_user,
)
from dtr.features.accounts.model.login import LoginAttempt
from dtr.features.accounts.model.organizations import Member, Membership, NoSuchTeam, Team, no_such_team

__all__ = [
    "ADMIN_NAME",
    "MAX_NAME_LENGTH",
    "RESERVED_NAMES",
    "Account",
    "AccountOwnsRepositories",
    "LoginAttempt",
    "Member",
    "Membership",
    "NoSuchAccount",
    "NoSuchTeam",
    "NoSuchUser",
    "ProvenLogin",
    "Team",
    "check_new_name",
    "is_account_name",
    "no_such_account",
    "no_such_team",
    "no_such_user",
]
