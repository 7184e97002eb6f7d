"""A registry while it runs: started on its own core, asked in the name of a user, watched."""

import base64
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self, TypeAlias
from urllib.parse import quote, urlsplit

import orjson

from bench.kinds import Kind, host_of
from bench.process import pinned
from bench.wire import Answer, Connection, Part, Request

Headers: TypeAlias = Sequence[tuple[str, str]]

USER: Final = "admin"
CHUNKED: Final = ("Transfer-Encoding", "chunked")
_PATIENCE_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.002
_CHALLENGE: Final = re.compile(r'Bearer realm="([^"]+)",service="([^"]+)"')


class NotStarted(Exception):
    """A server ended or stayed silent instead of answering."""


class Peer:
    """A registry while it runs, with an empty directory at first. A context manager.

    Entering raises NotStarted.
    """

    def __init__(self, kind: Kind, directory: Path, core: int) -> None:
        self.name = kind.name
        self.address = ("127.0.0.1", _free_port())
        self.directory = directory / kind.name
        self.directory.mkdir()
        self.blob_folder = self.directory / kind.blob_folder
        self.seconds_to_first_answer = 0.0
        self._kind = kind
        self._core = core
        self._password = secrets.token_urlsafe(24)
        self._authorization = ""
        self._log = directory / f"{kind.name}.log"

    def __enter__(self) -> Self:
        started = time.perf_counter()
        self._process = self._start()
        try:
            self._wait_for_answer()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.seconds_to_first_answer = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process that was started; others may descend from it."""
        return self._process.pid

    def request(  # noqa: PLR0913 - a request has this many parts
        self,
        method: str,
        path: str,
        status: int,
        *,
        headers: Headers = (),
        body: Sequence[Part] = (),
        length: int | None = None,
        keeps_body: bool = False,
    ) -> Request:
        """Prepare a request in the name of the last login, and say what its answer must be like."""
        fields = [*headers]
        if method in {"POST", "PUT", "PATCH"} and CHUNKED not in fields:
            fields.append(("Content-Length", str(sum(map(len, body)))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        start = f"{method} {path} HTTP/1.1\r\nHost: {host_of(self.address)}\r\nUser-Agent: bench\r\n"
        head = f"{start}{self._authorization}{lines}\r\n".encode()
        return Request((head, *body), status, length, method != "HEAD", keeps_body)

    def call(self, request: Request) -> Answer:
        """Ask once, on a connection of its own. Raises WrongAnswer."""
        with Connection(self.address) as connection:
            return connection.call(request)

    def login(self, scopes: Sequence[str]) -> None:
        """Get a fresh token for `scopes`, if the registry has accounts. Raises WrongAnswer."""
        if self._kind.password_variable is None:
            return
        self._authorization = ""
        challenge = self.call(self._ping()).header("WWW-Authenticate") or ""
        match = _CHALLENGE.search(challenge)
        if match is None:
            raise NotStarted(f"{self.name} does not say where to get a token: {challenge!r}")
        self._authorization = f"Authorization: Bearer {self._token(match[1], match[2], scopes)}\r\n"

    def drop_blobs(self, larger_than_bytes: int, keep: Iterable[str]) -> None:
        """Remove files of large blobs behind the registry's back, so that the disk does not fill up."""
        kept = {digest.rpartition(":")[2] for digest in keep}
        for file in self.blob_folder.rglob("*"):
            if kept.isdisjoint({file.name, file.parent.name}) and file.stat().st_size > larger_than_bytes:
                file.unlink()

    def tag_folder(self, repository: str) -> Path | None:
        """Return the folder in which each tag of a repository is a folder to copy, if there is one."""
        if self._kind.tag_folder is None:
            return None
        return self.directory / self._kind.tag_folder.format(repository=repository)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        if self._kind.password_variable is not None:
            environment[self._kind.password_variable] = self._password
        command = self._kind.command(self.directory, self.address)
        with pinned(self._core), self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.call(self._ping())
            except OSError:
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise NotStarted(f"{self.name} does not answer:\n{self._log.read_text(errors='replace')[-2000:]}")

    def _ping(self) -> Request:
        return self.request("GET", "/v2/", 200 if self._kind.password_variable is None else 401)

    def _token(self, realm: str, service: str, scopes: Sequence[str]) -> str:
        wanted = "".join(f"&scope={quote(scope)}" for scope in scopes)
        credentials = base64.b64encode(f"{USER}:{self._password}".encode()).decode()
        path = f"{urlsplit(realm).path}?service={quote(service)}{wanted}"
        headers = [("Authorization", f"Basic {credentials}")]
        answer = self.call(self.request("GET", path, 200, headers=headers, keeps_body=True))
        return str(orjson.loads(answer.body)["token"])


def _free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
