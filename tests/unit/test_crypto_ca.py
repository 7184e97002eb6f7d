"""The own certificate authority, as TLS clients see it, and the operator's own certificate."""

import ipaddress
import multiprocessing
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from dtr.core.errors import Unavailable
from dtr.plumbing.crypto.ca import CertificateAuthority, load_identity

HOSTS = ["localhost", "registry.example.com", "127.0.0.1", "::1"]
ServerKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


class Issued(NamedTuple):
    """What an authority issued, on disk for programs and parsed for us."""

    ca_file: Path
    leaf_file: Path
    authority: x509.Certificate
    leaf: x509.Certificate


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(tmp_path / "tls")


@pytest.fixture
def issued(authority: CertificateAuthority, tmp_path: Path) -> Issued:
    ca_file, leaf_file = tmp_path / "trusted.pem", tmp_path / "leaf.pem"
    chain, _ = authority.issue(HOSTS)
    ca_file.write_bytes(authority.certificate_pem)
    leaf_file.write_bytes(chain)
    leaf, root = x509.load_pem_x509_certificates(chain)
    return Issued(ca_file, leaf_file, root, leaf)


@pytest.fixture
def server_file(authority: CertificateAuthority, tmp_path: Path) -> Path:
    return authority.server_identity(tmp_path / "tls", HOSTS)


