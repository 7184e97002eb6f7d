"""The answer from memory and the answer the ordinary way are the same answer, header by header."""

from typing import NamedTuple

import pytest

from tests.support.connections import get
from tests.support.raw_http import Answer, Wire
from tests.support.registry import DOCKER_MANIFEST, RegistryClient, image_index, sha256
from tests.support.server import ServerProcess

LAYER = b"a small layer, kept in memory once it was read"
VARYING = frozenset({"date", "x-request-id"})
ORDINARY = "Expect: nothing"
"""A header that makes the fast lane step aside and means nothing else."""


class Read(NamedTuple):
    """A request that memory can answer the second time."""

    method: str
    rest: str
    lines: tuple[str, ...] = ()


TAG, DIGEST, BLOB, MANIFEST_AS_BLOB = (
    "manifests/latest",
    "manifests/{manifest}",
    "blobs/{layer}",
    "blobs/{manifest}",
)
ACCEPTING = ("Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json",)

READS = [
    *(Read(method, rest) for method in ("GET", "HEAD") for rest in (TAG, DIGEST, BLOB, MANIFEST_AS_BLOB)),
    Read("GET", TAG, ACCEPTING),
    Read("GET", DIGEST, (f"Accept: {DOCKER_MANIFEST}",)),
    Read("GET", TAG, ("Accept: */*", "Accept-Encoding: gzip", "User-Agent: a-client/1.0")),
]


class Image(NamedTuple):
    """A pushed image and a token to read it with."""

    target: str
    manifest: bytes
    token: str

    def request(self, read: Read, *more: str) -> bytes:
        rest = read.rest.format(manifest=sha256(self.manifest), layer=sha256(LAYER))
        return get(self.target + rest, self.token, *read.lines, *more, method=read.method)


@pytest.fixture
def image(alice: RegistryClient, name: str) -> Image:
    """Push an image: a write, after which no process has an answer in memory, and a token it has not seen."""
    manifest = alice.push_image(name, "latest", LAYER)
    return Image(f"/v2/{name}/", manifest, alice.repository_token(name, "pull", fresh=True))


def comparable(answer: Answer) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Return status, every header line in order but the two that always differ, and the body."""
    return answer.status, tuple(line for line in answer.lines if line[0] not in VARYING), answer.body


@pytest.mark.item("75", "20", "B1")
@pytest.mark.parametrize("read", READS, ids=lambda read: f"{read.method} {read.rest} {len(read.lines)}")
def test_the_cold_answer_the_warm_answer_and_the_ordinary_answer_are_the_same(
    server: ServerProcess, image: Image, read: Read
) -> None:
    with Wire(server.url) as wire:
        cold, warm, again = (wire.ask(image.request(read), method=read.method) for _ in range(3))
        ordinary = wire.ask(image.request(read, ORDINARY), method=read.method)

    assert cold.status == 200
    assert comparable(cold) == comparable(warm) == comparable(again) == comparable(ordinary)


@pytest.mark.parametrize("read", READS, ids=lambda read: f"{read.method} {read.rest} {len(read.lines)}")
def test_every_answer_has_an_identifier_of_its_own(server: ServerProcess, image: Image, read: Read) -> None:
    with Wire(server.url) as wire:
        answers = [wire.ask(image.request(read), method=read.method) for _ in range(4)]

    assert len({answer.header("x-request-id") for answer in answers}) == len(answers)
    assert all(answer.header("date") for answer in answers)


@pytest.mark.item("20", "75")
@pytest.mark.parametrize("rest", [TAG, DIGEST, BLOB, MANIFEST_AS_BLOB])
def test_head_has_every_header_of_get_cold_and_warm(server: ServerProcess, image: Image, rest: str) -> None:
    with Wire(server.url) as wire:
        heads = [wire.ask(image.request(Read("HEAD", rest)), method="HEAD") for _ in range(2)]
        gets = [wire.ask(image.request(Read("GET", rest))) for _ in range(2)]

    assert len({comparable(answer)[1] for answer in (*heads, *gets)}) == 1


@pytest.mark.item("5")
def test_a_warm_answer_is_only_for_those_who_may_see_it(
    server: ServerProcess, bob: RegistryClient, name: str, image: Image
) -> None:
    stranger = image._replace(token=bob.repository_token(name, "pull"))

    with Wire(server.url) as wire:
        for read in READS:
            assert [wire.ask(image.request(read), method=read.method).status for _ in range(2)] == [200, 200]
            refused = [wire.ask(stranger.request(read), method=read.method).status for _ in range(2)]
            assert refused == [403, 403]


def test_a_warm_manifest_is_still_chosen_by_what_the_client_accepts(
    server: ServerProcess, alice: RegistryClient, name: str, image: Image
) -> None:
    index = image_index()
    assert (
        alice.push_manifest(name, "index", index, "application/vnd.oci.image.index.v1+json").status_code
        == 201
    )
    only_images = Read("GET", "manifests/index", (f"Accept: {DOCKER_MANIFEST}",))

    with Wire(server.url) as wire:
        assert [wire.ask(image.request(Read("GET", "manifests/index"))).body for _ in range(2)] == [index] * 2
        assert wire.ask(image.request(only_images)).status == 404
        assert wire.ask(image.request(Read("GET", "manifests/index"))).body == index


@pytest.mark.item("28")
@pytest.mark.parametrize("rest", [TAG, DIGEST, BLOB])
def test_a_condition_is_heeded_when_the_answer_is_warm(
    server: ServerProcess, image: Image, rest: str
) -> None:
    digest = sha256(LAYER if rest == BLOB else image.manifest)
    conditional = Read("GET", rest, (f'If-None-Match: "{digest}"',))

    with Wire(server.url) as wire:
        assert [wire.ask(image.request(Read("GET", rest))).status for _ in range(2)] == [200, 200]
        assert wire.ask(image.request(conditional)).status == 304
        assert wire.ask(image.request(Read("GET", rest))).status == 200
