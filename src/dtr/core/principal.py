"""Who is asking."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request: an account that proved itself, or nobody in particular.

    `account_id` and `name` are both None for the anonymous caller and both set for everybody else.
    """

    account_id: str | None
    name: str | None
    is_admin: bool = False

    @property
    def is_anonymous(self) -> bool:
        """True if the caller did not say who they are."""
        return self.account_id is None


ANONYMOUS: Final = Principal(account_id=None, name=None)
