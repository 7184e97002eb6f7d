import json
from pathlib import Path

import pytest

from tests.clients.container_tools import ContainerTool, ImageTool
from tests.clients.registries import Registry
from tests.clients.sample_images import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    Sample,
    files_of_tar,
    write_oci_layout,
)

pytestmark = pytest.mark.client


def manifest(skopeo: ContainerTool, reference: str) -> dict[str, object]:
    """Return a stored manifest, read by another tool than the one that pushed it."""
    arguments = ("inspect", "--raw", "--cert-dir", str(skopeo.cert_dir), f"docker://{reference}")
    document: dict[str, object] = skopeo.json(*arguments)
    return document


@pytest.mark.item("3", "7")
def test_login_with_a_wrong_password_is_refused(tool: ImageTool, registry: Registry) -> None:
    outcome = tool.as_user("bob").login(registry.host, "wrong")
    assert not outcome.succeeded
    assert "invalid username/password" in outcome.stderr


@pytest.mark.item("60", "61")
def test_pushed_image_comes_back_by_tag_and_by_digest(
    tool: ImageTool, registry: Registry, sample: Sample, tmp_path: Path
) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    digest_file = tmp_path / "digest"
    image_id = tool.load(sample.image())
    assert tool.push(image_id, reference, "--digestfile", str(digest_file)).succeeded
    by_digest = registry.image(f"{sample.repository()}@{digest_file.read_text()}")
    for source in (reference, by_digest):
        tool.forget()
        assert tool.pull(source).stdout.strip() == image_id
    assert f"sha256:{image_id}" == sample.image().image_id


@pytest.mark.item("60")
@pytest.mark.parametrize(("image_format", "media_type"), [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_image_is_stored_in_the_format_it_was_pushed_in(
    tool: ImageTool,
    skopeo: ContainerTool,
    registry: Registry,
    sample: Sample,
    image_format: str,
    media_type: str,
) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    assert tool.push(tool.load(sample.image()), reference, "--format", image_format).succeeded
    assert manifest(skopeo, reference)["mediaType"] == media_type
    tool.forget()
    outcome = tool.pull(reference)
    assert outcome.succeeded, outcome


@pytest.mark.item("69")
def test_zstd_layers_come_back(
    tool: ImageTool, skopeo: ContainerTool, registry: Registry, sample: Sample
) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    image_id = tool.load(sample.image())
    options = ("--format", "oci", "--compression-format", "zstd")
    assert tool.push(image_id, reference, *options).succeeded
    assert "application/vnd.oci.image.layer.v1.tar+zstd" in json.dumps(manifest(skopeo, reference))
    tool.forget()
    assert tool.pull(reference).succeeded


@pytest.mark.item("20")
def test_second_push_finds_everything_present(tool: ImageTool, registry: Registry, sample: Sample) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    image_id = tool.load(sample.image())
    assert tool.push(image_id, reference).succeeded
    again = tool.push(image_id, reference, "--log-level", "debug")
    assert again.succeeded, again
    assert "... already exists" in again.stderr
    assert "Uploading " not in again.stderr


@pytest.mark.item("57")
def test_push_to_a_second_repository_mounts_the_layers(
    tool: ImageTool, registry: Registry, sample: Sample
) -> None:
    image_id = tool.load(sample.image())
    assert tool.push(image_id, registry.image(f"{sample.repository()}:1")).succeeded
    copy = registry.image(f"{sample.repository(suffix='-copy')}:1")
    outcome = tool.push(image_id, copy, "--log-level", "debug")
    assert outcome.succeeded, outcome
    assert outcome.stderr.count("... mount OK") == len(sample.image().layers)


@pytest.mark.item("70")
def test_manifest_list_is_pushed_with_all_its_images(
    tool: ImageTool, skopeo: ContainerTool, registry: Registry, sample: Sample, tmp_path: Path
) -> None:
    images = [sample.image("amd64"), sample.image("arm64")]
    write_oci_layout(tmp_path / "layout", images, "v1")
    reference = registry.image(f"{sample.repository()}:1")
    tool.succeed("manifest", "create", sample.name)
    tool.succeed("manifest", "add", "--all", sample.name, f"oci:{tmp_path}/layout:v1")
    certificates = ("--cert-dir", str(tool.cert_dir))
    tool.succeed("manifest", "push", "--all", *certificates, sample.name, f"docker://{reference}")
    tool.forget()
    for image in images:
        pulled = tool.pull(reference, "--arch", image.architecture)
        assert f"sha256:{pulled.stdout.strip()}" == image.image_id, pulled


@pytest.mark.item("5")
def test_push_to_another_users_repository_is_denied(
    tool: ImageTool, registry: Registry, sample: Sample
) -> None:
    outcome = tool.push(tool.load(sample.image()), registry.image(f"{sample.repository('bob')}:1"))
    assert not outcome.succeeded
    assert "denied" in outcome.stderr


@pytest.mark.item("80")
def test_missing_image_is_reported_as_missing(tool: ImageTool, registry: Registry, sample: Sample) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    assert tool.push(tool.load(sample.image()), reference).succeeded
    outcome = tool.pull(f"{reference}-missing")
    assert not outcome.succeeded
    assert "manifest unknown" in outcome.stderr


@pytest.mark.item("4", "5")
def test_after_logout_only_public_images_can_be_pulled(
    tool: ImageTool, registry: Registry, sample: Sample
) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    assert tool.push(tool.load(sample.image()), reference).succeeded
    leaver = tool.as_user("leaver")
    leaver.auth_file.write_text(tool.auth_file.read_text())
    leaver.succeed("logout", registry.host)
    tool.forget()
    outcome = leaver.pull(reference)
    assert not outcome.succeeded
    assert "unauthorized" in outcome.stderr
    registry.publish(sample.repository())
    assert leaver.pull(reference).succeeded


def test_image_pushed_by_docker_tools_is_the_same_in_every_tool(
    tool: ImageTool, registry: Registry, sample: Sample, tmp_path: Path
) -> None:
    reference = registry.image(f"{sample.repository()}:1")
    image_id = tool.load(sample.image())
    assert tool.push(image_id, reference, "--format", "v2s2").succeeded
    tool.forget()
    assert tool.pull(reference).succeeded
    archive = tmp_path / "back.tar"
    tool.succeed("push", image_id, f"docker-archive:{archive}:sample:latest")
    layers = [
        content for name, content in files_of_tar(archive.read_bytes()).items() if name.endswith(".tar")
    ]
    found = {name: content for layer in layers for name, content in files_of_tar(layer).items()}
    assert found == sample.image().files
