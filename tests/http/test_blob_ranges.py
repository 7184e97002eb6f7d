"""Parts of blobs: byte ranges one at a time, several at once, many in parallel (RFC 9110 section 14)."""

import email.parser
import email.policy
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from tests.support.connections import get
from tests.support.processes import holds_open, processes_of
from tests.support.raw_http import Wire
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess

SMALL = hashlib.shake_128(b"small").digest(1000)
LARGE = hashlib.shake_128(b"large").digest(200_000)
CONTENTS = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
MEBIBYTE = 1024 * 1024


class BodyPart(NamedTuple):
    """One part of a multipart answer."""

    content_type: str
    content_range: str
    body: bytes


def fetch(alice: RegistryClient, name: str, content: bytes, span: str) -> httpx.Response:
    digest = alice.push_blob(name, content)
    return alice.request("GET", name, f"blobs/{digest}", headers={"range": span})


def body_parts(answer: httpx.Response) -> list[BodyPart]:
    """Take a multipart/byteranges body apart with a parser that did not write it."""
    assert answer.headers["content-length"] == str(len(answer.content))
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.content)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    return [
        BodyPart(part["content-type"], part["content-range"], _payload(part.get_payload(decode=True)))
        for part in message.iter_parts()
    ]


def _payload(payload: object) -> bytes:
    assert isinstance(payload, bytes)
    return payload


@pytest.mark.item("23")
@CONTENTS
@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=990-", 990, None),
        ("bytes=-10", -10, None),
        ("bytes=-1", -1, None),
        ("bytes=500-99999999999999999999", 500, None),
        ("bytes=-99999999999999999999", 0, None),
        ("Bytes=5-9", 5, 9),
        ("bytes= 5-9", 5, 9),
        ("bytes=,5-9,", 5, 9),
    ],
)
def test_a_single_range_gives_exactly_that_part(
    alice: RegistryClient, name: str, content: bytes, span: str, first: int, last: int | None
) -> None:
    size = len(content)
    start = first if first >= 0 else size + first
    stop = size if last is None else last + 1

    answer = fetch(alice, name, content, span)

    assert answer.status_code == 206
    assert answer.content == content[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["docker-content-digest"] == sha256(content)
    assert answer.headers["etag"] == f'"{sha256(content)}"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.item("24")
@CONTENTS
@pytest.mark.parametrize(
    "distance", ["bytes={size}-", "bytes={size}-{size}", "bytes=99999999-", "bytes=5-4", "bytes=-0"]
)
def test_a_range_outside_the_blob_is_416_and_names_its_size(
    alice: RegistryClient, name: str, content: bytes, distance: str
) -> None:
    size = len(content)

    answer = fetch(alice, name, content, distance.format(size=size))

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert error_codes(answer) == ["RANGE_INVALID"]
    assert content[:20] not in answer.content


@pytest.mark.item("25", "B1")
@CONTENTS
def test_the_range_from_the_first_byte_on_is_the_whole_as_206(
    alice: RegistryClient, name: str, content: bytes
) -> None:
    answer = fetch(alice, name, content, "bytes=0-")

    assert (answer.status_code, answer.content) == (206, content)


@pytest.mark.item("25")
def test_many_ranges_at_once_make_up_the_blob(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    content = hashlib.shake_128(b"parallel").digest(16 * MEBIBYTE)
    digest = alice.push_blob(name, content)
    headers = {"authorization": f"Bearer {alice.repository_token(name)}"}

    def part(first: int) -> bytes:
        span = {"range": f"bytes={first}-{first + MEBIBYTE - 1}"}
        answer = httpx.get(f"{server.url}/v2/{name}/blobs/{digest}", headers=headers | span, timeout=30)
        assert answer.status_code == 206
        return answer.content

    with ThreadPoolExecutor(16) as pool:
        parts = list(pool.map(part, range(0, len(content), MEBIBYTE)))

    assert b"".join(parts) == content


@pytest.mark.item("25")
@pytest.mark.parametrize("lines", [(), ("Range: bytes=0-",), ("Range: bytes=1-9999999,20000000-",)])
def test_work_stops_when_the_client_leaves_early(
    server: ServerProcess, alice: RegistryClient, name: str, lines: tuple[str, ...]
) -> None:
    digest = alice.push_blob(name, bytes(32 * MEBIBYTE) + name.encode())
    token = alice.repository_token(name)
    hexadecimal = digest.partition(":")[2]
    [file] = server.data.rglob(hexadecimal)
    processes = processes_of(server.pid)

    with Wire(server.url, receive_buffer_bytes=4096) as wire:
        wire.send(get(f"/v2/{name}/blobs/{digest}", token, *lines))
        wire.receive(1000)
        assert holds_open(processes, file), "the answer is under way"

    deadline = time.monotonic() + 10
    while holds_open(processes, file):
        assert time.monotonic() < deadline, "somebody still sends to a client that is gone"
        time.sleep(0.02)


@pytest.mark.item("26")
@CONTENTS
@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("bytes=0-9,20-29", [(0, 9), (20, 29)]),
        ("bytes=0-0,-1", [(0, 0), (-1, -1)]),
        ("bytes=500-599, 0-9", [(500, 599), (0, 9)]),
        ("bytes=0-9,10-19", [(0, 9), (10, 19)]),
        ("bytes=0-9,99999999-", [(0, 9)]),
        ("bytes=0-99,50-149,900-909", [(0, 149), (900, 909)]),
        ("bytes=0-99,50-149", [(0, 149)]),
        ("bytes=5-5,5-5,5-5", [(5, 5)]),
    ],
)
def test_several_ranges_come_each_with_its_place(
    alice: RegistryClient, name: str, content: bytes, span: str, expected: list[tuple[int, int]]
) -> None:
    size = len(content)
    spans = [(first % size, last % size) for first, last in expected]

    answer = fetch(alice, name, content, span)

    assert answer.status_code == 206
    if len(spans) == 1:
        assert answer.content == content[spans[0][0] : spans[0][1] + 1]
        assert answer.headers["content-range"] == f"bytes {spans[0][0]}-{spans[0][1]}/{size}"
        return
    assert "content-range" not in answer.headers
    assert answer.headers["docker-content-digest"] == sha256(content)
    assert body_parts(answer) == [
        BodyPart("application/octet-stream", f"bytes {first}-{last}/{size}", content[first : last + 1])
        for first, last in spans
    ]


