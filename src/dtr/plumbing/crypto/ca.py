"""The registry's own certificate authority, and server certificates: X.509 as RFC 5280 profiles it."""

import ipaddress
import os
import re
import secrets
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dtr.core.errors import Misconfigured
from dtr.plumbing.crypto.files import create_private_file, replace_private_file

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""The longest that every client accepts."""
RENEW_DAYS = 30
BACKDATE = timedelta(hours=1)
"""Clients whose clock is a little behind accept a fresh certificate too."""
AUTHORITY_FILE = "ca.pem"
SERVER_FILE = "server.pem"

_MAX_COMMON_NAME = 64
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.(?=.))?{_LABEL}(?:\.{_LABEL})*")
"""RFC 1123, and the underscore that container networks use; `*` may stand for the first label."""


class CertificateAuthority:
    """Issues server certificates. Its directory holds `ca.pem`: the private key, then the certificate."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def load_or_create(cls, directory: Path) -> Self:
        """Load the authority of a directory; make it if it is absent. Safe between processes.

        Raises Misconfigured when the files cannot be used.
        """
        path = directory / AUTHORITY_FILE
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                create_private_file(path, _new_authority())
            content = path.read_bytes()
        except OSError as error:
            raise Misconfigured(f"cannot use {path}: {os.strerror(error.errno or 0)}") from error
        certificate, key = _parse_own(content, path)
        if certificate.not_valid_after_utc <= datetime.now(UTC):
            raise Misconfigured(f"the authority in {path} has expired: move the file away to make a new one")
        return cls(certificate, key)

    @property
    def certificate_pem(self) -> bytes:
        """The authority's certificate, which clients must trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, hosts: list[str], days: int = SERVER_DAYS) -> tuple[bytes, bytes]:
        """Return a server certificate chain for host names and IP addresses, and its key, both PEM.

        It lives for at most 397 `days`, and not longer than the authority itself.
        Raises Misconfigured when there are no hosts or one is neither a name nor an address.
        """
        if days > SERVER_DAYS:
            raise ValueError(f"clients refuse server certificates for more than {SERVER_DAYS} days")
        names, key = _names(hosts), ec.generate_private_key(ec.SECP256R1())
        starts = datetime.now(UTC) - BACKDATE
        ends = min(starts + timedelta(days=days), self._certificate.not_valid_after_utc)
        builder = (
            _builder(str(names[0].value), self._certificate.subject, key, starts, ends)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(Encoding.PEM) + self.certificate_pem, _pem(key)

    def server_identity(self, directory: Path, hosts: list[str]) -> Path:
        """Return the file with the server's key and chain, both in one so that they always belong together.

        Issued anew when the hosts or the authority changed, it ends within 30 days, or it cannot be read.
        Raises Misconfigured when it cannot be written, or a host is neither a name nor an address.
        """
        path = directory / SERVER_FILE
        if not self._is_good(path, hosts):
            chain, key = self.issue(hosts)
            try:
                replace_private_file(path, key + chain)
            except OSError as error:
                raise Misconfigured(f"cannot write {path}: {os.strerror(error.errno or 0)}") from error
        return path

    def _is_good(self, path: Path, hosts: list[str]) -> bool:
        try:
            content = path.read_bytes()
            certificate, _ = _parse_own(content, path)
            certificate.verify_directly_issued_by(self._certificate)
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, Misconfigured, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        lasts = certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=RENEW_DAYS)
        is_whole = content.endswith(self.certificate_pem)  # parsing passes over a block that was cut off
        return is_whole and lasts and set(found) == set(_names(hosts))


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate chain and its key, checked to belong together."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return a TLS context for a server: TLS 1.2 and newer, HTTP/1.1.

        Raises Misconfigured if TLS cannot be served with them, e.g. because the key is too short.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            reason = error.reason if isinstance(error, ssl.SSLError) else os.strerror(error.errno or 0)
            raise Misconfigured(f"TLS cannot be served with {self.certificate}: {reason}") from error
        return context


def load_identity(certificate: Path, key: Path) -> Identity:
    """Check an operator's certificate and key files. Raises Misconfigured and says what is wrong with them."""
    chain = _parse_chain(_read(certificate), certificate)
    private = _parse_key(_read(key), key)
    if not _belongs(private, chain[0]):
        hint = (
            ": the server's certificate must come first" if any(_belongs(private, c) for c in chain) else ""
        )
        raise Misconfigured(f"{key} is not the key of {certificate}{hint}")
    now = datetime.now(UTC)
    if chain[0].not_valid_after_utc <= now:
        raise Misconfigured(f"{certificate} expired on {chain[0].not_valid_after_utc:%Y-%m-%d}")
    if chain[0].not_valid_before_utc > now:
        raise Misconfigured(f"{certificate} is not valid before {chain[0].not_valid_before_utc:%Y-%m-%d}")
    return Identity(certificate, key)


def _new_authority() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    starts = datetime.now(UTC) - BACKDATE
    # Clients find an authority by its name, so that two of ours need two names.
    name = f"Trusted Registry CA {secrets.token_hex(4)}"
    builder = (
        _builder(name, _common_name(name), key, starts, starts + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    return _pem(key) + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_common_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    """Name a certificate for people; clients look at the alternative names, which may be longer."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAX_COMMON_NAME])])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names = list(dict.fromkeys(_general_name(host) for host in hosts))
    if not names:
        raise Misconfigured("a server certificate needs at least one host name or address")
    return names


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(_without_zone(host)))
    except ValueError:
        return x509.DNSName(_host_name(host))


def _without_zone(host: str) -> str:
    """Take brackets and zone (RFC 6874) off an IPv6 address: certificates hold neither."""
    return host.removeprefix("[").removesuffix("]").partition("%")[0]


def _host_name(host: str) -> str:
    """Return a host name as certificates hold it: lower-case ASCII (RFC 3490), without the root's dot."""
    try:
        name = host.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not _HOST_NAME.fullmatch(name):
        raise Misconfigured(f"{host!r} is neither a host name nor an address")
    return name


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def _parse_chain(content: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise Misconfigured(f"{path} does not hold certificates in PEM") from error


def _parse_key(content: bytes, path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError as error:
        raise Misconfigured(f"the key in {path} has a pass phrase: store it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{path} does not hold a private key in PEM") from error


def _belongs(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    try:
        return key.public_key() == certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _parse_own(content: bytes, path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key = _parse_chain(content, path)[0], _parse_key(content, path)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not _belongs(key, certificate):
        raise Misconfigured(f"the key in {path} is not that of its certificate: restore or remove it")
    return certificate, key
