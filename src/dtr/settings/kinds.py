"""The kinds of values a setting can have: how each is read from text or YAML, and how it is shown.

Every `parse` takes what a source holds (YAML values, or a string) and raises `ValueError` with a
sentence that starts with "expected".
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
DURATION_UNITS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)
_PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_URL_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=[?&]password=)[^&]*")
_MAX_PORT = 65535

MASK = "********"
"""Stands for a secret that is not shown."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How the values of a setting are read and shown. `name` is what the reference calls it."""

    name: str
    parse: Callable[[object], T]
    show: Callable[[T], object] = lambda value: value


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host means every address of the machine; port 0 means any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def text() -> Kind[str]:
    """Accept one line of text that is not empty."""

    def parse(value: object) -> str:
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()
        raise ValueError(f"expected text, got {value!r}")

    return Kind("text", parse)


def choice(*options: str) -> Kind[str]:
    """Accept one of a few words."""

    def parse(value: object) -> str:
        if value in options:
            return str(value)
        raise ValueError(f"expected one of {', '.join(options)}, got {value!r}")

    return Kind(" \\| ".join(f"`{option}`" for option in options), parse)


def flag() -> Kind[bool]:
    """Accept yes or no."""
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }

    def parse(value: object) -> bool:
        word = str(value).lower()
        if isinstance(value, bool | str) and word in words:
            return words[word]
        raise ValueError(f"expected true or false, got {value!r}")

    return Kind("true or false", parse)


def whole_number(at_least: int = 0, at_most: int | None = None) -> Kind[int]:
    """Accept a whole number within bounds."""

    def parse(value: object) -> int:
        return _within(_whole(_plain(value, "a whole number"), value), at_least, at_most)

    return Kind("whole number", parse)


def number(at_least: float = 0) -> Kind[float]:
    """Accept a number, perhaps with a fraction."""

    def parse(value: object) -> float:
        return _within(float(_plain(value, "a number")), at_least, None)

    return Kind("number", parse)


def size(at_least: int = 0) -> Kind[int]:
    """Accept a size in bytes: a number, or one with a unit (`64MiB`, `1.5GB`)."""

    def parse(value: object) -> int:
        found = _SIZE.fullmatch(_as_text(value).lower())
        if found is None or found[2] not in SIZE_UNITS:
            raise ValueError(f"expected a size such as 65536, 64KiB or 10MB, got {value!r}")
        return _within(_whole(Fraction(found[1]) * SIZE_UNITS[found[2]], value), at_least, None)

    return Kind("size in bytes", parse)


def duration(at_least: int = 0) -> Kind[int]:
    """Accept a time in whole seconds: a number, or one with units (`90s`, `1h30m`, `7d`)."""

    def parse(value: object) -> int:
        return _within(_whole(_seconds(value), value), at_least, None)

    return Kind("time in whole seconds", parse)


def fine_duration(at_least: float = 0) -> Kind[float]:
    """Accept a time in seconds that may have a fraction (`2.5`, `500ms`)."""

    def parse(value: object) -> float:
        return _within(float(_seconds(value)), at_least, None)

    return Kind("time in seconds", parse)


def days(at_least: int = 1) -> Kind[int]:
    """Accept a time in whole days: a number of days, or one with units (`30d`, `48h`)."""

    def parse(value: object) -> int:
        if _PLAIN_NUMBER.fullmatch(_as_text(value)):
            return _within(_whole(_plain(value, "days"), value), at_least, None)
        return _within(_whole(_seconds(value) / DURATION_UNITS["d"], value), at_least, None)

    return Kind("time in whole days", parse)


def path() -> Kind[Path]:
    """Accept a file or directory; a relative one starts at the working directory, `~` at the home."""

    def parse(value: object) -> Path:
        if isinstance(value, Path):
            return value
        if isinstance(value, str) and value and "\0" not in value:
            return Path(value).expanduser()
        raise ValueError(f"expected a path, got {value!r}")

    return Kind("path", parse, str)


