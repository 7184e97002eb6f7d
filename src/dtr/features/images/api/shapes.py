"""Bodies of the room's routes."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from dtr.features.images.model import DeletedTag, HistoryEntry, ListedTag
from dtr.features.images.model.details import Child, Step
from dtr.features.images.service.shown import ShownManifest
from dtr.features.images.service.tags import ShownTag
from dtr.plumbing.api import Moment, Shape

MOST_TAGS = 1_000
"""Tags that one request deletes at most."""

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for an unknown moment where clients expect one."""


class StepShape(Shape):
    """One instruction of a build."""

    line: str = Field(description="The instruction; empty where the history does not tell it.")
    layer_digest: str
    size: int = Field(description="Of the layer, in bytes as it is stored.")
    is_empty: bool = Field(description="Whether the instruction made no layer.")
    media_type: str
    urls: list[str]

    @staticmethod
    def of(step: Step) -> "StepShape":
        """Render a step."""
        return StepShape(
            line=step.line,
            layer_digest=step.layer_digest,
            size=step.size_bytes,
            is_empty=step.is_empty,
            media_type=step.media_type,
            urls=list(step.urls),
        )


class ChildShape(Shape):
    """A manifest of an index, as the index describes it."""

    digest: str
    media_type: str
    size: int = Field(description="Of the manifest itself, in bytes.")
    os: str
    os_version: str
    architecture: str
    variant: str

    @staticmethod
    def of(child: Child) -> "ChildShape":
        """Render a child."""
        return ChildShape(
            digest=child.digest,
            media_type=child.media_type,
            size=child.size_bytes,
            os=child.os,
            os_version=child.os_version,
            architecture=child.architecture,
            variant=child.variant,
        )


class ManifestShape(Shape):
    """A manifest with what its configuration tells. Texts are empty where nothing is known."""

    digest: str
    media_type: str
    artifact_type: str = Field(description="What it is, where it is no runnable image.")
    config_digest: str
    config_media_type: str
    os: str
    os_version: str
    architecture: str
    variant: str
    author: str
    size: int = Field(
        description="Bytes that are stored for it: configuration and layers; of an index the document itself."
    )
    created_at: Moment = Field(description="When it was built: 0001-01-01T00:00:00Z if it does not say.")
    dockerfile: list[StepShape]
    manifests: list[ChildShape] = Field(description="Of an index: what it consists of.")
    pushed_at: Moment | None
    pushed_by: str
    pulls: int
    last_pulled_at: Moment | None

    @staticmethod
    def of(shown: ShownManifest) -> "ManifestShape":
        """Render a manifest."""
        stored, details, platform = shown.stored, shown.details, shown.platform
        artifact_type = (stored.artifact_type or "") if stored else ""
        return ManifestShape(
            digest=shown.digest,
            media_type=stored.media_type if stored else platform.media_type if platform else "",
            artifact_type="" if artifact_type == details.config_media_type and details.os else artifact_type,
            config_digest=details.config_digest,
            config_media_type=details.config_media_type,
            os=shown.os,
            os_version=(platform.os_version if platform else "") or details.os_version,
            architecture=shown.architecture,
            variant=(platform.variant if platform else "") or details.variant,
            author=details.author,
            size=stored.size_bytes if stored else platform.size_bytes if platform else 0,
            created_at=details.created_at or NEVER,
            dockerfile=[StepShape.of(step) for step in details.steps],
            manifests=[ChildShape.of(child) for child in details.children],
            pushed_at=stored.pushed_at if stored else None,
            pushed_by=stored.pushed_by if stored else "",
            pulls=stored.pulls if stored else 0,
            last_pulled_at=stored.last_pulled_at if stored else None,
        )


class TagShape(Shape):
    """A tag."""

    name: str
    digest: str = Field(description="Of the manifest that the tag names.")
    author: str = Field(description="Who pushed the tag last.")
    created_at: Moment = Field(description="When the name came to be.")
    updated_at: Moment = Field(description="When it was pushed last.")
    in_notary: bool = Field(default=False, description="Whether the tag is signed; always false so far.")
    hash_mismatch: bool = Field(
        default=False, description="Whether signed and stored digest differ; always false so far."
    )
    media_type: str
    size: int = Field(description="Of the manifest that the tag names: see there.")
    pulls: int = Field(description="Of the manifest that the tag names.")
    last_pulled_at: Moment | None
    pushed_by: str = Field(description="Who pushed the manifest first.")
    manifest: ManifestShape | None

    @staticmethod
    def of(shown: ShownTag) -> "TagShape":
        """Render a tag, with its manifest if that was asked for."""
        return _tag(shown.tag, None if shown.manifest is None else ManifestShape.of(shown.manifest))

    @staticmethod
    def of_listed(tag: ListedTag) -> "TagShape":
        """Render a tag alone."""
        return _tag(tag, None)


class TagNames(Shape):
    """Which tags to delete."""

    tags: list[Annotated[str, StringConstraints(max_length=1_000)]] = Field(max_length=MOST_TAGS)


class RemovalProblem(Shape):
    """Why a tag did not go."""

    code: str
    message: str


class RemovalShape(Shape):
    """What became of a tag."""

    tag: str
    deleted: bool
    error: RemovalProblem | None


class HistoryShape(Shape):
    """One move of a tag."""

    id: int
    tag: str
    digest: str | None = Field(description="What it named from then on; null: it was deleted.")
    previous_digest: str | None = Field(description="What it named until then; null: it did not exist.")
    at: Moment
    actor: str
    actor_id: str = Field(serialization_alias="actorID")
    cause: str = Field(description="push, delete, manifest-delete, tag-limit or restore.")

    @staticmethod
    def of(entry: HistoryEntry) -> "HistoryShape":
        """Render a move."""
        return HistoryShape(
            id=entry.id,
            tag=entry.name,
            digest=entry.digest,
            previous_digest=entry.previous_digest,
            at=entry.at,
            actor=entry.actor_name,
            actor_id=entry.actor_id,
            cause=entry.cause.value,
        )


class DeletedTagShape(Shape):
    """A deleted tag that can be brought back."""

    name: str
    digest: str
    deleted_at: Moment
    deleted_by: str
    cause: str
    restorable_until: Moment

    @staticmethod
    def of(tag: DeletedTag) -> "DeletedTagShape":
        """Render a deleted tag."""
        return DeletedTagShape(
            name=tag.name,
            digest=tag.digest,
            deleted_at=tag.deleted_at,
            deleted_by=tag.deleted_by,
            cause=tag.cause.value,
            restorable_until=tag.restorable_until,
        )


class RestoreRequest(Shape):
    """What a tag shall name again."""

    digest: str | None = Field(
        default=None,
        description="One that the tag named before; without it a deleted tag comes back as it was.",
    )


def _tag(tag: ListedTag, manifest: ManifestShape | None) -> TagShape:
    return TagShape(
        name=tag.name,
        digest=tag.manifest.digest,
        author=tag.tagged_by,
        created_at=tag.created_at,
        updated_at=tag.tagged_at,
        media_type=tag.manifest.media_type,
        size=tag.manifest.size_bytes,
        pulls=tag.manifest.pulls,
        last_pulled_at=tag.manifest.last_pulled_at,
        pushed_by=tag.manifest.pushed_by,
        manifest=manifest,
    )
