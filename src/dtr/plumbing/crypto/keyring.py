"""Signing keys: ECDSA on P-256, for ES256 (RFC 7518, section 3.4)."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dtr.core.clock import Clock

ALGORITHM = "ES256"
_COORDINATE_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """A key pair. A retired one signs nothing new, but what it signed is still good."""

    kid: str
    private_pem: bytes
    created_at: datetime
    retired_at: datetime | None = None

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"

    @cached_property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The private half. Raises ValueError if the PEM holds no P-256 key."""
        key = load_pem_private_key(self.private_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a private key on P-256")  # noqa: TRY004 - the type of the argument is right
        return key

    @cached_property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self.private_key.public_key()

    def jwk(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key (RFC 7517)."""
        return {**_jwk(self.public_key), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


def new_signing_key(clock: Clock) -> SigningKey:
    """Make a key pair; its id is the thumbprint of the public half (RFC 7638)."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    canonical = json.dumps(_jwk(private.public_key()), sort_keys=True, separators=(",", ":"))
    kid = _base64url(hashlib.sha256(canonical.encode()).digest())
    return SigningKey(kid, pem, clock.now())


class KeyRing:
    """All keys whose signatures count, one of which signs."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def get(self, kid: str) -> SigningKey | None:
        """Return the key with this id."""
        return self._keys.get(kid)

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """All keys, oldest first."""
        return tuple(sorted(self._keys.values(), key=lambda key: (key.created_at, key.kid)))

    @property
    def active(self) -> SigningKey:
        """The newest key that is not retired. Raises LookupError if there is none."""
        candidates = [key for key in self.keys if key.retired_at is None]
        if not candidates:
            raise LookupError("no key is active")
        return candidates[-1]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public halves as a JSON Web Key Set (RFC 7517, section 5)."""
        return {"keys": [key.jwk() for key in self.keys]}


def _jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the members that define the key (RFC 7518, section 6.2.1)."""
    numbers = public.public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": _base64url(numbers.x.to_bytes(_COORDINATE_BYTES)),
        "y": _base64url(numbers.y.to_bytes(_COORDINATE_BYTES)),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
