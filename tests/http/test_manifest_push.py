"""Pushing manifests: which documents are taken, as which type, and that not a byte of them changes."""

import json
from typing import Any

import httpx
import pytest

from tests.support.registry import (
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    error_codes,
    image_index,
    image_manifest,
    sha256,
    sha512,
)

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
SIGNED_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"a layer"


@pytest.fixture
def stocked(alice: RegistryClient, name: str) -> str:
    """Give a repository that holds CONFIG and LAYER."""
    alice.push_blob(name, CONFIG)
    alice.push_blob(name, LAYER)
    return name


def put(
    client: RegistryClient,
    name: str,
    content: bytes,
    content_type: str | None = OCI_MANIFEST,
    reference: str = "t",
) -> httpx.Response:
    headers = {} if content_type is None else {"content-type": content_type}
    return client.request("PUT", name, f"manifests/{reference}", content=content, headers=headers)


def plain_image(**changes: Any) -> bytes:
    """Make an image manifest with fields changed; a field that is `None` is left out."""
    document = json.loads(image_manifest(CONFIG, LAYER)) | changes
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def pulled_type(client: RegistryClient, name: str, reference: str = "t") -> str:
    answer = client.request("GET", name, f"manifests/{reference}")
    assert answer.status_code == 200, answer.text
    return str(answer.headers["content-type"])


# -- bytes and digests


@pytest.mark.item("60", "B10")
def test_a_manifest_pushed_by_tag_is_located_by_its_digest(alice: RegistryClient, stocked: str) -> None:
    content = plain_image()

    answer = put(alice, stocked, content)

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v2/{stocked}/manifests/{sha256(content)}"
    assert answer.headers["docker-content-digest"] == sha256(content)
    assert answer.content == b""


@pytest.mark.item("60", "B10")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_odd_white_space_duplicate_keys_and_key_order_come_back_unchanged(
    alice: RegistryClient, stocked: str, by: str
) -> None:
    config = json.dumps(descriptor(CONFIG, OCI_CONFIG)).encode()
    content = (
        b'\n\t{ "x":1e0,"x" : 2.50 ,\r\n "layers":[ ],"config":'
        + config
        + b',  "schemaVersion":2,"\\u0078":"\\/\xc3\xa9" }\n\n'
    )

    assert put(alice, stocked, content).status_code == 201

    reference = "t" if by == "tag" else sha256(content)
    first, again = (alice.request("GET", stocked, f"manifests/{reference}") for _ in range(2))
    assert first.content == again.content == content


@pytest.mark.item("60", "B10")
def test_the_bytes_are_the_same_at_the_address_of_a_blob(alice: RegistryClient, stocked: str) -> None:
    content = b" " + plain_image() + b"\n"
    put(alice, stocked, content)

    answer = alice.request("GET", stocked, f"blobs/{sha256(content)}")

    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.item("61")
@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_a_manifest_is_pushed_and_pulled_by_its_digest(
    alice: RegistryClient, stocked: str, digest_of: Any
) -> None:
    content = plain_image()
    digest = digest_of(content)

    answer = put(alice, stocked, content, reference=digest)

    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["location"].endswith(f"/manifests/{digest}")
    found = alice.request("GET", stocked, f"manifests/{digest}")
    assert (found.content, found.headers["docker-content-digest"]) == (content, digest)


@pytest.mark.item("61")
@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_another_digest_than_the_contents_is_refused_and_nothing_is_stored(
    alice: RegistryClient, stocked: str, digest_of: Any
) -> None:
    content, digest = plain_image(), digest_of(b"something else")

    answer = put(alice, stocked, content, reference=digest)

    assert (answer.status_code, error_codes(answer)) == (400, ["DIGEST_INVALID"])
    for absent in (digest, sha256(content)):
        assert alice.request("HEAD", stocked, f"manifests/{absent}").status_code == 404


@pytest.mark.item("61")
@pytest.mark.parametrize("reference", ["sha256:abc", "md5:" + "0" * 32, f"sha256:{'A' * 64}", ":", "a:b"])
def test_a_reference_with_a_colon_must_be_a_digest(
    alice: RegistryClient, stocked: str, reference: str
) -> None:
    answer = put(alice, stocked, plain_image(), reference=reference)

    assert (answer.status_code, error_codes(answer)) == (400, ["DIGEST_INVALID"])


# -- the media type


@pytest.mark.item("62")
@pytest.mark.parametrize(
    "content_type",
    [f"{OCI_MANIFEST}; charset=utf-8", f"{OCI_MANIFEST};q=1;x=y", f"{OCI_MANIFEST.upper()} ; charset=UTF-8"],
)
def test_parameters_and_case_of_the_content_type_are_ignored_and_not_stored(
    alice: RegistryClient, stocked: str, content_type: str
) -> None:
    assert put(alice, stocked, plain_image(), content_type).status_code == 201

    assert pulled_type(alice, stocked) == OCI_MANIFEST


@pytest.mark.item("63")
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_without_content_type_the_documents_own_type_counts(
    alice: RegistryClient, stocked: str, media_type: str
) -> None:
    assert put(alice, stocked, plain_image(mediaType=media_type), None).status_code == 201

    assert pulled_type(alice, stocked) == media_type


@pytest.mark.item("63")
def test_a_content_type_that_contradicts_the_document_is_refused(alice: RegistryClient, stocked: str) -> None:
    answer = put(alice, stocked, plain_image(), DOCKER_MANIFEST)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("63")
