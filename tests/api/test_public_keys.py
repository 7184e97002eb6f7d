"""Public keys of users."""

import datetime as dt
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, make_organization, make_user


def key_of(private: Any) -> str:
    pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def certificate_of(private: Any) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, start, start.replace(year=2021))
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def private() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def keys(admin: ApiClient, number: int) -> str:
    """Give the path of the keys of a user without any."""
    make_user(admin, f"keys{number}")
    return f"{ACCOUNTS}/keys{number}/publicKeys"


def test_a_key_is_added_listed_changed_and_removed(
    admin: ApiClient, alice: ApiClient, keys: str, private: ec.EllipticCurvePrivateKey
) -> None:
    certificates = [{"label": "old", "cert": certificate_of(private)}]
    body = {"publicKey": key_of(private), "label": "laptop", "certificates": certificates, "id": "x"}
    added = admin.post(keys, body)

    assert added.status_code == 201, added.text
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = added.json()
    assert key["id"] == hashlib.sha256(der).hexdigest()
    assert key["accountID"] == admin.get(keys.rpartition("/")[0]).json()["id"]
    assert (key["publicKey"], key["label"], key["certificates"]) == (key_of(private), "laptop", certificates)
    listed = alice.get(keys).json()
    assert listed == {"accountPublicKeys": [key], "resourceCount": 1, "nextPageStart": ""}

    changed = admin.patch(f"{keys}/{key['id']}", {"label": "desktop"}).json()
    assert changed == {**key, "label": "desktop"}
    assert admin.patch(f"{keys}/{key['id']}", {"certificates": []}).json() == {**changed, "certificates": []}

    assert admin.delete(f"{keys}/{key['id']}").status_code == 204
    assert admin.get(keys).json()["accountPublicKeys"] == []
    for answer in (admin.delete(f"{keys}/{key['id']}"), admin.patch(f"{keys}/{key['id']}", {})):
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_PUBLIC_KEY"])


def test_the_same_key_twice_is_a_conflict_and_another_user_may_have_it(
    admin: ApiClient, alice: ApiClient, keys: str, private: ec.EllipticCurvePrivateKey
) -> None:
    body = {"publicKey": key_of(private)}
    assert admin.post(keys, body).status_code == 201
    again = admin.post(keys, {"publicKey": "\n" + key_of(private).replace("\n", "\r\n")})
    assert (again.status_code, codes(again)) == (409, ["PUBLIC_KEY_EXISTS"])

    own = f"{ACCOUNTS}/alice/publicKeys"
    key = alice.post(own, body)
    assert key.status_code == 201
    assert alice.delete(f"{own}/{key.json()['id']}").status_code == 204
    assert admin.get(keys).json()["resourceCount"] == 1


def test_keys_are_listed_in_pages(admin: ApiClient, keys: str) -> None:
    for _ in range(3):
        admin.post(keys, {"publicKey": key_of(ed25519.Ed25519PrivateKey.generate())})

    first = admin.get(keys, params={"limit": 2})
    start = first.headers["X-Next-Page-Start"]
    second = admin.get(keys, params={"limit": 2, "start": start}).json()

    ids = [each["id"] for each in [*first.json()["accountPublicKeys"], *second["accountPublicKeys"]]]
    assert len(ids) == 3
    assert ids == sorted(ids)


def test_others_may_read_and_not_write(
    admin: ApiClient, alice: ApiClient, anonymous: ApiClient, keys: str, private: ec.EllipticCurvePrivateKey
) -> None:
    key = admin.post(keys, {"publicKey": key_of(private)}).json()
    for caller, status in ((alice, 403), (anonymous, 401)):
        for answer in (
            caller.post(keys, {"publicKey": key_of(private)}),
            caller.patch(f"{keys}/{key['id']}", {"label": "mine"}),
            caller.delete(f"{keys}/{key['id']}"),
        ):
            assert answer.status_code == status
    assert anonymous.get(keys).status_code == 401
    assert alice.get(keys).json()["accountPublicKeys"] == [key]


def _private_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "ssh-ed25519 AAAA",
        lambda: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        lambda: "é" * 10,
        _private_pem,
        lambda: key_of(x25519.X25519PrivateKey.generate()),
        lambda: key_of(dsa.generate_private_key(2048)),
        lambda: key_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - too small on purpose
        lambda: key_of(ec.generate_private_key(ec.SECP256R1())) + " " * 20_000,
        lambda: 7,
        lambda: None,
    ],
)
def test_what_is_no_fitting_public_key_is_refused_and_not_repeated(
    admin: ApiClient, keys: str, make: Any
) -> None:
    sent = make()

    answer = admin.post(keys, {"publicKey": sent})

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])
    assert not (isinstance(sent, str) and len(sent) > 20 and sent[30:60] in answer.text)
    assert admin.get(keys).json()["resourceCount"] == 0


def test_certificates_must_be_of_the_key(
    admin: ApiClient, keys: str, private: ec.EllipticCurvePrivateKey
) -> None:
    foreign = certificate_of(ec.generate_private_key(ec.SECP256R1()))
    body: dict[str, Any] = {"publicKey": key_of(private), "label": "x"}
    for certificates in (
        [{"label": "", "cert": foreign}],
        [{"label": "", "cert": "no certificate"}],
        [{"label": "x" * 201, "cert": certificate_of(private)}],
        [{"label": "two\nlines", "cert": certificate_of(private)}],
        [{"cert": certificate_of(private)}] * 21,
        [{"label": "x"}],
        "none",
    ):
        assert codes(admin.post(keys, {**body, "certificates": certificates}))[0] == "INVALID_PARAMETERS"
    assert codes(admin.post(keys, {**body, "label": "x" * 201})) == ["INVALID_PARAMETERS"]
    key = admin.post(keys, body).json()
    refused = admin.patch(f"{keys}/{key['id']}", {"certificates": [{"cert": foreign}]})
    assert codes(refused) == ["INVALID_PARAMETERS"]
    assert admin.get(keys).json()["accountPublicKeys"] == [key]


def test_organizations_have_no_keys(
    admin: ApiClient, number: int, private: ec.EllipticCurvePrivateKey
) -> None:
    make_organization(admin, f"keyless{number}")
    for ref in (f"keyless{number}", "nobody-here"):
        path = f"{ACCOUNTS}/{ref}/publicKeys"
        for answer in (admin.get(path), admin.post(path, {"publicKey": key_of(private)})):
            assert codes(answer) == ["NO_SUCH_USER"]
