"""Routes of public keys."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from dtr.features.accounts.api.shapes import ListShape, UserInPath, list_fields
from dtr.features.accounts.model.public_keys import (
    MAX_CERTIFICATES,
    LabelledCertificate,
    PublicKey,
    PublicKeyChanges,
)
from dtr.features.accounts.service.public_keys import PublicKeys
from dtr.plumbing.api import EnziPage, Moment, Shape, SignedIn, documented, paged

Label = Annotated[str, Field(max_length=1_000)]
Pem = Annotated[str, Field(max_length=64 * 1024)]
KeyInPath = Annotated[str, Path(max_length=200, description="The id of the key.")]


class CertificateShape(Shape):
    """An X.509 certificate of a key."""

    label: Label = ""
    cert: Pem = Field(description="PEM.")


Certificates = Annotated[list[CertificateShape], Field(max_length=MAX_CERTIFICATES)]


class PublicKeyShape(Shape):
    """A public key of a user."""

    id: str = Field(description="SHA-256 of the key's DER encoding, in hex.")
    account_id: str = Field(alias="accountID")
    public_key: str = Field(description="PEM.")
    label: str
    certificates: list[CertificateShape]
    created_at: Moment

    @staticmethod
    def of(key: PublicKey) -> "PublicKeyShape":
        """Make the shape of a key."""
        certificates = [CertificateShape(label=each.label, cert=each.cert) for each in key.certificates]
        return PublicKeyShape(
            id=key.id,
            accountID=key.account_id,
            public_key=key.public_key,
            label=key.label,
            certificates=certificates,
            created_at=key.created_at,
        )


class PublicKeyListShape(ListShape):
    """A page of keys."""

    account_public_keys: list[PublicKeyShape]


class NewPublicKeyBody(Shape):
    """A key to be added."""

    public_key: Pem = Field(description="PEM of an RSA, ECDSA, Ed25519 or Ed448 key.")
    label: Label = ""
    certificates: Certificates = Field(default=[], description="Certificates of this key.")


class PublicKeyBody(Shape):
    """New values; what is absent stays as it is."""

    label: Label | None = None
    certificates: Certificates | None = None


def router(keys: PublicKeys) -> APIRouter:
    """Build the routes of public keys."""
    routes = APIRouter(tags=["public keys"])
    _add_collection(routes, keys)
    _add_single_key(routes, keys)
    return routes


def _add_collection(routes: APIRouter, keys: PublicKeys) -> None:
    @routes.get("/accounts/{username}/publicKeys", operation_id="listPublicKeys", responses=documented(404))
    async def list_public_keys(
        caller: SignedIn, username: UserInPath, page: EnziPage, response: Response
    ) -> PublicKeyListShape:
        """List the public keys of a user."""
        found = await keys.list_page(caller, username, page)
        shapes = [PublicKeyShape.of(each) for each in paged(response, found)]
        return PublicKeyListShape(account_public_keys=shapes, **list_fields(found))

    @routes.post(
        "/accounts/{username}/publicKeys",
        operation_id="addPublicKey",
        status_code=201,
        responses=documented(404, 409),
    )
    async def add_public_key(
        caller: SignedIn, username: UserInPath, body: NewPublicKeyBody
    ) -> PublicKeyShape:
        """Add a public key: one's own, or as an administrator."""
        certificates = _certificates(body.certificates)
        return PublicKeyShape.of(await keys.add(caller, username, body.public_key, body.label, certificates))


def _add_single_key(routes: APIRouter, keys: PublicKeys) -> None:
    @routes.patch(
        "/accounts/{username}/publicKeys/{key_id}", operation_id="changePublicKey", responses=documented(404)
    )
    async def change_public_key(
        caller: SignedIn, username: UserInPath, key_id: KeyInPath, body: PublicKeyBody
    ) -> PublicKeyShape:
        """Change label or certificates of a public key."""
        certificates = None if body.certificates is None else _certificates(body.certificates)
        changes = PublicKeyChanges(label=body.label, certificates=certificates)
        return PublicKeyShape.of(await keys.change(caller, username, key_id, changes))

    @routes.delete(
        "/accounts/{username}/publicKeys/{key_id}",
        operation_id="removePublicKey",
        status_code=204,
        responses=documented(404),
    )
    async def remove_public_key(caller: SignedIn, username: UserInPath, key_id: KeyInPath) -> None:
        """Remove a public key: it proves nobody any more."""
        await keys.remove(caller, username, key_id)


def _certificates(shapes: list[CertificateShape]) -> tuple[LabelledCertificate, ...]:
    return tuple(LabelledCertificate(each.label, each.cert) for each in shapes)
