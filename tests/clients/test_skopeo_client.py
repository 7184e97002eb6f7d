import json
from pathlib import Path

import pytest

from tests.clients.container_tools import ContainerTool
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import (
    DOCKER_MANIFEST,
    Sample,
    digest_of,
    files_of_tar,
    write_docker_archive,
    write_oci_layout,
)

pytestmark = pytest.mark.client


@pytest.fixture
def layout(tmp_path: Path, sample: Sample) -> str:
    """An OCI layout with an index over two platforms, as a skopeo source."""
    write_oci_layout(tmp_path / "layout", [sample.image("amd64"), sample.image("arm64")], "v1")
    return f"oci:{tmp_path}/layout:v1"


def put(skopeo: ContainerTool, source: str, target: str, *options: str) -> str:
    """Copy an image into our registry. Returns all that skopeo said."""
    certificates = ("--dest-cert-dir", str(skopeo.cert_dir))
    return skopeo.succeed("--debug", "copy", *certificates, *options, source, f"docker://{target}").text


def get(skopeo: ContainerTool, source: str, target: str, *options: str) -> str:
    """Copy an image out of our registry. Returns all that skopeo said."""
    certificates = ("--src-cert-dir", str(skopeo.cert_dir))
    return skopeo.succeed("--debug", "copy", *certificates, *options, f"docker://{source}", target).text


def raw_manifest(skopeo: ContainerTool, reference: str) -> bytes:
    """Return the bytes of a manifest as the registry serves them."""
    certificates = ("--cert-dir", str(skopeo.cert_dir))
    return skopeo.succeed("inspect", *certificates, "--raw", f"docker://{reference}").stdout.encode()


@pytest.mark.item("3", "7")
def test_login_with_a_wrong_password_is_refused(skopeo: ContainerTool, registry: Registry) -> None:
    outcome = skopeo.as_user("bob").login(registry.host, "wrong")
    assert not outcome.succeeded
    assert "invalid username/password" in outcome.stderr


def test_login_is_refused_while_the_authority_is_unknown(skopeo: ContainerTool, registry: Registry) -> None:
    login = ("login", "--username", "bob", "--password-stdin", registry.host)
    outcome = skopeo.as_user("bob").run(*login, input_text=PASSWORDS["bob"])
    assert not outcome.succeeded
    assert "certificate signed by unknown authority" in outcome.stderr


@pytest.mark.item("60", "70", "B10")
def test_index_with_all_platforms_is_stored_byte_for_byte(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, layout, reference, "--all", "--preserve-digests")
    source = Path(layout.removeprefix("oci:").removesuffix(":v1")) / "blobs" / "sha256"
    manifest = raw_manifest(skopeo, reference)
    assert (source / digest_of(manifest).removeprefix("sha256:")).read_bytes() == manifest


@pytest.mark.item("60", "61")
def test_index_comes_back_whole_by_tag_and_by_digest(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str, tmp_path: Path
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, layout, reference, "--all", "--preserve-digests")
    digest = digest_of(raw_manifest(skopeo, reference))
    by_digest = registry.image(f"{sample.repository()}@{digest}")
    for number, source in enumerate([reference, by_digest]):
        get(skopeo, source, f"oci:{tmp_path}/back{number}:v1", "--all")
        blobs = {path.name for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir()}
        assert {path.name for path in (tmp_path / f"back{number}" / "blobs" / "sha256").iterdir()} == blobs


def test_platform_of_an_index_can_be_chosen(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str, tmp_path: Path
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, layout, reference, "--all")
    archive = tmp_path / "arm64.tar"
    get_options = ("--override-arch", "arm64", "--override-os", "linux")
    certificates = ("--src-cert-dir", str(skopeo.cert_dir))
    target = f"docker-archive:{archive}:sample:latest"
    skopeo.succeed(*get_options, "copy", *certificates, f"docker://{reference}", target)
    config = sample.image("arm64").image_id.removeprefix("sha256:") + ".json"
    assert config in files_of_tar(archive.read_bytes())


