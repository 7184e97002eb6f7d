"""Manifests: the documents that tie blobs and other manifests together.

A manifest's bytes are the truth; what is parsed here is a view of them. Source: OCI image-spec 1.1, "Image
Manifest" and "Image Index"; Docker image manifest version 2, schema 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson

from dtr.oci.descriptor import Descriptor
from dtr.oci.errors import ManifestInvalid, ManifestTooLarge
from dtr.oci.fields import annotations_of, optional_array, optional_media_type, optional_object
from dtr.oci.mediatypes import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    is_image,
    is_index,
    is_non_distributable,
    is_schema1,
)

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 64
"""Most arrays and objects inside each other; real manifests use five."""
MAX_DESCRIPTORS: Final = 20_000
"""Most layers or children of one manifest."""
MAX_OPENINGS: Final = 10 * MAX_DESCRIPTORS
"""Most opening brackets and braces in a manifest, those inside of texts included.

A descriptor with everything the specification gives it has five. Counting bytes is quick and errs towards refusing
only where texts hold 100,000s of brackets.
"""

_SCHEMA_VERSION = 2
_CONTAINERS = (dict, list)

_Container = dict[str, object] | list[object]


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest (`config` and `layers`) or an index (`manifests`).

    `artifact_type` is the effective one: the manifest's own, else for an image manifest the media type of its
    config, else None.
    """

    media_type: str
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict, hash=False)


