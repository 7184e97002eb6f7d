"""What this room tells: logins, accounts, members, teams, keys. All of it is a matter of security."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from dtr.core.facts import Fact, FactObject, Outcome, Verb
from dtr.core.principal import Caller
from dtr.features.accounts.model.accounts import Account
from dtr.features.accounts.model.organizations import Team
from dtr.features.accounts.model.public_keys import PublicKey


def login_succeeded(caller: Caller, account: Account, now: datetime) -> Fact:
    """Tell that somebody proved to be `account`: told again for the same address after a day or a failure only."""
    return _fact("LoginSucceeded", Verb.GET, caller, _account(account), account.name, now)


def login_failed(caller: Caller, name: str, now: datetime) -> Fact:
    """Tell that somebody failed to prove to be `name`, which is empty for every name that no account can have."""
    return Fact(
        name="LoginFailed",
        at=now,
        caller=caller,
        verb=Verb.FAIL,
        object=FactObject("user", name),
        namespace=name,
        is_security=True,
        outcome=Outcome.DENIED,
        details={"name": name},
    )


def session_started(caller: Caller, session_id: str, now: datetime) -> Fact:
    """Tell that somebody logged in and got a session."""
    owner = caller.principal.name or ""
    return _fact("SessionStarted", Verb.CREATE, caller, _session(owner, session_id), owner, now)


def session_ended(caller: Caller, owner: str, session_id: str, now: datetime) -> Fact:
    """Tell that somebody logged out, or ended a session from elsewhere, as an administrator perhaps another user's."""
    return _fact("SessionEnded", Verb.DELETE, caller, _session(owner, session_id), owner, now)


def csrf_refused(caller: Caller, session_id: str, reason: str, now: datetime) -> Fact:
    """Tell that a change in a session was refused because another site may have forged it."""
    owner = caller.principal.name or ""
    told = _fact("CsrfRefused", Verb.FAIL, caller, _session(owner, session_id), owner, now, reason=reason)
    return replace(told, outcome=Outcome.DENIED)


def account_unlocked(caller: Caller, account: Account, now: datetime) -> Fact:
    """Tell that the failed logins of a user were forgotten."""
    return _fact("AccountUnlocked", Verb.UPDATE, caller, _account(account), account.name, now)


def account_created(caller: Caller, account: Account) -> Fact:
    """Tell that there is a new user or organization."""
    return _fact(
        "AccountCreated",
        Verb.CREATE,
        caller,
        _account(account),
        account.name,
        account.created_at,
        isAdmin=account.is_admin,
        isAuditor=account.is_auditor,
        isActive=account.is_active,
    )


def account_changed(caller: Caller, before: Account, after: Account, now: datetime) -> Fact | None:
    """Tell the values that an account has now and had not before; None if there are none."""
    old, new = _values(before), _values(after)
    changed = {name: value for name, value in new.items() if value != old[name]}
    if not changed:
        return None
    return _fact("AccountChanged", Verb.UPDATE, caller, _account(after), after.name, now, **changed)


def account_deleted(caller: Caller, account: Account, now: datetime) -> Fact:
    """Tell that a user or an organization is gone, with everything that belonged to it."""
    return _fact("AccountDeleted", Verb.DELETE, caller, _account(account), account.name, now)


def password_changed(caller: Caller, account: Account, now: datetime) -> Fact:
    """Tell that a user has a new password."""
    return _fact("PasswordChanged", Verb.UPDATE, caller, _account(account), account.name, now)


def member_put(  # noqa: PLR0913 - who, where, whom, how
    caller: Caller, org: Account, user: Account, now: datetime, *, before: bool | None, after: bool
) -> Fact | None:
    """Tell that a user joined an organization or has another rank in it; None if nothing is new."""
    if before is after:
        return None
    name, verb = ("MemberAdded", Verb.CREATE) if before is None else ("MemberChanged", Verb.UPDATE)
    return _fact(name, verb, caller, _account(user), org.name, now, organization=org.name, isAdmin=after)


