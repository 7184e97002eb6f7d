"""The form that makes a repository."""

import re

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.site import REPOSITORIES
from tests.web.repositories.scene import at


def test_a_repository_is_made_by_the_form(olivia: Browser) -> None:
    assert "<option selected>acme</option>" in olivia.see(at("/repositories/new", namespace="acme"))
    answer = olivia.send(
        "/repositories/new",
        namespace="acme",
        name="made/here",
        visibility="public",
        tag_limit="7",
        scan_on_push="on",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/repositories/acme/made%2Fhere")
    page = olivia.see("/repositories/acme/made%2Fhere")
    assert "Created acme/made/here" in page
    assert "<dt>Tag limit</dt><dd>7</dd>" in page


@pytest.mark.parametrize("name", ["Upper", "", "a//b", "ledger", "a b", "ñ", "x" * 300, "<b>"])
def test_a_name_that_cannot_be_is_told_beside_its_field_and_the_rest_is_kept(
    olivia: Browser, name: str
) -> None:
    answer = olivia.send(
        "/repositories/new", namespace="acme", name=name, visibility="public", short_description="keep <me>"
    )
    assert answer.status_code == 400
    assert 'id="error-name"' in answer.text
    assert 'value="keep &lt;me&gt;"' in answer.text
    assert re.search(r'value="public" checked', answer.text)


def test_settings_that_exclude_each_other_make_no_repository(olivia: Browser, admin: ApiClient) -> None:
    fields = {"immutable_tags": "on", "tag_limit": "3", "visibility": "private"}
    answer = olivia.send("/repositories/new", namespace="acme", name="torn", **fields)
    assert answer.status_code == 400
    assert "exclude each other" in answer.text
    assert admin.get(f"{REPOSITORIES}/acme/torn").status_code == 404


@pytest.mark.parametrize(
    "field", [{"tag_limit": "-1"}, {"tag_limit": "x"}, {"visibility": "secret"}, {"visibility": ""}]
)
def test_wrong_settings_make_no_repository(olivia: Browser, admin: ApiClient, field: dict[str, str]) -> None:
    answer = olivia.send(
        "/repositories/new", **{"namespace": "acme", "name": "wrong", "visibility": "private", **field}
    )
    assert answer.status_code == 400
    assert admin.get(f"{REPOSITORIES}/acme/wrong").status_code == 404


def test_nobody_makes_repositories_where_they_have_no_say(wendy: Browser, admin: ApiClient) -> None:
    assert "<option>acme</option>" not in wendy.see("/repositories/new")
    answer = wendy.send("/repositories/new", namespace="acme", name="mine", visibility="private")
    assert answer.status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/mine").status_code == 404


def test_who_is_not_signed_in_is_sent_to_do_so_before_making_a_repository(stranger: Browser) -> None:
    answer = stranger.http.get("/repositories/new")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Frepositories%2Fnew")
    assert "New repository" not in stranger.see("/repositories")
