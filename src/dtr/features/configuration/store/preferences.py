"""The rows of what users set for themselves."""

from sqlalchemy import text

from dtr.plumbing.db import Transaction

# By the unique index on name, or the primary key.
FIND_USER = text("SELECT id FROM account WHERE (name = :name_or_id OR id = :name_or_id) AND is_org = FALSE")

FIND = text("SELECT content_cache_id, language FROM account_setting WHERE account_id = :account_id")

PUT = text("""
INSERT INTO account_setting (account_id, content_cache_id) VALUES (:account_id, :content_cache_id)
    ON CONFLICT (account_id) DO UPDATE SET content_cache_id = :content_cache_id
""")


PUT_LANGUAGE = text("""
INSERT INTO account_setting (account_id, language) VALUES (:account_id, :language)
    ON CONFLICT (account_id) DO UPDATE SET language = :language
""")


def find_user(tx: Transaction, name_or_id: str) -> str | None:
    """Return the id of a user, if there is one of that name or id."""
    found: str | None = tx.execute(FIND_USER, {"name_or_id": name_or_id}).scalars().first()
    return found


def content_cache(tx: Transaction, account_id: str) -> str:
    """Return the content cache that a user pulls through; empty for none."""
    found = tx.execute(FIND, {"account_id": account_id}).one_or_none()
    return "" if found is None else str(found.content_cache_id)


def set_content_cache(tx: Transaction, account_id: str, content_cache_id: str) -> None:
    """Set the content cache that a user pulls through."""
    tx.execute(PUT, {"account_id": account_id, "content_cache_id": content_cache_id})


def language(tx: Transaction, account_id: str) -> str:
    """Return the code of the language that a user reads pages in; empty if none was chosen."""
    found = tx.execute(FIND, {"account_id": account_id}).one_or_none()
    return "" if found is None else str(found.language)


def set_language(tx: Transaction, account_id: str, code: str) -> None:
    """Set the language that a user reads pages in."""
    tx.execute(PUT_LANGUAGE, {"account_id": account_id, "language": code})
