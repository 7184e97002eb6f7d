"""What the pages of this room share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path

from dtr.features.access.model import Operation
from dtr.features.images.model import no_such_manifest
from dtr.features.images.service.history import TagHistory
from dtr.features.images.service.inspection import Inspection
from dtr.features.images.service.tags import Tags
from dtr.features.repositories.pages import REPOSITORY
from dtr.features.repositories.service import Repositories, RepositoryView
from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.pages import Web

TAGS = f"{REPOSITORY}/tags"
MANIFEST = f"{REPOSITORY}/manifests/{{digest}}"


@dataclass(frozen=True, slots=True)
class Room:
    """The services that the pages call."""

    repositories: Repositories
    tags: Tags
    history: TagHistory
    inspection: Inspection
    web: Web


@dataclass(frozen=True, slots=True)
class Rights:
    """What to offer to the reader; the services decide again."""

    may_pull: bool
    may_push: bool
    may_see_activity: bool
    may_delete: bool
    may_roll_back: bool

    @staticmethod
    def of(view: RepositoryView) -> "Rights":
        """Return what somebody may do with the tags of a repository: immutable ones neither move nor go."""
        is_open = not view.repository.immutable_tags
        may_push = Operation.PUSH in view.operations
        return Rights(
            may_pull=Operation.PULL in view.operations,
            may_push=may_push,
            may_see_activity=Operation.VIEW_ACTIVITY in view.operations,
            may_delete=is_open and Operation.DELETE_TAGS in view.operations,
            may_roll_back=is_open and may_push,
        )


def _digest_in_path(
    name: RepositoryInPath, digest: Annotated[str, Path(description="The digest of a manifest.")]
) -> Digest:
    try:
        return Digest.parse(digest)
    except DigestInvalid as error:
        raise no_such_manifest(name.path, digest[:100]) from error


DigestInPath = Annotated[Digest, Depends(_digest_in_path)]
"""The digest of a route. One that is none names nothing."""