def own_certificate(
    folder: Path,
    *,
    starts_in: timedelta = timedelta(hours=-1),
    ends_in: timedelta = timedelta(days=1),
    key: ServerKey | None = None,
    encryption: KeySerializationEncryption | None = None,
) -> tuple[Path, Path]:
    """Write what an operator might bring along."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + ends_in)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "own.pem", folder / "own-key.pem"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    key_file.write_bytes(pem)
    return certificate_file, key_file


def signed_by(
    authority_file: Path, name: str, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
) -> x509.Certificate:
    """Use the key in a file for what the product never does with it."""
    content = authority_file.read_bytes()
    issuer, issuer_key = x509.load_pem_x509_certificate(content), load_pem_private_key(content, password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(datetime.now(UTC) + timedelta(days=90))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256())


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def exchange(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bytes:
    """Send one message to a server on loopback, and return what its client got."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, server.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(b"hello")

        served = threads.submit(serve)
        address = listener.getsockname()
        try:
            plain = socket.create_connection(address, timeout=10)
            with plain, client.wrap_socket(plain, server_hostname=host) as secure:
                return secure.recv(5)
        finally:
            served.exception(timeout=10)


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Make the strictest client that the standard library offers."""
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def openssl_verify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_authority_may_issue_servers_certificates_and_no_authorities(issued: Issued) -> None:
    extensions = issued.authority.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature


def test_server_certificate_is_good_for_servers_only(issued: Issued) -> None:
    extensions = issued.leaf.extensions
    usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_server_certificate_names_hosts_and_addresses_each_in_their_form(issued: Issued) -> None:
    names = issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == HOSTS[:2]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == HOSTS[2:]


def test_server_certificate_points_to_its_issuer_and_has_a_key_of_its_own(issued: Issued) -> None:
    subject_id = issued.authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer_id = issued.leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer_id.key_identifier == subject_id.key_identifier
    assert issued.leaf.issuer == issued.authority.subject
    assert issued.leaf.public_key() != issued.authority.public_key()
    issued.leaf.verify_directly_issued_by(issued.authority)


def test_both_keys_are_on_p256(issued: Issued) -> None:
    for certificate in (issued.leaf, issued.authority):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)


def test_server_certificate_lives_for_397_days_and_began_before_now(issued: Issued) -> None:
    lifetime = issued.leaf.not_valid_after_utc - issued.leaf.not_valid_before_utc
    assert lifetime == timedelta(days=397)
    assert issued.leaf.not_valid_before_utc < datetime.now(UTC) - timedelta(minutes=59)


def test_longer_life_than_clients_accept_is_refused(authority: CertificateAuthority) -> None:
    with pytest.raises(ValueError, match="397 days"):
        authority.issue(HOSTS, 398)


@pytest.mark.parametrize("host", ["localhost", "registry.example.com", "127.0.0.1", "::1"])
def test_strict_client_of_the_standard_library_accepts_every_name(
    server_file: Path, issued: Issued, host: str
) -> None:
    server = load_identity(server_file, server_file).context()
    assert exchange(server, trusting(issued.ca_file), host) == b"hello"


@pytest.mark.parametrize("host", ["other.example.com", "127.0.0.2", "sub.localhost"])
def test_client_refuses_a_name_that_was_not_asked_for(server_file: Path, issued: Issued, host: str) -> None:
    server = load_identity(server_file, server_file).context()
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange(server, trusting(issued.ca_file), host)


def test_client_that_does_not_know_the_authority_refuses(server_file: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(CertificateAuthority.load_or_create(tmp_path / "other").certificate_pem)
    server = load_identity(server_file, server_file).context()
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange(server, trusting(stranger), "localhost")


@needs_openssl
def test_openssl_verifies_the_certificate_and_its_names(issued: Issued) -> None:
    common = ("-CAfile", issued.ca_file)
    for check in (("-verify_hostname", "localhost"), ("-verify_ip", "127.0.0.1"), ("-verify_ip", "::1")):
        verified = openssl_verify(*common, *check, issued.leaf_file)
        assert verified.returncode == 0, verified.stderr
    assert openssl_verify(*common, "-verify_hostname", "evil", issued.leaf_file).returncode != 0


@needs_curl
def test_curl_trusts_the_authority(server_file: Path, issued: Issued) -> None:
    server = load_identity(server_file, server_file).context()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, server.wrap_socket(connection, server_side=True) as secure:
                secure.recv(4096)
                secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

        served = threads.submit(serve)
        url = f"https://localhost:{listener.getsockname()[1]}/"
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "10", "--ipv4"]
        answer = subprocess.run(
            [*command, "--cacert", str(issued.ca_file), url], capture_output=True, text=True, check=False
        )
        served.result(timeout=10)
    assert answer.stdout == "ok", answer.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_certificate_satisfies_the_profile_of_the_public_web(issued: Issued, host: str) -> None:
    """As the verifier of `cryptography` reads it."""
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    builder = PolicyBuilder().store(Store([issued.authority]))
    assert isinstance(subject, x509.DNSName | x509.IPAddress)
    assert builder.build_server_verifier(subject).verify(issued.leaf, []) == [issued.leaf, issued.authority]


@needs_openssl
def test_authority_below_ours_is_worth_nothing(issued: Issued, tmp_path: Path) -> None:
    """Only the path length of 0 stands in its way: everything else about the chain is in order."""
    key, below = ec.generate_private_key(ec.SECP256R1()), tmp_path / "below.pem"
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    usage = issued.authority.extensions.get_extension_for_class(x509.KeyUsage).value
    intermediate = signed_by(tmp_path / "tls" / "ca.pem", "below", key, is_authority, usage)
    below.write_bytes(pem_of(key) + intermediate.public_bytes(Encoding.PEM))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    leaf = signed_by(below, "leaf", ec.generate_private_key(ec.SECP256R1()), names)
    (tmp_path / "forged.pem").write_bytes(leaf.public_bytes(Encoding.PEM))

    verified = openssl_verify("-CAfile", issued.ca_file, "-untrusted", below, tmp_path / "forged.pem")

    assert verified.returncode != 0
    assert "path length constraint exceeded" in verified.stderr


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


def test_operators_certificate_serves(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    identity = load_identity(certificate, key)
    assert (identity.certificate, identity.key) == (certificate, key)
    assert identity.context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = own_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = own_certificate(tmp_path / "other")
    with pytest.raises(Unavailable, match=r"own-key\.pem is not the key of .*own\.pem$"):
        load_identity(certificate, key)


def test_chain_in_the_wrong_order_is_explained(issued: Issued, tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    certificate.write_bytes(issued.ca_file.read_bytes() + certificate.read_bytes())
    with pytest.raises(Unavailable, match="must come first"):
        load_identity(certificate, key)


def test_expired_certificate_is_refused_with_its_date(tmp_path: Path) -> None:
    past = timedelta(days=-1)
    certificate, key = own_certificate(tmp_path, starts_in=2 * past, ends_in=past)
    with pytest.raises(Unavailable, match=r"own\.pem expired on \d{4}-\d\d-\d\d"):
        load_identity(certificate, key)


def test_certificate_of_the_future_is_refused_with_its_date(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, starts_in=timedelta(hours=1))
    with pytest.raises(Unavailable, match=r"own\.pem is not valid before \d{4}-\d\d-\d\d"):
        load_identity(certificate, key)


def test_key_with_a_pass_phrase_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, encryption=BestAvailableEncryption(b"secret"))
    with pytest.raises(Unavailable, match=r"own-key\.pem has a pass phrase"):
        load_identity(certificate, key)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"]
)
def test_files_that_are_not_pem_are_named(tmp_path: Path, content: bytes) -> None:
    certificate, key = own_certificate(tmp_path)
    good = certificate.read_bytes()
    certificate.write_bytes(content)
    with pytest.raises(Unavailable, match=r"own\.pem does not hold certificates"):
        load_identity(certificate, key)
    certificate.write_bytes(good)
    key.write_bytes(content)
    with pytest.raises(Unavailable, match=r"own-key\.pem does not hold a private key"):
        load_identity(certificate, key)


def test_missing_files_are_named(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    with pytest.raises(Unavailable, match=r"cannot read .*nowhere\.pem: No such file"):
        load_identity(tmp_path / "nowhere.pem", key)
    with pytest.raises(Unavailable, match=r"cannot read .*: Is a directory"):
        load_identity(certificate, tmp_path)


def test_key_that_is_too_short_for_tls_is_explained(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    certificate, key = own_certificate(tmp_path, key=weak)
    identity = load_identity(certificate, key)
    with pytest.raises(Unavailable, match="EE_KEY_TOO_SMALL"):
        identity.context()
