"""`dtr serve`: first start, clean end, workers that die, and starts that are refused with a reason."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ADMIN_PASSWORD, DTR, ServerProcess
from tests.support.workers import client_of_each_worker

MIB = 1024 * 1024
LAYER = os.urandom(64) * (MIB // 64) * 8
PASSWORD_LINE = re.compile(r"^ +password +(\S+)$", re.MULTILINE)


class MakeServer(Protocol):
    """Makes servers on one data directory, which end with the test at the latest."""

    def __call__(self, *, workers: int = 1, password: str | None = ADMIN_PASSWORD) -> ServerProcess: ...


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    made: list[ServerProcess] = []

    def make(*, workers: int = 1, password: str | None = ADMIN_PASSWORD) -> ServerProcess:
        environment = {"DTR_ADMIN_PASSWORD": password}
        made.append(ServerProcess(tmp_path / "data", workers=workers, environment=environment))
        return made[-1]

    yield make
    for server in made:
        if server.is_running():
            server.kill()


@pytest.fixture
def started(make_server: MakeServer) -> ServerProcess:
    """Give a running server with two workers, for this test alone."""
    server = make_server(workers=2)
    server.start()
    return server


@pytest.fixture
def admin_of(started: ServerProcess) -> Iterator[RegistryClient]:
    with closing(RegistryClient(started.url, "admin", ADMIN_PASSWORD)) as client:
        yield client


def may_enter(server: ServerProcess, password: str) -> bool:
    answer = httpx.get(f"{server.url}/auth/token?service=dtr", auth=("admin", password), timeout=10)
    return answer.status_code == 200


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to refuse to start."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DTR_")}
    return subprocess.run(
        [DTR, "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**clean, **environment},
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 1) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("dtr: ")
    assert all(word in last for word in words), last


# -- the first start -----------------------------------------------------------------------


def test_the_first_start_prints_a_password_that_opens_and_the_second_prints_none(
    make_server: MakeServer,
) -> None:
    server = make_server(password=None)
    server.start()
    [password] = PASSWORD_LINE.findall(server.log.read_text())
    assert may_enter(server, password)
    assert server.stop() == 0

    server.log.write_text("")
    server.start()

    assert PASSWORD_LINE.findall(server.log.read_text()) == []
    assert "serves on" in server.log.read_text()
    assert may_enter(server, password)
    assert server.stop() == 0


def test_a_given_password_is_set_on_the_first_start_only_and_never_printed(make_server: MakeServer) -> None:
    first = make_server(password="first-password-1")
    first.start()
    assert may_enter(first, "first-password-1")
    assert first.stop() == 0
    second = make_server(password="second-password-2")
    second.start()

    assert may_enter(second, "first-password-1")
    assert not may_enter(second, "second-password-2")
    assert "-password-" not in first.log.read_text()
    assert second.stop() == 0


def test_the_data_directory_is_private(started: ServerProcess) -> None:
    assert started.data.stat().st_mode & 0o077 == 0


# -- the end -------------------------------------------------------------------------------


def test_sigterm_ends_an_idle_server_at_once_with_exit_code_0(started: ServerProcess) -> None:
    before = time.monotonic()

    assert started.stop() == 0
    assert time.monotonic() - before < 5


@pytest.mark.item("98")
def test_sigterm_ends_a_server_with_idle_connections_at_once(started: ServerProcess) -> None:
    with closing(httpx.Client(base_url=started.url)) as client:
        assert client.get("/_ping").status_code == 200
        before = time.monotonic()

        assert started.stop() == 0
        assert time.monotonic() - before < 5


class SlowDownload:
    """A download of which only the beginning was read so far."""

    def __init__(self, client: RegistryClient, name: str, content: bytes) -> None:
        host, port = client.url.removeprefix("http://").split(":")
        self._connection = socket.socket()
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._connection.settimeout(20)
        self._connection.connect((host, int(port)))
        token = client.repository_token(name)
        self._connection.sendall(
            f"GET /v2/{name}/blobs/{sha256(content)} HTTP/1.1\r\nhost: x\r\n"
            f"authorization: Bearer {token}\r\n\r\n".encode()
        )
        self._received = self._connection.recv(4096)

    def rest(self) -> bytes:
        """Read to the end; return the body."""
        while b"\r\n\r\n" not in self._received:
            self._received += self._connection.recv(4096)
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        received = bytearray(body)
        while len(received) < int(length[1]) and (piece := self._connection.recv(MIB)):
            received += piece
        self._connection.close()
        return bytes(received)


@pytest.mark.item("98")
def test_sigterm_lets_a_running_download_finish(started: ServerProcess, admin_of: RegistryClient) -> None:
    admin_of.push_blob("admin/app", LAYER)
    download = SlowDownload(admin_of, "admin/app", LAYER)
    codes: list[int] = []
    stopping = threading.Thread(target=lambda: codes.append(started.stop()))
    stopping.start()
    time.sleep(0.5)

    assert download.rest() == LAYER
    stopping.join(12)
    assert codes == [0]


@pytest.mark.item("98")
@pytest.mark.slow
def test_sigterm_waits_no_longer_than_ten_seconds_for_a_client_that_reads_nothing(
    started: ServerProcess, admin_of: RegistryClient
) -> None:
    content = os.urandom(32 * MIB)
    admin_of.push_blob("admin/app", content)
    download = SlowDownload(admin_of, "admin/app", content)
    before = time.monotonic()

    started.stop()

    assert time.monotonic() - before < 11
    assert download.rest() != content


@pytest.mark.item("98", "49")
def test_an_upload_that_the_end_cut_off_goes_on_after_the_next_start(
    started: ServerProcess, admin_of: RegistryClient
) -> None:
    location = admin_of.start_upload("admin/app")
    admin_of.session("PATCH", "admin/app", location, content=LAYER[:MIB])
    assert started.stop() == 0
    started.start()

    status = admin_of.session("GET", "admin/app", location)
    done = admin_of.session(
        "PUT", "admin/app", location, params={"digest": sha256(LAYER)}, content=LAYER[MIB:]
    )

    assert status.headers["range"] == f"0-{MIB - 1}"
    assert done.status_code == 201


# -- workers -------------------------------------------------------------------------------


@pytest.mark.fault
def test_a_killed_worker_is_replaced_and_pulls_go_on(
    started: ServerProcess, admin_of: RegistryClient
) -> None:
    manifest = admin_of.push_image("admin/app", "v1")
    for _ in range(3):
        [victim, survivor] = started.worker_pids()
        os.kill(victim, signal.SIGKILL)
        wait_for_workers(started, without=victim)

        assert survivor in started.worker_pids()
        with client_of_each_worker(started, "admin", ADMIN_PASSWORD) as clients:
            pulled = [client.request("GET", "admin/app", "manifests/v1").content for client in clients]
        assert pulled == [manifest, manifest]
    assert started.stop() == 0


def wait_for_workers(server: ServerProcess, *, without: int, count: int = 2) -> None:
    deadline = time.monotonic() + 10
    while len(found := server.worker_pids()) != count or without in found:
        assert time.monotonic() < deadline, f"workers are {found}"
        time.sleep(0.02)


@pytest.mark.fault
@pytest.mark.item("49")
def test_an_upload_of_a_killed_worker_goes_on_with_another(started: ServerProcess) -> None:
    with client_of_each_worker(started, "admin", ADMIN_PASSWORD) as (first, _):
        location = first.start_upload("admin/app")
        assert first.session("PATCH", "admin/app", location, content=LAYER[:MIB]).status_code == 202
    for pid in started.worker_pids():
        os.kill(pid, signal.SIGKILL)
        wait_for_workers(started, without=pid)

    with closing(RegistryClient(started.url, "admin", ADMIN_PASSWORD)) as client:
        done = client.session(
            "PUT", "admin/app", location, params={"digest": sha256(LAYER)}, content=LAYER[MIB:]
        )
        assert done.status_code == 201, done.text
        assert client.request("GET", "admin/app", f"blobs/{sha256(LAYER)}").content == LAYER


# -- starts that are refused ---------------------------------------------------------------


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(started: ServerProcess) -> None:
    done = serve("--data", str(started.data), "--listen", f"127.0.0.1:{free_port()}")

    assert_refused(done, "another registry runs on", str(started.data), "--data")
    assert httpx.get(f"{started.url}/_ping").status_code == 200


def test_data_that_a_killed_server_left_is_taken_at_once(started: ServerProcess) -> None:
    started.kill()
    started.start()

    assert httpx.get(f"{started.url}/health").status_code == 200


def test_a_port_in_use_is_refused_with_advice(started: ServerProcess, tmp_path: Path) -> None:
    done = serve("--data", str(tmp_path / "other"), "--listen", f"127.0.0.1:{started.port}")

    assert_refused(done, str(started.port), "listens there already", "--listen", code=4)


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    done = serve("--data", str(tmp_path / "file" / "data"), "--listen", "127.0.0.1:0")

    assert_refused(done, str(tmp_path / "file" / "data"))


@pytest.mark.skipif(not Path("/proc/sys").exists(), reason="needs a directory that even root cannot write to")
def test_a_data_directory_that_may_not_be_written_is_refused() -> None:
    done = serve("--data", "/proc/sys", "--listen", "127.0.0.1:0")

    assert_refused(done, "/proc/sys")


def test_a_password_that_is_too_weak_is_refused_before_anything_serves(tmp_path: Path) -> None:
    done = serve("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", DTR_ADMIN_PASSWORD="x")

    assert_refused(done, "password")


def test_a_database_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    url = f"postgresql://dtr@127.0.0.1:{free_port()}/dtr"

    done = serve("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--database", url)

    assert_refused(done, "database")
