"""Permits in a form: one row each, a pattern of repositories with a box for every action."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dtr.core.permits import MAX_PERMITS, Permit
from dtr.plumbing.web.forms import Form

SPARE_ROWS: Final = 2
"""Empty rows at the end of a form, for those who have no scripts."""

_PATTERN: Final = "pattern-"
_ACTIONS: Final = "actions-"


@dataclass(frozen=True, slots=True)
class PermitRow:
    """What a row holds, as it was typed."""

    pattern: str = ""
    actions: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody filled it in."""
        return not self.pattern and not self.actions


def rows_in(form: Form) -> list[PermitRow]:
    """Return the rows of a form that are filled in, wholly or in part."""
    numbers = sorted(
        int(name.removeprefix(_PATTERN)) for name in form.fields if _is_row_field(name, _PATTERN)
    )
    rows = [
        PermitRow(form.text(f"{_PATTERN}{each}"), frozenset(form.all(f"{_ACTIONS}{each}")))
        for each in numbers
    ]
    return [row for row in rows if not row.is_empty]


def rows_of(permits: Iterable[Permit]) -> list[PermitRow]:
    """Return the rows that show permits which are there already."""
    return [PermitRow(each.pattern, frozenset(map(str, each.actions))) for each in permits]


def with_spare(rows: Sequence[PermitRow], spare: int = SPARE_ROWS) -> list[PermitRow]:
    """Return the rows with some empty ones after them; at most as many as there may be permits."""
    return [*rows, *[PermitRow()] * max(0, min(spare, MAX_PERMITS - len(rows)))]


def permits_in(rows: Iterable[PermitRow]) -> tuple[Permit, ...]:
    """Return what the rows permit. Raises Invalid for a row that makes no sense."""
    return tuple(Permit.parse(row.pattern, sorted(row.actions)) for row in rows)


def _is_row_field(name: str, prefix: str) -> bool:
    number = name.removeprefix(prefix)
    return name.startswith(prefix) and number.isascii() and number.isdigit() and len(number) <= 3  # noqa: PLR2004 - more than there may be rows
