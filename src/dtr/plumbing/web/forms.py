"""Fields that a browser sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from dtr.core.errors import Invalid
from dtr.core.messages import said

MAX_FIELDS = 2_500
"""Fields of one form: a page of checkboxes is the longest that there is."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, as text."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @staticmethod
    def parse(body: bytes) -> "Form":
        """Parse `application/x-www-form-urlencoded`. Raises Invalid for what is none."""
        try:
            pairs = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
            )
        except ValueError as error:
            raise Invalid("the form cannot be read") from error
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            if "\0" in value:
                raise Invalid(said("the field %(name)s holds characters that no text has", name=name))
            fields.setdefault(name, []).append(value)
        return Form(fields)

    def text(self, name: str) -> str:
        """Return a field without white space around it; empty if it was not sent."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """Return a field as it was typed: passwords, long texts. Line ends are those of Unix."""
        return self.fields.get(name, [""])[0].replace("\r\n", "\n")

    def all(self, name: str) -> list[str]:
        """Return every value of a field: checkboxes of one name."""
        return list(self.fields.get(name, []))

    def checked(self, name: str) -> bool:
        """Tell whether a checkbox is set."""
        return name in self.fields

    def number(self, name: str, default: int = 0) -> int:
        """Return a field as a whole number; the default if it is empty. Raises Invalid for anything else."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - fits into 31 bits
            raise Invalid(said("the field %(name)s must be a whole number", name=name), field=name)
        return int(text)
