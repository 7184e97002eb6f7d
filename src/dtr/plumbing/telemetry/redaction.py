"""Keep secrets out of what is logged: values under telling names, and telling shapes inside any text."""

import re
from collections.abc import Mapping

MASK = "[redacted]"
MAX_CHARACTERS = 16 * 1024

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|authori[sz]ation|cookie|credential|private_?key|api_?key|signature"
    r"|(^|_)(token|pass|pwd|jwt|otp)$",
    re.IGNORECASE,
)

TOKEN_START = "dtr_"  # noqa: S105 - the start of secrets, which is none
"""Every token and secret that the registry makes begins like this, but for those that are signed."""

_OWN_TOKEN = re.compile(r"\bdtr_(?:pat|refresh|session|robot)_[\w-]{6,}")

_SECRET_SHAPES = (
    (re.compile(r"\b((?i:bearer|basic))\s+(?=\S*[A-Z0-9=])[\w.~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
    (_OWN_TOKEN, MASK),
    (re.compile(r"(://[^\s/:@]*):[^\s/]*@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"""((?:password|passwd|secret|[\w-]{0,40}token|cookie|signature)['"]?\s*[=:]\s*['"]?)[^\s'"&,;)}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        MASK,
    ),
)


def mask_own_tokens(text: str) -> str:
    """Mask tokens that the registry made: people put them into addresses by mistake."""
    return _OWN_TOKEN.sub(MASK, text)


def redact_text(text: str) -> str:
    """Mask what shows by its shape: headers, tokens, passwords in addresses and assignments, keys.

    Text beyond `MAX_CHARACTERS` is cut: searching it would take longer than its line is worth.
    """
    text = text[:MAX_CHARACTERS]
    for shape, replacement in _SECRET_SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact(value: object) -> object:
    """Return `value` with secrets masked, however deep they sit in mappings, lists and tuples."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return redact_text(bytes(value).decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {str(name): redact_field(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def redact_field(name: str, value: object) -> object:
    """Return the value of one named field with secrets masked; a telling name masks any value."""
    if value is not None and not isinstance(value, bool) and _SECRET_NAME.search(name):
        return MASK
    return redact(value)
