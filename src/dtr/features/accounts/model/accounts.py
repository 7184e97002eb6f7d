"""What an account is, and which names it may have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from dtr.core.errors import Conflict, Denied, Invalid, NotFound
from dtr.core.messages import said
from dtr.core.principal import Principal
from dtr.oci.errors import NameInvalid
from dtr.oci.names import RepositoryName

ADMIN_NAME: Final = "admin"
"""The account that the first start makes."""

DEFAULT_ORGANIZATION: Final = "docker-datacenter"
"""The organization that the first start makes, owned by the administrator."""

MAX_NAME_LENGTH: Final = 100
MAX_FULL_NAME_LENGTH: Final = 128
MAX_OPERATIONS: Final = 1_000
"""Changes in one bulk request."""

RESERVED_NAMES: Final = frozenset(
    {
        ADMIN_NAME,
        "accounts",
        "activity",
        "anonymous",
        "api",
        "assets",
        "auth",
        "basic_info",
        "ca",
        "charts",
        "docs",
        "enzi",
        "error",
        "favicon.ico",
        "health",
        "library",
        "login",
        "logout",
        "metrics",
        "new",
        "nginx_status",
        "operator",
        "organizations",
        "profile",
        "repositories",
        "robot",
        "robots",
        "search",
        "sessions",
        "settings",
        "sign-in",
        "static",
        "system",
        "token",
        "users",
        "v1",
        "v2",
        "webhooks",
    }
)
"""Names that would read like a part of the registry itself."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class NoSuchAccount(NotFound):
    """There is no user or organization of the name."""

    api_code: ClassVar[str] = "NO_SUCH_ACCOUNT"


class NoSuchUser(NotFound):
    """There is no user of the name; perhaps an organization."""

    api_code: ClassVar[str] = "NO_SUCH_USER"


class AccountExists(Conflict):
    """A user or an organization has the name already."""

    api_code: ClassVar[str] = "ACCOUNT_EXISTS"


class LastAdmin(Conflict):
    """Nobody would be left who administers the registry."""

    api_code: ClassVar[str] = "LAST_ADMIN"


class OwnAccount(Conflict):
    """One's own account is not deleted by oneself."""

    api_code: ClassVar[str] = "OWN_ACCOUNT"


class AccountOwnsRepositories(Conflict):
    """The account stays while there are repositories in its namespace."""

    api_code: ClassVar[str] = "ACCOUNT_OWNS_REPOSITORIES"


class WrongPassword(Denied):
    """The old password that should confirm a new one is wrong."""

    api_code: ClassVar[str] = "WRONG_PASSWORD"


@dataclass(frozen=True, slots=True)
class Account:
    """A user, who can log in, or an organization, which cannot. The password's hash stays in the store."""

    id: str
    name: str
    full_name: str
    is_admin: bool
    is_active: bool
    created_at: datetime
    is_org: bool = False
    is_auditor: bool = False

    @property
    def principal(self) -> Principal:
        """The account as a caller."""
        return Principal(
            account_id=self.id, name=self.name, is_admin=self.is_admin, is_auditor=self.is_auditor
        )


@dataclass(frozen=True, slots=True)
class ProvenLogin:
    """A login that succeeded, and which credentials proved it.

    Whatever is to outlive the login must be stored on condition that these credentials still count: the password
    may change, or the account be disabled, right after the check.
    """

    account: Account
    credentials_version: int
    """What the account's version was when the proof was read; each new password and each lock-out raises it."""

    @property
    def principal(self) -> Principal:
        """The account as a caller."""
        return self.account.principal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is made from. An organization has no password and no rank."""

    name: str
    password: str = ""
    full_name: str = ""
    is_org: bool = False
    is_admin: bool = False
    is_auditor: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanges:
    """New values; None leaves a value as it is."""

    full_name: str | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    is_auditor: bool | None = None

    @property
    def ranks(self) -> dict[str, bool]:
        """What only an administrator may change, as far as it is named."""
        named = {"isActive": self.is_active, "isAdmin": self.is_admin, "isAuditor": self.is_auditor}
        return {name: value for name, value in named.items() if value is not None}

    def take_rights_from(self, account: Account) -> bool:
        """Tell whether the account could do something before that it cannot do after the changes."""
        return any(
            before and after is False
            for before, after in (
                (account.is_active, self.is_active),
                (account.is_admin, self.is_admin),
                (account.is_auditor, self.is_auditor),
            )
        )


class AccountFilter(StrEnum):
    """Which accounts a list holds."""

    ALL = "all"
    USERS = "users"
    ORGANIZATIONS = "orgs"
    ADMINS = "admins"
    NON_ADMINS = "non-admins"
    """Users who do not administer the registry."""
    AUDITORS = "auditors"
    ACTIVE_USERS = "active-users"
    INACTIVE_USERS = "inactive-users"


@dataclass(frozen=True, slots=True)
class AccountOrder:
    """How a list of accounts is sorted: by name, or by full name and then by name."""

    by_full_name: bool = False
    is_descending: bool = False

    @staticmethod
    def parse(text: str) -> "AccountOrder":
        """Read `name`, `fullName`, or one of them with `+` or `-` before it. Raises Invalid."""
        # A plus sign that was not escaped in an address arrives as a space.
        sign, field = (text[:1], text[1:]) if text[:1] in {"+", "-", " "} else ("+", text)
        if field not in {"name", "fullName"}:
            raise Invalid("the order is name or fullName, with + or - before it", given=text[:100])
        return AccountOrder(by_full_name=field == "fullName", is_descending=sign == "-")


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """Which accounts are wanted, and in which order."""

    filter: AccountFilter = AccountFilter.ALL
    order: AccountOrder = AccountOrder()
    contains: str = ""
    """Part of the name or full name; upper and lower case of ASCII letters are the same. Empty: any."""


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """How many accounts there are, and what belongs to an organization."""

    members: int = 0
    teams: int = 0


class BulkOperation(StrEnum):
    """What can be done to many accounts in one request."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    MAKE_ADMIN = "makeAdmin"
    REMOVE_ADMIN = "removeAdmin"
    MAKE_AUDITOR = "makeAuditor"
    REMOVE_AUDITOR = "removeAuditor"
    SET_FULL_NAME = "setFullName"
    """The one operation with a value."""
    DELETE = "delete"


