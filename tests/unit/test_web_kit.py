"""Forms, formats, languages and messages of the pages."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
from babel import Locale

from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.plumbing.web.flash import MAX_FLASH_LENGTH, Mood, flash_value, read_flash
from dtr.plumbing.web.formats import ago, number, size
from dtr.plumbing.web.forms import MAX_FIELDS, Form
from dtr.plumbing.web.languages import choose_language, load_languages

ENGLISH = Locale.parse("en")
CHINESE = Locale.parse("zh_Hans")
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
MOST_OF_A_COOKIE = 4096
CATALOGS = resources.files("dtr.doors.web") / "catalogs"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1550, "1.6 kB"),
        (123_456, "123 kB"),
        (4_200_000_000, "4.2 GB"),
        (10**15, "1 PB"),
        (2**63, "9.2 EB"),
        (10**21, "1,000 EB"),
    ],
)
def test_sizes_have_decimal_units(count: int, words: str) -> None:
    assert size(count, ENGLISH) == words


def test_numbers_are_written_as_the_language_does() -> None:
    assert number(1234567, ENGLISH) == "1,234,567"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=10), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_times_are_told_by_their_distance(before: timedelta, words: str) -> None:
    element = ago(NOW - before, NOW, ENGLISH, "just now")

    assert f">{words}<" in element
    assert 'title="' in element
    assert "UTC" in element


def test_times_are_told_in_chinese() -> None:
    assert ">5分钟前<" in ago(NOW - timedelta(minutes=5), NOW, CHINESE, "刚刚")


@pytest.mark.parametrize(
    ("chosen", "accepted", "code"),
    [
        ("", "", "en"),
        ("zh_Hans", "en", "zh_Hans"),
        ("en", "zh-CN", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh_Hans"),
        ("", "zh-Hans-CN", "zh_Hans"),
        ("", "en-GB, zh; q=0.9", "en"),
        ("", "en; q=0.1, zh; q=0.9", "zh_Hans"),
        ("", "zh;q=0, en", "en"),
        ("", "de-DE", "en"),
        ("", "*", "en"),
        ("", ";;;q=,q=x,=;q=1e999", "en"),
        ("nonsense", "zh", "zh_Hans"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(chosen: str, accepted: str, code: str) -> None:
    assert choose_language(chosen, accepted) == code


@pytest.mark.parametrize(
    "text", ["Saved.", "<b>&\"'", "保存" * 400, "\n;,\\=", "half of a character: \ud800"]
)
def test_a_message_survives_its_cookie(text: str) -> None:
    value = flash_value(text, Mood.GOOD)

    assert len(value) < MOST_OF_A_COOKIE - 100
    assert value.isascii()
    assert not set(value) & set(' ";,\\')
    (notice,) = read_flash(value)
    assert notice["mood"] == "good"
    assert notice["text"] == text[:MAX_FLASH_LENGTH].replace("\ud800", "?")


def test_a_message_of_an_error_can_be_translated_after_its_cookie() -> None:
    refused = said("there is no user %(name)s", name="walt \ud800")
    text = said("%(problem)s (%(count)s s)", problem=refused, count=30)

    (notice,) = read_flash(flash_value(text, Mood.BAD))

    assert notice["text"] == "there is no user walt ? (30 s)"
    assert load_languages(CATALOGS)["zh_Hans"].say(notice["text"]) == "没有用户 walt ?（30 秒）"  # noqa: RUF001 - Chinese


@pytest.mark.parametrize("name", ["n" * MAX_FLASH_LENGTH, "名" * (MAX_FLASH_LENGTH - 20)])
def test_a_message_that_is_too_long_to_be_translated_later_is_cut(name: str) -> None:
    text = said("%(before)s; %(after)s", before=said("there is no user %(name)s", name=name), after=name)

    value = flash_value(text, Mood.BAD)

    assert len(value) < MOST_OF_A_COOKIE - 100
    assert read_flash(value)[0]["text"] == text[:MAX_FLASH_LENGTH]


def _planted(text: object) -> str:
    return urlsafe_b64encode(json.dumps({"mood": "bad", "text": text}).encode()).decode()


def _within_itself(levels: int) -> object:
    return ["%(a)s" * 20, {"a": _within_itself(levels - 1)}] if levels else "x"


@pytest.mark.parametrize(
    "text",
    [
        ["%(a)999999999s", {"a": "x"}],
        ["%(a).999999999s", {"a": "x"}],
        ["%(a)s%", {"a": "x"}],
        ["%(a)d", {"a": "1"}],
        ["%(a(b)s", {"a(b": "x"}],
        ["%s", {"a": "x"}],
        ["%(a)s", {}],
        ["%(a)s" * 200, {"a": ""}],
        ["%(a)s" * 50, {"a": "x" * 100}],
        _within_itself(20),
    ],
)
def test_a_planted_message_that_asks_for_more_than_its_values_is_none(text: object) -> None:
    """Whoever plants a cookie chooses the template, too."""
    assert read_flash(_planted(text)) == []


@pytest.mark.parametrize("text", [["a", "b"], ["%(a)s", ["a"]], [], [{}, {}], {"a": "b"}, None, 5, "\ud800"])
def test_a_planted_message_of_another_shape_is_text(text: object) -> None:
    (notice,) = read_flash(_planted(text))

    assert type(notice["text"]) is str
    assert notice["text"].encode()


@pytest.mark.parametrize("value", [None, "", "x", "e30=", "bnVsbA==", "W10=", "\xff", "W1tb" * 30_000])
def test_a_cookie_that_holds_no_message_is_none(value: str | None) -> None:
    assert read_flash(value) == []


def test_a_form_is_read_as_it_was_sent() -> None:
    form = Form.parse(b"name=+a%20b+&text=one%0D%0Atwo&box=1&box=2&empty=&number=12")

    assert form.text("name") == "a b"
    assert form.raw("name") == " a b "
    assert form.raw("text") == "one\ntwo"
    assert form.all("box") == ["1", "2"]
    assert form.checked("empty")
    assert not form.checked("missing")
    assert form.text("missing") == ""
    assert (form.number("number"), form.number("missing", 7), form.number("empty", 8)) == (12, 7, 8)


@pytest.mark.parametrize("body", [b"\xff", b"a=%ff", b"a=%00", b"&".join([b"a=1"] * (MAX_FIELDS + 1))])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        Form.parse(body)


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "\uff11\uff12", "9" * 10, "1e3"])
def test_a_field_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Form({"n": [text]}).number("n")
