"""The page of one image, index or artifact, however hostile its documents are."""

import json
from html import unescape

import pytest

from tests.support.browser import Browser
from tests.support.hostile import HOSTILE
from tests.support.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.web.images.scene import (
    ABSENT,
    MAX_PAGE_BYTES,
    SBOM,
    at,
    attach,
    push,
)


def test_an_image_is_shown_with_its_layers_documents_and_pull_commands(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    history = [
        {"created_by": "COPY base / # buildkit"},
        {"created_by": '/bin/sh -c #(nop) CMD ["sh"]', "empty_layer": True},
    ]
    config = {"os": "linux", "architecture": "amd64", "author": "Ann <a@example.org>", "history": history}
    manifest = push(pusher, name, "v1", config, b"base" * 1000, annotations={"org.example.team": "blue"})

    page = unescape(olivia.see(at(name, "tags/v1")))

    for text in (
        "COPY base /",
        'CMD ["sh"]',
        "Ann <a@example.org>",
        f"/{name}:v1",
        f"/{name}@{sha256(manifest)}",
        "org.example.team",
        '"author": "Ann <a@example.org>"',  # of the configuration
        f'"digest": "{sha256(b"base" * 1000)}"',  # of the manifest
    ):
        assert text in page, text


def test_an_index_leads_to_its_images_and_tells_which_are_not_there(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    images = [
        push(pusher, name, f"only-{each}", {"os": "linux", "architecture": each}, each.encode())
        for each in ("amd64", "arm64")
    ]
    children = [
        descriptor(image, OCI_MANIFEST, platform={"os": "linux", "architecture": each})
        for image, each in zip(images, ("amd64", "arm64"), strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()
    assert pusher.push_manifest(name, "multi", index, OCI_INDEX).status_code == 201
    assert pusher.request("DELETE", name, f"manifests/{sha256(images[1])}").status_code == 202

    page = olivia.see(at(name, "tags/multi"))

    assert f'href="{at(name, "manifests/")}{sha256(images[0])}"' in page
    assert f'href="{at(name, "manifests/")}{sha256(images[1])}"' not in page
    assert "not in this repository" in page
    assert "linux/arm64" in olivia.see(at(name, "tags"))
    assert "only-amd64" in olivia.see(at(name, f"manifests/{sha256(images[0])}"))


def test_what_is_attached_to_an_image_is_shown_with_it_and_leads_back(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    image = pusher.push_image(name, "v1")
    sbom = attach(pusher, name, image, SBOM, b"what is in it")
    signature = f"{sha256(image).replace(':', '-')}.sig"
    pusher.push_image(name, signature, b"signed")

    page = olivia.see(at(name, "tags/v1"))

    assert f'href="{at(name, "manifests/")}{sbom}"' in page
    assert SBOM in page
    assert f'href="{at(name, "tags/")}{signature}"' in page
    attached = olivia.see(at(name, f"manifests/{sbom}"))
    assert "found.json" in attached
    assert "oras pull" in attached
    assert f'href="{at(name, "manifests/")}{sha256(image)}"' in attached


def test_a_chart_is_pulled_with_helm(pusher: RegistryClient, olivia: Browser, name: str) -> None:
    for blob in (b'{"name":"shop"}', b"chart"):
        pusher.push_blob(name, blob)
    chart = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b'{"name":"shop"}', "application/vnd.cncf.helm.config.v1+json"),
        "layers": [descriptor(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    }
    assert pusher.push_manifest(name, "1.0.0_rc.1", json.dumps(chart).encode()).status_code == 201

    page = olivia.see(at(name, "tags/1.0.0_rc.1"))

    assert f"/{name} --version 1.0.0+rc.1" in page
    assert "Helm chart" in page
    assert "&#34;name&#34;: &#34;shop&#34;" in page


def test_hostile_configurations_are_inert_and_bounded(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    history = [{"created_by": f"RUN {HOSTILE} \u202e{number} {'<&>' * 400}"} for number in range(1500)]
    config = {
        "os": HOSTILE,
        "architecture": HOSTILE,
        "author": HOSTILE * 9,
        "history": history,
        "created": HOSTILE,
    }
    annotations = {f"{HOSTILE}{number}": HOSTILE * 90 for number in range(200)}
    image = push(pusher, name, "v1", config, b"base", annotations=annotations)
    for number in range(30):
        attach(pusher, name, image, f"application/vnd.example.{'x' * 90}{number}", str(number).encode())
    for number in range(60):
        tag = f"t{number:0127}"
        assert pusher.push_manifest(name, tag, image).status_code == 201

    page = olivia.see(at(name, "tags/v1"))

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert len(page.encode()) < MAX_PAGE_BYTES
    assert "docker buildx imagetools inspect --raw" in page


@pytest.mark.parametrize(
    "config", [b"[" * 5000 + b"]" * 5000, b"\xff\x00<b>", b'{"history": {"a": 1}}', b"null"]
)
def test_a_configuration_that_is_nonsense_is_shown_as_it_is(
    pusher: RegistryClient, olivia: Browser, name: str, config: bytes
) -> None:
    pusher.push_blob(name, config)
    assert pusher.push_manifest(name, "v1", image_manifest(config)).status_code == 201

    page = olivia.see(at(name, "tags/v1"))

    assert "Configuration" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    "rest", ["tags/absent", "tags/-bad", f"manifests/{ABSENT}", "manifests/md5:1", "manifests/v1"]
)
def test_what_is_not_there_is_not_found(olivia: Browser, name: str, rest: str) -> None:
    olivia.see(at(name, rest), 404)
