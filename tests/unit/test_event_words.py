"""Words in questions to the activity log: moments and types."""

import pytest

from dtr.core.errors import Invalid
from dtr.core.facts import Verb
from dtr.features.events.model import parse_moment, parse_verb
from tests.support.facts import NOW


@pytest.mark.parametrize(
    "given",
    [
        "2030-01-01T12:00:00Z",
        "2030-01-01t12:00:00z",
        "2030-01-01T14:00:00+02:00",
        "2030-01-01 07:00:00-05:00",
    ],
)
def test_moments_are_read_in_any_zone(given: str) -> None:
    assert parse_moment(given, "x") == NOW.replace(microsecond=0)


def test_a_plus_sign_that_was_not_escaped_is_understood() -> None:
    assert parse_moment("2030-01-01T14:00:00 02:00", "x") == NOW.replace(microsecond=0)
    assert parse_moment("", "x") is None


@pytest.mark.parametrize(
    "given",
    ["now", "2030-01-01", "2030-01-01T12:00:00", "1893499200", "2030-13-01T12:00:00Z", "2030-01-01T25:00:00Z",
     "2030-01-01T12:00:00+99:00", "20300101T120000Z", "2030-W01-1T12:00:00Z", "٢٠٣٠-01-01T12:00:00Z", "Z"],
)  # fmt: skip
def test_other_moments_are_refused(given: str) -> None:
    with pytest.raises(Invalid):
        parse_moment(given, "publishedAfter")


def test_types_are_read_in_any_case() -> None:
    assert parse_verb("create") is Verb.CREATE
    assert parse_verb("") is None
    with pytest.raises(Invalid):
        parse_verb("PULL")
