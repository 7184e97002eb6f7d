"""Lists as parameters of statements: `WHERE path IN :paths`.

With their type, because an empty list becomes a subquery without rows, and PostgreSQL compares no texts with numbers.
"""

from sqlalchemy import BigInteger, BindParameter, Text, bindparam


def list_of_texts(name: str) -> BindParameter[str]:
    """Return the parameter `name` for a list of texts, which may be empty."""
    return bindparam(name, expanding=True, type_=Text())


def list_of_numbers(name: str) -> BindParameter[int]:
    """Return the parameter `name` for a list of whole numbers, which may be empty."""
    return bindparam(name, expanding=True, type_=BigInteger())
