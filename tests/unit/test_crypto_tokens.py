"""Tokens under attack: only what one of our keys signed, for us, for now, is accepted."""

import base64
import hashlib
import hmac
import json
import traceback
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dtr.core.clock import FakeClock
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.keyring import KeyRing, SigningKey, new_signing_key
from dtr.plumbing.crypto.tokens import TokenInvalid

ISSUER = "https://registry.example.com"
AUDIENCE = "registry.example.com"
CLOCK = FakeClock()
NOW = int(CLOCK.now().timestamp())
KEY = new_signing_key(CLOCK)
OTHER_KEY = new_signing_key(CLOCK)
RING = KeyRing([KEY])
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "alice",
    "exp": NOW + 300,
    "nbf": NOW,
    "iat": NOW,
    "jti": "1",
    "access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}],
}
HEADER: dict[str, Any] = {"alg": "ES256", "typ": "JWT", "kid": KEY.kid}
HMAC_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_input(header: object, claims: object = CLAIMS) -> str:
    return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))


def signed_bytes(text: str, key: SigningKey = KEY) -> str:
    """Sign any two parts, which no honest library would."""
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256, ec.SECP256R1).sign(
        text.encode(), key.private_key
    )
    return f"{text}.{base64url(signature)}"


def signed(header: object = HEADER, claims: object = CLAIMS, key: SigningKey = KEY) -> str:
    return signed_bytes(signing_input(header, claims), key)


def verify(token: str, ring: KeyRing = RING, **changed: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "now": CLOCK.now()} | changed
    return tokens.verify(token, ring, **arguments)


def refusal(token: str, ring: KeyRing = RING, **changed: Any) -> str:
    with pytest.raises(TokenInvalid) as caught:
        verify(token, ring, **changed)
    return str(caught.value)


def public_forms(key: SigningKey) -> list[bytes]:
    """Every encoding of the public key that an attacker could take for the secret of an HMAC."""
    public = key.public_key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [
        pem,
        pem.strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        json.dumps(key.jwk()).encode(),
        b"",
    ]


def test_signed_token_gives_its_claims_back() -> None:
    assert verify(tokens.sign(CLAIMS, KEY)) == CLAIMS


def test_tests_sign_as_the_product_does() -> None:
    assert verify(signed()) == CLAIMS


def test_token_names_its_key_algorithm_and_type() -> None:
    token = tokens.sign(CLAIMS, KEY)
    assert jwt.get_unverified_header(token) == HEADER
    assert tokens.key_id(token) == KEY.kid


def test_anonymous_token_has_an_empty_subject() -> None:
    assert verify(signed(claims=CLAIMS | {"sub": ""}))["sub"] == ""


def test_retired_key_still_verifies() -> None:
    retired = SigningKey(KEY.kid, KEY.private_pem, KEY.created_at, retired_at=CLOCK.now())
    assert verify(tokens.sign(CLAIMS, KEY), KeyRing([OTHER_KEY, retired])) == CLAIMS


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, [], {}, 0, True])
def test_algorithm_none_is_refused_with_and_without_a_signature(name: object) -> None:
    unsigned = signing_input(HEADER | {"alg": name})
    for token in (f"{unsigned}.", unsigned, f"{unsigned}.{'A' * 86}", signed(HEADER | {"alg": name})):
        refusal(token)


@pytest.mark.parametrize("algorithm", HMAC_HASHES)
@pytest.mark.parametrize("form", range(6))
def test_hmac_keyed_with_the_public_key_is_refused(algorithm: str, form: int) -> None:
    """Algorithm confusion. HS512 signs with 64 bytes as ES256 does, so that only the algorithm tells."""
    secret = public_forms(KEY)[form]
    text = signing_input(HEADER | {"alg": algorithm})
    assert refusal(f"{text}.{base64url(hmac.digest(secret, text.encode(), HMAC_HASHES[algorithm]))}")


@pytest.mark.parametrize("form", range(6))
def test_hmac_that_claims_to_be_ecdsa_is_refused(form: int) -> None:
    text = signing_input(HEADER)
    forged = base64url(hmac.digest(public_forms(KEY)[form], text.encode(), hashlib.sha512))
    assert refusal(f"{text}.{forged[:-1]}A") == "its signature does not match"


@pytest.mark.parametrize(
    "algorithm", ["HS512", "ES384", "ES512", "RS256", "PS256", "EdDSA", "es256", "ES256K"]
)
def test_other_algorithm_over_a_good_signature_is_refused(algorithm: str) -> None:
    assert refusal(signed(HEADER | {"alg": algorithm})) == "its algorithm is not ours"


@pytest.mark.parametrize("numbers", [bytes(64), bytes(31) + b"\x01" + bytes(31) + b"\x01", b"\xff" * 64])
def test_signature_of_degenerate_numbers_is_refused(numbers: bytes) -> None:
    assert refusal(f"{signing_input(HEADER)}.{base64url(numbers)}") == "its signature does not match"


