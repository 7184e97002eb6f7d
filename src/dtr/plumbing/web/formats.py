"""Times, sizes and numbers as people read them."""

from datetime import datetime
from typing import Final

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup

from dtr.core.clock import rfc3339

KILO: Final = 1000
UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
"""Decimal, as the container tools write sizes."""

_JUST_NOW_SECONDS: Final = 45


def size(count: int, locale: Locale) -> str:
    """Return a number of bytes with three digits or so: `4.2 GB`."""
    value, unit = float(count), 0
    while value >= KILO and unit < len(UNITS) - 1:
        value, unit = value / KILO, unit + 1
    pattern = "#,##0" if unit == 0 or value >= 100 else "#,##0.#"  # noqa: PLR2004 - three digits
    return f"{format_decimal(value, pattern, locale=locale)} {UNITS[unit]}"


def number(value: float, locale: Locale) -> str:
    """Return a number with the language's separators."""
    return format_decimal(value, locale=locale)


def ago(moment: datetime, now: datetime, locale: Locale, just_now: str) -> Markup:
    """Return a `time` element: how long ago it was, or how far off it is; the exact moment on hover.

    The exact moment is in UTC here; a script of the pages shows it in the reader's own zone.
    """
    delta = moment - now
    exact = format_datetime(moment, "medium", locale=locale) + " UTC"
    is_now = abs(delta.total_seconds()) < _JUST_NOW_SECONDS
    words = just_now if is_now else format_timedelta(delta, add_direction=True, locale=locale)
    element = Markup('<time datetime="{}" title="{}" data-moment>{}</time>')
    return element.format(rfc3339(moment), exact, words)
