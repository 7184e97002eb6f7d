"""Media types of manifests and what the registry must know about others.

Config and layer types are open: only the few that change what the registry does are named here.
Source: OCI image-spec, "Media Types"; Docker image manifest version 2, schema 2.
"""

from typing import Final

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER_PLUGIN_CONFIG: Final = "application/vnd.docker.plugin.v1+json"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_NON_DISTRIBUTABLE_LAYER: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"

OCTET_STREAM: Final = "application/octet-stream"

IMAGE_TYPES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_MANIFEST_LIST})
MANIFEST_TYPES: Final = IMAGE_TYPES | INDEX_TYPES

_SCHEMA1_TYPES: Final = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})
_NON_DISTRIBUTABLE_TYPES: Final = frozenset(
    {
        DOCKER_FOREIGN_LAYER,
        OCI_NON_DISTRIBUTABLE_LAYER,
        f"{OCI_NON_DISTRIBUTABLE_LAYER}+gzip",
        f"{OCI_NON_DISTRIBUTABLE_LAYER}+zstd",
    },
)


def is_image(media_type: str) -> bool:
    """Tell whether this is the type of an image manifest: one config and layers."""
    return media_type in IMAGE_TYPES


def is_index(media_type: str) -> bool:
    """Tell whether this is the type of an index: a list of other manifests."""
    return media_type in INDEX_TYPES


def is_schema1(media_type: str) -> bool:
    """Tell whether this is one of the retired Docker schema 1 types, which we refuse."""
    return media_type in _SCHEMA1_TYPES


def is_non_distributable(media_type: str) -> bool:
    """Tell whether this is the type of a layer that clients may fetch from elsewhere and need not push."""
    return media_type in _NON_DISTRIBUTABLE_TYPES
