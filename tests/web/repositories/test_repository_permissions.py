"""Who has access to a repository: grants, explanations, the review."""

import re
from html import unescape

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.html_pages import notices_in
from tests.support.site import REPOSITORIES
from tests.web.repositories.scene import at, made, make


def test_an_auditor_sees_who_has_access_but_no_form_to_change_it(browser_of: BrowserOf) -> None:
    audrey = browser_of("audrey")
    page = audrey.see("/repositories/acme/ledger/permissions")
    assert "writers" in page
    assert 'value="set-team"' not in page
    audrey.see("/repositories/acme/ledger/settings", 403)


@pytest.mark.parametrize(("kind", "who"), [("team", "readers"), ("user", "simon")])
def test_levels_are_given_changed_and_taken(olivia: Browser, admin: ApiClient, kind: str, who: str) -> None:
    name = made(admin)
    path, api = f"/repositories/acme/{name}/permissions", f"{REPOSITORIES}/acme/{name}/{kind}Access"
    for level in ("read-only", "admin"):
        answer = olivia.send(path, action=f"set-{kind}", who=who, level=level)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        assert "Saved the access of" in olivia.see(path)
        assert [each["accessLevel"] for each in admin.get(api).json()[f"{kind}AccessList"]] == [level]
    assert olivia.send(path, action=f"remove-{kind}", who=who).status_code == 303
    assert admin.get(api).json()[f"{kind}AccessList"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "set-team", "who": "nobody", "level": "admin"},
        {"action": "set-team", "who": "readers", "level": "owner"},
        {"action": "set-user", "who": "nobody", "level": "admin"},
        {"action": "set-user", "who": "acme", "level": "admin"},
        {"action": "set-user", "who": "", "level": "admin"},
        {"action": "set-user", "who": '"><script>', "level": "read-write"},
        {"action": "remove-user", "who": "nobody"},
        {"action": "grant-all", "who": "simon", "level": "admin"},
        {"action": "grant-user", "who": "simon", "level": "admin"},
        {},
    ],
)
def test_a_grant_that_cannot_be_is_refused_and_shown_again(
    olivia: Browser, admin: ApiClient, fields: dict[str, str]
) -> None:
    name = made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/permissions", **fields)
    assert answer.status_code == 400
    assert "notice-bad" in answer.text
    assert "<script>" not in answer.text
    for kind in ("team", "user"):
        assert admin.get(f"{REPOSITORIES}/acme/{name}/{kind}Access").json()[f"{kind}AccessList"] == []


def test_a_repository_of_a_user_is_given_to_no_team(simon: Browser, admin: ApiClient) -> None:
    make(admin, "simon", "own")
    page = simon.see("/repositories/simon/own/permissions")
    assert 'value="set-team"' not in page
    fields = {"action": "set-team", "who": "readers", "level": "admin"}
    answer = simon.send("/repositories/simon/own/permissions", **fields)
    assert answer.status_code == 400
    assert notices_in(answer.text) == ["simon is a user, who has no teams; grant single users access"]


def test_access_is_explained_with_reasons(olivia: Browser) -> None:
    page = olivia.see(at("/repositories/acme/ledger/permissions", account="wendy"))
    assert (
        "is in the team writers, which has the level read-write on the repository, which is not enough"
        in page
    )
    one = olivia.see(at("/repositories/acme/ledger/permissions", account="anonymous", operation="pull"))
    assert "nothing was granted" in one
    assert 'id="error-account"' in olivia.see(
        at("/repositories/acme/ledger/permissions", account='nobody"><b>')
    )


def test_the_review_lists_everybody_with_access(olivia: Browser) -> None:
    page = olivia.see("/repositories/acme/web%2Ffront/permissions")
    assert "everybody: the repository is public" in page
    assert "owner of the organization" in page
    page = olivia.see(at("/repositories/acme/web%2Ffront/permissions", size="1"))
    following = re.search(r'rel="next" href="([^"]+)#review"', page)
    assert following is not None
    assert "owner of the organization" in olivia.see(unescape(following[1]))


@pytest.mark.parametrize("start", ["nonsense", "9999:x", "\x00"])
def test_a_review_that_starts_nowhere_is_told(olivia: Browser, start: str) -> None:
    olivia.see(at("/repositories/acme/ledger/permissions", start=start), 400)
