"""What one client pushed, another one pulls; and clients that assemble indexes from what is already there."""

import json
from pathlib import Path

import pytest

from tests.clients.container_tools import ContainerTool, ImageTool
from tests.clients.containerd_engine import Containerd
from tests.clients.docker_engine import DockerEngine
from tests.clients.registries import Registry
from tests.clients.sample_images import DOCKER_LIST, Sample, write_oci_layout

pytestmark = pytest.mark.client

PLATFORMS = ("amd64", "arm64")


@pytest.fixture
def index(skopeo: ContainerTool, registry: Registry, sample: Sample, tmp_path: Path) -> str:
    """An OCI index over both platforms, pushed by skopeo. Its full name."""
    reference = registry.image(f"{sample.repository()}:v1")
    write_oci_layout(tmp_path / "layout", [sample.image(architecture) for architecture in PLATFORMS], "v1")
    source, target = f"oci:{tmp_path}/layout:v1", f"docker://{reference}"
    skopeo.succeed("copy", "--all", "--dest-cert-dir", str(skopeo.cert_dir), source, target)
    return reference


@pytest.fixture
def docker_image(docker: DockerEngine, registry: Registry, sample: Sample) -> str:
    """An image in docker's format, pushed by docker. Its full name."""
    reference = registry.image(f"{sample.repository()}:1")
    docker.load(sample.image(), reference)
    docker.succeed("push", reference)
    return reference


@pytest.mark.item("73")
def test_docker_pulls_the_platform_it_is_asked_for(docker: DockerEngine, sample: Sample, index: str) -> None:
    for architecture in PLATFORMS:
        docker.succeed("pull", "--platform", f"linux/{architecture}", index)
        assert docker.image_id(index) == sample.image(architecture).image_id


def test_podman_and_buildah_pull_what_docker_pushed(
    tool: ImageTool, sample: Sample, docker_image: str
) -> None:
    tool.forget()
    assert f"sha256:{tool.pull(docker_image).stdout.strip()}" == sample.image().image_id


def test_containerd_pulls_what_docker_pushed(containerd: Containerd, docker_image: str) -> None:
    outcome = containerd.pull(docker_image, "alice")
    assert outcome.succeeded, outcome
    assert "unpacking linux/amd64" in outcome.stdout


@pytest.mark.item("38", "B1")
def test_docker_pulls_a_large_layer_that_was_streamed(
    tool: ImageTool, docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    image, reference = sample.large_image(), registry.image(f"{sample.repository()}:1")
    outcome = tool.push(tool.load(image), reference)
    assert outcome.succeeded, outcome
    docker.succeed("pull", reference)
    assert docker.files(reference) == image.files


@pytest.mark.item("36", "B1")
def test_containerd_gets_back_a_large_layer_that_it_sent_in_one_request(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    image, reference = sample.large_image(), registry.image(f"{sample.repository()}:large")
    containerd.load([image], reference)
    assert containerd.push(reference, "alice").succeeded
    containerd.forget()
    outcome = containerd.pull(reference, "alice")
    assert outcome.succeeded, outcome
    assert containerd.has_content(image.layer_blobs[0])


@pytest.mark.item("70", "76")
def test_docker_manifest_joins_images_to_a_list(
    docker: DockerEngine, skopeo: ContainerTool, registry: Registry, sample: Sample
) -> None:
    parts = [registry.image(f"{sample.repository()}:{architecture}") for architecture in PLATFORMS]
    for part, architecture in zip(parts, PLATFORMS, strict=True):
        docker.load(sample.image(architecture), part)
        docker.succeed("push", part)
    joined = registry.image(f"{sample.repository()}:all")
    docker.succeed("manifest", "create", joined, *parts)
    docker.succeed("manifest", "push", joined)
    arguments = ("inspect", "--raw", "--cert-dir", str(skopeo.cert_dir), f"docker://{joined}")
    document = json.loads(skopeo.succeed(*arguments).stdout)
    assert document["mediaType"] == DOCKER_LIST
    assert [entry["platform"]["architecture"] for entry in document["manifests"]] == list(PLATFORMS)