def test_another_key_under_a_known_id_is_refused() -> None:
    assert refusal(signed(key=OTHER_KEY)) == "its signature does not match"


def test_known_key_under_another_known_id_is_refused() -> None:
    ring = KeyRing([KEY, OTHER_KEY])
    assert refusal(signed(HEADER | {"kid": OTHER_KEY.kid}), ring) == "its signature does not match"


def test_unknown_key_is_refused() -> None:
    assert refusal(tokens.sign(CLAIMS, OTHER_KEY)) == "it was signed with an unknown key"


@pytest.mark.parametrize("kid", [None, "", 0, [], {}, ["a"], "../../etc/passwd", "' OR 1=1 --", "\0"])
def test_kid_that_is_no_key_of_ours_is_refused(kid: object) -> None:
    refusal(signed(HEADER | {"kid": kid}))


def test_missing_kid_is_refused_even_if_there_is_only_one_key() -> None:
    assert refusal(signed({"alg": "ES256", "typ": "JWT"})) == "it names no key"


def test_keys_that_a_token_brings_along_do_not_verify_it() -> None:
    brought = {"jwk": OTHER_KEY.jwk(), "jku": "https://evil/", "x5u": "https://evil/", "x5c": ["AA=="]}
    assert refusal(signed(HEADER | brought, key=OTHER_KEY)) == "its signature does not match"
    without_kid = {"alg": "ES256", "typ": "JWT"} | brought
    assert refusal(signed(without_kid, key=OTHER_KEY)) == "it names no key"


def test_keys_that_a_token_brings_along_are_ignored_if_ours_signed_it() -> None:
    brought = {"jwk": OTHER_KEY.jwk(), "jku": "https://evil/", "x5u": "https://evil/"}
    assert verify(signed(HEADER | brought)) == CLAIMS


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "b64", None, [1]])
def test_critical_extension_is_refused(crit: object) -> None:
    assert refusal(signed(HEADER | {"crit": crit, "b64": True, "exp": 1}))


def test_detached_payload_is_refused() -> None:
    assert refusal(signed(HEADER | {"b64": False, "crit": ["b64"]}))


@pytest.mark.parametrize("kind", ["at+jwt", "jwt", "", None, ["JWT"]])
def test_token_of_another_type_is_refused(kind: object) -> None:
    assert refusal(signed(HEADER | {"typ": kind})) == "its type is not ours"


@pytest.mark.parametrize("issuer", ["https://evil", "", ISSUER + "/", ISSUER.upper()])
def test_other_issuer_is_refused(issuer: str) -> None:
    assert refusal(signed(claims=CLAIMS | {"iss": issuer})) == "it comes from another issuer"


@pytest.mark.parametrize("audience", ["other", AUDIENCE + ".", [AUDIENCE], [AUDIENCE, "other"]])
def test_other_audience_or_a_list_is_refused(audience: object) -> None:
    assert refusal(signed(claims=CLAIMS | {"aud": audience})) == "it is meant for another service"


@pytest.mark.parametrize("audience", ["", []])
def test_empty_audience_is_refused(audience: object) -> None:
    refusal(signed(claims=CLAIMS | {"aud": audience}))


@pytest.mark.parametrize("seconds", [5, 6, 3600])
def test_expired_token_is_refused(seconds: int) -> None:
    assert refusal(signed(claims=CLAIMS | {"exp": NOW - seconds})) == "it has expired"


def test_clock_of_another_replica_may_be_a_little_off() -> None:
    assert verify(signed(claims=CLAIMS | {"exp": NOW - 4}))
    assert verify(signed(claims=CLAIMS | {"nbf": NOW + 5, "iat": NOW + 5}))


def test_leeway_can_be_set() -> None:
    late = signed(claims=CLAIMS | {"exp": NOW - 20})
    assert verify(late, leeway_seconds=21)
    assert refusal(signed(claims=CLAIMS | {"exp": NOW}), leeway_seconds=0) == "it has expired"


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_token_that_is_not_valid_yet_is_refused(name: str) -> None:
    assert refusal(signed(claims=CLAIMS | {name: NOW + 6})) == "it is not valid yet"


@pytest.mark.parametrize("name", tokens.REQUIRED_CLAIMS)
def test_missing_claim_is_refused(name: str) -> None:
    claims = {key: value for key, value in CLAIMS.items() if key != name}
    assert refusal(signed(claims=claims)) == "a claim is missing"
    assert refusal(signed(claims=CLAIMS | {name: None}))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti"])
@pytest.mark.parametrize("value", [1, True, [], {}, ["alice"], 1.5])
def test_claim_that_is_not_text_is_refused(name: str, value: object) -> None:
    refusal(signed(claims=CLAIMS | {name: value}))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", [str(NOW), True, [], float("nan"), float("inf"), NOW + 0.5, 10**400, -(10**400), 10**15]
)
def test_time_that_is_not_a_moment_in_whole_seconds_is_refused(name: str, value: object) -> None:
    refusal(signed(claims=CLAIMS | {name: value}))


