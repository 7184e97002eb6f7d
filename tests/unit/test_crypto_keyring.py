"""Signing keys and the set of them that is published."""

import base64
import hashlib
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dtr.core.clock import FakeClock
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.keyring import KeyRing, SigningKey, new_signing_key


def made(clock: FakeClock, *, is_retired: bool = False) -> SigningKey:
    key = new_signing_key(clock)
    clock.advance(60)
    return SigningKey(key.kid, key.private_pem, key.created_at, clock.now() if is_retired else None)


def test_new_key_is_on_p256_and_active_since_now() -> None:
    clock = FakeClock()
    key = new_signing_key(clock)
    assert isinstance(key.private_key.curve, ec.SECP256R1)
    assert (key.created_at, key.retired_at) == (clock.now(), None)
    assert key.private_key.public_key() == key.public_key


def test_two_keys_are_never_the_same() -> None:
    clock = FakeClock()
    assert new_signing_key(clock).kid != new_signing_key(clock).kid


def test_kid_is_the_thumbprint_of_the_published_key() -> None:
    key = new_signing_key(FakeClock())
    jwk = key.jwk()
    members = f'{{"crv":"P-256","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    digest = hashlib.sha256(members.encode()).digest()
    assert key.kid == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_coordinates_always_have_their_full_length() -> None:
    clock = FakeClock()
    for _ in range(64):
        jwk = new_signing_key(clock).jwk()
        assert [len(jwk[name]) for name in ("x", "y")] == [43, 43]


def test_repr_shows_the_id_and_nothing_of_the_private_key() -> None:
    key = new_signing_key(FakeClock())
    assert repr(key) == f"SigningKey(kid={key.kid!r})"


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_key_on_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    pem = ec.generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="P-256"):
        _ = SigningKey("x", pem, FakeClock().now()).private_key


def test_newest_key_that_is_not_retired_is_active() -> None:
    clock = FakeClock()
    older, newer, retired = made(clock), made(clock), made(clock, is_retired=True)
    ring = KeyRing([retired, newer, older])
    assert ring.active == newer
    assert ring.keys == (older, newer, retired)


def test_ring_without_an_active_key_says_so() -> None:
    with pytest.raises(LookupError, match="active"):
        _ = KeyRing([made(FakeClock(), is_retired=True)]).active
    assert KeyRing([]).keys == ()


def test_ring_finds_keys_by_id() -> None:
    key = new_signing_key(FakeClock())
    ring = KeyRing([key])
    assert key.kid in ring
    assert ring.get(key.kid) is key
    assert "other" not in ring
    assert ring.get("other") is None


def test_published_set_has_every_key_and_no_private_half() -> None:
    clock = FakeClock()
    ring = KeyRing([made(clock, is_retired=True), made(clock)])
    published = ring.jwks()
    assert [jwk["kid"] for jwk in published["keys"]] == [key.kid for key in ring.keys]
    for jwk in published["keys"]:
        assert set(jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (jwk["kty"], jwk["crv"], jwk["use"], jwk["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_somebody_else_can_verify_with_the_published_set() -> None:
    clock = FakeClock()
    ring = KeyRing([made(clock)])
    claims = {"exp": int((clock.now() + timedelta(minutes=5)).timestamp()), "sub": "alice"}
    token = tokens.sign(claims, ring.active)
    published = jwt.PyJWKSet.from_json(json.dumps(ring.jwks()))
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["ES256"]) == claims
