"""The supervisor with real processes: each test runs a small server in an interpreter of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dtr.cli import exits
from dtr.plumbing.asgi.listening import ListenError, bind_listening_socket
from dtr.plumbing.asgi.supervisor import Ending

SERVER = """
import os, signal, sys, time
from pathlib import Path
from dtr.plumbing.asgi.supervisor import Timing, supervise

folder = Path(sys.argv[1])

def note(kind, *words):
    with (folder / kind).open("a") as file:
        print(*words, file=file)

def run_worker(index):
    note("started", index, os.getpid())
    {body}

sys.exit(supervise({workers}, run_worker, lambda pid: note("died", pid), Timing({timing})))
"""

WAIT = "while True: time.sleep(0.05)"
STUBBORN = (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); note('ready', index)\n    while True: time.sleep(0.05)"
)
QUICK = "stop=1.0, stable=0.3, roll_pause=0.1"


class Server:
    """A running server."""

    def __init__(self, folder: Path, body: str, workers: int, timing: str) -> None:
        self.folder = folder
        script = folder / "server.py"
        script.write_text(SERVER.format(body=body, workers=workers, timing=timing))
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def lines(self, kind: str) -> list[str]:
        file = self.folder / kind
        return file.read_text().splitlines() if file.exists() else []

    def started(self) -> list[int]:
        """Return the process ids of all workers there have been, in order."""
        return [int(line.split()[1]) for line in self.lines("started")]

    def wait_for(self, count: int, kind: str = "started") -> list[int]:
        wait_until(lambda: len(self.lines(kind)) >= count)
        return self.started()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()


StartServer = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    servers: list[Server] = []

    def make(body: str = WAIT, *, workers: int = 2, timing: str = QUICK) -> Server:
        servers.append(Server(tmp_path, textwrap.indent(body, "").strip(), workers, timing))
        return servers[-1]

    yield make
    for server in servers:
        for pid in [server.process.pid, *server.started()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_killed_worker_is_replaced_and_its_death_told(start: StartServer) -> None:
    server = start()
    first, second = server.wait_for(2)

    os.kill(first, signal.SIGKILL)
    third = server.wait_for(3)[2]

    assert is_running(second)
    assert is_running(third)
    wait_until(lambda: server.lines("died") == [str(first)])
    assert sorted(line.split()[0] for line in server.lines("started")) in (["0", "0", "1"], ["0", "1", "1"])
    assert server.stop() == Ending.STOPPED
    assert "SIGKILL" in server.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_signal_ends_every_worker_with_a_clean_exit_code(
    start: StartServer, workers: int, number: signal.Signals
) -> None:
    server = start(workers=workers)
    pids = server.wait_for(workers)

    assert server.stop(number) == 0

    assert not any(is_running(pid) for pid in pids)


def test_a_worker_that_does_not_end_is_killed_and_the_exit_code_says_so(start: StartServer) -> None:
    server = start(STUBBORN)
    pids = server.wait_for(2, "ready")
    before = time.monotonic()

    assert server.stop() == Ending.WORKERS_KILLED

    assert 0.9 < time.monotonic() - before < 5
    assert not any(is_running(pid) for pid in pids)


def test_no_worker_outlives_a_supervisor_that_is_killed(start: StartServer) -> None:
    server = start()
    pids = server.wait_for(2)

    os.kill(server.process.pid, signal.SIGKILL)

    wait_until(lambda: not any(is_running(pid) for pid in pids), 5)


def test_a_stubborn_worker_does_not_outlive_a_supervisor_that_is_killed(start: StartServer) -> None:
    server = start(STUBBORN)
    pids = server.wait_for(2, "ready")

    os.kill(server.process.pid, signal.SIGKILL)

    wait_until(lambda: not any(is_running(pid) for pid in pids), 8)


def test_a_replacement_notices_the_death_of_the_supervisor_too(start: StartServer) -> None:
    server = start()
    os.kill(server.wait_for(2)[0], signal.SIGKILL)
    pids = server.wait_for(3)

    os.kill(server.process.pid, signal.SIGKILL)

    wait_until(lambda: not any(is_running(pid) for pid in pids), 5)


def test_hang_up_replaces_every_worker_one_at_a_time(start: StartServer) -> None:
    server = start(workers=3)
    old = server.wait_for(3)

    server.process.send_signal(signal.SIGHUP)
    everyone = server.wait_for(6)

    wait_until(lambda: not any(is_running(pid) for pid in old))
    assert [line.split()[0] for line in server.lines("started")[3:]] == ["0", "1", "2"]
    assert sorted(server.lines("died")) == sorted(map(str, old))
    assert all(is_running(pid) for pid in everyone[3:])
    assert server.stop() == 0


def test_hang_up_leaves_a_single_worker_running(start: StartServer) -> None:
    server = start(workers=1)
    server.wait_for(1)

    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)

    assert server.process.poll() is None
    assert server.stop() == 0


def test_workers_that_keep_failing_end_the_server_with_an_exit_code_of_their_own(start: StartServer) -> None:
    server = start("raise OSError('no database')", timing="stable=5.0, first_backoff=0.01, give_up_after=3")

    assert server.process.wait(20) == Ending.WORKERS_KEEP_FAILING

    assert "no database" in server.output()
    assert 6 <= len(server.started()) <= 8


def test_one_failing_worker_does_not_end_the_others(start: StartServer) -> None:
    body = f"if index == 0: time.sleep(0.02); sys.exit(3)\n    {WAIT}"
    server = start(body, timing="stable=0.2, first_backoff=0.01, longest_backoff=0.02, give_up_after=3")

    server.wait_for(15)

    assert server.process.poll() is None
    assert server.stop() == 0


def test_a_worker_that_dies_soon_after_its_start_is_replaced_later_and_later(start: StartServer) -> None:
    body = "note('at', time.monotonic()); sys.exit(1)"
    server = start(body, timing="stable=30.0, first_backoff=0.2, give_up_after=3")
    server.process.wait(30)

    moments = sorted(float(line) for line in server.lines("at"))

    assert moments[-1] - moments[0] > 0.15


@pytest.mark.parametrize("workers", [1, 2])
def test_the_exit_code_of_a_single_worker_is_the_servers(start: StartServer, workers: int) -> None:
    server = start("sys.exit(7)", workers=workers, timing="first_backoff=0.01, give_up_after=1")

    assert server.process.wait(20) == (7 if workers == 1 else Ending.WORKERS_KEEP_FAILING)


def test_an_error_in_taking_note_of_a_death_does_not_end_the_server(start: StartServer) -> None:
    server = start()
    (server.folder / "died").mkdir()

    os.kill(server.wait_for(2)[0], signal.SIGKILL)
    server.wait_for(3)

    assert server.process.poll() is None
    assert server.stop() == 0


def test_the_commands_exit_codes_are_those_of_the_supervisor() -> None:
    assert {ending.name: int(ending) for ending in Ending} == {
        "STOPPED": exits.OK,
        "WORKERS_KEEP_FAILING": exits.WORKERS_KEEP_FAILING,
        "WORKERS_KILLED": exits.WORKERS_KILLED,
    }


# -- the socket ------------------------------------------------------------------------------


def connects(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


def test_port_zero_takes_a_free_port() -> None:
    with bind_listening_socket("127.0.0.1", 0) as listening:
        assert connects("127.0.0.1", listening.getsockname()[1])


@pytest.mark.parametrize("host", ["", "::"])
def test_every_address_means_both_families(host: str) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with bind_listening_socket(host, 0) as listening:
        port = listening.getsockname()[1]
        assert connects("127.0.0.1", port)
        assert connects("::1", port)


def test_a_name_is_resolved() -> None:
    with bind_listening_socket("localhost", 0) as listening:
        assert connects("localhost", listening.getsockname()[1])


def test_a_port_in_use_is_told_with_the_address_and_what_to_do() -> None:
    with bind_listening_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}: something listens there already") as caught:
            bind_listening_socket("127.0.0.1", port)
    assert "--listen" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "said"), [("192.0.2.1", "does not have that address"), ("no-such-host.invalid", "unknown host")]
)
def test_an_address_of_somebody_else_is_refused(host: str, said: str) -> None:
    with pytest.raises(ListenError, match=said):
        bind_listening_socket(host, 5000)


def test_a_privileged_port_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)

    with pytest.raises(ListenError, match="not permitted") as caught:
        bind_listening_socket("127.0.0.1", 80)
    assert "CAP_NET_BIND_SERVICE" in caught.value.hint
