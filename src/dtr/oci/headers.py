"""Values of HTTP headers: parsed from requests, built for responses.

Request values may be given as text or as the bytes that arrived. A value that makes no sense is ignored where
the specification lets us, and raises elsewhere.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlencode

from dtr.oci.errors import RangeInvalid, RangeNotSatisfiable

HeaderValue = str | bytes

MAX_RANGES: Final = 64
"""Most byte ranges answered in one response."""
MAX_ACCEPTED_TYPES: Final = 64
"""Most elements of `Accept` that are looked at; bounds the memory of remembered headers."""
MAX_WARNING_BYTES: Final = 4096
"""Most bytes of all warnings of one response together."""

# More digits than any size has; bounds the work of turning them into a number.
_NUMBER: Final = "[0-9]{1,100}"
_BYTE_RANGE = re.compile(rf"({_NUMBER})?-({_NUMBER})?")
_UPLOAD_RANGE = re.compile(rf"(?:bytes[ \t]+)?({_NUMBER})-({_NUMBER})(?:/({_NUMBER}|\*))?")
_QUALITY = re.compile(r"[ \t]*q[ \t]*=[ \t]*0(?:\.0*)?[ \t]*", re.IGNORECASE)
_UNSAFE_WARNING_CHARACTERS = re.compile(r"[^ -~]")
_WARNING_PREFIX: Final = "299 - "


def parse_byte_ranges(value: HeaderValue, size_bytes: int) -> list[tuple[int, int]] | None:
    """Parse `Range` for a blob of `size_bytes`; return first and last offset of each part, both inclusive.

    None means that the header is to be ignored: another unit, or broken syntax. Parts come in the order asked
    for, unless some overlap: those are merged, and all are sorted. Raises RangeNotSatisfiable if no range
    lies within the blob, one runs backwards, or there are more than MAX_RANGES.
    Source: RFC 9110, section 14.
    """
    unit, _, range_set = _text(value).partition("=")
    if unit.strip().lower() != "bytes":
        return None
    parts = [part.strip() for part in range_set.split(",")]
    matches = [_BYTE_RANGE.fullmatch(part) for part in parts if part]
    pairs = [match.groups() for match in matches if match and match.group() != "-"]
    if not pairs or len(pairs) != len(matches):
        return None
    if len(pairs) > MAX_RANGES:
        raise RangeNotSatisfiable(f"at most {MAX_RANGES} ranges are served at once", size_bytes=size_bytes)
    resolved = [_resolve_byte_range(first, last, size_bytes) for first, last in pairs]
    satisfiable = [span for span in resolved if span is not None]
    if not satisfiable:
        raise RangeNotSatisfiable(size_bytes=size_bytes)
    return _merge_overlaps(satisfiable)


def _resolve_byte_range(first: str | None, last: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Clip one range to the blob; None if nothing of it is left."""
    if first is None:
        start, stop = max(size_bytes - int(last or 0), 0), size_bytes
    else:
        start, stop = int(first), size_bytes if last is None else int(last) + 1
        if stop <= start and last is not None:
            raise RangeNotSatisfiable("the requested range ends before it starts", size_bytes=size_bytes)
    stop = min(stop, size_bytes)
    return (start, stop - 1) if start < stop else None


def _merge_overlaps(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return spans if len(merged) == len(spans) else merged


def parse_upload_range(value: HeaderValue) -> tuple[int, int]:
    """Parse an upload chunk's `Content-Range`, e.g. `0-1023`; both offsets are inclusive (bytes).

    RFC 9110's form with unit and total, `bytes 0-1023/4096`, is accepted too, if the total is larger than the
    last offset. Raises RangeInvalid if malformed, backwards or inconsistent.
    Source: OCI distribution-spec, "Pushing a blob in chunks".
    """
    match = _UPLOAD_RANGE.fullmatch(_text(value).strip())
    if match is None:
        raise RangeInvalid("the Content-Range of a chunk looks like 0-1023")
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise RangeInvalid("the Content-Range ends before it starts")
    if match[3] not in {None, "*"} and int(match[3]) <= last:
        raise RangeInvalid("the Content-Range goes beyond the total that it names")
    return first, last


def etag_matches(value: HeaderValue, etag: str) -> bool:
    """Tell whether `If-None-Match` or `If-Match` names `etag`, with or without quotes on either side.

    `*` matches everything, and weak tags match strong ones: our tags are digests, so equal means identical.
    Source: RFC 9110, sections 8.8.3.2 and 13.1.
    """
    wanted = etag.strip('"')
    candidates = (part.strip() for part in _text(value).split(","))
    return any(part == "*" or part.removeprefix("W/").strip('"') == wanted for part in candidates)


@dataclass(frozen=True, slots=True)
class Accept:
    """The media types a client takes: `verdicts` says of a type, `type/*` or `*/*` whether it may come."""

    verdicts: dict[str, bool]

    def allows(self, media_type: str) -> bool:
        """Tell whether a response of this type, lower-case and without parameters, is acceptable.

        The most specific of the client's words counts; a client that said nothing takes everything.
        Source: RFC 9110, section 12.5.1.
        """
        if not self.verdicts:
            return True
        major = media_type.partition("/")[0]
        for pattern in (media_type, f"{major}/*", "*/*"):
            if pattern in self.verdicts:
                return self.verdicts[pattern]
        return False


@lru_cache(maxsize=256)
def parse_accept(values: tuple[HeaderValue, ...]) -> Accept:
    """Parse all `Accept` headers of a request; parameters other than `q` and broken elements are ignored.

    Only the first MAX_ACCEPTED_TYPES elements count.
    """
    verdicts: dict[str, bool] = {}
    for element in ",".join(map(_text, values)).lower().split(",")[:MAX_ACCEPTED_TYPES]:
        media_range, *parameters = element.split(";")
        name = media_range.strip()
        if "/" in name:
            refused = any(map(_QUALITY.fullmatch, parameters))
            verdicts[name] = verdicts.get(name, False) or not refused
    return Accept(verdicts)


def next_link(path: str, parameters: list[tuple[str, str]]) -> str:
    """Return the `Link` value for the next page: relative, percent-encoded.

    Source: RFC 8288; OCI distribution-spec, "Listing Tags".
    """
    return f'<{quote(path)}?{urlencode(parameters, quote_via=quote, safe="")}>; rel="next"'


def warning(text: str) -> str:
    """Return a `Warning` value of at most MAX_WARNING_BYTES; characters a header cannot carry become `?`.

    Source: OCI distribution-spec, "Warnings".
    """
    escaped = _UNSAFE_WARNING_CHARACTERS.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    room = MAX_WARNING_BYTES - len(_WARNING_PREFIX) - 2
    if len(escaped) > room:
        # Half an escape at the cut would swallow the closing quote.
        escaped = escaped[: room - 3].rstrip("\\") + "..."
    return f'{_WARNING_PREFIX}"{escaped}"'


def fit_warnings(warnings: list[str]) -> list[str]:
    """Return the first of the given `Warning` values that together stay within MAX_WARNING_BYTES."""
    kept: list[str] = []
    room = MAX_WARNING_BYTES
    for value in warnings:
        room -= len(value)
        if room < 0:
            break
        kept.append(value)
    return kept


def _text(value: HeaderValue) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
