"""What a manifest refers to: blobs, children, a subject. What must be there, what may be missing, what is too much."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.registry import (
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
)
from tests.support.server import ServerProcess

MIB = 1024 * 1024
LIMIT_BYTES = 4 * MIB
CONFIG = b"{}"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar"

Set = Callable[..., None]


@pytest.fixture
def stocked(alice: RegistryClient, name: str) -> str:
    """Give a repository that holds CONFIG."""
    alice.push_blob(name, CONFIG)
    return name


@pytest.fixture
def set_switch(server: ServerProcess) -> Set:
    """Give a function that changes a repository as the operator does."""

    def change(name: str, *options: str) -> None:
        done = server.run("repository", "set", name, *options)
        assert done.returncode == 0, done.stderr

    return change


def image(*layers: dict[str, Any], **changes: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, OCI_CONFIG),
        "layers": list(layers),
    }
    return json.dumps(document | changes).encode()


def padded(content: bytes, size: int) -> bytes:
    return content + b" " * (size - len(content))


def missing_digests(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 400, answer.text
    assert set(error_codes(answer)) == {"MANIFEST_BLOB_UNKNOWN"}
    return {entry["detail"]["digest"] for entry in answer.json()["errors"]}


# -- limits


@pytest.mark.item("66")
def test_a_manifest_of_exactly_4_mib_is_taken_and_comes_back_whole(
    alice: RegistryClient, stocked: str
) -> None:
    content = padded(image(), LIMIT_BYTES)

    assert alice.push_manifest(stocked, "t", content).status_code == 201

    assert alice.request("GET", stocked, "manifests/t").content == content


@pytest.mark.item("66")
@pytest.mark.parametrize("announced", [True, False], ids=["with length", "chunked"])
def test_one_byte_more_is_413(alice: RegistryClient, stocked: str, announced: bool) -> None:
    content = padded(image(), LIMIT_BYTES + 1)
    pieces = (content[start : start + MIB] for start in range(0, len(content), MIB))

    answer = alice.request(
        "PUT",
        stocked,
        "manifests/t",
        content=content if announced else pieces,
        headers={"content-type": OCI_MANIFEST},
    )

    assert (answer.status_code, error_codes(answer)) == (413, ["MANIFEST_INVALID"])
    assert alice.request("HEAD", stocked, "manifests/t").status_code == 404


@pytest.mark.item("66")
@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_a_document_nested_too_deep_is_refused(alice: RegistryClient, stocked: str, bracket: str) -> None:
    step = '{"a":' if bracket == "{}" else "["
    deep = step * 100_000 + "1" + bracket[1] * 100_000
    content = image()[:-1] + b', "deep": ' + deep.encode() + b"}"

    answer = alice.push_manifest(stocked, "t", content)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("66")
def test_a_document_of_nothing_but_brackets_is_refused(alice: RegistryClient, stocked: str) -> None:
    bomb = image(x=[])[:-3] + b"[" + b"[]," * MIB + b"[]]}"

    answer = alice.push_manifest(stocked, "t", bomb)

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("66")
def test_a_document_with_too_many_descriptors_is_refused(alice: RegistryClient, stocked: str) -> None:
    smallest = {"mediaType": "a/b", "digest": sha256(CONFIG), "size": 2}

    answer = alice.push_manifest(stocked, "t", image(*[smallest] * 25_000))

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


# -- blobs


@pytest.mark.item("67")
def test_every_missing_blob_is_reported_once(alice: RegistryClient, stocked: str) -> None:
    config, first, second = b"no such config", b"no such layer", b"nor this one"

    answer = alice.push_manifest(stocked, "t", image_manifest(config, first, second, first))

    assert missing_digests(answer) == {sha256(config), sha256(first), sha256(second)}
    assert len(answer.json()["errors"]) == 3
    assert alice.request("HEAD", stocked, "manifests/t").status_code == 404


@pytest.mark.item("67", "B5")
def test_a_blob_that_only_another_repository_holds_is_missing(alice: RegistryClient, stocked: str) -> None:
    layer = f"only elsewhere, not in {stocked}".encode()
    alice.push_blob(f"{stocked}-other", layer)

    answer = alice.push_manifest(stocked, "t", image(descriptor(layer, OCI_LAYER)))

    assert missing_digests(answer) == {sha256(layer)}


@pytest.mark.item("67")
def test_a_wrong_size_is_answered_with_a_warning(alice: RegistryClient, stocked: str) -> None:
    wrong = descriptor(CONFIG, OCI_CONFIG) | {"size": 12345}

    answer = alice.push_manifest(stocked, "t", image(config=wrong))

    assert answer.status_code == 201
    assert answer.headers["warning"].startswith('299 - "')
    assert sha256(CONFIG) in answer.headers["warning"]


@pytest.mark.item("67")
def test_right_sizes_give_no_warning(alice: RegistryClient, stocked: str) -> None:
    assert "warning" not in alice.push_manifest(stocked, "t", image()).headers


@pytest.mark.item("67")
def test_a_wrong_size_is_refused_where_sizes_are_strict(
    alice: RegistryClient, stocked: str, set_switch: Set
) -> None:
    wrong = descriptor(CONFIG, OCI_CONFIG) | {"size": 12345}
    set_switch(stocked, "--strict-sizes")

    refused = alice.push_manifest(stocked, "t", image(config=wrong))
    taken = alice.push_manifest(stocked, "t", image())

    assert (refused.status_code, error_codes(refused)) == (400, ["MANIFEST_INVALID"])
    assert taken.status_code == 201


@pytest.mark.item("67")
@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": 2.0},
        {"size": "2"},
        {"size": None},
        {"size": 2**63},
        {"size": True},
        {"digest": "sha256:abc"},
        {"digest": "md5:" + "0" * 32},
        {"digest": None},
        {"digest": 5},
        {"mediaType": None},
        {"mediaType": "a/b\r\nx: y"},
        {"annotations": {"a": 1}},
        {"urls": "https://a.test"},
    ],
    ids=repr,
)
def test_a_malformed_descriptor_is_refused(
    alice: RegistryClient, stocked: str, change: dict[str, Any]
) -> None:
    answer = alice.push_manifest(stocked, "t", image(config=descriptor(CONFIG, OCI_CONFIG) | change))

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("68")
@pytest.mark.parametrize(
    "media_type", [FOREIGN, NON_DISTRIBUTABLE, f"{NON_DISTRIBUTABLE}+gzip", f"{NON_DISTRIBUTABLE}+zstd"]
)
def test_layers_that_may_not_be_distributed_need_not_be_present(
    alice: RegistryClient, stocked: str, media_type: str
) -> None:
    layer = descriptor(b"kept by its maker", media_type, urls=["https://maker.test/layer"])

    assert alice.push_manifest(stocked, "t", image(layer)).status_code == 201


# -- children


def children_of(*, present: bool, client: RegistryClient, name: str) -> list[bytes]:
    children = [image(annotations={"n": str(number), "of": name}) for number in range(3)]
    for child in children if present else []:
        assert client.push_manifest(name, sha256(child), child).status_code == 201
    return children


@pytest.mark.item("70")
def test_an_index_whose_children_are_there_is_taken(alice: RegistryClient, stocked: str) -> None:
    children = children_of(present=True, client=alice, name=stocked)

    assert alice.push_manifest(stocked, "t", image_index(*children), OCI_INDEX).status_code == 201


@pytest.mark.item("70")
def test_every_missing_child_of_an_index_is_reported(alice: RegistryClient, stocked: str) -> None:
    children = children_of(present=False, client=alice, name=stocked)

    answer = alice.push_manifest(stocked, "t", image_index(*children), OCI_INDEX)

    assert missing_digests(answer) == {sha256(child) for child in children}


@pytest.mark.item("70")
def test_missing_children_are_taken_where_the_repository_allows_it(
    alice: RegistryClient, stocked: str, set_switch: Set
) -> None:
    index = image_index(*children_of(present=False, client=alice, name=stocked))
    set_switch(stocked, "--allow-missing-children")

    assert alice.push_manifest(stocked, "t", index, OCI_INDEX).status_code == 201

    set_switch(stocked, "--no-allow-missing-children")
    assert alice.push_manifest(stocked, "u", index, OCI_INDEX).status_code == 400


@pytest.mark.item("70")
def test_a_blob_does_not_count_as_a_child(alice: RegistryClient, stocked: str) -> None:
    child = image(annotations={"only": "a blob"})
    alice.push_blob(stocked, child)

    answer = alice.push_manifest(stocked, "t", image_index(child), OCI_INDEX)

    assert missing_digests(answer) == {sha256(child)}


@pytest.mark.item("70")
def test_indexes_nest(alice: RegistryClient, stocked: str) -> None:
    content, media_type = image(), OCI_MANIFEST
    for _ in range(20):
        assert alice.push_manifest(stocked, sha256(content), content, media_type).status_code == 201
        content, media_type = image_index(content, content, media_type=media_type), OCI_INDEX

    assert alice.push_manifest(stocked, "t", content, OCI_INDEX).status_code == 201

    assert alice.request("GET", stocked, "manifests/t").content == content


@pytest.mark.item("70", "E8")
def test_an_index_of_ten_thousand_children_is_taken_in_good_time(
    alice: RegistryClient, stocked: str, set_switch: Set
) -> None:
    set_switch(stocked, "--allow-missing-children")
    children = [{"mediaType": OCI_MANIFEST, "digest": f"sha256:{n:064x}", "size": 1} for n in range(10_000)]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()

    answer = alice.push_manifest(stocked, "t", index, OCI_INDEX)

    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() < 10


# -- subject


@pytest.mark.item("71")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_a_subject_may_be_missing_and_is_echoed(alice: RegistryClient, stocked: str, kind: str) -> None:
    subject = descriptor(b"not here yet", OCI_MANIFEST)
    content = image(subject=subject) if kind == "image" else image_index(subject=subject)
    media_type = OCI_MANIFEST if kind == "image" else OCI_INDEX

    answer = alice.push_manifest(stocked, sha256(content), content, media_type)

    assert answer.status_code == 201
    assert answer.headers["oci-subject"] == subject["digest"]


@pytest.mark.item("71")
def test_without_subject_none_is_echoed(alice: RegistryClient, stocked: str) -> None:
    assert "oci-subject" not in alice.push_manifest(stocked, "t", image()).headers


@pytest.mark.item("71")
@pytest.mark.parametrize("digest", ["sha256:abc", "no digest", "", f"sha256:{'0' * 64}\n"])
def test_a_malformed_subject_digest_is_refused(alice: RegistryClient, stocked: str, digest: str) -> None:
    subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}

    answer = alice.push_manifest(stocked, "t", image(subject=subject))

    assert (answer.status_code, error_codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.item("70")
def test_an_index_may_list_blobs_as_a_build_cache_does(alice: RegistryClient, name: str) -> None:
    layer, config = b"a cached layer", b'{"layers":[],"records":[]}'
    for content in (layer, config):
        alice.push_blob(name, content)
    children = [
        descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip"),
        descriptor(config, "application/vnd.buildkit.cacheconfig.v0"),
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()

    assert alice.push_manifest(name, "cache", index, OCI_INDEX).status_code == 201
    assert alice.request("GET", name, "manifests/cache").content == index
