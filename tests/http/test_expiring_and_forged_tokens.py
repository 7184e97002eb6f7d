"""Tokens that have run out, and tokens that we never signed. The server here allows no leeway between clocks."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dtr.core.clock import SystemClock
from dtr.plumbing.crypto.keyring import SigningKey, new_signing_key
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.signing import claims_for, signed, signing_key

REPOSITORY = "admin/app"
SECONDS_TO_LIVE = 3
MOST_SECONDS_TO_EXPIRE = 10.0

Forge = Callable[[SigningKey], str]


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a running registry that counts a token's seconds exactly."""
    server = ServerProcess(
        tmp_path_factory.mktemp("strict") / "data", environment={"DTR_TOKENS_LEEWAY_SECONDS": "0"}
    )
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def key(strict_server: ServerProcess) -> SigningKey:
    return signing_key(strict_server)


@pytest.fixture(scope="module")
def manifest(strict_server: ServerProcess) -> bytes:
    client = RegistryClient(strict_server.url, "admin", strict_server.admin_password)
    pushed = client.push_image(REPOSITORY)
    client.close()
    return pushed


@pytest.fixture
def http(strict_server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=strict_server.url) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def pull(http: httpx.Client, token: str) -> httpx.Response:
    return http.get(f"/v2/{REPOSITORY}/manifests/latest", headers=bearer(token))