_CHANGES: Final = {
    BulkOperation.ACTIVATE: AccountChanges(is_active=True),
    BulkOperation.DEACTIVATE: AccountChanges(is_active=False),
    BulkOperation.MAKE_ADMIN: AccountChanges(is_admin=True),
    BulkOperation.REMOVE_ADMIN: AccountChanges(is_admin=False),
    BulkOperation.MAKE_AUDITOR: AccountChanges(is_auditor=True),
    BulkOperation.REMOVE_AUDITOR: AccountChanges(is_auditor=False),
}


def bulk_changes(op: str, value: object) -> AccountChanges | None:
    """Return the changes that a bulk operation stands for; None for deletion. Raises Invalid if there is none such."""
    if op not in list(BulkOperation):
        raise Invalid(
            said("an operation is one of %(known)s", known=", ".join(BulkOperation)), given=op[:100]
        )
    operation = BulkOperation(op)
    if operation is BulkOperation.DELETE:
        return None
    if operation is not BulkOperation.SET_FULL_NAME:
        return _CHANGES[operation]
    if not isinstance(value, str):
        raise Invalid("the value of setFullName is a text")
    return AccountChanges(full_name=value)


def is_account_name(text: str) -> bool:
    """Tell whether an account could have this name: one component of a repository path, its namespace."""
    try:
        name = RepositoryName.parse(text)
    except NameInvalid:
        return False
    return name.namespace == text and len(text) <= MAX_NAME_LENGTH


def is_id(text: str) -> bool:
    """Tell whether the text is the id of an account or team and not its name: those never look like ids."""
    return _UUID.fullmatch(text) is not None


def check_new_name(name: str) -> None:
    """Raise Invalid if no new account may have this name."""
    if not is_account_name(name) or is_id(name):
        raise Invalid(
            said(
                "an account's name has 1 to %(count)s lower-case letters and digits, with single dots,"
                " one or two underscores, or dashes inside, and is no UUID",
                count=MAX_NAME_LENGTH,
            ),
            given=name[:MAX_NAME_LENGTH],
        )
    if name in RESERVED_NAMES:
        raise Invalid(said("the name %(name)s is reserved", name=name), given=name)


def check_text(text: str, what: str, longest: int) -> None:
    """Raise Invalid unless the text is one printable line of at most `longest` characters; empty is fine.

    `what` is what the text is, with its article, said to people.
    """
    if len(text) > longest or not text.isprintable():
        raise Invalid(
            said("%(what)s is one line of at most %(count)s printable characters", what=what, count=longest)
        )


def check_org_ranks(ranks: Iterable[tuple[str, bool]]) -> None:
    """Raise Invalid if an organization would get a rank or be disabled: only users log in and administer."""
    meant = {"isActive": True, "isAdmin": False, "isAuditor": False}
    wrong = [name for name, value in ranks if value is not meant[name]]
    if wrong:
        raise Invalid(
            said("an organization cannot have %(fields)s changed", fields=", ".join(wrong)), given=wrong
        )


def no_such_account(ref: str) -> NoSuchAccount:
    """Return the error for an account that does not exist, the same wherever it is missed."""
    return NoSuchAccount(said("there is no account %(name)s", name=_shown(ref)), name=_shown(ref))


def no_such_user(ref: str) -> NoSuchUser:
    """Return the error for a user who does not exist."""
    return NoSuchUser(said("there is no user %(name)s", name=_shown(ref)), name=_shown(ref))


def no_such_organization(ref: str) -> NoSuchAccount:
    """Return the error for an organization that does not exist."""
    return NoSuchAccount(said("there is no organization %(name)s", name=_shown(ref)), name=_shown(ref))


def _shown(ref: str) -> str:
    return ascii(ref[:MAX_NAME_LENGTH])[1:-1]
