"""Messages are plain strings that remember what they are made of; languages say them."""

import copy
import json
import logging
import pickle
import sqlite3
from importlib import resources

import orjson
import pytest

from dtr.core.errors import Invalid, RegistryError
from dtr.core.messages import Message, as_message, said, said_together
from dtr.features.access.model import Grant, Level, NamespaceOperation, Operation, Source
from dtr.oci.errors import error_body
from dtr.plumbing.web.languages import Language, load_languages

SENTENCE = "there is no user walt"


@pytest.fixture(scope="module")
def chinese() -> Language:
    return load_languages(resources.files("dtr.doors.web") / "catalogs")["zh_Hans"]


@pytest.fixture(scope="module")
def english() -> Language:
    return load_languages(resources.files("dtr.doors.web") / "catalogs")["en"]


def _no_user() -> Message:
    return said("there is no user %(name)s", name="walt")


def test_a_message_is_the_finished_sentence() -> None:
    message = _no_user()

    assert message == SENTENCE
    assert hash(message) == hash(SENTENCE)
    assert f"{message}." == "there is no user walt."
    assert type(str(message)) is str
    assert (message.template, message.values) == ("there is no user %(name)s", {"name": "walt"})


def test_values_are_no_templates() -> None:
    assert said("%(name)s is 5 %% of it", name="%(other)s %d %%") == "%(other)s %d %% is 5 % of it"


def test_a_value_that_is_missing_is_noticed_where_the_message_is_made() -> None:
    with pytest.raises(KeyError):
        said("there is no user %(name)s")


def test_json_holds_the_sentence() -> None:
    assert orjson.dumps({"message": _no_user(), _no_user(): 1}, option=orjson.OPT_NON_STR_KEYS) == (
        b'{"message":"there is no user walt","there is no user walt":1}'
    )
    assert orjson.dumps([_no_user()]) == b'["there is no user walt"]'
    assert json.dumps([_no_user()]) == '["there is no user walt"]'
    assert json.loads(error_body(Invalid(_no_user())))["errors"][0]["message"] == SENTENCE


def test_databases_and_logs_hold_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    (stored,) = sqlite3.connect(":memory:").execute("SELECT ?", (_no_user(),)).fetchone()
    logging.getLogger("tests").warning("refused: %s", _no_user())

    assert stored == SENTENCE
    assert caplog.messages == [f"refused: {SENTENCE}"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies_remember_as_well(protocol: int) -> None:
    message = said("%(before)s; %(after)s", before=_no_user(), after="more")

    for again in (pickle.loads(pickle.dumps(message, protocol)), copy.copy(message), copy.deepcopy(message)):  # noqa: S301 - made here
        assert again == message
        assert again.template == message.template
        assert again.values == message.values
        assert isinstance(again.values["before"], Message)


def test_an_error_says_the_message() -> None:
    error = Invalid(_no_user())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here

    assert str(error) == SENTENCE
    assert error.args == (SENTENCE,)
    assert isinstance(error.message, Message)
    assert isinstance(again, RegistryError)
    assert again.message == SENTENCE


def test_several_sentences_are_one() -> None:
    assert said_together([]) == ""
    assert said_together(["one"]) == "one"
    assert said_together(iter(["one", "two", "three"])) == "one; two; three"


def test_what_an_error_says_is_translated_within_another_sentence(chinese: Language) -> None:
    plain = as_message("the old password is wrong")

    assert plain == "the old password is wrong"
    assert as_message(plain) is plain
    assert as_message("5% of %(it)s") == "5% of %(it)s"
    assert chinese.say(said("%(problem)s (%(count)s s)", problem=plain, count=3)) == "旧密码不正确（3 秒）"  # noqa: RUF001 - Chinese


def test_a_language_says_template_and_values(chinese: Language, english: Language) -> None:
    message = said("%(grant)s, which is not enough", grant=said("is a robot with a permit for it"))

    assert chinese.say(message) == "是拥有相应许可的机器人账号，但权限不够"  # noqa: RUF001 - Chinese
    assert english.say(message) == "is a robot with a permit for it, which is not enough"


def test_only_words_of_the_registry_are_translated(chinese: Language) -> None:
    """Somebody may be called like a text of the pages."""
    assert chinese.say("owner") == "所有者"
    assert chinese.say(said("there is no user %(name)s", name="owner")) == "没有用户 owner"
    assert chinese.say(said("there is no user %(name)s", name="%(name)s%d")) == "没有用户 %(name)s%d"


@pytest.mark.parametrize("text", ["", "nothing that the catalog holds", said("unknown %(x)s", x="owner")])
def test_what_the_catalog_does_not_hold_stays_as_it_is(chinese: Language, text: str) -> None:
    assert chinese.say(text) == text


@pytest.mark.parametrize("operation", [*Operation, *NamespaceOperation])
def test_every_operation_has_words(chinese: Language, operation: Operation | NamespaceOperation) -> None:
    assert operation.words == operation.value.replace("-", " ")
    assert chinese.say(operation.words) != operation.words


@pytest.mark.parametrize("source", Source)
def test_every_grant_is_said_in_chinese(chinese: Language, source: Source) -> None:
    grant = Grant.of_level(source, Level.READ_WRITE, "acme")

    said_in_chinese = chinese.say(grant.sentence())

    assert said_in_chinese != grant.sentence()
    assert ("acme" in said_in_chinese) == ("acme" in grant.sentence())
    assert ("读写" in said_in_chinese) == ("read-write" in grant.sentence())
