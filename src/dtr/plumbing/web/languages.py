"""Languages of the pages: message catalogs, and which one a reader gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Any, Final

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from dtr.core.messages import Message

ENGLISH: Final = "en"
CHINESE: Final = "zh_Hans"

NAMES: Final[Mapping[str, str]] = {ENGLISH: "English", CHINESE: "简体中文"}
"""The languages that there are, as their readers call them."""

DOMAIN: Final = "messages"

_CODES: Final = {code.lower(): code for code in NAMES}
_ALIASES: Final = {"zh": CHINESE, "zh_cn": CHINESE, "zh_sg": CHINESE, "zh_hans_cn": CHINESE}


@dataclass(frozen=True)
class Language:
    """One language: its texts and its ways to write times and numbers."""

    code: str
    folder: Traversable
    """Where `<code>.po` is."""

    @cached_property
    def locale(self) -> Locale:
        """The locale for formats."""
        return Locale.parse(self.code)

    @cached_property
    def translations(self) -> NullTranslations:
        """The catalog, read when it is first needed. English is what the templates say themselves."""
        if self.code == ENGLISH:
            return NullTranslations()
        with (self.folder / f"{self.code}.po").open("rb") as file:
            catalog = read_po(file, locale=self.code, domain=DOMAIN)
        compiled = BytesIO()
        write_mo(compiled, catalog)
        compiled.seek(0)
        return Translations(compiled, domain=DOMAIN)

    @property
    def gettext(self) -> Callable[[str], Any]:
        """Translates a text."""
        return self.translations.gettext

    def say(self, text: str) -> str:
        """Return a text in this language: one of the catalog, or a Message, whose values stay what they are.

        Whatever the catalog does not hold comes back as it is.
        """
        if not text:
            return ""  # the catalog has its own header there
        if not isinstance(text, Message):
            return str(self.gettext(text))
        values = {
            name: self.say(value) if isinstance(value, Message) else value
            for name, value in text.values.items()
        }
        return str(self.gettext(text.template) % values)

    @property
    def tag(self) -> str:
        """The language tag of HTML. Source: RFC 5646."""
        return self.code.replace("_", "-")


def load_languages(folder: Traversable) -> dict[str, Language]:
    """Return every language by its code; `folder` holds the catalogs."""
    return {code: Language(code, folder) for code in NAMES}


def choose_language(chosen: str, accept_language: str) -> str:
    """Return the code of the language for a reader: the one chosen before, else what the browser prefers.

    Source: RFC 9110, section 12.5.4.
    """
    if chosen in NAMES:
        return chosen
    preferred = [_ALIASES.get(each.lower(), each) for each in _preferences(accept_language)]
    found = negotiate_locale(preferred, list(NAMES))  # spelled as the browser spells it
    return _CODES[found.lower()] if found else ENGLISH


def _preferences(accept_language: str) -> list[str]:
    """Return the wanted languages, the most wanted first, as locale names; what cannot be read counts for nothing."""
    weighted = []
    for entry in accept_language[:500].split(","):
        tag, _, weight = entry.replace(" ", "").partition(";q=")
        try:
            weighted.append((float(weight or 1), tag.replace("-", "_")))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda each: -each[0]) if tag and weight > 0]