def parse_manifest(content: bytes, content_type: str | None) -> Manifest:
    """Parse a manifest as pushed with the given `Content-Type`, whose parameters are ignored.

    Without a content type the document's `mediaType` decides, and without that its shape. Raises
    ManifestTooLarge, or ManifestInvalid for everything else that is wrong.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        raise ManifestTooLarge(f"a manifest has at most {MAX_MANIFEST_BYTES} bytes", size_bytes=len(content))
    document = _decode(content)
    _check_schema_version(document)
    media_type = _resolve_media_type(document, _essence(content_type))
    _check_shape(document, media_type)
    return _parse_index(document, media_type) if is_index(media_type) else _parse_image(document, media_type)


def blobs_required(manifest: Manifest) -> tuple[Descriptor, ...]:
    """Return the blobs that must be in the repository before the manifest: config and layers, each once.

    Non-distributable layers are left out: clients may fetch those from elsewhere. A blob that is listed with
    several sizes is returned once for each.
    """
    config = () if manifest.config is None else (manifest.config,)
    layers = (layer for layer in manifest.layers if not is_non_distributable(layer.media_type))
    unique = {(blob.digest, blob.size_bytes): blob for blob in (*config, *layers)}
    return tuple(unique.values())


def choose_child(index: Manifest, os: str, architecture: str) -> Descriptor | None:
    """Return the image of `index` for a platform, or None; one without a CPU variant is preferred."""
    matches = [child for child in index.manifests if _runs_on(child, os, architecture)]
    return min(matches, key=_has_variant, default=None)


def _runs_on(child: Descriptor, os: str, architecture: str) -> bool:
    platform = child.platform
    if platform is None or not is_image(child.media_type):
        return False
    return platform.os == os and platform.architecture == architecture


def _has_variant(child: Descriptor) -> bool:
    return child.platform is not None and bool(child.platform.variant)


def _decode(content: bytes) -> dict[str, object]:
    # Before the parser runs: it makes 64 bytes of memory out of each "[]", and lets no other thread go on meanwhile.
    openings = content.count(b"[") + content.count(b"{")
    if openings > MAX_OPENINGS:
        raise ManifestInvalid(f"a manifest has at most {MAX_OPENINGS} arrays and objects")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ManifestInvalid(f"the manifest is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("a manifest must be a JSON object")
    if openings > MAX_DEPTH and _is_deeper_than(document, MAX_DEPTH):
        raise ManifestInvalid(f"the manifest nests deeper than {MAX_DEPTH} levels")
    return document


def _is_deeper_than(document: dict[str, object], limit: int) -> bool:
    # Level by level, without recursion: the document decides how deep this goes.
    level: list[_Container] = [document]
    for _ in range(limit):
        level = [
            value for container in level for value in _values(container) if isinstance(value, _CONTAINERS)
        ]
        if not level:
            return False
    return True


def _values(container: _Container) -> Iterable[object]:
    return container.values() if isinstance(container, dict) else container


def _essence(content_type: str | None) -> str | None:
    """Return a content type without parameters, or None if there is none."""
    if content_type is None:
        return None
    return content_type.partition(";")[0].strip().lower() or None


def _resolve_media_type(document: dict[str, object], announced: str | None) -> str:
    declared = optional_media_type(document, "mediaType", "")
    if announced and declared and announced != declared:
        raise ManifestInvalid(
            "the Content-Type and the manifest's mediaType differ",
            content_type=announced[:255],
            media_type=declared,
        )
    media_type = announced or declared or _detect_media_type(document)
    if is_schema1(media_type):
        raise ManifestInvalid("Docker schema 1 manifests are not supported; push schema 2 or OCI")
    if media_type not in MANIFEST_TYPES:
        raise ManifestInvalid("this is not the type of a manifest we accept", media_type=media_type[:255])
    return media_type


def _detect_media_type(document: dict[str, object]) -> str:
    """Tell the type of a document without `mediaType` by its shape.

    Docker documents should say their type; those that do not are known by the Docker types they refer to.
    """
    if document.get("manifests") is not None:
        children = optional_array(document, "manifests", "")
        is_docker = bool(children) and all(_refers_to(child, DOCKER_MANIFEST) for child in children)
        return DOCKER_MANIFEST_LIST if is_docker else OCI_INDEX
    if document.get("config") is not None or document.get("layers") is not None:
        return DOCKER_MANIFEST if _refers_to(document.get("config"), DOCKER_CONFIG) else OCI_MANIFEST
    raise ManifestInvalid("the manifest names no media type and has neither manifests nor config and layers")


def _refers_to(descriptor: object, media_type: str) -> bool:
    return isinstance(descriptor, dict) and descriptor.get("mediaType") == media_type


def _check_schema_version(document: dict[str, object]) -> None:
    version = document.get("schemaVersion")
    if version == 1 or "fsLayers" in document:
        raise ManifestInvalid("Docker schema 1 manifests are not supported; push schema 2 or OCI")
    # 2.0 equals 2 in Python, but clients refuse to read it as an integer.
    if version != _SCHEMA_VERSION or not isinstance(version, int):
        raise ManifestInvalid("schemaVersion must be 2")


def _check_shape(document: dict[str, object], media_type: str) -> None:
    """Refuse documents that different readers could take for different things (CVE-2021-41190)."""
    is_list = document.get("manifests") is not None
    is_single = document.get("config") is not None or document.get("layers") is not None
    if is_list and is_single:
        raise ManifestInvalid("a manifest has either manifests or config and layers, not both")
    if is_single and is_index(media_type):
        raise ManifestInvalid("an index has no config and no layers")
    if is_list and is_image(media_type):
        raise ManifestInvalid("an image manifest has no list of manifests")
    if is_index(media_type) and "manifests" not in document:
        raise ManifestInvalid("an index needs a list of manifests")


def _parse_image(document: dict[str, object], media_type: str) -> Manifest:
    config = _optional_descriptor(document, "config")
    if config is None:
        raise ManifestInvalid("an image manifest needs a config")
    return Manifest(
        media_type=media_type,
        config=config,
        layers=_descriptors(document, "layers"),
        subject=_optional_descriptor(document, "subject"),
        artifact_type=optional_media_type(document, "artifactType", "") or config.media_type,
        annotations=annotations_of(document, ""),
    )


def _parse_index(document: dict[str, object], media_type: str) -> Manifest:
    return Manifest(
        media_type=media_type,
        manifests=_descriptors(document, "manifests"),
        subject=_optional_descriptor(document, "subject"),
        artifact_type=optional_media_type(document, "artifactType", ""),
        annotations=annotations_of(document, ""),
    )


def _optional_descriptor(document: dict[str, object], key: str) -> Descriptor | None:
    value = optional_object(document, key, "")
    return None if value is None else Descriptor.parse(value, key)


def _descriptors(document: dict[str, object], key: str) -> tuple[Descriptor, ...]:
    values = optional_array(document, key, "")
    if len(values) > MAX_DESCRIPTORS:
        raise ManifestInvalid(f"a manifest has at most {MAX_DESCRIPTORS} {key}")
    return tuple(Descriptor.parse(value, f"{key}[{position}]") for position, value in enumerate(values))
