"""`dtr serve --tls`: the registry's own authority, its hosts, and certificates of the operator's own."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from dtr.plumbing.crypto.ca import CertificateAuthority
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ADMIN_PASSWORD, ServerProcess

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a server with a certificate of its own authority, for two names."""
    environment = {"DTR_TLS_HOSTS": "127.0.0.1,registry.example"}
    server = ServerProcess(tmp_path_factory.mktemp("tls") / "data", tls=True, environment=environment)
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def ending() -> Iterator[list[ServerProcess]]:
    """Give a list of servers that end with the test at the latest."""
    servers: list[ServerProcess] = []
    yield servers
    for server in servers:
        if server.is_running():
            server.kill()


def trusting(certificate: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate)


def authority_of(server: ServerProcess) -> str:
    answer = httpx.get(f"{server.url}/ca", verify=False)  # noqa: S501 - this is how one gets it
    assert answer.status_code == 200
    return answer.text


def names_of(server: ServerProcess) -> set[str]:
    """Return what the certificate says it is valid for."""
    context = trusting(authority_of(server))
    context.check_hostname = False
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port))) as connection:
        certificate: Any = connection.getpeercert()
    return {str(value) for _, value in certificate["subjectAltName"]}


def test_who_trusts_the_published_authority_connects_without_a_warning(secure: ServerProcess) -> None:
    answer = httpx.get(f"{secure.url}/_ping", verify=trusting(authority_of(secure)))

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"]


def test_who_does_not_trust_it_is_warned(secure: ServerProcess) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{secure.url}/_ping")


def test_the_certificate_is_for_the_hosts_of_the_settings(secure: ServerProcess) -> None:
    assert names_of(secure) == {"127.0.0.1", "registry.example"}


@pytest.mark.item("B1")
def test_an_image_is_pushed_and_pulled_over_tls(secure: ServerProcess) -> None:
    layer = os.urandom(9 * MIB)
    with closing(RegistryClient(secure.url, "admin", ADMIN_PASSWORD)) as client:
        manifest = client.push_image("admin/app", "v1", layer)

        assert client.request("GET", "admin/app", "manifests/v1").content == manifest
        assert client.request("GET", "admin/app", f"blobs/{sha256(layer)}").content == layer


@pytest.mark.item("E4")
def test_a_truncated_blob_is_not_served_over_tls_either(secure: ServerProcess) -> None:
    layer = os.urandom(MIB)
    with closing(RegistryClient(secure.url, "admin", ADMIN_PASSWORD)) as client:
        digest = client.push_blob("admin/app", layer).partition(":")[2]
        file = secure.data / "storage" / "blobs" / "sha256" / digest[:2] / digest
        file.write_bytes(layer[:-1])

        assert client.request("GET", "admin/app", f"blobs/sha256:{digest}").status_code == 503


def test_the_challenge_names_the_scheme_that_the_client_used(secure: ServerProcess) -> None:
    answer = httpx.get(f"{secure.url}/v2/", verify=trusting(authority_of(secure)))

    assert f'realm="{secure.url}/auth/token"' in answer.headers["www-authenticate"]


def test_the_authority_stays_when_the_hosts_change(tmp_path: Path, ending: list[ServerProcess]) -> None:
    authorities, names = [], []
    for hosts in ("localhost", "127.0.0.1,other.example"):
        server = ServerProcess(tmp_path / "data", tls=True, environment={"DTR_TLS_HOSTS": hosts})
        ending.append(server)
        server.start()
        authorities.append(authority_of(server))
        names.append(names_of(server))
        assert server.stop() == 0

    assert authorities[0] == authorities[1]
    assert names == [{"localhost"}, {"127.0.0.1", "other.example"}]


class Pair:
    """An operator's certificate and key, of an authority that the registry does not know."""

    def __init__(self, directory: Path) -> None:
        self.authority = CertificateAuthority.load_or_create(directory / "authority")
        chain, key = self.authority.issue(["127.0.0.1"])
        self.certificate, self.key = directory / "own.crt", directory / "own.key"
        self.certificate.write_bytes(chain)
        self.key.write_bytes(key)

    def server(self, data: Path, key: Path | None = None) -> ServerProcess:
        environment = {"DTR_TLS_CERTIFICATE": str(self.certificate), "DTR_TLS_KEY": str(key or self.key)}
        return ServerProcess(data, tls=True, environment=environment)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_an_own_certificate_is_served_and_no_authority_is_made(
    pair: Pair, tmp_path: Path, ending: list[ServerProcess]
) -> None:
    server = pair.server(tmp_path / "data")
    ending.append(server)
    server.start()

    answer = httpx.get(f"{server.url}/_ping", verify=trusting(pair.authority.certificate_pem.decode()))

    assert answer.status_code == 200
    assert not (tmp_path / "data" / "tls").exists()
    assert server.stop() == 0


def test_a_key_of_another_certificate_is_refused(pair: Pair, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(pair.authority.issue(["127.0.0.1"])[1])
    server = pair.server(tmp_path / "data", key=wrong)

    with pytest.raises(AssertionError, match=r"wrong\.key is not the key of .*own\.crt"):
        server.start()
    assert not server.is_running()


def test_a_certificate_that_is_missing_is_refused(pair: Pair, tmp_path: Path) -> None:
    pair.certificate.unlink()

    with pytest.raises(AssertionError, match=r"own\.crt"):
        pair.server(tmp_path / "data").start()
