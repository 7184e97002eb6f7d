"""Typed reading of JSON objects that strangers wrote.

Go clients write an empty list, object or text as null or leave it out, so for optional fields null and absent
mean the same. Every function raises ManifestInvalid with the place of the trouble and never shows the value,
which may be megabytes long. `where` is the place of the object in the document, e.g. `layers[3]`, or empty
for the document itself.
"""

import re
from typing import cast

from dtr.oci.errors import ManifestInvalid

# Media types end up in response headers and in indexed columns, so they are printable and short. Their form
# is not checked further: real ones carry parameters, and some are not of the form type/subtype.
_MEDIA_TYPE = re.compile(r"[ -~]{1,255}")


def place(where: str, key: str) -> str:
    """Name the field `key` of the object at `where`."""
    return f"{where}.{key}" if where else key


def optional_text(source: dict[str, object], key: str, where: str) -> str:
    """Return a text field; absent gives the empty text."""
    value = source.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise ManifestInvalid(f"{place(where, key)} must be text")


def optional_object(source: dict[str, object], key: str, where: str) -> dict[str, object] | None:
    """Return an object field, or None if it is absent."""
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, dict):
        return value
    raise ManifestInvalid(f"{place(where, key)} must be an object")


def optional_array(source: dict[str, object], key: str, where: str) -> list[object]:
    """Return an array field; absent gives an empty one."""
    value = source.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise ManifestInvalid(f"{place(where, key)} must be an array")


def optional_texts(source: dict[str, object], key: str, where: str) -> tuple[str, ...]:
    """Return an array of texts; absent gives an empty one."""
    values = optional_array(source, key, where)
    if all(isinstance(value, str) for value in values):
        return tuple(cast("list[str]", values))
    raise ManifestInvalid(f"{place(where, key)} must be an array of texts")


def optional_media_type(source: dict[str, object], key: str, where: str) -> str | None:
    """Return a media type, or None if it is absent or empty."""
    value = optional_text(source, key, where)
    if not value:
        return None
    if _MEDIA_TYPE.fullmatch(value):
        return value
    raise ManifestInvalid(f"{place(where, key)} must be at most 255 printable ASCII characters")


def annotations_of(source: dict[str, object], where: str) -> dict[str, str]:
    """Return the annotations of an object: a map from text to text; absent gives an empty one."""
    annotations = optional_object(source, "annotations", where) or {}
    if all(isinstance(value, str) for value in annotations.values()):
        return cast("dict[str, str]", annotations)
    raise ManifestInvalid(f"every value of {place(where, 'annotations')} must be text")
