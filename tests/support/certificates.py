"""Certificates, and TLS clients that look at them."""

import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

HOSTS = ["localhost", "registry.example.com", "127.0.0.1", "::1"]
ServerKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Issued(NamedTuple):
    """What an authority issued, on disk for programs and parsed for us."""

    ca_file: Path
    leaf_file: Path
    authority: x509.Certificate
    leaf: x509.Certificate


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
    """Return a key as a file holds it."""
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
    """Let OpenSSL verify the certificate of a server, strictly."""
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
