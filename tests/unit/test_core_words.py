import re
from uuid import UUID

import pytest

from dtr.core.actions import Action, Scope, parse_scopes
from dtr.core.errors import Invalid, PageSizeInvalid
from dtr.core.ids import new_id, new_secret
from dtr.core.paging import PAGE_CAP, PageRequest, parse_page
from dtr.core.principal import ANONYMOUS, Principal


def test_ids_are_random_uuids_with_dashes() -> None:
    assert new_id() != new_id()
    assert UUID(new_id()).version == 4
    assert re.fullmatch(r"[0-9a-f-]{36}", new_id())


def test_secrets_are_safe_in_addresses_and_as_long_as_asked() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_secret())
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", new_secret(16))
    assert new_secret() != new_secret()


def test_nobody_in_particular_is_anonymous_and_an_account_is_not() -> None:
    assert ANONYMOUS.is_anonymous
    assert not ANONYMOUS.is_admin
    assert not Principal("id-1", "ann").is_anonymous


def test_actions_are_the_words_of_token_scopes() -> None:
    assert [str(action) for action in Action] == ["pull", "push", "delete", "*"]


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:ns/repo:pull,push", Scope("repository", "ns/repo", frozenset({"pull", "push"}))),
        ("repository(plugin):ns/p:pull", Scope("repository(plugin)", "ns/p", frozenset({"pull"}))),
        ("registry:catalog:*", Scope("registry", "catalog", frozenset({"*"}))),
        ("repository:host:5000/a/b:pull", Scope("repository", "host:5000/a/b", frozenset({"pull"}))),
        ("repository:a/b:", Scope("repository", "a/b", frozenset())),
    ],
)
def test_scope_is_parsed_and_written_back(text: str, scope: Scope) -> None:
    assert Scope.parse(text) == scope
    assert str(scope) == text


@pytest.mark.parametrize(
    "text", ["", "repository", "repository:a", "repository::pull", "a:b c:pull", "A:b:pull"]
)
def test_malformed_scope_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Scope.parse(text)


def test_scopes_come_repeated_or_separated_by_spaces_and_broken_ones_are_left_out() -> None:
    scopes = parse_scopes(["repository:a/b:pull  repository:c/d:push", "nonsense", "registry:catalog:*", ""])
    assert list(map(str, scopes)) == ["repository:a/b:pull", "repository:c/d:push", "registry:catalog:*"]


@pytest.mark.parametrize(
    ("n", "limit"),
    [
        (None, None),
        ("0", 0),
        ("1", 1),
        ("007", 7),
        ("1000", 1000),
        ("1001", PAGE_CAP),
        ("999999999", PAGE_CAP),
    ],
)
def test_page_size_is_read_and_capped(n: str | None, limit: int | None) -> None:
    assert parse_page(n, None) == PageRequest(limit, None)


@pytest.mark.parametrize(
    "n", ["", "-1", "+1", "1.5", "ten", " 1", "1\n", "0x10", "\u0663", "9" * 10, "9" * 5000]
)
def test_page_size_that_is_no_sensible_number_is_refused(n: str) -> None:
    with pytest.raises(PageSizeInvalid):
        parse_page(n, None)


def test_cap_can_be_chosen() -> None:
    assert parse_page("500", None, cap=100).limit == 100


@pytest.mark.parametrize(
    ("last", "parsed"), [(None, None), ("", None), ("v1", "v1"), ("Not A Tag!", "Not A Tag!")]
)
def test_last_need_not_be_a_name(last: str | None, parsed: str | None) -> None:
    assert parse_page(None, last).last == parsed


@pytest.mark.parametrize("last", ["\x00", "a\nb", "\ud800"])
def test_last_with_characters_that_databases_refuse_is_refused(last: str) -> None:
    with pytest.raises(Invalid):
        parse_page(None, last)
