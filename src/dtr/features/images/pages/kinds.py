"""What manifests are: images and everything else that registries keep."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from dtr.features.images.model import ListedManifest
from dtr.features.images.model.details import IMAGE_CONFIGS, Child, Details
from dtr.oci.mediatypes import DOCKER_PLUGIN_CONFIG, is_index

UNKNOWN_PLATFORM: Final = "unknown"
"""How builders mark children of an index that run nowhere, such as attestations. Source: BuildKit, "Image attestation
storage"."""


class Kind(StrEnum):
    """What a manifest is to people."""

    IMAGE = "image"
    INDEX = "index"
    CHART = "chart"
    SIGNATURE = "signature"
    SBOM = "sbom"
    ATTESTATION = "attestation"
    PLUGIN = "plugin"
    ARTIFACT = "artifact"


# The types that the tools of each kind write, from their own documentation: Helm, cosign and sigstore, Notary Project,
# SPDX, CycloneDX, Syft, in-toto.
_KINDS: Final[Mapping[str, Kind]] = {
    "application/vnd.cncf.helm.config.v1+json": Kind.CHART,
    "application/vnd.dev.cosign.artifact.sig.v1+json": Kind.SIGNATURE,
    "application/vnd.dev.cosign.simplesigning.v1+json": Kind.SIGNATURE,
    "application/vnd.cncf.notary.signature": Kind.SIGNATURE,
    "application/vnd.dev.cosign.artifact.sbom.v1+json": Kind.SBOM,
    "application/spdx+json": Kind.SBOM,
    "text/spdx": Kind.SBOM,
    "application/vnd.cyclonedx": Kind.SBOM,
    "application/vnd.cyclonedx+json": Kind.SBOM,
    "application/vnd.cyclonedx+xml": Kind.SBOM,
    "application/vnd.syft+json": Kind.SBOM,
    "application/vnd.in-toto+json": Kind.ATTESTATION,
    "application/vnd.dsse.envelope.v1+json": Kind.ATTESTATION,
    DOCKER_PLUGIN_CONFIG: Kind.PLUGIN,
}
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
"""Begins the types of sigstore's bundles, of every version."""

_COMPANIONS: Final = {"sig": Kind.SIGNATURE, "att": Kind.ATTESTATION, "sbom": Kind.SBOM}


def kind_of(manifest: ListedManifest) -> Kind:
    """Return what a stored manifest is, by its types."""
    type_ = manifest.artifact_type or ""
    if type_ in _KINDS:
        return _KINDS[type_]
    if type_.startswith(_BUNDLE):
        return Kind.SIGNATURE
    if is_index(manifest.media_type):
        return Kind.INDEX
    return Kind.IMAGE if type_ in IMAGE_CONFIGS else Kind.ARTIFACT


def kind_of_companion(tag: str) -> Kind:
    """Return what belongs to a manifest by the name of its tag."""
    return _COMPANIONS[tag.rpartition(".")[2]]


def platform_name(part: Child | Details) -> str:
    """Return e.g. `linux/arm64/v8`; empty where nothing is known or what is there runs nowhere."""
    if UNKNOWN_PLATFORM in {part.os, part.architecture}:
        return ""
    return "/".join(each for each in (part.os, part.architecture, part.variant) if each)


def platforms_of(details: Details) -> Sequence[str]:
    """Return the platforms that a manifest is for, each once."""
    parts: Sequence[Child | Details] = details.children or (details,)
    return list(dict.fromkeys(name for name in map(platform_name, parts) if name))