@pytest.mark.parametrize("leeway_seconds", [0, 5, 5.0])
def test_time_far_beyond_the_calendar_is_refused_with_every_leeway(leeway_seconds: float) -> None:
    token = signed(claims=CLAIMS | {"exp": 10**400})
    assert refusal(token, leeway_seconds=leeway_seconds) == "a time is out of range"


def test_huge_token_is_refused_before_it_is_read() -> None:
    assert refusal(signed(claims=CLAIMS | {"pad": "x" * 16_384})) == "it is too long"
    assert refusal("a" * 10_000_000) == "it is too long"


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a.b.c", "Bearer x", "\0", "ü.ü.ü", "\ud800", "{}"])
def test_garbage_is_refused(text: str) -> None:
    refusal(text)
    with pytest.raises(TokenInvalid):
        tokens.key_id(text)


@pytest.mark.parametrize("tail", ["=", "==", "A", "AAAA", ".", ".x", " ", "\n", "\r\n", "\0", "!", ",x"])
def test_trailing_data_is_refused(tail: str) -> None:
    refusal(signed() + tail)
    refusal(tail + signed())


def test_spare_bits_of_the_signature_cannot_make_a_second_token() -> None:
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for last in alphabet:
        try:
            verify(token[:-1] + last)
        except TokenInvalid:
            continue
        accepted.append(token[:-1] + last)
    assert accepted == [token]


@pytest.mark.parametrize("part", [0, 1])
def test_deeply_nested_json_is_refused(part: int) -> None:
    parts = signing_input(HEADER).split(".")
    parts[part] = base64url(b"[" * 5_000)
    refusal(signed_bytes(".".join(parts)))


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"1", b"null", b'"x"', b"{", b"\xff", b'{"a":' + b"9" * 5_000 + b"}"]
)
def test_part_that_is_no_json_object_is_refused(part: int, content: bytes) -> None:
    parts = signing_input(HEADER).split(".")
    parts[part] = base64url(content)
    refusal(signed_bytes(".".join(parts)))


@pytest.mark.parametrize(
    "token",
    [
        signed(HEADER | {"crit": ["CANARY"]}),
        signed(HEADER | {"alg": "CANARY"}),
        signed(HEADER | {"kid": "CANARY"}),
        signed(HEADER | {"typ": "CANARY"}),
        signed(claims=CLAIMS | {"iss": "CANARY"}),
        signed(claims=CLAIMS | {"aud": "CANARY"}),
        signed(claims=CLAIMS | {"exp": "CANARY"}),
        signed(claims=CLAIMS | {"sub": ["CANARY"]}),
        "CANARY",
        f"{base64url(b'CANARY')}.CANARY.{'A' * 86}",
    ],
)
def test_refusal_never_quotes_the_token(token: str) -> None:
    with pytest.raises(TokenInvalid) as caught:
        verify(token)
    shown = "".join(traceback.format_exception(caught.value))
    for text in (shown, str(caught.value), repr(caught.value)):
        assert "CANARY" not in text
        assert token not in text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(KEY.kid),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
headers = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "zip", "cty"]), json_values
)
claim_sets = st.dictionaries(st.sampled_from([*tokens.REQUIRED_CLAIMS, "access"]), json_values)


def raises_only_token_invalid(token: str) -> None:
    try:
        claims = verify(token)
    except TokenInvalid:
        return
    assert claims["iss"] == ISSUER
    assert claims["aud"] == AUDIENCE


@given(st.text())
def test_any_text_raises_only_token_invalid(text: str) -> None:
    raises_only_token_invalid(text)


@given(st.lists(st.binary(max_size=60).map(base64url), min_size=2, max_size=4), st.booleans())
def test_any_encoded_parts_raise_only_token_invalid(parts: list[str], has_signature: bool) -> None:
    raises_only_token_invalid(".".join([*parts[:2], "A" * 86] if has_signature else parts))


@given(headers, claim_sets)
def test_any_signed_header_and_claims_raise_only_token_invalid(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    raises_only_token_invalid(signed(HEADER | header, CLAIMS | claims))


@given(json_values, json_values)
def test_any_signed_json_raises_only_token_invalid(header: object, claims: object) -> None:
    raises_only_token_invalid(signed(header, claims))


@given(st.binary(max_size=200))
def test_any_signed_payload_raises_only_token_invalid(payload: bytes) -> None:
    raises_only_token_invalid(signed_bytes(f"{signing_input(HEADER).split('.')[0]}.{base64url(payload)}"))


@given(st.data())
def test_token_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    token = tokens.sign(CLAIMS, KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda c: c != token[place]))
    refusal(token[:place] + character + token[place + 1 :])
