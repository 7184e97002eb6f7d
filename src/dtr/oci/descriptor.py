"""Descriptors: how one piece of content refers to another.

Source: OCI image-spec, "Content Descriptors" and "Image Index" (for `platform`).
"""

from dataclasses import dataclass, field
from typing import Final, Self

from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, ManifestInvalid
from dtr.oci.fields import (
    annotations_of,
    optional_media_type,
    optional_object,
    optional_text,
    optional_texts,
    place,
)

MAX_SIZE_BYTES: Final = 2**63 - 1
"""Largest `size`: what clients and databases hold in a signed 64-bit integer."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What a child of an index runs on; texts are empty where the index says nothing."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, source: dict[str, object], where: str) -> Self:
        """Read a platform object. Raises ManifestInvalid if a field has the wrong type."""
        return cls(
            os=optional_text(source, "os", where),
            architecture=optional_text(source, "architecture", where),
            variant=optional_text(source, "variant", where),
            os_version=optional_text(source, "os.version", where),
            os_features=optional_texts(source, "os.features", where),
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON object; empty optional fields are left out."""
        optional: dict[str, object] = {
            "variant": self.variant,
            "os.version": self.os_version,
            "os.features": list(self.os_features),
        }
        return {"architecture": self.architecture, "os": self.os} | _present(optional)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content by type, digest and size. Inline data and unknown fields are not kept."""

    media_type: str
    digest: Digest
    size_bytes: int
    annotations: dict[str, str] = field(default_factory=dict, hash=False)
    urls: tuple[str, ...] = ()
    artifact_type: str | None = None
    platform: Platform | None = None

    @classmethod
    def parse(cls, value: object, where: str = "descriptor") -> Self:
        """Read a descriptor from decoded JSON; `where` names its place in messages.

        Raises ManifestInvalid if a required field is absent or any has a wrong type or value.
        """
        if not isinstance(value, dict):
            raise ManifestInvalid(f"{where} must be an object")
        platform = optional_object(value, "platform", where)
        return cls(
            media_type=_media_type(value, where),
            digest=_digest(value, where),
            size_bytes=_size(value, where),
            annotations=annotations_of(value, where),
            urls=optional_texts(value, "urls", where),
            artifact_type=optional_media_type(value, "artifactType", where),
            platform=None if platform is None else Platform.parse(platform, place(where, "platform")),
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON object; empty optional fields are left out."""
        optional: dict[str, object] = {
            "artifactType": self.artifact_type,
            "annotations": self.annotations,
            "urls": list(self.urls),
            "platform": self.platform and self.platform.to_json(),
        }
        required = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size_bytes}
        return required | _present(optional)


def _present(fields: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value}


def _media_type(source: dict[str, object], where: str) -> str:
    media_type = optional_media_type(source, "mediaType", where)
    if media_type is None:
        raise ManifestInvalid(f"{where} has no mediaType")
    return media_type


def _digest(source: dict[str, object], where: str) -> Digest:
    try:
        return Digest.parse(optional_text(source, "digest", where))
    except DigestInvalid as error:
        raise ManifestInvalid(f"{where}.digest: {error.message}", **error.detail) from error


def _size(source: dict[str, object], where: str) -> int:
    size = source.get("size")
    # JSON's true and false arrive as bool, which Python counts among the integers.
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE_BYTES:
        raise ManifestInvalid(f"{where}.size must be a whole number of bytes from 0 to 2^63-1")
    return size
