"""What people keep in registries beside images: each kind as its own tools push it, pushed, pulled and listed."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.registry import DOCKER_MANIFEST, OCI_MANIFEST, RegistryClient, sha256

EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class Kind:
    """One kind of artifact: the types of its manifest, config and layers, and what else its tools write."""

    name: str
    config_type: str
    layer_types: tuple[str, ...]
    config: bytes = b"{}"
    media_type: str = OCI_MANIFEST
    layer_annotations: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    tag: str = "1.0.0"

    @property
    def layers(self) -> list[bytes]:
        return [f"{self.name} layer {number}".encode() for number in range(len(self.layer_types))]

    @property
    def artifact_type(self) -> str:
        """What a referrers list says of it: the manifest's own type, else that of its config."""
        return str(self.extra.get("artifactType", self.config_type))

    def manifest(self, **extra: Any) -> bytes:
        layers = [
            descriptor(content, media_type) | self._annotations()
            for content, media_type in zip(self.layers, self.layer_types, strict=True)
        ]
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "config": descriptor(self.config, self.config_type),
                "layers": layers,
                **self.extra,
                **extra,
            },
            separators=(",", ":"),
        ).encode()

    def _annotations(self) -> dict[str, Any]:
        return {"annotations": self.layer_annotations} if self.layer_annotations else {}


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content)}


SIGNED = hashlib.sha256(b"what was signed").hexdigest()

KINDS = [
    Kind(
        "Helm chart with provenance",
        "application/vnd.cncf.helm.config.v1+json",
        (
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "application/vnd.cncf.helm.chart.provenance.v1.prov",
        ),
        config=b'{"apiVersion":"v2","name":"mychart","version":"0.1.0+build.5"}',
        extra={"annotations": {"org.opencontainers.image.version": "0.1.0+build.5"}},
        tag="0.1.0_build.5",
    ),
    Kind(
        "Cosign signature by tag",
        "application/vnd.oci.image.config.v1+json",
        ("application/vnd.dev.cosign.simplesigning.v1+json",),
        config=b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}',
        layer_annotations={"dev.cosignproject.cosign/signature": "MEUCIQ/+=="},
        tag=f"sha256-{SIGNED}.sig",
    ),
    Kind(
        "Cosign attestation by tag",
        "application/vnd.oci.image.config.v1+json",
        ("application/vnd.dsse.envelope.v1+json",),
        layer_annotations={"predicateType": "https://slsa.dev/provenance/v1"},
        tag=f"sha256-{SIGNED}.att",
    ),
    Kind(
        "Sigstore bundle",
        EMPTY,
        ("application/vnd.dev.sigstore.bundle.v0.3+json",),
        extra={"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
    ),
    Kind(
        "Notation signature",
        "application/vnd.cncf.notary.signature",
        ("application/jose+json",),
        extra={"annotations": {"io.cncf.notary.x509chain.thumbprint#S256": '["abc"]'}},
    ),
    Kind(
        "ORAS artifact",
        EMPTY,
        ("text/plain; charset=utf-8", "application/octet-stream"),
        layer_annotations={"org.opencontainers.image.title": "příloha.txt"},
        extra={
            "artifactType": "application/vnd.example+type",
            "annotations": {"created": "2026-01-01T00:00:00Z"},
        },
    ),
    Kind(
        "ORAS artifact of the older form",
        "application/vnd.unknown.config.v1+json",
        ("application/vnd.oci.image.layer.v1.tar",),
    ),
    Kind(
        "Docker plugin",
        "application/vnd.docker.plugin.v1+json",
        (DOCKER_LAYER,),
        config=b'{"interface":{"types":["docker.volumedriver/1.0"],"socket":"plugin.sock"}}',
        media_type=DOCKER_MANIFEST,
    ),
    Kind(
        "WebAssembly module",
        "application/vnd.wasm.config.v0+json",
        ("application/wasm",),
        config=b'{"architecture":"wasm","os":"wasip2","layerDigests":[]}',
    ),
    Kind(
        "WebAssembly module of the older form",
        "application/vnd.wasm.config.v1+json",
        ("application/vnd.wasm.content.layer.v1+wasm",),
    ),
    Kind("BuildKit cache", "application/vnd.buildkit.cacheconfig.v0", (DOCKER_LAYER, DOCKER_LAYER)),
    Kind("Terraform module", "application/vnd.opentofu.modulepkg", ("archive/zip",)),
    Kind(
        "language model",
        "application/vnd.ollama.image.config",
        ("application/vnd.ollama.image.model", "application/vnd.ollama.image.template"),
    ),
]

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def push_blobs(client: RegistryClient, name: str, kind: Kind) -> None:
    for content in (kind.config, *kind.layers):
        client.push_blob(name, content)


@pytest.mark.item("69", "B10")
@every_kind
def test_every_kind_is_pushed_and_comes_back_with_its_type(
    alice: RegistryClient, name: str, kind: Kind
) -> None:
    push_blobs(alice, name, kind)
    content = kind.manifest()

    pushed = alice.push_manifest(name, kind.tag, content, kind.media_type)

    assert pushed.status_code == 201, pushed.text
    for reference in (kind.tag, sha256(content)):
        found = alice.request("GET", name, f"manifests/{reference}", headers={"accept": kind.media_type})
        assert (found.status_code, found.content) == (200, content)
        assert found.headers["content-type"] == kind.media_type
    assert kind.tag in alice.request("GET", name, "tags/list").json()["tags"]


@pytest.mark.item("69", "87")
@every_kind
def test_every_kind_can_be_attached_to_an_image(alice: RegistryClient, name: str, kind: Kind) -> None:
    image = alice.push_image(name)
    push_blobs(alice, name, kind)
    content = kind.manifest(subject=descriptor(image, OCI_MANIFEST))

    pushed = alice.push_manifest(name, sha256(content), content, kind.media_type)

    assert pushed.headers["oci-subject"] == sha256(image)
    listed = alice.request("GET", name, f"referrers/{sha256(image)}").json()["manifests"]
    assert [(entry["digest"], entry["artifactType"]) for entry in listed] == [
        (sha256(content), kind.artifact_type)
    ]


@pytest.mark.item("67", "69")
@every_kind
def test_no_kind_is_taken_without_its_blobs(alice: RegistryClient, name: str, kind: Kind) -> None:
    answer = alice.push_manifest(name, kind.tag, kind.manifest(), kind.media_type)

    assert answer.status_code == 400
    reported = {entry["detail"]["digest"] for entry in answer.json()["errors"]}
    assert reported == {sha256(content) for content in (kind.config, *kind.layers)}
