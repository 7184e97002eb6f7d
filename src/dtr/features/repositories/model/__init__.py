"""What repositories are, and who was granted what.

| module | holds |
| --- | --- |
| `repositories` | repositories, their switches, what may be changed |
| `access` | grants of teams and users, explanations, the review of access |
"""

from dtr.features.repositories.model.repositories import (
    MAX_LONG_DESCRIPTION_LENGTH,
    MAX_SHORT_DESCRIPTION_LENGTH,
    REDIRECTS_KEPT_FOR,
    HeldSize,
    Repository,
    RepositoryChanges,
    RepositoryExists,
    RepositoryFilter,
    Visibility,
    check_changes,
    check_limits,
    check_new_name,
    moved_away,
    no_such_repository,
    parse_visibility,
    repository_exists,
)

__all__ = [
    "MAX_LONG_DESCRIPTION_LENGTH",
    "MAX_SHORT_DESCRIPTION_LENGTH",
    "REDIRECTS_KEPT_FOR",
    "HeldSize",
    "Repository",
    "RepositoryChanges",
    "RepositoryExists",
    "RepositoryFilter",
    "Visibility",
    "check_changes",
    "check_limits",
    "check_new_name",
    "moved_away",
    "no_such_repository",
    "parse_visibility",
    "repository_exists",
]
