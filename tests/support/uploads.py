"""Uploading blobs in every way the protocol knows, and what a server keeps of unfinished ones."""

import time
from collections.abc import Callable, Iterator

import httpx

from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

SECONDS = 10.0

Style = Callable[[RegistryClient, str, bytes, str], httpx.Response]
"""Pushes content under a digest to a repository, and returns the last answer."""


def pieces(content: bytes, size: int = 1000) -> Iterator[bytes]:
    """Cut content up: httpx sends an iterator with chunked transfer coding, without a length."""
    return (content[start : start + size] for start in range(0, len(content), size))


def one_post(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """Send everything in one POST."""
    return client.request("POST", name, "blobs/uploads/", params={"digest": digest}, content=content)


def one_streamed_post(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """Send everything in one POST without a length."""
    return client.request("POST", name, "blobs/uploads/", params={"digest": digest}, content=pieces(content))


def post_and_put(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """Do as containerd: POST, then one PUT with everything."""
    location = client.start_upload(name)
    return client.session("PUT", name, location, params={"digest": digest}, content=content)


def streamed_patch(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """Do as docker: POST, one PATCH without a length, an empty PUT."""
    location = append(client, name, client.start_upload(name), pieces(content))
    return finish(client, name, location, digest)


def ranged_chunks(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """POST, then PATCHes that name their ranges, and the rest with the PUT."""
    location, middle, start = client.start_upload(name), len(content) // 2, 0
    for stop in sorted({middle // 2, middle} - {0}):
        span = {"content-range": f"{start}-{stop - 1}"}
        location = append(client, name, location, content[start:stop], span)
        start = stop
    return finish(client, name, location, digest, content=content[start:])


def announced_algorithm(client: RegistryClient, name: str, content: bytes, digest: str) -> httpx.Response:
    """POST that names the digest's algorithm, PATCH, PUT."""
    wanted = {"digest-algorithm": digest.partition(":")[0]}
    started = client.request("POST", name, "blobs/uploads/", params=wanted)
    assert started.status_code == 202, started.text
    location = append(client, name, started.headers["location"], content)
    return finish(client, name, location, digest)


STYLES: dict[str, Style] = {
    "one POST": one_post,
    "one streamed POST": one_streamed_post,
    "POST and PUT": post_and_put,
    "streamed PATCH": streamed_patch,
    "chunks with ranges": ranged_chunks,
    "announced algorithm": announced_algorithm,
}


def append(
    client: RegistryClient,
    name: str,
    location: str,
    content: bytes | Iterator[bytes],
    headers: dict[str, str] | None = None,
) -> str:
    """PATCH content, which must be accepted; return the next Location."""
    answer = client.session("PATCH", name, location, content=content, headers=headers or {})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def finish(
    client: RegistryClient, name: str, location: str, digest: str, content: bytes = b""
) -> httpx.Response:
    """PUT the digest, and the rest of the content."""
    return client.session("PUT", name, location, params={"digest": digest}, content=content)


def status(client: RegistryClient, name: str, location: str) -> httpx.Response:
    """Ask how far an upload has come."""
    return client.session("GET", name, location)


def received_bytes(answer: httpx.Response) -> int:
    """Return the offset in an upload's answer; of the two that look alike, nothing and one byte, the former."""
    first, _, last = answer.headers["range"].partition("-")
    assert first == "0"
    return int(last) + 1 if last != "0" else 0


def wait_until_received(client: RegistryClient, name: str, location: str, count: int) -> None:
    """Wait until the server has stored that many bytes of an upload."""
    deadline = time.monotonic() + SECONDS
    while received_bytes(status(client, name, location)) < count:
        assert time.monotonic() < deadline, "the server does not take what was sent"
        time.sleep(0.01)


def wait_until_free(client: RegistryClient, name: str, location: str) -> None:
    """Wait until the server has noticed the death of a client: only then another may append."""
    deadline = time.monotonic() + SECONDS
    while client.session("PATCH", name, location, content=b"").status_code == 416:
        assert time.monotonic() < deadline, "the dead client still holds the session"
        time.sleep(0.01)


def unfinished_uploads(server: ServerProcess) -> set[str]:
    """Return the names of the files that hold unfinished uploads."""
    return {path.name for path in (server.data / "storage" / "uploads").iterdir()}


def stored_copies(server: ServerProcess, digest: str) -> int:
    """Count the files that hold a blob."""
    return len(list((server.data / "storage" / "blobs").rglob(digest.partition(":")[2])))


def upload_id(location: str) -> str:
    """Return the session in a Location."""
    return location.rpartition("/")[2].partition("?")[0]
