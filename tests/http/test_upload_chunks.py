"""Chunks of an upload: with and without ranges, in and out of order, cut short."""

import httpx
import pytest

from tests.support.raw_http import Wire, head
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import (
    append,
    finish,
    pieces,
    received_bytes,
    status,
    upload_id,
    wait_until_free,
    wait_until_received,
)

FIRST, SECOND = b"the first chunk", b"and the second one"
WHOLE = FIRST + SECOND
DIGEST = sha256(WHOLE)


@pytest.fixture
def started(alice: RegistryClient, name: str) -> str:
    """Give the address of an upload that has its first chunk."""
    return append(alice, name, alice.start_upload(name), FIRST)


def patch(client: RegistryClient, name: str, location: str, content: bytes, span: str) -> httpx.Response:
    return client.session("PATCH", name, location, content=content, headers={"content-range": span})


def span_of(start: int, content: bytes) -> str:
    return f"{start}-{start + len(content) - 1}"


def assert_out_of_order(answer: httpx.Response, location: str) -> None:
    """Expect 416 with all that a client needs to go on at the right place."""
    assert answer.status_code == 416
    assert error_codes(answer) == ["RANGE_INVALID"]
    assert answer.headers["range"] == f"0-{len(FIRST) - 1}"
    assert answer.headers["location"] == location
    assert answer.headers["docker-upload-uuid"] == upload_id(location)


def assert_goes_on(client: RegistryClient, name: str, location: str) -> None:
    """Expect that the upload still has its first chunk, takes the second one and has the right digest."""
    assert received_bytes(status(client, name, location)) == len(FIRST)
    assert patch(client, name, location, SECOND, span_of(len(FIRST), SECOND)).status_code == 202
    assert finish(client, name, location, DIGEST).status_code == 201
    assert client.request("GET", name, f"blobs/{DIGEST}").content == WHOLE


@pytest.mark.item("38")
def test_a_chunk_with_chunked_coding_needs_no_length_and_no_range(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)

    answer = alice.session("PATCH", name, location, content=pieces(WHOLE, 4))

    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 202
    assert answer.headers["range"] == f"0-{len(WHOLE) - 1}"
    assert answer.headers["location"] == location
    assert answer.headers["docker-upload-uuid"] == upload_id(location)
    assert finish(alice, name, location, DIGEST).status_code == 201


@pytest.mark.item("39")
def test_a_second_chunk_without_a_range_is_appended(alice: RegistryClient, name: str) -> None:
    location = append(alice, name, alice.start_upload(name), pieces(FIRST, 4))

    answer = alice.session("PATCH", name, location, content=pieces(SECOND, 4))

    assert answer.headers["range"] == f"0-{len(WHOLE) - 1}"
    assert finish(alice, name, location, DIGEST).status_code == 201
    assert alice.request("GET", name, f"blobs/{DIGEST}").content == WHOLE


@pytest.mark.item("39")
def test_chunks_with_ranges_in_order_are_appended(alice: RegistryClient, name: str, started: str) -> None:
    assert_goes_on(alice, name, started)


@pytest.mark.item("40")
def test_a_gap_is_refused_and_the_upload_goes_on(alice: RegistryClient, name: str, started: str) -> None:
    refused = patch(alice, name, started, SECOND, span_of(len(FIRST) + 1, SECOND))

    assert_out_of_order(refused, started)
    assert_goes_on(alice, name, started)


@pytest.mark.item("40")
def test_a_first_chunk_that_does_not_start_at_zero_is_refused(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)

    refused = patch(alice, name, location, SECOND, span_of(5, SECOND))

    assert refused.status_code == 416
    assert refused.headers["range"] == "0-0"
    assert refused.headers["location"] == location
    assert finish(alice, name, location, DIGEST, WHOLE).status_code == 201


@pytest.mark.item("41")
def test_a_repeated_chunk_is_refused_and_the_upload_goes_on(
    alice: RegistryClient, name: str, started: str
) -> None:
    refused = patch(alice, name, started, FIRST, span_of(0, FIRST))

    assert_out_of_order(refused, started)
    assert_goes_on(alice, name, started)


@pytest.mark.item("41")
def test_a_chunk_that_overlaps_is_refused_and_the_upload_goes_on(
    alice: RegistryClient, name: str, started: str
) -> None:
    refused = patch(alice, name, started, SECOND, span_of(len(FIRST) - 1, SECOND))

    assert_out_of_order(refused, started)
    assert_goes_on(alice, name, started)