def assert_is_invalid(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert error_codes(answer) == ["UNAUTHORIZED"]
    assert answer.headers["www-authenticate"].endswith(',error="invalid_token"')


def good_claims(**other: Any) -> dict[str, Any]:
    return claims_for("admin", REPOSITORY, "pull", **other)


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def assembled(header: dict[str, Any], claims: dict[str, Any], signature: bytes) -> str:
    """Put a token together by hand, since libraries refuse to make bad ones."""
    return ".".join((*_signed_parts(header, claims), base64url(signature)))


def _signed_parts(header: dict[str, Any], claims: dict[str, Any]) -> tuple[str, str]:
    return base64url(json.dumps(header).encode()), base64url(json.dumps(claims).encode())


def without_signature(key: SigningKey) -> str:
    return assembled({"alg": "none", "typ": "JWT", "kid": key.kid}, good_claims(), b"")


def unsigned_with_padding(key: SigningKey) -> str:
    return assembled({"alg": "none", "typ": "JWT", "kid": key.kid}, good_claims(), bytes(64))


def signed_with_the_public_key_as_secret(key: SigningKey) -> str:
    """The classic confusion: HS256 with the published key, which a careless verifier takes for the secret."""
    header, claims = {"alg": "HS256", "typ": "JWT", "kid": key.kid}, good_claims()
    secret = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message = ".".join(_signed_parts(header, claims)).encode()
    return assembled(header, claims, hmac.new(secret, message, hashlib.sha256).digest())


def signed_by_a_stranger(key: SigningKey) -> str:
    return signed(good_claims(), new_signing_key(SystemClock()))


def signed_by_a_stranger_in_our_name(key: SigningKey) -> str:
    stranger = new_signing_key(SystemClock())
    return jwt.encode(good_claims(), stranger.private_key, algorithm="ES256", headers={"kid": key.kid})


def signed_by_a_key_that_it_brings_along(key: SigningKey) -> str:
    stranger = new_signing_key(SystemClock())
    headers = {"kid": key.kid, "jwk": stranger.jwk()}
    return jwt.encode(good_claims(), stranger.private_key, algorithm="ES256", headers=headers)


def with_claims_changed_afterwards(key: SigningKey) -> str:
    header, _, signature = signed(good_claims(), key).split(".")
    changed = good_claims(access=[{"type": "repository", "name": REPOSITORY, "actions": ["*"]}])
    return ".".join((header, base64url(json.dumps(changed).encode()), signature))


def without_a_key_id(key: SigningKey) -> str:
    return jwt.encode(good_claims(), key.private_key, algorithm="ES256")


def with_claims(**claims: Any) -> Forge:
    def forge(key: SigningKey) -> str:
        return signed(good_claims(**claims), key)

    return forge


def without_claim(claim: str) -> Forge:
    def forge(key: SigningKey) -> str:
        return signed({name: value for name, value in good_claims().items() if name != claim}, key)

    return forge


FORGERIES: dict[str, Forge] = {
    "no algorithm, no signature": without_signature,
    "no algorithm, empty signature": unsigned_with_padding,
    "the public key as a shared secret": signed_with_the_public_key_as_secret,
    "a stranger's key": signed_by_a_stranger,
    "a stranger's key under our key's id": signed_by_a_stranger_in_our_name,
    "a key that the token brings along": signed_by_a_key_that_it_brings_along,
    "claims changed after signing": with_claims_changed_afterwards,
    "no key id": without_a_key_id,
    "another issuer": with_claims(iss="somebody-else"),
    "another audience": with_claims(aud="another-service"),
    "several audiences": with_claims(aud=["dtr", "another-service"]),
    "expired": with_claims(exp=int(time.time()) - 1),
    "not valid yet": with_claims(nbf=int(time.time()) + 3600),
    "issued in the future": with_claims(iat=int(time.time()) + 3600),
    "an expiry that is no number": with_claims(exp="never"),
    "no expiry": without_claim("exp"),
    "no issuer": without_claim("iss"),
    "no audience": without_claim("aud"),
    "no subject": without_claim("sub"),
    "text": lambda key: "rubbish",  # noqa: ARG005 - one of the forgeries
    "dots": lambda key: "..",  # noqa: ARG005 - one of the forgeries
}


@pytest.mark.item("7")
def test_a_token_with_our_signature_is_good(http: httpx.Client, manifest: bytes, key: SigningKey) -> None:
    assert pull(http, signed(good_claims(), key)).content == manifest


@pytest.mark.item("7")
@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_token_is_not_good(http: httpx.Client, manifest: bytes, key: SigningKey, kind: str) -> None:
    assert_is_invalid(pull(http, FORGERIES[kind](key)))


@pytest.mark.item("7")
@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_token_does_not_even_open_the_ping(http: httpx.Client, key: SigningKey, kind: str) -> None:
    assert_is_invalid(http.get("/v2/", headers=bearer(FORGERIES[kind](key))))


@pytest.mark.item("7")
def test_the_given_lifetime_is_the_one_in_the_token(http: httpx.Client, strict_server: ServerProcess) -> None:
    login = http.get("/auth/token", auth=("admin", strict_server.admin_password)).json()

    claims = jwt.decode(login["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == login["expires_in"] == 300


def wait_for_expiry(http: httpx.Client, token: str) -> None:
    """Wait until the ping, which needs nothing but a good token, refuses it."""
    deadline = time.monotonic() + MOST_SECONDS_TO_EXPIRE
    while http.get("/v2/", headers=bearer(token)).status_code == 200:
        assert time.monotonic() < deadline, "the token does not expire"
        time.sleep(0.05)


@pytest.mark.item("7")
def test_a_token_that_was_remembered_expires_all_the_same(
    http: httpx.Client, manifest: bytes, key: SigningKey
) -> None:
    token = signed(good_claims(seconds=SECONDS_TO_LIVE), key)
    assert [pull(http, token).content for _ in range(3)] == [manifest] * 3

    wait_for_expiry(http, token)

    assert_is_invalid(pull(http, token))


@pytest.mark.item("8")
def test_a_token_that_expires_during_an_upload_costs_nothing_but_a_new_one(
    http: httpx.Client, key: SigningKey
) -> None:
    def token(seconds: int) -> str:
        return signed(claims_for("admin", REPOSITORY, "pull", "push", seconds=seconds), key)

    first, second = b"before " * 10_000, b"after" * 10_000
    old = token(SECONDS_TO_LIVE)
    started = http.post(f"/v2/{REPOSITORY}/blobs/uploads/", headers=bearer(old))
    appended = http.patch(started.headers["location"], headers=bearer(old), content=first)
    assert appended.status_code == 202, appended.text
    location = appended.headers["location"]

    wait_for_expiry(http, old)

    assert_is_invalid(http.patch(location, headers=bearer(old), content=second))
    new = bearer(token(60))
    status = http.get(location, headers=new)
    assert (status.status_code, status.headers["range"]) == (204, f"0-{len(first) - 1}")
    digest = sha256(first + second)
    finished = http.put(location, headers=new, params={"digest": digest}, content=second)
    assert finished.status_code == 201, finished.text
    assert http.get(f"/v2/{REPOSITORY}/blobs/{digest}", headers=new).content == first + second
