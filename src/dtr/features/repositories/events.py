"""The facts of the repositories room."""

from datetime import datetime
from typing import Any, Final

from dtr.core.facts import Audience, Fact, FactObject, RepositoryRef, Verb
from dtr.core.principal import Caller
from dtr.features.access.model import Level
from dtr.features.accounts.model import Account, Team
from dtr.features.repositories.model import Repository

LONGEST_TEXT: Final = 200
"""Of a description, as facts tell it (characters)."""

SETTABLE: Final = {
    "visibility": "visibility",
    "immutable_tags": "immutableTags",
    "strict_sizes": "strictSizes",
    "allow_missing_children": "allowMissingChildren",
    "scan_on_push": "scanOnPush",
    "tag_limit": "tagLimit",
    "short_description": "shortDescription",
    "long_description": "longDescription",
}
"""What can be changed about a repository, with its name in the API."""

SECURITY: Final = frozenset({"visibility", "immutableTags"})
"""Changes that belong into the audit chain."""


def repository_created(caller: Caller, repository: Repository, now: datetime) -> Fact:
    """Tell that somebody made a repository, by the API or with their first push."""
    return Fact(
        name="RepositoryCreated",
        at=now,
        caller=caller,
        verb=Verb.CREATE,
        object=_object(repository),
        repository=_ref(repository),
        details={"visibility": repository.visibility.value},
    )


def repository_changed(caller: Caller, before: Repository, after: Repository, now: datetime) -> Fact | None:
    """Tell what is different about a repository; None if nothing is."""
    changes = {
        label: {"old": _plain(getattr(before, field)), "new": _plain(getattr(after, field))}
        for field, label in SETTABLE.items()
        if getattr(before, field) != getattr(after, field)
    }
    if not changes:
        return None
    return Fact(
        name="RepositoryChanged",
        at=now,
        caller=caller,
        verb=Verb.UPDATE,
        object=_object(after),
        repository=_ref(after),
        is_security=not SECURITY.isdisjoint(changes),
        details={"changes": changes},
    )


def repository_deleted(caller: Caller, repository: Repository, now: datetime) -> Fact:
    """Tell that a repository is gone, with all its content."""
    return Fact(
        name="RepositoryDeleted",
        at=now,
        caller=caller,
        verb=Verb.DELETE,
        object=_object(repository),
        repository=_ref(repository),
        is_security=True,
    )


def repository_renamed(caller: Caller, before: Repository, after: Repository, now: datetime) -> Fact:
    """Tell that a repository has another name, perhaps in another namespace, where others have a say."""
    return Fact(
        name="RepositoryRenamed",
        at=now,
        caller=caller,
        verb=Verb.UPDATE,
        object=_object(before),
        target=_object(after),
        repository=_ref(after),
        is_security=before.namespace != after.namespace,
        details={"oldName": before.path, "newName": after.path},
    )


def team_access_changed(  # noqa: PLR0913, PLR0917 - what happened, from all sides
    caller: Caller,
    repository: Repository,
    team: Team,
    before: Level | None,
    after: Level | None,
    now: datetime,
) -> Fact:
    """Tell that a team has another level on a repository; None stands for no level."""
    return Fact(
        name="TeamAccessChanged",
        at=now,
        caller=caller,
        verb=_verb(before, after),
        object=FactObject("teamAccess", team.name, team.id),
        repository=_ref(repository),
        audience=Audience.ADMINS,
        is_security=True,
        details=_levels(before, after),
    )


def user_access_changed(  # noqa: PLR0913, PLR0917 - what happened, from all sides
    caller: Caller,
    repository: Repository,
    user: Account,
    before: Level | None,
    after: Level | None,
    now: datetime,
) -> Fact:
    """Tell that a single user has another level on a repository; None stands for no level."""
    return Fact(
        name="UserAccessChanged",
        at=now,
        caller=caller,
        verb=_verb(before, after),
        object=FactObject("userAccess", user.name, user.id),
        repository=_ref(repository),
        audience=Audience.ADMINS,
        is_security=True,
        details=_levels(before, after),
    )


def namespace_team_access_changed(  # noqa: PLR0913, PLR0917 - what happened, from all sides
    caller: Caller,
    organization: Account,
    team: Team,
    before: Level | None,
    after: Level | None,
    now: datetime,
) -> Fact:
    """Tell that a team has another level on the namespace of its organization; None stands for no level."""
    return Fact(
        name="NamespaceTeamAccessChanged",
        at=now,
        caller=caller,
        verb=_verb(before, after),
        object=FactObject("teamAccess", team.name, team.id),
        namespace=organization.name,
        audience=Audience.ADMINS,
        is_security=True,
        details=_levels(before, after),
    )


def _ref(repository: Repository) -> RepositoryRef:
    return RepositoryRef(repository.id, repository.path)


def _object(repository: Repository) -> FactObject:
    return FactObject("repository", repository.path, repository.uuid)


def _plain(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _verb(before: Level | None, after: Level | None) -> Verb:
    if after is None:
        return Verb.DELETE
    return Verb.CREATE if before is None else Verb.UPDATE


def _levels(before: Level | None, after: Level | None) -> dict[str, str | None]:
    return {"oldLevel": before and before.value, "newLevel": after and after.value}
