"""Who gets which kind of answer: the table of roles once more, written from its description and not from its code.

An outcome is `ok` (the request came past the gate, even if it then made no sense), `401`, `403` or `404`; with a slash
between them where either will do.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.world import Kind

OK = "ok"

K = Kind
ALL = frozenset(Kind)
NOBODY = frozenset({K.ANONYMOUS, K.DISABLED})
ROBOTS = frozenset({K.ROBOT_PULL, K.ROBOT_PUSH, K.ROBOT_ADMIN, K.OTHER_ROBOT})
LIMITED = ROBOTS | {K.TOKEN}
SIGNED_IN = ALL - NOBODY
USERS = SIGNED_IN - LIMITED
"""Who is logged in without limits."""

MEMBERS = frozenset({K.MEMBER, K.TEAM_RO, K.TEAM_RW, K.TEAM_AD, K.SPACE_RO, K.SPACE_RW, K.SPACE_AD, K.OWNER})
"""Of the organization."""

ADMINS = frozenset({K.TEAM_AD, K.SPACE_AD, K.OWNER, K.USER_AD, K.OWN, K.ROBOT_ADMIN, K.ADMIN})
"""Who administers the repository."""
WRITERS = ADMINS | {K.TEAM_RW, K.SPACE_RW, K.USER_RW, K.ROBOT_PUSH}
DELETERS = WRITERS - {K.ROBOT_PUSH}
PULLERS = WRITERS | {K.TEAM_RO, K.SPACE_RO, K.USER_RO, K.ROBOT_PULL, K.TOKEN}
SEERS = PULLERS | {K.AUDITOR}


@dataclass(frozen=True)
class Profile:
    """The outcome for every kind of caller, on something private and on something public (where that differs)."""

    private: dict[Kind, str]
    public: dict[Kind, str] | None = None


def on_repository(allowed: Iterable[Kind], *, if_public: Iterable[Kind] = ()) -> Profile:
    """Return who may do something with a repository; `if_public` tells who else may if it is public."""
    private, public = {}, {}
    may, may_if_public = frozenset(allowed), frozenset(allowed) | frozenset(if_public)
    for kind in Kind:
        private[kind] = OK if kind in may else "403" if kind in SEERS else "404"
        public[kind] = OK if kind in may_if_public else "403"
    if K.ANONYMOUS not in may_if_public:
        public[K.ANONYMOUS] = "401"
    private[K.ANONYMOUS] = "401/404"
    private[K.DISABLED] = public[K.DISABLED] = "401"
    return Profile(private, public)


def on_registry(allowed: Iterable[Kind], *, others: str = "403") -> Profile:
    """Return who may do something that is about no single repository; who is not logged in has to log in."""
    may = frozenset(allowed)
    found = {kind: OK if kind in may else "401" if kind in NOBODY else others for kind in Kind}
    return Profile(found)


def by_token(allowed: Iterable[Kind], *, if_public: Iterable[Kind] = ()) -> Profile:
    """Return who may do something by the registry protocol, where absent and forbidden look the same."""
    may, may_if_public = frozenset(allowed), frozenset(allowed) | frozenset(if_public)
    private = {kind: OK if kind in may else "401/403" for kind in Kind}
    public = {kind: OK if kind in may_if_public else "401/403" for kind in Kind}
    for each in (private, public):
        each[K.DISABLED] = "401"
        if each[K.ANONYMOUS] != OK:
            each[K.ANONYMOUS] = "401"
    return Profile(private, public)


OPEN = Profile(dict.fromkeys(Kind, OK))
"""Credentials are not looked at."""
PUBLIC = on_registry(ALL - {K.DISABLED})
"""Everybody, but nobody with wrong credentials."""
USER = on_registry(USERS)
ANYBODY = on_registry(SIGNED_IN)
SYS = on_registry({K.ADMIN})
SYS_READ = on_registry({K.ADMIN, K.AUDITOR})
SELF = on_registry({K.OWN, K.ADMIN})
"""The account is that of the kind `own`, and somebody else's for all others."""
SELF_READ = on_registry({K.OWN, K.ADMIN, K.AUDITOR})

# Of the kind `own`; to others they do not exist.
OWN_TOKEN = on_registry({K.OWN, K.ADMIN}, others="403/404")
OWN_TOKEN_READ = on_registry({K.OWN, K.ADMIN, K.AUDITOR}, others="403/404")

# A repository.
VISIBLE = on_repository(SEERS, if_public=ALL - {K.DISABLED})
ACTIVITY = on_repository(SEERS, if_public=SIGNED_IN - {K.OTHER_ROBOT})
DELETE_TAGS = on_repository(DELETERS)
REPOSITORY_ADMIN = on_repository(ADMINS)
REPOSITORY_ADMIN_READ = on_repository(ADMINS | {K.AUDITOR})

PUSH = on_repository(WRITERS)

# Needs the right to create one of the new name as well.
RENAME = on_repository({K.SPACE_AD, K.OWNER, K.OWN, K.ROBOT_ADMIN, K.ADMIN})

# Whoever does not see a repository is told that it is gone, as it would be if it had never been.
DELETE_REPOSITORY = Profile(
    {kind: OK if each == "404" else each for kind, each in REPOSITORY_ADMIN.private.items()},
    REPOSITORY_ADMIN.public,
)

# A namespace: the organization's, or one's own.
NAMESPACE_MEMBER = on_registry(MEMBERS | {K.OWN, K.ADMIN, K.AUDITOR})
NAMESPACE_ADMIN = on_registry({K.SPACE_AD, K.OWNER, K.OWN, K.ADMIN})
NAMESPACE_ADMIN_READ = on_registry({K.SPACE_AD, K.OWNER, K.OWN, K.ADMIN, K.AUDITOR})
CREATE_REPOSITORY = on_registry({K.SPACE_AD, K.OWNER, K.OWN, K.ADMIN, K.ROBOT_ADMIN})
ROBOT = on_registry({K.SPACE_AD, K.OWNER, K.OWN, K.ADMIN}, others="403/404")
ROBOT_READ = on_registry({K.SPACE_AD, K.OWNER, K.OWN, K.ADMIN, K.AUDITOR}, others="403/404")
NAMESPACE_OWNER = on_registry({K.OWNER, K.OWN, K.ADMIN})

# An organization; the kind `own` is a stranger to it.
ORGANIZATION_MEMBER = on_registry(MEMBERS | {K.ADMIN, K.AUDITOR})
ORGANIZATION_OWNER = on_registry({K.OWNER, K.ADMIN})

# The registry protocol.
V2_PULL = by_token(PULLERS, if_public=ALL)
V2_PUSH = by_token(WRITERS)
V2_DELETE = by_token(DELETERS)