def member_removed(caller: Caller, org: Account, user: Account, now: datetime) -> Fact:
    """Tell that a user left an organization and all its teams."""
    return _fact("MemberRemoved", Verb.DELETE, caller, _account(user), org.name, now, organization=org.name)


def team_created(caller: Caller, org: Account, team: Team) -> Fact:
    """Tell that an organization has a new team."""
    return _fact("TeamCreated", Verb.CREATE, caller, _team(team), org.name, team.created_at)


def team_changed(caller: Caller, org: Account, before: Team, after: Team, now: datetime) -> Fact | None:
    """Tell that a team has another name or description; None if nothing is new."""
    if (before.name, before.description) == (after.name, after.description):
        return None
    return _fact("TeamChanged", Verb.UPDATE, caller, _team(after), org.name, now, formerName=before.name)


def team_deleted(caller: Caller, org: Account, team: Team, now: datetime) -> Fact:
    """Tell that a team is gone, with what was granted to it."""
    return _fact("TeamDeleted", Verb.DELETE, caller, _team(team), org.name, now)


def team_member_put(  # noqa: PLR0913 - who, where, whom, how
    caller: Caller,
    org: Account,
    team: Team,
    user: Account,
    now: datetime,
    *,
    before: bool | None,
    after: bool,
) -> Fact | None:
    """Tell that a user joined a team or has another rank in it; None if nothing is new."""
    if before is after:
        return None
    name, verb = ("TeamMemberAdded", Verb.CREATE) if before is None else ("TeamMemberChanged", Verb.UPDATE)
    return _fact(
        name, verb, caller, _account(user), org.name, now, _team(team), team=team.name, isAdmin=after
    )


def team_member_removed(caller: Caller, org: Account, team: Team, user: Account, now: datetime) -> Fact:
    """Tell that a user left a team."""
    return _fact(
        "TeamMemberRemoved", Verb.DELETE, caller, _account(user), org.name, now, _team(team), team=team.name
    )


def public_key_added(caller: Caller, user: Account, key: PublicKey) -> Fact:
    """Tell that a user has a new public key."""
    return _fact("PublicKeyAdded", Verb.CREATE, caller, _public_key(key), user.name, key.created_at)


def public_key_changed(caller: Caller, user: Account, key: PublicKey, now: datetime) -> Fact:
    """Tell that a public key has another label or other certificates."""
    return _fact("PublicKeyChanged", Verb.UPDATE, caller, _public_key(key), user.name, now)


def public_key_removed(caller: Caller, user: Account, key: PublicKey, now: datetime) -> Fact:
    """Tell that a public key proves a user no more."""
    return _fact("PublicKeyRemoved", Verb.DELETE, caller, _public_key(key), user.name, now)


def _values(account: Account) -> dict[str, Any]:
    return {
        "fullName": account.full_name,
        "isActive": account.is_active,
        "isAdmin": account.is_admin,
        "isAuditor": account.is_auditor,
    }


def _account(account: Account) -> FactObject:
    return FactObject("organization" if account.is_org else "user", account.name, account.id)


def _session(owner: str, session_id: str) -> FactObject:
    return FactObject("session", owner, session_id)


def _team(team: Team) -> FactObject:
    return FactObject("team", team.name, team.id)


def _public_key(key: PublicKey) -> FactObject:
    return FactObject("public-key", key.label, key.id)


def _fact(  # noqa: PLR0913, PLR0917 - the fields of a fact
    name: str,
    verb: Verb,
    caller: Caller,
    about: FactObject,
    namespace: str,
    now: datetime,
    target: FactObject | None = None,
    **details: Any,
) -> Fact:
    return Fact(
        name=name,
        at=now,
        caller=caller,
        verb=verb,
        object=about,
        namespace=namespace,
        target=target,
        is_security=True,
        details=details,
    )
