"""Sentences for people that remember what they were made of, so that a page can say them in another language."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, Self


class Message(str):
    """A finished English sentence with its template and the values in it; to everybody else a string. Make with `said`.

    A value that is a Message itself is part of the language: whoever translates the sentence translates it, too.
    Other values, such as names, are the same in every language.
    """

    __slots__ = ("template", "values")

    template: str
    """The sentence with `%(name)s` where a value goes; a percent sign is doubled."""
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        """Fill the values in. Raises KeyError for one that is missing."""
        self = super().__new__(cls, template % values)
        self.template = template
        self.values = values
        return self

    def __reduce__(self) -> tuple[type["Message"], tuple[str, dict[str, object]]]:
        return Message, (self.template, dict(self.values))


def said(template: str, /, **values: object) -> Message:
    """Return the sentence: `said("there is no user %(name)s", name=name)`. The catalogs hold its template."""
    return Message(template, values)


def as_message(text: str) -> Message:
    """Return what an error says as a Message, to be a value of another one: plain texts of the catalogs as well."""
    return text if isinstance(text, Message) else Message(text.replace("%", "%%"), {})


def said_together(sentences: Iterable[str]) -> str:
    """Return several sentences in one, as reasons are listed; empty without any."""
    listed: Final = list(sentences)
    if not listed:
        return ""
    return reduce(lambda before, after: said("%(before)s; %(after)s", before=before, after=after), listed)
