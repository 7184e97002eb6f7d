"""The pages of teams: members, levels, and who manages what."""

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, sent_to
from tests.support.hostile import HOSTILE
from tests.support.html_pages import notices_in
from tests.support.people import ACCOUNTS, make_user
from tests.web.accounts.scene import TEAM, ranks


def test_teams_are_seen_by_members_and_made_by_owners(
    olivia: Browser, wendy: Browser, admin: ApiClient
) -> None:
    teams = "/organizations/acme/teams"
    page = wendy.see(teams)
    assert TEAM in page
    assert "New team" not in page
    assert wendy.send(teams, name="rebels").status_code == 403
    made = olivia.send(teams, name="Readers", description=HOSTILE)
    assert sent_to(made) == f"{teams}/readers"
    page = olivia.see(f"{teams}/readers")
    assert "<script>alert" not in page
    assert "Nobody is in the team yet" in page
    assert "<script>alert" not in olivia.see(teams)
    for name, status in (
        ("readers", 409),
        ("READERS", 409),
        ("", 400),
        ("tëam", 400),
        ("a/b", 400),
        ("W" * 128, 400),
    ):
        answer = olivia.send(teams, name=name, description="kept text")
        assert answer.status_code == status, name
        assert "field-error" in answer.text
        assert "kept text" in answer.text
    found = admin.get(f"{ACCOUNTS}/acme/teams").json()["teams"]
    assert [each["name"] for each in found] == ["readers", "writers"]


def test_an_organization_without_teams_says_what_they_are_good_for(admin: ApiClient, olivia: Browser) -> None:
    admin.delete(f"{ACCOUNTS}/acme/teams/writers")
    page = olivia.see("/organizations/acme/teams")
    assert "No teams yet" in page
    assert "New team" in page


def test_a_team_shows_its_members_levels_and_forms_to_those_who_may(
    olivia: Browser, mark: Browser, wendy: Browser, admin: ApiClient
) -> None:
    page = olivia.see(TEAM)
    assert '<a href="/repositories/acme/app">acme/app</a>' in page
    assert "read and write" in page
    assert "/repositories/acme/app/permissions" in page
    assert "Delete the team" in page
    assert "Change the level" in page
    page = mark.see(TEAM)
    assert "Add somebody" in page
    assert "About the team" in page
    assert "Delete the team" not in page
    assert "Change the level" not in page
    page = wendy.see(TEAM)
    assert "acme/app" in page
    assert "/repositories/acme/app/permissions" not in page
    assert "Add somebody" not in page
    assert "Leave" in page
    admin.post(f"{ACCOUNTS}/acme/teams", {"name": "others"})
    assert "Only members of the team" in wendy.see("/organizations/acme/teams/others")
    olivia.see("/organizations/acme/teams/none", status=404)


def test_members_of_a_team_are_found_by_part_of_a_name(olivia: Browser, admin: ApiClient) -> None:
    make_user(admin, "bea", fullName="Beatrix")
    admin.put(f"{ACCOUNTS}/acme/members/bea", {})
    admin.put(f"{ACCOUNTS}/acme/teams/writers/members/bea", {})
    page = olivia.see(f"{TEAM}?q=EATR")
    assert "/users/bea" in page
    assert "/users/wendy" not in page
    assert "1 entry" in page
    assert "/users/wendy" in olivia.see(f"{TEAM}?q=wen")
    page = olivia.see(f"{TEAM}?q=%25")
    assert "Nobody of these has % in a name." in page
    assert "/users/wendy" not in page
    assert 'name="q" value="%"' in page


def test_an_admin_of_a_team_manages_its_members_and_nothing_else(mark: Browser, admin: ApiClient) -> None:
    assert sent_to(mark.send(TEAM, action="add", who="simon")) == TEAM
    assert ranks(admin)["simon"] is False, "joins the organization as well"
    assert ranks(admin, "acme/teams/writers")["simon"] is False
    sent_to(mark.send(TEAM, action="make-admin", who="simon"))
    assert ranks(admin, "acme/teams/writers")["simon"] is True
    sent_to(mark.send(TEAM, action="make-member", who="simon"))
    sent_to(mark.send(TEAM, action="remove", who="simon"))
    assert "simon" not in ranks(admin, "acme/teams/writers")
    assert mark.send(TEAM, action="level", level="admin").status_code == 403
    assert mark.send(TEAM, action="delete", typed_name="writers").status_code == 403
    assert mark.send("/organizations/acme", action="make-owner", who="mark").status_code == 403
    assert admin.get(f"{ACCOUNTS}/acme/teams/writers").status_code == 200


def test_a_mere_member_of_a_team_only_leaves_it(wendy: Browser, admin: ApiClient) -> None:
    for fields in (
        {"action": "add", "who": "simon"},
        {"action": "make-admin", "who": "wendy"},
        {"action": "remove", "who": "mark"},
        {"action": "about", "name": "mine", "description": ""},
    ):
        assert wendy.send(TEAM, **fields).status_code == 403, fields
    assert ranks(admin, "acme/teams/writers") == {"mark": True, "wendy": False}
    assert sent_to(wendy.send(TEAM, action="remove", who="wendy")) == TEAM
    assert ranks(admin, "acme/teams/writers") == {"mark": True}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"action": "add", "who": "nobody"}, 404),
        ({"action": "add", "who": "acme"}, 404),
        ({"action": "add", "who": HOSTILE}, 404),
        ({"action": "remove", "who": "nobody"}, 404),
        ({"action": "level", "level": "owner"}, 400),
        ({"action": "level"}, 400),
        ({"action": "about", "name": "", "description": ""}, 400),
        ({"action": "about", "name": "taken", "description": ""}, 409),
        ({"action": "about", "name": "writers", "description": "x" * 1001}, 400),
        ({"action": "delete", "typed_name": "writer"}, 400),
        ({"action": "else"}, 400),
        ({}, 400),
    ],
)
def test_a_change_of_a_team_that_cannot_be_is_refused(
    olivia: Browser, admin: ApiClient, fields: dict[str, str], status: int
) -> None:
    admin.post(f"{ACCOUNTS}/acme/teams", {"name": "taken"})
    answer = olivia.send(TEAM, **fields)
    assert answer.status_code == status, answer.text
    assert "<script>alert" not in answer.text
    assert notices_in(answer.text) or "field-error" in answer.text
    assert ranks(admin, "acme/teams/writers") == {"mark": True, "wendy": False}


def test_a_team_gets_and_loses_a_level_on_the_whole_namespace(olivia: Browser, admin: ApiClient) -> None:
    access = "/api/v0/repositoryNamespaces/acme/teamAccess/writers"
    assert sent_to(olivia.send(TEAM, action="level", level="read-only")) == TEAM
    assert admin.get(access).json()["accessLevel"] == "read-only"
    assert '<option value="read-only" selected>' in olivia.see(TEAM)
    sent_to(olivia.send(TEAM, action="level", level="none"))
    assert admin.get(access).status_code == 404
    sent_to(olivia.send(TEAM, action="level", level="none"))


def test_a_team_is_renamed_described_and_deleted(olivia: Browser, admin: ApiClient) -> None:
    changed = olivia.send(TEAM, action="about", name="Editors", description=HOSTILE)
    editors = "/organizations/acme/teams/editors"
    assert sent_to(changed) == editors
    assert "<script>alert" not in olivia.see(editors)
    olivia.see(TEAM, status=404)
    assert sent_to(olivia.send(editors, action="delete", typed_name="editors")) == "/organizations/acme/teams"
    assert admin.get(f"{ACCOUNTS}/acme/teams").json()["teams"] == []
