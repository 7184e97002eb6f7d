"""Reads public keys and certificates that users send."""

import hashlib
import warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.features.accounts.model.accounts import check_text
from dtr.features.accounts.model.public_keys import (
    MAX_CERTIFICATES,
    MAX_LABEL_LENGTH,
    MAX_PEM_LENGTH,
    LabelledCertificate,
)

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey


def parse_public_key(pem: str) -> tuple[str, str]:
    """Return the id of a key, the SHA-256 of its DER in hex, and the key as PEM in the usual form.

    Raises Invalid for anything but one RSA, ECDSA or EdDSA public key of fitting size. The message never repeats
    the text, which may be a private key sent by mistake.
    """
    try:
        key = load_pem_public_key(_bytes(pem, said("the public key")))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("publicKey is no public key in PEM") from None
    if not isinstance(key, Key):
        raise Invalid("a public key is for RSA, ECDSA, Ed25519 or Ed448")
    if isinstance(key, rsa.RSAPublicKey) and not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise Invalid(
            said("an RSA key has %(least)s to %(most)s bits", least=MIN_RSA_BITS, most=MAX_RSA_BITS)
        )
    pem_again = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return _id_of(key), pem_again


def check_label(label: str) -> None:
    """Raise Invalid if no key or certificate may have this label."""
    check_text(label, said("a label"), MAX_LABEL_LENGTH)


def check_certificates(key_id: str, certificates: tuple[LabelledCertificate, ...]) -> None:
    """Raise Invalid unless each is an X.509 certificate of the key. Signer and dates do not matter here."""
    if len(certificates) > MAX_CERTIFICATES:
        raise Invalid(said("a key has at most %(count)s certificates", count=MAX_CERTIFICATES))
    for each in certificates:
        check_label(each.label)
        if _key_id_of_certificate(each.cert) != key_id:
            raise Invalid("a certificate is not for this public key")


def _key_id_of_certificate(pem: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd serial numbers, which are no matter of ours
            key = load_pem_x509_certificate(_bytes(pem, said("a certificate"))).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("a certificate is no X.509 certificate in PEM") from None
    return _id_of(key) if isinstance(key, Key | dsa.DSAPublicKey) else ""


def _id_of(key: Key | dsa.DSAPublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _bytes(pem: str, what: str) -> bytes:
    if len(pem) > MAX_PEM_LENGTH or not pem.isascii():
        raise Invalid(
            said("%(what)s is PEM of at most %(count)s characters", what=what, count=MAX_PEM_LENGTH)
        )
    return pem.encode()
