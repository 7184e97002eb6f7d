"""JSON schemas as people read them: fields, names of types, an example to start from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

MAX_DEPTH = 4
"""How far fields within fields are shown; beyond that the name of the type must do."""

_SIMPLE_EXAMPLES: dict[str, Any] = {
    "string": "string",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "null": None,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body; the name of one within another is written with a dot."""

    name: str
    type_name: str
    is_required: bool
    description: str


class Schemas:
    """The schemas of one OpenAPI document."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def resolved(self, schema: Schema) -> Schema:
        """Follow references (JSON pointers into the document) to what they mean."""
        while "$ref" in schema:
            found: Any = self._document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def type_name(self, schema: Schema) -> str:
        """Return what values look like, in words."""
        schema = self.resolved(schema)
        if "enum" in schema:
            return " | ".join(f'"{value}"' for value in schema["enum"])
        if "const" in schema:
            return f'"{schema["const"]}"'
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return " or ".join(dict.fromkeys(self.type_name(option) for option in options))
        kind = schema.get("type", "any")
        if isinstance(kind, list):
            kind = " or ".join(kind)
        if kind == "array":
            return f"list of {self.type_name(schema.get('items', {}))}"
        return _limited(str(schema.get("format", kind) if kind == "string" else kind), schema)

    def fields(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[Field]:
        """Yield the fields of an object, of the entries of a list of objects, and of what is within them."""
        schema = self._object_in(schema)
        required = schema.get("required", ())
        for name, inner in schema.get("properties", {}).items():
            description = inner.get("description") or ""
            yield Field(f"{prefix}{name}", self.type_name(inner), name in required, description)
            if depth < MAX_DEPTH:
                mark = "[]." if self._chosen(inner).get("type") == "array" else "."
                yield from self.fields(inner, f"{prefix}{name}{mark}", depth + 1)

    def example(self, schema: Schema, depth: int = 0) -> Any:
        """Return a value that fits: the example of the schema where it has one, else the plainest."""
        schema = self._chosen(schema)
        for key in ("example", "default", "const"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if schema.get("type") == "array":
            return [self.example(schema.get("items", {}), depth + 1)] if depth < MAX_DEPTH else []
        if "properties" in schema:
            inner = schema["properties"].items()
            return {name: self.example(each, depth + 1) for name, each in inner} if depth < MAX_DEPTH else {}
        return _SIMPLE_EXAMPLES.get(schema.get("type", ""), {})

    def _chosen(self, schema: Schema) -> Schema:
        """Return the first alternative that is not null; a stated example or default goes before all of them."""
        schema = self.resolved(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if not options or "examples" in schema or "default" in schema:
            return schema
        return next((each for each in map(self.resolved, options) if each.get("type") != "null"), {})

    def _object_in(self, schema: Schema) -> Schema:
        schema = self.resolved(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            schema = next((each for each in map(self.resolved, options) if each.get("type") != "null"), {})
        return self._object_in(schema["items"]) if "items" in schema else schema


def _limited(name: str, schema: Schema) -> str:
    """Add the bounds of a number or of a text's length to the name of its type."""
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return name
    low, high = (int(each) if isinstance(each, float) else each for each in (low, high))
    unit = " characters" if "maxLength" in schema or "minLength" in schema else ""
    if high is None:
        return f"{name}, from {low}{unit}"
    return f"{name}, {'' if low is None else low} to {high}{unit}".replace(",  to", ", up to")
