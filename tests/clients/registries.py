"""The two registries of these tests: ours with TLS and accounts, and Debian's `docker-registry` as a peer."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.clients.programs import (
    Outcome,
    accepts_connections,
    clean_environment,
    daemon,
    find_program,
    free_port,
    run,
)

DTR = Path(sys.executable).with_name("dtr")

PASSWORDS: Mapping[str, str] = {
    "admin": "admin-passphrase-for-tests",
    "alice": "alice-passphrase-for-tests",
    "bob": "bob-passphrase-for-tests",
}


@dataclass(frozen=True)
class Registry:
    """Our registry while it runs."""

    host: str
    """`localhost:PORT`, as it stands in image names."""

    cert_dir: Path
    """A folder that holds `ca.crt`, as the clients' `--cert-dir` wants it."""

    data: Path

    @property
    def port(self) -> int:
        """The TCP port of 127.0.0.1 that it listens on."""
        return int(self.host.rpartition(":")[2])

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's certificate."""
        return self.cert_dir / "ca.crt"

    def image(self, name: str) -> str:
        """Return the full name of an image in this registry."""
        return f"{self.host}/{name}"

    def command(self, *arguments: str, input_text: str = "") -> Outcome:
        """Run a `dtr` command on this registry's data and expect it to succeed."""
        env = clean_environment(self.data) | {"DTR_DATA": str(self.data)}
        outcome = run([str(DTR), *arguments], env=env, input_text=input_text)
        assert outcome.succeeded, outcome
        return outcome

    def publish(self, repository: str) -> None:
        """Let everybody pull from a repository."""
        self.command("repository", "set", repository, "--visibility", "public")


@contextmanager
def our_registry(folder: Path) -> Iterator[Registry]:
    """Run `dtr serve --tls` with the users of `PASSWORDS`."""
    data, cert_dir, port = folder / "data", folder / "certificates", free_port()
    cert_dir.mkdir()
    address = f"127.0.0.1:{port}"
    argv = [str(DTR), "serve", "--data", str(data), "--listen", address, "--workers", "2", "--tls"]
    env = clean_environment(folder) | {"DTR_ADMIN_PASSWORD": PASSWORDS["admin"]}
    with daemon(argv, env=env, log=folder / "dtr.log", ready=partial(accepts_connections, port)):
        registry = Registry(f"localhost:{port}", cert_dir, data)
        registry.ca_file.write_bytes(_fetch_authority(registry.host))
        for user in PASSWORDS.keys() - {"admin"}:
            registry.command("user", "add", user, "--password-stdin", input_text=PASSWORDS[user])
        yield registry


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
