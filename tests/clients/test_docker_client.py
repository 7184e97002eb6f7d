import json
import re

import pytest

from tests.clients.docker_engine import DockerEngine
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import Sample

pytestmark = pytest.mark.client


def pushed(docker: DockerEngine, registry: Registry, sample: Sample, tag: str = "1") -> str:
    """Push a fresh image of alice's. Returns its full name."""
    reference = registry.image(f"{sample.repository()}:{tag}")
    docker.load(sample.image(), reference)
    docker.succeed("push", reference)
    return reference


def digest_in(text: str) -> str:
    """Return the digest that `docker push` and `docker pull` report."""
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", text, re.IGNORECASE)
    assert found, text
    return found[1]


def test_login_is_refused_while_the_authority_is_unknown(docker: DockerEngine, registry: Registry) -> None:
    with docker.without_trust(registry.host):
        outcome = docker.as_user("bob").login(registry.host, PASSWORDS["bob"])
    assert not outcome.succeeded
    assert "certificate signed by unknown authority" in outcome.stderr


@pytest.mark.item("3", "7")
def test_login_with_a_wrong_password_is_refused_in_words(docker: DockerEngine, registry: Registry) -> None:
    outcome = docker.as_user("bob").login(registry.host, "wrong")
    assert not outcome.succeeded
    assert "unauthorized: " in outcome.stderr
    assert "password" in outcome.stderr


@pytest.mark.item("7")
def test_login_stores_a_token_instead_of_the_password(docker: DockerEngine, registry: Registry) -> None:
    stored = json.loads(docker.config_file.read_text())["auths"][registry.host]
    assert stored["identitytoken"]
    assert PASSWORDS["alice"] not in docker.config_file.read_text()


@pytest.mark.item("38", "60", "B10")
def test_pushed_image_comes_back_by_tag(docker: DockerEngine, registry: Registry, sample: Sample) -> None:
    reference = pushed(docker, registry, sample)
    docker.forget(reference)
    docker.succeed("pull", reference)
    assert docker.image_id(reference) == sample.image().image_id
    assert docker.files(reference) == sample.image().files


@pytest.mark.item("61")
def test_pushed_image_comes_back_by_digest(docker: DockerEngine, registry: Registry, sample: Sample) -> None:
    reference = pushed(docker, registry, sample)
    digest = digest_in(docker.succeed("push", reference))
    docker.forget(reference)
    by_digest = registry.image(f"{sample.repository()}@{digest}")
    assert digest_in(docker.succeed("pull", by_digest)) == digest
    assert docker.image_id(by_digest) == sample.image().image_id


@pytest.mark.item("20")
def test_second_push_finds_its_layers_present(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    assert docker.succeed("push", reference).count("Layer already exists") == len(sample.image().layers)


@pytest.mark.item("57")
def test_push_to_a_second_repository_mounts_the_layers(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    copy = registry.image(f"{sample.repository(suffix='-copy')}:1")
    docker.succeed("tag", reference, copy)
    said = docker.succeed("push", copy)
    assert said.count(f"Mounted from {sample.repository()}") == len(sample.image().layers)
    docker.forget(reference, copy)
    docker.succeed("pull", copy)
    assert docker.image_id(copy) == sample.image().image_id


@pytest.mark.item("6", "57", "B5")
def test_layers_of_a_repository_one_may_not_read_are_uploaded_not_mounted(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    bob = docker.as_user("bob")
    assert bob.login(registry.host, PASSWORDS["bob"]).succeeded
    copy = registry.image(f"{sample.repository('bob')}:1")
    docker.succeed("tag", reference, copy)
    said = bob.succeed("push", copy)
    assert "Mounted from" not in said
    assert said.count("Pushed") == len(sample.image().layers)


@pytest.mark.item("60", "76")
def test_moved_tag_gives_the_new_image_at_once(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    newer = sample.image(architecture="386")
    docker.load(newer, reference)
    docker.succeed("push", reference)
    docker.forget(reference)
    docker.succeed("pull", "--platform", "linux/386", reference)
    assert docker.image_id(reference) == newer.image_id


@pytest.mark.item("5")
def test_push_to_another_users_repository_is_denied(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = registry.image(f"{sample.repository('bob')}:1")
    docker.load(sample.image(), reference)
    outcome = docker.run("push", reference)
    assert not outcome.succeeded
    assert "denied: " in outcome.stderr


@pytest.mark.item("5")
def test_pull_of_another_users_private_image_is_denied(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    docker.forget(reference)
    bob = docker.as_user("bob")
    assert bob.login(registry.host, PASSWORDS["bob"]).succeeded
    outcome = bob.run("pull", reference)
    assert not outcome.succeeded
    assert "denied" in outcome.stderr


@pytest.mark.item("5", "80")
def test_missing_image_is_reported_as_missing(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    outcome = docker.run("pull", f"{reference}-missing")
    assert not outcome.succeeded
    assert "not found" in outcome.stderr
    assert "manifest unknown" in outcome.stderr


@pytest.mark.item("4")
def test_after_logout_a_private_image_cannot_be_pulled(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    docker.forget(reference)
    leaver = docker.as_user("leaver")
    leaver.config_file.parent.mkdir()
    leaver.config_file.write_text(docker.config_file.read_text())
    leaver.succeed("pull", reference)
    leaver.succeed("logout", registry.host)
    docker.forget(reference)
    outcome = leaver.run("pull", reference)
    assert not outcome.succeeded
    assert "may require 'docker login'" in outcome.stderr


@pytest.mark.item("5")
def test_public_image_can_be_pulled_by_anybody(
    docker: DockerEngine, registry: Registry, sample: Sample
) -> None:
    reference = pushed(docker, registry, sample)
    docker.forget(reference)
    registry.publish(sample.repository())
    docker.as_user("nobody").succeed("pull", reference)
    assert docker.image_id(reference) == sample.image().image_id
