"""The own certificate authority and what it issues, as TLS clients see it."""

import ipaddress
import shutil
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from dtr.plumbing.crypto.ca import CertificateAuthority, load_identity
from tests.support.certificates import (
    HOSTS,
    Issued,
    exchange,
    openssl_verify,
    pem_of,
    signed_by,
    trusting,
)

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


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
