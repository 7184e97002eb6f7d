"""Reading manifests: content negotiation, substitution for old clients, conditional reads, HEAD."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.registry import (
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    error_codes,
    sha256,
)

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
PER_ANSWER = ("date", "x-request-id")

AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}
WINDOWS = {"os": "windows", "architecture": "amd64"}


def get(
    client: RegistryClient, name: str, reference: str, *accept: str, method: str = "GET", **headers: str
) -> httpx.Response:
    """Read a manifest with exactly these Accept headers, none if none is given."""
    token = client.repository_token(name)
    lines = [("Authorization", f"Bearer {token}"), *(("Accept", value) for value in accept), *headers.items()]
    request = client.http.build_request(method, f"/v2/{name}/manifests/{reference}")
    request.headers = httpx.Headers([("Host", request.headers["host"]), *lines])
    return client.http.send(request)


@pytest.fixture
def image(alice: RegistryClient, name: str) -> bytes:
    """Give an OCI image, tagged `latest`."""
    return alice.push_image(name)


@dataclass
class Multi:
    """An index behind the tag `multi`, and its images by architecture."""

    index: bytes
    images: list[bytes]


def push_index(
    client: RegistryClient,
    name: str,
    *platforms: dict[str, Any],
    index_type: str = OCI_INDEX,
    image_type: str = OCI_MANIFEST,
) -> Multi:
    client.push_blob(name, b"{}")
    images = [
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": image_type,
                "config": descriptor(b"{}", OCI_CONFIG),
                "layers": [],
                "annotations": {"platform": json.dumps(platform), "number": str(number)},
            }
        ).encode()
        for number, platform in enumerate(platforms)
    ]
    for content in images:
        assert client.push_manifest(name, sha256(content), content, image_type).status_code == 201
    children = [
        descriptor(content, image_type, platform=platform)
        for content, platform in zip(images, platforms, strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": index_type, "manifests": children}).encode()
    assert client.push_manifest(name, "multi", index, index_type).status_code == 201
    return Multi(index, images)


# -- Accept


@pytest.mark.item("73")
@pytest.mark.parametrize(
    "accept",
    [
        (),
        ("*/*",),
        ("application/*",),
        (OCI_MANIFEST,),
        (OCI_MANIFEST.upper(),),
        (f"{DOCKER_MANIFEST}, {OCI_MANIFEST}",),
        (DOCKER_MANIFEST, OCI_MANIFEST),
        (DOCKER_MANIFEST, SCHEMA_1, f"text/html,{OCI_MANIFEST};q=0.1"),
        (f"{OCI_MANIFEST};q=0.001",),
        (f"{OCI_MANIFEST};charset=utf-8;q=1",),
        (f", ,{OCI_MANIFEST} ,",),
        (f"{DOCKER_MANIFEST};q=0, */*;q=0.5",),
        ("",),
        ("nonsense",),
    ],
    ids=repr,
)
def test_the_stored_type_is_returned_wherever_it_is_acceptable(
    alice: RegistryClient, name: str, image: bytes, accept: tuple[str, ...]
) -> None:
    for _ in range(2):  # the second answer may come from memory
        answer = get(alice, name, "latest", *accept)
        assert (answer.status_code, answer.content) == (200, image)
        assert answer.headers["content-type"] == OCI_MANIFEST


@pytest.mark.item("73", "74")
@pytest.mark.parametrize(
    "accept",
    [
        (DOCKER_MANIFEST,),
        ("text/*",),
        (f"{OCI_MANIFEST};q=0",),
        (f"{OCI_MANIFEST};q=0.000, */*",),
        (f"application/*;q=0, text/*, {DOCKER_MANIFEST}",),
        ("*/*;q=0",),
    ],
    ids=repr,
)
def test_a_tag_of_another_type_is_not_found_and_the_type_is_named(
    alice: RegistryClient, name: str, image: bytes, accept: tuple[str, ...]
) -> None:
    get(alice, name, "latest")  # memory knows it now

    answer = get(alice, name, "latest", *accept)

    assert (answer.status_code, error_codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    assert OCI_MANIFEST in answer.json()["errors"][0]["message"]
    assert get(alice, name, "latest", *accept, method="HEAD").status_code == 404


@pytest.mark.item("74")
@pytest.mark.parametrize("accept", [DOCKER_MANIFEST, "text/html", f"{OCI_MANIFEST};q=0", "*/*;q=0"])
def test_by_digest_the_manifest_is_served_whatever_is_accepted(
    alice: RegistryClient, name: str, image: bytes, accept: str
) -> None:
    answer = get(alice, name, sha256(image), accept)

    assert (answer.status_code, answer.content) == (200, image)
    assert answer.headers["content-type"] == OCI_MANIFEST


# -- substitution


@pytest.mark.item("74")
@pytest.mark.parametrize(
    ("index_type", "image_type"), [(OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)]
)
def test_a_client_without_indexes_gets_the_linux_amd64_image_behind_the_tag(
    alice: RegistryClient, name: str, index_type: str, image_type: str
) -> None:
    multi = push_index(alice, name, ARM64, AMD64, WINDOWS, index_type=index_type, image_type=image_type)

    for _ in range(2):
        answer = get(alice, name, "multi", image_type)
        assert (answer.status_code, answer.content) == (200, multi.images[1])
        assert answer.headers["content-type"] == image_type
        assert answer.headers["docker-content-digest"] == sha256(multi.images[1])
        assert answer.headers["etag"] == f'"{sha256(multi.images[1])}"'
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.item("74")
def test_a_client_that_takes_indexes_gets_the_index(alice: RegistryClient, name: str) -> None:
    multi = push_index(alice, name, ARM64, AMD64)

    assert get(alice, name, "multi", OCI_MANIFEST, OCI_INDEX).content == multi.index
    assert get(alice, name, "multi").content == multi.index


@pytest.mark.item("74")
def test_an_image_without_variant_is_preferred(alice: RegistryClient, name: str) -> None:
    multi = push_index(alice, name, AMD64 | {"variant": "v3"}, AMD64)

    assert get(alice, name, "multi", OCI_MANIFEST).content == multi.images[1]


@pytest.mark.item("74")
@pytest.mark.parametrize(
    ("platforms", "accept"),
    [((ARM64, WINDOWS), OCI_MANIFEST), ((), OCI_MANIFEST), ((AMD64,), DOCKER_MANIFEST)],
    ids=["no such platform", "empty index", "image of another type"],
)
def test_an_index_without_a_fitting_image_is_not_found_and_its_type_is_named(
    alice: RegistryClient, name: str, platforms: tuple[dict[str, Any], ...], accept: str
) -> None:
    push_index(alice, name, *platforms)

    answer = get(alice, name, "multi", accept)

    assert (answer.status_code, error_codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    assert OCI_INDEX in answer.json()["errors"][0]["message"]


@pytest.mark.item("74", "77")
def test_an_index_whose_image_was_deleted_is_not_found_and_its_type_is_named(
    alice: RegistryClient, name: str
) -> None:
    multi = push_index(alice, name, AMD64)
    alice.repository_token(name, fresh=True)
    assert alice.request("DELETE", name, f"manifests/{sha256(multi.images[0])}").status_code == 202

    answer = get(alice, name, "multi", OCI_MANIFEST)

    assert (answer.status_code, error_codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    assert OCI_INDEX in answer.json()["errors"][0]["message"]


@pytest.mark.item("74")
def test_an_index_is_never_substituted_by_digest(alice: RegistryClient, name: str) -> None:
    multi = push_index(alice, name, AMD64)

    answer = get(alice, name, sha256(multi.index), OCI_MANIFEST)

    assert (answer.status_code, answer.content) == (200, multi.index)
    assert answer.headers["content-type"] == OCI_INDEX


# -- HEAD, conditions, caching


@pytest.mark.item("75")
@pytest.mark.parametrize("reference", ["latest", "digest", "multi"])
@pytest.mark.parametrize("accept", [(), (OCI_MANIFEST,)])
def test_head_has_every_header_of_get(
    alice: RegistryClient, name: str, image: bytes, reference: str, accept: tuple[str, ...]
) -> None:
    push_index(alice, name, AMD64)
    wanted = sha256(image) if reference == "digest" else reference

    for _ in range(2):
        full, head = (get(alice, name, wanted, *accept, method=method) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert stable(head) == stable(full)
        assert head.headers["content-length"] == str(len(full.content))


@pytest.mark.item("75", "9")
@pytest.mark.parametrize("reference", ["absent", f"sha256:{'0' * 64}", "sha256:bad", ".dot", "a" * 129])
def test_a_failed_head_has_the_status_of_get(
    alice: RegistryClient, name: str, image: bytes, reference: str
) -> None:
    full, head = (get(alice, name, reference, method=method) for method in ("GET", "HEAD"))

    assert head.status_code == full.status_code
    assert full.status_code == (400 if ":" in reference and "bad" in reference else 404)
    assert head.content == b""


def stable(answer: httpx.Response) -> list[tuple[str, str]]:
    return sorted(pair for pair in answer.headers.multi_items() if pair[0] not in PER_ANSWER)


@pytest.mark.item("28", "75")
@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"x", "{}"', "*"])
@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_answers_304_with_the_headers_of_200(
    alice: RegistryClient, name: str, image: bytes, form: str, by: str, method: str
) -> None:
    reference = "latest" if by == "tag" else sha256(image)

    answer = get(alice, name, reference, method=method, **{"If-None-Match": form.format(sha256(image))})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{sha256(image)}"'
    assert answer.headers["docker-content-digest"] == sha256(image)
    assert "content-length" not in answer.headers


@pytest.mark.item("28")
def test_if_none_match_of_another_manifest_answers_200(
    alice: RegistryClient, name: str, image: bytes
) -> None:
    answer = get(alice, name, "latest", **{"If-None-Match": f'"{sha256(b"x")}"'})

    assert (answer.status_code, answer.content) == (200, image)


@pytest.mark.item("73")
def test_digests_may_be_cached_for_ever_and_tags_never(
    alice: RegistryClient, name: str, image: bytes
) -> None:
    by_digest = get(alice, name, sha256(image)).headers["cache-control"]

    assert "immutable" in by_digest
    assert "max-age=" in by_digest
    assert get(alice, name, "latest").headers["cache-control"] == "no-cache"
