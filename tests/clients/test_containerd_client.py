import pytest

from tests.clients.containerd_engine import Containerd
from tests.clients.registries import Registry
from tests.clients.sample_images import Sample, index_of

pytestmark = pytest.mark.client


def loaded(containerd: Containerd, registry: Registry, sample: Sample) -> str:
    """Put an index of two platforms into containerd's store. Returns the name to push it by."""
    reference = registry.image(f"{sample.repository()}:v1")
    containerd.load([sample.image("amd64"), sample.image("arm64")], reference)
    return reference


def pushed(containerd: Containerd, registry: Registry, sample: Sample) -> str:
    """Push an index of two platforms as alice. Returns its full name."""
    reference = loaded(containerd, registry, sample)
    outcome = containerd.push(reference, "alice")
    assert outcome.succeeded, outcome
    return reference


@pytest.mark.item("36", "60", "70", "B10")
def test_pushed_index_comes_back_byte_for_byte(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    reference = pushed(containerd, registry, sample)
    digest = containerd.target(reference)
    containerd.forget()
    outcome = containerd.pull(reference, "alice", "--all-platforms")
    assert outcome.succeeded, outcome
    assert containerd.target(reference) == digest
    images = [sample.image("amd64"), sample.image("arm64")]
    assert containerd.content(digest) == index_of(images)
    assert all(
        image.oci_manifest in map(containerd.content, containerd.manifests(digest)) for image in images
    )


@pytest.mark.item("61")
def test_pull_by_digest_unpacks_the_image(containerd: Containerd, registry: Registry, sample: Sample) -> None:
    digest = containerd.target(pushed(containerd, registry, sample))
    containerd.forget()
    outcome = containerd.pull(registry.image(f"{sample.repository()}@{digest}"), "alice")
    assert outcome.succeeded, outcome
    assert "unpacking linux/amd64" in outcome.stdout


@pytest.mark.item("20", "75")
def test_second_push_finds_everything_present(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    reference = pushed(containerd, registry, sample)
    outcome = containerd.push(reference, "alice", debug=True)
    assert outcome.succeeded, outcome
    assert "request.method=HEAD" in outcome.stderr
    assert "request.method=PUT" not in outcome.stderr


@pytest.mark.item("57")
def test_push_to_a_second_repository_mounts_the_layers(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    reference = pushed(containerd, registry, sample)
    containerd.forget()
    assert containerd.pull(reference, "alice", "--all-platforms").succeeded
    copy = registry.image(f"{sample.repository(suffix='-copy')}:v1")
    containerd.succeed("images", "tag", reference, copy)
    outcome = containerd.push(copy, "alice", debug=True)
    assert outcome.succeeded, outcome
    mounts = [line for line in outcome.stderr.splitlines() if f'from={sample.repository()}"' in line]
    assert sum('response.status="201 Created"' in line for line in mounts) == 6  # two images of three blobs


def test_wrong_password_is_refused(containerd: Containerd, registry: Registry, sample: Sample) -> None:
    outcome = containerd.push(loaded(containerd, registry, sample), "alice", password="wrong")
    assert not outcome.succeeded
    assert "401 Unauthorized" in outcome.stderr


@pytest.mark.item("5")
def test_push_to_another_users_repository_is_denied(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    outcome = containerd.push(loaded(containerd, registry, sample), "bob")
    assert not outcome.succeeded
    assert "403 Forbidden" in outcome.stderr


@pytest.mark.item("4", "5")
def test_only_public_images_can_be_pulled_without_credentials(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    reference = pushed(containerd, registry, sample)
    containerd.forget()
    assert "authorization failed" in containerd.pull(reference, None).stderr
    registry.publish(sample.repository())
    outcome = containerd.pull(reference, None)
    assert outcome.succeeded, outcome


@pytest.mark.item("80")
def test_missing_image_is_reported_as_missing(
    containerd: Containerd, registry: Registry, sample: Sample
) -> None:
    reference = pushed(containerd, registry, sample)
    outcome = containerd.pull(f"{reference}-missing", "alice")
    assert not outcome.succeeded
    assert "not found" in outcome.stderr