@pytest.mark.item("42")
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_range_that_disagrees_with_the_length_is_refused(
    alice: RegistryClient, name: str, started: str, difference: int
) -> None:
    start = len(FIRST)

    refused = patch(alice, name, started, SECOND, f"{start}-{start + len(SECOND) - 1 + difference}")

    assert refused.status_code == 400
    assert error_codes(refused) == ["SIZE_INVALID"]
    assert_goes_on(alice, name, started)


@pytest.mark.item("42")
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_body_without_length_that_disagrees_with_its_range_is_taken_back(
    alice: RegistryClient, name: str, started: str, difference: int
) -> None:
    start = len(FIRST)
    span = {"content-range": f"{start}-{start + len(SECOND) - 1 + difference}"}

    refused = alice.session("PATCH", name, started, content=pieces(SECOND, 4), headers=span)

    assert refused.status_code == 400
    assert error_codes(refused) == ["SIZE_INVALID"]
    assert_goes_on(alice, name, started)


@pytest.mark.item("42")
@pytest.mark.parametrize("with_range", [True, False])
def test_what_arrived_before_a_client_died_is_kept(
    server: ServerProcess, alice: RegistryClient, name: str, started: str, with_range: bool
) -> None:
    lines = [f"Authorization: Bearer {alice.repository_token(name)}", f"Content-Length: {len(SECOND) + 1000}"]
    if with_range:
        lines.append(f"Content-Range: {len(FIRST)}-{len(WHOLE) + 999}")
    with Wire(server.url) as dying:
        dying.send(head("PATCH", started, *lines) + SECOND)
        wait_until_received(alice, name, started, len(WHOLE))
        dying.cut()

    wait_until_free(alice, name, started)
    assert received_bytes(status(alice, name, started)) == len(WHOLE)
    assert finish(alice, name, started, DIGEST).status_code == 201


@pytest.mark.item("43")
@pytest.mark.parametrize("total", ["*", "1000"])
def test_a_range_with_unit_and_total_is_accepted(
    alice: RegistryClient, name: str, started: str, total: str
) -> None:
    answer = patch(alice, name, started, SECOND, f"bytes {span_of(len(FIRST), SECOND)}/{total}")

    assert answer.status_code == 202
    assert answer.headers["range"] == f"0-{len(WHOLE) - 1}"


@pytest.mark.item("43")
@pytest.mark.parametrize(
    "span",
    [
        "bytes 15-32/20",
        "bytes=15-32",
        "bytes */33",
        "15-",
        "-18",
        "32-15",
        "15",
        "a-b",
        "",
        "15-32-33",
        "\u0661-\u0662",
    ],
)
def test_a_range_that_makes_no_sense_is_416_and_the_upload_goes_on(
    alice: RegistryClient, name: str, started: str, span: str
) -> None:
    headers = {b"content-range": span.encode()}
    token = f"Bearer {alice.repository_token(name)}".encode()

    refused = alice.http.patch(started, content=SECOND, headers={b"authorization": token, **headers})

    assert refused.status_code == 416
    assert error_codes(refused) == ["RANGE_INVALID"]
    assert_goes_on(alice, name, started)


@pytest.mark.item("44")
@pytest.mark.parametrize("start", [0, len(FIRST) - 1, len(FIRST) + 1])
def test_a_last_chunk_in_the_wrong_place_is_refused_and_the_session_stays(
    alice: RegistryClient, name: str, started: str, start: int
) -> None:
    span = {"content-range": span_of(start, SECOND)}

    refused = alice.session("PUT", name, f"{started}?digest={DIGEST}", content=SECOND, headers=span)

    assert_out_of_order(refused, started)
    assert_goes_on(alice, name, started)


@pytest.mark.item("44")
def test_a_last_chunk_in_the_right_place_finishes(alice: RegistryClient, name: str, started: str) -> None:
    span = {"content-range": span_of(len(FIRST), SECOND)}

    answer = alice.session("PUT", name, f"{started}?digest={DIGEST}", content=SECOND, headers=span)

    assert answer.status_code == 201
    assert alice.request("GET", name, f"blobs/{DIGEST}").content == WHOLE
