"""Every text of the pages is in the catalogs, translated, and nothing that is shown goes past them."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as BabelMessage
from babel.messages.pofile import read_po

from tests.support.messages import CATALOG, Message, messages, placeholders, templates, untranslated

CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORDS = re.compile(r"(?<!%\()\b[^\W\d_]{2,}")
"""Words of a text; the names of its values are none."""

NAMES_OF_THINGS = {"API", "README", "SHA-256", "CPU", "DTR", "Markdown", "ID"}
"""Texts that are the same in every language."""

SHOWN_AS_THEY_ARE = {"SHA256:", "my-app", "ci"}
"""Examples and names that no language translates."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with CATALOG.open("rb") as file:
        return read_po(file, locale="zh_Hans", abort_invalid=True)


def _texts(message: BabelMessage) -> list[str]:
    """Return the translations of a message: one, or one for each number."""
    found = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return [each or "" for each in found]


@pytest.fixture(scope="module")
def used() -> list[Message]:
    return messages()


def test_every_text_is_translated(catalog: Catalog, used: list[Message]) -> None:
    missing = []
    for message in used:
        found = catalog.get(message.text)
        texts = _texts(found) if found is not None else [""]
        if not all(texts) or bool(message.plural) > (found is not None and found.pluralizable):
            missing.append(f"{message.place}: {message.text}")

    assert not missing, "\n".join(sorted(missing))


def test_translations_are_chinese(catalog: Catalog) -> None:
    for message in catalog:
        for text in _texts(message):
            is_name = {message.id} <= NAMES_OF_THINGS if isinstance(message.id, str) else False
            is_frame = isinstance(message.id, str) and not WORDS.search(message.id)  # "%(before)s; %(after)s"
            assert not message.id or is_name or is_frame or CHINESE.search(text), message.id


def test_no_translation_waits_for_a_review(catalog: Catalog) -> None:
    assert [message.id for message in catalog if message.fuzzy and message.id] == []


def test_translations_hold_the_same_values(catalog: Catalog) -> None:
    for message in catalog:
        if not message.id:
            continue
        originals = message.id if isinstance(message.id, tuple | list) else (message.id,)
        wanted = placeholders(originals[-1])
        for text in _texts(message):
            assert placeholders(text) == wanted, message.id


def test_texts_fill_in_values_by_name(used: list[Message]) -> None:
    for message in used:
        placeholders(message.text)
        if message.plural:
            assert placeholders(message.text) <= placeholders(message.plural), message.place


def test_the_catalog_holds_nothing_that_is_not_used(catalog: Catalog, used: list[Message]) -> None:
    wanted = {message.text for message in used}
    found = {message.id[0] if isinstance(message.id, tuple | list) else message.id for message in catalog}

    assert found - wanted - {""} == set()


@pytest.mark.parametrize("template", templates(), ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_no_text_of_a_template_goes_past_the_catalogs(template: Path) -> None:
    words = [each for each in untranslated(template) if not _is_no_text(each)]

    assert words == []


def _is_no_text(words: str) -> bool:
    """Tell whether words are an example, an address or a command."""
    plain = words.strip("\x00 ")
    return plain in SHOWN_AS_THEY_ARE or plain.startswith(("/", "docker ", "helm ", "oras ", "--"))