def test_a_document_without_a_type_takes_that_of_the_request(alice: RegistryClient, stocked: str) -> None:
    assert put(alice, stocked, plain_image(mediaType=None), DOCKER_MANIFEST).status_code == 201

    assert pulled_type(alice, stocked) == DOCKER_MANIFEST


@pytest.mark.item("63")
@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ({"config": descriptor(CONFIG, OCI_CONFIG), "layers": []}, OCI_MANIFEST),
        ({"config": descriptor(CONFIG, DOCKER_CONFIG), "layers": []}, DOCKER_MANIFEST),
        ({"manifests": []}, OCI_INDEX),
    ],
    ids=["OCI image", "Docker image", "index"],
)
def test_without_any_type_the_shape_decides(
    alice: RegistryClient, stocked: str, document: dict[str, Any], media_type: str
) -> None:
    content = json.dumps({"schemaVersion": 2, **document}).encode()

    assert put(alice, stocked, content, None).status_code == 201

    assert pulled_type(alice, stocked) == media_type


@pytest.mark.item("63")
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", OCI_CONFIG, "application/vnd.oci.artifact.manifest.v1+json"],
)
def test_types_that_are_no_manifests_are_refused(
    alice: RegistryClient, stocked: str, content_type: str
) -> None:
    answer = put(alice, stocked, plain_image(mediaType=None), content_type)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


# -- what is no manifest


@pytest.mark.item("63")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"[]",
        b"null",
        b"2",
        b'"text"',
        b"{}",
        b'{"schemaVersion":2}',
        b'{"schemaVersion":2,"layers":{}}',
        b'{"schemaVersion":2,"config":[]}',
        b'{"schemaVersion":2,"manifests":[1]}',
        b'{"schemaVersion":"2","manifests":[]}',
        b'{"schemaVersion":3,"manifests":[]}',
        b'{"schemaVersion":2,"manifests":[]',
        b'{"schemaVersion":2,"manifests":[],"x":"\xff"}',
        b'\xef\xbb\xbf{"schemaVersion":2,"manifests":[]}',
    ],
)
def test_what_is_no_manifest_is_refused(alice: RegistryClient, stocked: str, content: bytes) -> None:
    answer = put(alice, stocked, content, None)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("64")
@pytest.mark.parametrize("content_type", [None, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])
@pytest.mark.parametrize("extra", ["config", "layers"])
def test_a_document_that_is_image_and_index_at_once_is_refused(
    alice: RegistryClient, stocked: str, content_type: str | None, extra: str
) -> None:
    image = json.loads(image_manifest(CONFIG, LAYER))
    both = {"schemaVersion": 2, "manifests": [], extra: image[extra]}

    answer = put(alice, stocked, json.dumps(both).encode(), content_type)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("64")
def test_the_type_must_fit_the_shape(alice: RegistryClient, stocked: str) -> None:
    image, index = plain_image(mediaType=None), image_index()
    bare_index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()

    assert error_codes(put(alice, stocked, image, OCI_INDEX)) == ["MANIFEST_INVALID"]
    assert error_codes(put(alice, stocked, bare_index, OCI_MANIFEST)) == ["MANIFEST_INVALID"]
    assert put(alice, stocked, index, OCI_INDEX).status_code == 201


@pytest.mark.item("65")
@pytest.mark.parametrize("content_type", [SCHEMA_1, SIGNED_SCHEMA_1, None, OCI_MANIFEST])
def test_schema_1_is_refused(alice: RegistryClient, stocked: str, content_type: str | None) -> None:
    document = {
        "schemaVersion": 1,
        "name": stocked,
        "tag": "t",
        "architecture": "amd64",
        "fsLayers": [{"blobSum": sha256(LAYER)}],
        "history": [{"v1Compatibility": "{}"}],
    }

    answer = put(alice, stocked, json.dumps(document).encode(), content_type)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])
    assert "schema 1" in answer.json()["errors"][0]["message"]


@pytest.mark.item("65")
def test_schema_2_announced_as_schema_1_is_refused(alice: RegistryClient, stocked: str) -> None:
    answer = put(alice, stocked, plain_image(mediaType=None), SIGNED_SCHEMA_1)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("69")
def test_unknown_fields_inline_data_and_unknown_types_are_welcome(
    alice: RegistryClient, stocked: str
) -> None:
    content = plain_image(
        config=descriptor(CONFIG, "application/x-of-our-own", data="eyJhIjoxfQ==", future={"a": [1]}),
        layers=[descriptor(LAYER, "not even a media type", urls=["https://elsewhere.test/x"])],
        extension={"deep": {"deeper": None}},
    )

    assert put(alice, stocked, content).status_code == 201

    assert alice.request("GET", stocked, "manifests/t").content == content


@pytest.mark.item("69")
@pytest.mark.parametrize("layers", [[], None])
def test_an_image_without_layers_is_welcome(
    alice: RegistryClient, stocked: str, layers: list[Any] | None
) -> None:
    assert put(alice, stocked, plain_image(layers=layers)).status_code == 201


@pytest.mark.item("69")
def test_the_same_layer_twice_is_welcome(alice: RegistryClient, stocked: str) -> None:
    layer = descriptor(LAYER, OCI_LAYER)

    assert put(alice, stocked, plain_image(layers=[layer, layer])).status_code == 201
