"""Tiny images made by hand: layers, configuration, and the two archive forms that engines read.

Everything is deterministic, so the same content has the same digests in every engine and every run.
"""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

LARGE_LAYER_BYTES = 20 * 1024 * 1024

EPOCH = "1970-01-01T00:00:00Z"


def digest_of(content: bytes) -> str:
    """Return the sha256 digest of some bytes, as written in manifests."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical_json(value: object) -> bytes:
    """Return the one JSON form used for everything here: sorted keys, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """Return an uncompressed layer holding some files, without times or owners of this machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True)
class SampleImage:
    """An image for one platform: layers in order, each a mapping of file name to content."""

    layers: tuple[Mapping[str, bytes], ...]
    architecture: str = "amd64"

    @property
    def platform(self) -> dict[str, str]:
        """The platform as an index states it."""
        return {"os": "linux", "architecture": self.architecture}

    @property
    def files(self) -> dict[str, bytes]:
        """The root file system that a container of this image sees."""
        return {name: content for layer in self.layers for name, content in layer.items()}

    @cached_property
    def layer_tars(self) -> tuple[bytes, ...]:
        """The layers as uncompressed archives."""
        return tuple(layer_tar(layer) for layer in self.layers)

    @cached_property
    def layer_blobs(self) -> tuple[bytes, ...]:
        """The layers as they lie in a registry: compressed, so that no client compresses them again."""
        return tuple(gzip.compress(tar, compresslevel=1, mtime=0) for tar in self.layer_tars)

    @property
    def config(self) -> bytes:
        """The configuration document; its digest is the image's id in docker and podman."""
        return canonical_json(
            {
                "architecture": self.architecture,
                "os": "linux",
                "created": EPOCH,
                "config": {"Cmd": ["/hello"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in self.layer_tars]},
                "history": [{"created": EPOCH, "created_by": "test"} for _ in self.layers],
            }
        )

    @property
    def image_id(self) -> str:
        """The digest of the configuration."""
        return digest_of(self.config)

    @property
    def oci_manifest(self) -> bytes:
        """The OCI manifest; its digest names the image in a registry."""
        return canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": descriptor(OCI_CONFIG, self.config),
                "layers": [descriptor(OCI_LAYER, blob) for blob in self.layer_blobs],
            }
        )


def sample_image(name: str, *, layers: int = 2, architecture: str = "amd64") -> SampleImage:
    """Return an image whose every layer is unique to `name` and `architecture`."""
    return SampleImage(
        tuple(
            {f"{name}-{number}.txt": f"{name} {architecture} layer {number}\n".encode() * 50}
            for number in range(layers)
        ),
        architecture,
    )


@dataclass(frozen=True)
class Sample:
    """Names and content for one test; no other test uses them."""

    name: str

    def repository(self, owner: str = "alice", suffix: str = "") -> str:
        """Return the name of a repository of an owner."""
        return f"{owner}/{self.name}{suffix}"

    def image(self, architecture: str = "amd64") -> SampleImage:
        """Return an image of two layers whose content no other test uses."""
        return sample_image(self.name, architecture=architecture)

    def large_image(self) -> SampleImage:
        """Return an image of one layer that takes many reads to receive and does not compress."""
        noise = random.Random(self.name).randbytes(LARGE_LAYER_BYTES)
        return SampleImage(({f"{self.name}.txt": noise},))


def descriptor(media_type: str, content: bytes, **more: object) -> dict[str, object]:
    """Return the descriptor of some content."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def write_docker_archive(path: Path, image: SampleImage, tag: str) -> Path:
    """Write what `docker save` writes and `docker load` reads."""
    layer_names = [f"layer{number}/layer.tar" for number in range(len(image.layers))]
    entry = {"Config": "config.json", "RepoTags": [tag], "Layers": layer_names}
    files = {"config.json": image.config, "manifest.json": json.dumps([entry]).encode()}
    path.write_bytes(layer_tar(files | dict(zip(layer_names, image.layer_tars, strict=True))))
    return path


def write_oci_layout(folder: Path, images: Sequence[SampleImage], name: str) -> str:
    """Write an OCI image layout whose `name` is an index over all images. Returns the index's digest."""
    index = index_of(images)
    _write_blobs(folder, [index])
    for image in images:
        _write_blobs(folder, [*image.layer_blobs, image.config, image.oci_manifest])
    entry = descriptor(OCI_INDEX, index, annotations={"org.opencontainers.image.ref.name": name})
    (folder / "index.json").write_bytes(canonical_json({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return digest_of(index)


def index_of(images: Sequence[SampleImage]) -> bytes:
    """Return the OCI index over some images, one a platform."""
    manifests = [descriptor(OCI_MANIFEST, image.oci_manifest, platform=image.platform) for image in images]
    return canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def _write_blobs(folder: Path, blobs: Sequence[bytes]) -> None:
    store = folder / "blobs" / "sha256"
    store.mkdir(parents=True, exist_ok=True)
    for blob in blobs:
        (store / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)


def files_of_tar(content: bytes) -> dict[str, bytes]:
    """Return the regular files of an archive, as an exported root file system or a layer."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive if member.isfile()]
        return {member.name: _read(archive, member) for member in members}


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""