@pytest.mark.item("26")
@pytest.mark.parametrize("content", [b"--a\r\n--b--\r\n\r\n" * 200, bytes(3000)], ids=["boundaries", "zeros"])
def test_no_content_can_be_taken_for_a_boundary(alice: RegistryClient, name: str, content: bytes) -> None:
    answer = fetch(alice, name, content, "bytes=0-999,1500-2499")

    assert [part.body for part in body_parts(answer)] == [content[:1000], content[1500:2500]]


@pytest.mark.item("26")
def test_sixty_four_ranges_are_served_and_one_more_is_not(alice: RegistryClient, name: str) -> None:
    spans = [f"{start}-{start}" for start in range(0, 650, 10)]

    most = fetch(alice, name, SMALL, f"bytes={','.join(spans[:64])}")
    too_many = fetch(alice, name, SMALL, f"bytes={','.join(spans)}")

    assert [part.body for part in body_parts(most)] == [
        SMALL[start : start + 1] for start in range(0, 640, 10)
    ]
    assert too_many.status_code == 416


@pytest.mark.item("26")
def test_the_next_answer_follows_where_several_ranges_ended(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    digest, token = alice.push_blob(name, LARGE), alice.repository_token(name)
    target = f"/v2/{name}/blobs/{digest}"

    with Wire(server.url) as wire:
        assert wire.ask(get(target, token, "Range: bytes=0-99999,150000-")).status == 206
        assert wire.ask(get(target, token)).body == LARGE


@pytest.mark.item("27")
@CONTENTS
@pytest.mark.parametrize(
    "span",
    [
        "items=0-5",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=0x1-0x2",
        "bytes=--5",
        "bytes=1-2;3-4",
        "bytes:0-5",
        "0-5",
        "",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=\u0661-\u0662".encode().decode("latin-1"),
    ],
)
def test_a_range_that_is_not_understood_is_ignored(
    alice: RegistryClient, name: str, content: bytes, span: str
) -> None:
    digest = alice.push_blob(name, content)

    answer = alice.raw("GET", f"/v2/{name}/blobs/{digest}", headers={"range": span}, name=name)

    assert (answer.status, answer.body) == (200, content)


@pytest.mark.item("23")
def test_a_manifest_at_the_address_of_a_blob_has_ranges_too(alice: RegistryClient, name: str) -> None:
    manifest = alice.push_image(name)

    answer = alice.request("GET", name, f"blobs/{sha256(manifest)}", headers={"range": "bytes=2-5"})

    assert (answer.status_code, answer.content) == (206, manifest[2:6])
