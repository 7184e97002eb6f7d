"""The rows of public keys."""

import json
from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, to_micros
from dtr.core.paging import ListPage, Page
from dtr.features.accounts.model.public_keys import LabelledCertificate, PublicKey, PublicKeyChanges
from dtr.plumbing.db import Transaction

# All by the primary key: account_id, id.
FIND = text("SELECT * FROM public_key WHERE account_id = :account_id AND id = :id")

LIST = text("""
SELECT * FROM public_key WHERE account_id = :account_id AND id >= :start ORDER BY id LIMIT :limit
""")

COUNT = text("SELECT COUNT(*) FROM public_key WHERE account_id = :account_id")

# Returns no row when the account has the key.
INSERT = text("""
INSERT INTO public_key (account_id, id, label, public_key, certificates, created_at)
VALUES (:account_id, :id, :label, :public_key, :certificates, :created_at)
    ON CONFLICT (account_id, id) DO NOTHING
RETURNING id
""")

# A parameter that is NULL leaves its column as it is.
CHANGE = text("""
UPDATE public_key
   SET label = COALESCE(:label, label), certificates = COALESCE(:certificates, certificates)
 WHERE account_id = :account_id AND id = :id
RETURNING *
""")

DELETE = text("DELETE FROM public_key WHERE account_id = :account_id AND id = :id")


def find(tx: Transaction, account_id: str, key_id: str) -> PublicKey | None:
    """Return a key of an account."""
    if not key_id.isalnum():
        return None
    row = tx.execute(FIND, {"account_id": account_id, "id": key_id}).one_or_none()
    return None if row is None else _public_key(row)


def list_page(tx: Transaction, account_id: str, page: ListPage) -> Page[PublicKey]:
    """Return a page of an account's keys, by id."""
    parameters = {"account_id": account_id, "start": page.start, "limit": page.size + 1}
    rows = tx.execute(LIST, parameters).all()
    total = count(tx, account_id) if page.with_count else None
    following = rows[page.size :]
    next_start: str | None = following[0].id if following else None
    return Page([_public_key(row) for row in rows[: page.size]], next_start, total)


def count(tx: Transaction, account_id: str) -> int:
    """Return how many keys an account has."""
    number: int = tx.execute(COUNT, {"account_id": account_id}).scalar_one()
    return number


def insert(tx: Transaction, key: PublicKey) -> bool:
    """Add a key; return False if the account has it."""
    parameters = {
        "account_id": key.account_id,
        "id": key.id,
        "label": key.label,
        "public_key": key.public_key,
        "certificates": _json(key.certificates),
        "created_at": to_micros(key.created_at),
    }
    return tx.execute(INSERT, parameters).scalar() is not None


def change(tx: Transaction, key: PublicKey, changes: PublicKeyChanges) -> PublicKey:
    """Set what `changes` names; return the key as it then is. It must be there."""
    parameters = {
        "account_id": key.account_id,
        "id": key.id,
        "label": changes.label,
        "certificates": None if changes.certificates is None else _json(changes.certificates),
    }
    return _public_key(tx.execute(CHANGE, parameters).one())


def delete(tx: Transaction, key: PublicKey) -> None:
    """Remove a key."""
    tx.execute(DELETE, {"account_id": key.account_id, "id": key.id})


def _json(certificates: tuple[LabelledCertificate, ...]) -> str:
    return json.dumps([{"label": each.label, "cert": each.cert} for each in certificates])


def _public_key(row: Row[Any]) -> PublicKey:
    return PublicKey(
        id=row.id,
        account_id=row.account_id,
        label=row.label,
        public_key=row.public_key,
        certificates=tuple(LabelledCertificate(**each) for each in json.loads(row.certificates)),
        created_at=from_micros(row.created_at),
    )
