"""The two registries of these tests: ours with TLS and accounts, and Debian's `docker-registry` as a peer."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.clients.programs import (
    accepts_connections,
    clean_environment,
    daemon,
    find_program,
)
from tests.support.ports import free_port
from tests.support.server import ServerProcess

PASSWORDS: Mapping[str, str] = {
    "alice": "alice-passphrase-for-tests",
    "bob": "bob-passphrase-for-tests",
}


@dataclass(frozen=True)
class Registry:
    """Our registry while it runs."""

    server: ServerProcess
    cert_dir: Path
    """A folder that holds `ca.crt`, as the clients' `--cert-dir` wants it."""

    @property
    def host(self) -> str:
        """`localhost:PORT`, as it stands in image names."""
        return f"localhost:{self.server.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's certificate."""
        return self.cert_dir / "ca.crt"

    def image(self, name: str) -> str:
        """Return the full name of an image in this registry."""
        return f"{self.host}/{name}"

    def publish(self, repository: str) -> None:
        """Let everybody pull from a repository."""
        done = self.server.run("repository", "set", repository, "--visibility", "public")
        assert done.returncode == 0, done.stderr


@contextmanager
def our_registry(folder: Path) -> Iterator[Registry]:
    """Run `dtr serve --tls` with the users of `PASSWORDS`."""
    registry = Registry(ServerProcess(folder / "data", workers=2, tls=True), folder / "certificates")
    registry.server.start()
    try:
        registry.cert_dir.mkdir()
        registry.ca_file.write_bytes(_fetch_authority(registry.host))
        for user, password in PASSWORDS.items():
            registry.server.add_user(user, password)
        yield registry
    finally:
        registry.server.stop()


@contextmanager
def peer_registry(folder: Path) -> Iterator[str]:
    """Run Debian's `docker-registry` without TLS or accounts. Yields its `HOST:PORT`."""
    port = free_port()
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    config_file = folder / "config.yml"
    config_file.write_text(json.dumps(config))
    argv = [find_program("docker-registry"), "serve", str(config_file)]
    env = clean_environment(folder)
    with daemon(argv, env=env, log=folder / "registry.log", ready=partial(accepts_connections, port)):
        yield f"127.0.0.1:{port}"


def _fetch_authority(host: str) -> bytes:
    """Fetch the authority's certificate as a new user does: before there is anything to check it by."""
    answer = httpx.get(f"https://{host}/ca", verify=False)  # noqa: S501
    assert answer.content.startswith(b"-----BEGIN CERTIFICATE-----"), answer.content
    return answer.content
