"""The files of the own certificate authority: made once, renewed, refused; and the hosts they name."""

import ipaddress
import multiprocessing
import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)

from dtr.core.errors import Unavailable
from dtr.plumbing.crypto.ca import CertificateAuthority, load_identity
from tests.support.certificates import (
    HOSTS,
    own_certificate,
    pem_of,
    signed_by,
)


def test_authority_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "tls"
    first = CertificateAuthority.load_or_create(directory).certificate_pem
    assert CertificateAuthority.load_or_create(directory).certificate_pem == first
    assert b"PRIVATE" not in first
    assert stat.S_IMODE((directory / "ca.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def certificate_of(directory: Path) -> bytes:
    return CertificateAuthority.load_or_create(directory).certificate_pem


def test_processes_that_start_at_once_agree_on_one_authority(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as processes:
        certificates = set(processes.map(certificate_of, [tmp_path] * 12))
    assert certificates == {certificate_of(tmp_path)}
    assert [entry.name for entry in tmp_path.iterdir()] == ["ca.pem"]


def test_two_authorities_have_two_names(tmp_path: Path) -> None:
    pems = [certificate_of(tmp_path / name) for name in "ab"]
    assert len({x509.load_pem_x509_certificate(pem).subject for pem in pems}) == 2


def test_server_certificate_is_kept_while_it_is_good(
    authority: CertificateAuthority, server_file: Path, tmp_path: Path
) -> None:
    before = server_file.read_bytes()
    again = authority.server_identity(tmp_path / "tls", list(reversed(HOSTS)))
    assert again == server_file
    assert again.read_bytes() == before
    assert stat.S_IMODE(again.stat().st_mode) == 0o600


@pytest.mark.parametrize("hosts", [HOSTS[:-1], [*HOSTS, "new.example.com"], ["127.0.0.1"]])
def test_server_certificate_is_renewed_when_hosts_change(
    authority: CertificateAuthority, server_file: Path, tmp_path: Path, hosts: list[str]
) -> None:
    before = server_file.read_bytes()
    authority.server_identity(tmp_path / "tls", hosts)
    assert server_file.read_bytes() != before


@pytest.mark.parametrize(("days", "is_renewed"), [(29, True), (30, True), (32, False)])
def test_server_certificate_is_renewed_in_its_last_thirty_days(
    authority: CertificateAuthority, tmp_path: Path, days: int, *, is_renewed: bool
) -> None:
    path = tmp_path / "tls" / "server.pem"
    chain, key = authority.issue(HOSTS, days)
    path.write_bytes(key + chain)
    authority.server_identity(tmp_path / "tls", HOSTS)
    assert (path.read_bytes() != key + chain) is is_renewed


def test_server_certificate_is_renewed_when_the_authority_was_replaced(
    server_file: Path, tmp_path: Path
) -> None:
    before = server_file.read_bytes()
    (tmp_path / "tls" / "ca.pem").unlink()
    authority = CertificateAuthority.load_or_create(tmp_path / "tls")
    authority.server_identity(tmp_path / "tls", HOSTS)
    assert server_file.read_bytes() != before
    assert authority.certificate_pem in server_file.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda good: good[:-200],
        lambda good: good[good.index(b"-----BEGIN CERT") :],
        lambda good: good.replace(b"M", b"N", 40),
    ],
)
def test_server_certificate_that_cannot_be_read_is_made_anew(
    authority: CertificateAuthority, server_file: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    server_file.write_bytes(spoil(server_file.read_bytes()))
    authority.server_identity(tmp_path / "tls", HOSTS)
    load_identity(server_file, server_file).context()


def test_certificate_without_names_is_replaced(authority: CertificateAuthority, tmp_path: Path) -> None:
    path, key = tmp_path / "tls" / "server.pem", ec.generate_private_key(ec.SECP256R1())
    nameless = signed_by(tmp_path / "tls" / "ca.pem", "localhost", key).public_bytes(Encoding.PEM)
    path.write_bytes(pem_of(key) + nameless + authority.certificate_pem)
    authority.server_identity(tmp_path / "tls", HOSTS)
    assert nameless not in path.read_bytes()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Registry.EXAMPLE.com.", "registry.example.com"),
        ("*.example.com", "*.example.com"),
        ("my_registry", "my_registry"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("12345", "12345"),
    ],
)
def test_host_name_is_written_as_clients_compare_it(
    authority: CertificateAuthority, host: str, name: str
) -> None:
    assert names_of(authority, [host, host]) == [x509.DNSName(name)]


@pytest.mark.parametrize("host", ["::1", "[::1]", "::1%eth0", "0:0:0:0:0:0:0:1"])
def test_ipv6_address_is_written_without_brackets_and_zone(
    authority: CertificateAuthority, host: str
) -> None:
    assert names_of(authority, [host]) == [x509.IPAddress(ipaddress.ip_address("::1"))]


def names_of(authority: CertificateAuthority, hosts: list[str]) -> list[x509.GeneralName]:
    leaf = x509.load_pem_x509_certificate(authority.issue(hosts)[0])
    return list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def test_host_name_longer_than_a_common_name_may_be_is_accepted(authority: CertificateAuthority) -> None:
    host = f"{'a' * 60}.{'b' * 60}.example.com"
    assert names_of(authority, [host]) == [x509.DNSName(host)]


@pytest.mark.parametrize(
    "host",
    ["", ".", "host:5000", "https://host/", "a b", "-a", "a-", "a..b", "*", "a.*.b", "a" * 64, "a\n", "a/b"],
)
def test_host_that_is_neither_name_nor_address_is_named(authority: CertificateAuthority, host: str) -> None:
    with pytest.raises(Unavailable, match="neither a host name nor an address"):
        authority.issue(["localhost", host])


def test_no_hosts_at_all_are_refused(authority: CertificateAuthority) -> None:
    with pytest.raises(Unavailable, match="at least one"):
        authority.issue([])


@pytest.mark.parametrize("content", [b"", b"not PEM"])
def test_authority_that_cannot_be_read_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(Unavailable, match=r"ca\.pem"):
        CertificateAuthority.load_or_create(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == content


def test_expired_authority_is_refused(tmp_path: Path) -> None:
    past = timedelta(days=-1)
    certificate, key = own_certificate(tmp_path, starts_in=2 * past, ends_in=past)
    (tmp_path / "ca.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    with pytest.raises(Unavailable, match="has expired"):
        CertificateAuthority.load_or_create(tmp_path)


def test_server_certificate_never_outlives_its_authority(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, ends_in=timedelta(days=50))
    (tmp_path / "ca.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    leaf, root = x509.load_pem_x509_certificates(
        CertificateAuthority.load_or_create(tmp_path).issue(HOSTS)[0]
    )
    assert leaf.not_valid_after_utc == root.not_valid_after_utc


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match=r"Not a directory|File exists"):
        CertificateAuthority.load_or_create(tmp_path / "file" / "tls")