def address() -> Kind[ListenAddress]:
    """Accept a `HOST:PORT` to listen on."""

    def parse(value: object) -> ListenAddress:
        host, colon, port = value.strip().rpartition(":") if isinstance(value, str) else ("", "", "")
        bare = host.removeprefix("[").removesuffix("]")
        if (
            not colon
            or not port.isascii()
            or not port.isdigit()
            or int(port) > _MAX_PORT
            or (":" in bare and bare == host)
        ):
            raise ValueError(f"expected HOST:PORT such as 127.0.0.1:5000, [::1]:5000 or :5000, got {value!r}")
        return ListenAddress(bare, int(port))

    return Kind("HOST:PORT", parse, str)


def network() -> Kind[Network]:
    """Accept a network in CIDR notation, or a single address."""

    def parse(value: object) -> Network:
        try:
            return ipaddress.ip_network(_as_text(value))
        except ValueError as error:
            raise ValueError(
                f"expected a network such as 10.0.0.0/8 or fd00::/8, got {value!r} ({error})"
            ) from error

    return Kind("network", parse, str)


def web_address() -> Kind[str]:
    """Accept an `http` or `https` address without path, query or user; a trailing slash is dropped."""

    def parse(value: object) -> str:
        given = value.strip().rstrip("/") if isinstance(value, str) else ""
        parts = urlsplit(given)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or given != f"{parts.scheme}://{parts.netloc}"
        ):
            raise ValueError(f"expected an address such as https://registry.example.com, got {value!r}")
        if "@" in parts.netloc:
            raise ValueError("expected an address without user and password")
        return given

    return Kind("URL", parse)


def database_address() -> Kind[str]:
    """Accept the address of a database; a password in it is never shown."""

    def parse(value: object) -> str:
        given = value.strip() if isinstance(value, str) else ""
        if not re.match(r"(sqlite|postgresql)(\+\w+)?://", given):
            raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        return given

    return Kind("database URL", parse, lambda value: _URL_PASSWORD.sub(MASK, value))


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Accept the same kind of value, or none: YAML's `null`, an empty string or the word `none`."""

    def parse(value: object) -> T | None:
        if value is None or (isinstance(value, str) and value.strip().lower() in ("", "none", "null")):
            return None
        return kind.parse(value)

    return Kind(f"{kind.name}, or none", parse, lambda value: None if value is None else kind.show(value))


def several(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """Accept a YAML list, or text with commas between the values."""

    def parse(value: object) -> tuple[T, ...]:
        pieces = (
            [piece.strip() for piece in value.split(",") if piece.strip()]
            if isinstance(value, str)
            else value
        )
        if not isinstance(pieces, list | tuple):
            raise ValueError(f"expected a list, got {value!r}")  # noqa: TRY004 - every parse raises ValueError
        return tuple(kind.parse(piece) for piece in pieces)

    return Kind(f"list of {kind.name}", parse, lambda values: [kind.show(value) for value in values])


def _as_text(value: object) -> str:
    """Numbers and text as text; anything else (booleans, lists) as something that no kind accepts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    return str(value).strip()


def _plain(value: object, wanted: str) -> Fraction:
    given = _as_text(value)
    if not _PLAIN_NUMBER.fullmatch(given):
        raise ValueError(f"expected {wanted}, got {value!r}")
    return Fraction(given)


def _seconds(value: object) -> Fraction:
    given = _as_text(value).lower()
    if _PLAIN_NUMBER.fullmatch(given):
        return Fraction(given)
    if not _DURATION.fullmatch(given):
        raise ValueError(f"expected a time such as 30, 90s, 1h30m or 7d, got {value!r}")
    parts = _DURATION_PART.findall(given)
    return sum((Fraction(amount) * DURATION_UNITS[unit] for amount, unit in parts), Fraction(0))


def _whole(exact: Fraction, value: object) -> int:
    if exact.denominator != 1:
        raise ValueError(f"expected a whole number, got {value!r}")
    return int(exact)


Bounded = TypeVar("Bounded", int, float)


def _within(value: Bounded, at_least: Bounded, at_most: Bounded | None) -> Bounded:
    if value < at_least:
        raise ValueError(f"expected at least {at_least}, got {value}")
    if at_most is not None and value > at_most:
        raise ValueError(f"expected at most {at_most}, got {value}")
    return value