@pytest.mark.item("20")
def test_second_copy_finds_everything_present(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    assert "Uploading " in put(skopeo, layout, reference, "--all")
    again = put(skopeo, layout, reference, "--all")
    assert "Uploading " not in again
    assert again.count("... already exists") >= 4


@pytest.mark.item("57")
def test_copy_to_a_second_repository_mounts_the_layers(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    put(skopeo, layout, registry.image(f"{sample.repository()}:v1"), "--all")
    said = put(skopeo, layout, registry.image(f"{sample.repository(suffix='-copy')}:v1"), "--all")
    assert said.count("... mount OK") == 4


@pytest.mark.item("60", "B10")
def test_docker_format_is_stored_as_sent(
    skopeo: ContainerTool, registry: Registry, sample: Sample, tmp_path: Path
) -> None:
    archive = write_docker_archive(tmp_path / "image.tar", sample.image(), "sample:latest")
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, f"docker-archive:{archive}", reference, "--format", "v2s2")
    assert json.loads(raw_manifest(skopeo, reference))["mediaType"] == DOCKER_MANIFEST
    get(skopeo, reference, f"dir:{tmp_path}/back")
    assert (tmp_path / "back" / sample.image().image_id.removeprefix("sha256:")).exists()


def test_images_travel_between_two_registries_unchanged(
    skopeo: ContainerTool, registry: Registry, peer: str, sample: Sample, layout: str
) -> None:
    ours = registry.image(f"{sample.repository()}:v1")
    theirs = f"{peer}/{sample.repository()}:v1"
    options = ("--all", "--preserve-digests")
    put(skopeo, layout, ours, *options)
    get(skopeo, ours, f"docker://{theirs}", *options, "--dest-tls-verify=false")
    back = registry.image(f"{sample.repository(suffix='-back')}:v1")
    put(skopeo, f"docker://{theirs}", back, *options, "--src-tls-verify=false")
    assert raw_manifest(skopeo, back) == raw_manifest(skopeo, ours)


@pytest.mark.item("80", "84")
def test_sync_copies_every_tag_of_a_repository(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str, tmp_path: Path
) -> None:
    repository = registry.image(sample.repository())
    for tag in ("b", "a", "c"):
        put(skopeo, layout, f"{repository}:{tag}", "--all")
    certificates = ("--src-cert-dir", str(skopeo.cert_dir))
    skopeo.succeed(
        "sync", "--all", *certificates, "--src", "docker", "--dest", "dir", repository, str(tmp_path)
    )
    copied = {
        path.name.rpartition(":")[2] for path in tmp_path.rglob("manifest.json") for path in [path.parent]
    }
    assert copied == {"a", "b", "c"}
    listed = skopeo.json("list-tags", "--cert-dir", str(skopeo.cert_dir), f"docker://{repository}")
    assert listed["Tags"] == ["a", "b", "c"]


@pytest.mark.item("77", "B7")
def test_deleted_image_is_gone_at_once(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, layout, reference, "--all")
    skopeo.succeed("delete", "--cert-dir", str(skopeo.cert_dir), f"docker://{reference}")
    outcome = skopeo.run("inspect", "--cert-dir", str(skopeo.cert_dir), f"docker://{reference}")
    assert not outcome.succeeded
    assert "manifest unknown" in outcome.stderr


@pytest.mark.item("5")
def test_copy_into_another_users_repository_is_denied(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    target = f"docker://{registry.image(sample.repository('bob'))}:v1"
    outcome = skopeo.run("copy", "--dest-cert-dir", str(skopeo.cert_dir), layout, target)
    assert not outcome.succeeded
    assert "denied" in outcome.stderr


@pytest.mark.item("4", "5")
def test_after_logout_only_public_images_can_be_read(
    skopeo: ContainerTool, registry: Registry, sample: Sample, layout: str
) -> None:
    reference = registry.image(f"{sample.repository()}:v1")
    put(skopeo, layout, reference, "--all")
    leaver = skopeo.as_user("leaver")
    leaver.auth_file.write_text(skopeo.auth_file.read_text())
    leaver.succeed("logout", registry.host)
    inspect = ("inspect", "--raw", "--cert-dir", str(skopeo.cert_dir), f"docker://{reference}")
    outcome = leaver.run(*inspect)
    assert not outcome.succeeded
    assert "unauthorized" in outcome.stderr
    registry.publish(sample.repository())
    leaver.succeed(*inspect)
