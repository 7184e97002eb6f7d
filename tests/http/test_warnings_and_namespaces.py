"""Advice in `Warning` headers, and the `ns` query that clients of mirrors add."""

import re
from typing import Any

import httpx
import pytest

from tests.support.registry import (
    OCI_LAYER,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)

_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
CONFIG = b"a config"
MOST_BYTES = 4096


def manifest_with_wrong_sizes(*contents: bytes) -> bytes:
    """Make a manifest that is wrong about the sizes of its layers."""
    layers: list[dict[str, Any]] = [
        {**descriptor(content, OCI_LAYER), "size": len(content) + 1} for content in contents
    ]
    return image_manifest(CONFIG, layers=layers)


def warnings_of(answer: httpx.Response) -> list[str]:
    """Return the texts of all warnings; fails unless each is well formed."""
    found = []
    for value in answer.headers.get_list("warning"):
        match = _WARNING.fullmatch(value)
        assert match is not None, value
        found.append(match[1])
    return found


def push_with_wrong_sizes(client: RegistryClient, name: str, number: int) -> httpx.Response:
    contents = [f"layer {index}".encode() for index in range(number)]
    for content in (CONFIG, *contents):
        client.push_blob(name, content)
    answer = client.push_manifest(name, "latest", manifest_with_wrong_sizes(*contents))
    assert answer.status_code == 201, answer.text
    return answer


@pytest.mark.item("93", "67")
def test_advice_is_quoted_and_names_what_is_wrong(alice: RegistryClient, name: str) -> None:
    [text] = warnings_of(push_with_wrong_sizes(alice, name, 1))

    assert sha256(b"layer 0") in text
    assert "7 bytes" in text
    assert "8" in text


@pytest.mark.item("93")
def test_all_advice_together_stays_within_its_limit(alice: RegistryClient, name: str) -> None:
    answer = push_with_wrong_sizes(alice, name, 60)

    texts = warnings_of(answer)
    assert 1 < len(texts) < 60
    assert sum(map(len, answer.headers.get_list("warning"))) <= MOST_BYTES


@pytest.mark.item("93")
def test_the_same_push_gets_the_same_advice(alice: RegistryClient, name: str) -> None:
    assert warnings_of(push_with_wrong_sizes(alice, name, 3)) == warnings_of(
        push_with_wrong_sizes(alice, name, 3)
    )


@pytest.mark.item("93")
def test_where_nothing_is_wrong_there_is_no_advice(alice: RegistryClient, name: str) -> None:
    manifest = alice.push_image(name)

    assert "warning" not in alice.push_manifest(name, "again", manifest).headers
    assert "warning" not in alice.request("GET", name, "manifests/latest").headers


@pytest.mark.item("94")
@pytest.mark.parametrize("upstream", ["docker.io", "registry.example:5000", "%00", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_upstream_that_a_client_names_changes_nothing(
    alice: RegistryClient, name: str, upstream: str, method: str
) -> None:
    manifest = alice.push_image(name, "latest", b"a layer")
    varying = {"date", "x-request-id"}

    for rest in (
        "manifests/latest",
        f"manifests/{sha256(manifest)}",
        f"blobs/{sha256(b'a layer')}",
        "tags/list",
    ):
        plain = alice.raw(method, f"/v2/{name}/{rest}", name=name)
        named = alice.raw(method, f"/v2/{name}/{rest}?ns={upstream}", name=name)
        assert (named.status, named.body) == (plain.status, plain.body)
        assert {k: v for k, v in named.headers.items() if k not in varying} == {
            k: v for k, v in plain.headers.items() if k not in varying
        }
        assert "oci-namespace" not in named.headers


@pytest.mark.item("94")
def test_a_push_may_name_an_upstream_too(alice: RegistryClient, name: str) -> None:
    answer = alice.request(
        "POST",
        name,
        "blobs/uploads/",
        params={"digest": sha256(b"content"), "ns": "docker.io"},
        content=b"content",
    )

    assert answer.status_code == 201, answer.text
