"""The pages of organizations and their members: rights, forms, bad input."""

import re

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf, sent_to
from tests.support.hostile import HOSTILE
from tests.support.html_pages import notices_in
from tests.support.people import ACCOUNTS, make_organization, make_user
from tests.support.site import REPOSITORIES
from tests.web.accounts.scene import TEAM, account, ranks


def test_the_list_shows_ones_own_organizations_with_role_and_counts(wendy: Browser, simon: Browser) -> None:
    page = wendy.see("/organizations")
    assert '<a href="/organizations/acme">acme</a>' in page
    assert "docker-datacenter" not in page
    assert "New organization" not in page
    assert re.search(r'data-label="Your role"><span class="badge">member', page)
    assert re.search(r'data-label="Members">3<', page)
    assert re.search(r'data-label="Teams">1<', page)
    assert "You belong to no organization" in simon.see("/organizations")
    everything = simon.see("/organizations?show=all")
    assert "acme" in everything
    assert "docker-datacenter" in everything


def test_the_list_is_filtered_and_paged(admin: ApiClient, root: Browser) -> None:
    for name in ("alpha", "beta_1", "beta-2"):
        make_organization(admin, name)
        assert admin.put(f"{ACCOUNTS}/{name}/members/admin", {"isAdmin": True}).is_success
    for show in ("all", "own"):
        page = root.see(f"/organizations?show={show}&q=BETA")
        assert "beta_1" in page, show
        assert "beta-2" in page, show
        assert "alpha" not in page, show
        assert "beta-2" not in root.see(f"/organizations?show={show}&q=a_1"), show
        assert "No organization found" in root.see(f"/organizations?show={show}&q=%25"), show
        first = root.see(f"/organizations?show={show}&size=1")
        following = re.search(r'rel="next" href="([^"]*)"', first)
        assert following is not None, show
        assert "To the start" in root.see(following[1].replace("&amp;", "&")), show


def test_only_administrators_make_organizations(admin: ApiClient, olivia: Browser, root: Browser) -> None:
    olivia.see("/organizations/new", status=403)
    assert olivia.send("/organizations/new", name="mine").status_code == 403
    assert admin.get(f"{ACCOUNTS}/mine").status_code == 404
    made = root.send("/organizations/new", name="globex", full_name=HOSTILE, own="on")
    assert sent_to(made) == "/organizations/globex"
    page = root.see("/organizations/globex")
    assert "<script>alert" not in page
    assert notices_in(page) == ["Created the organization globex"]
    assert ranks(admin, "globex") == {"admin": True}
    assert sent_to(root.send("/organizations/new", name="initech")) == "/organizations/initech"
    assert ranks(admin, "initech") == {}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("", 400),
        ("Acme", 400),
        ("acme", 409),
        ("olivia", 409),
        ("new", 400),
        ("admin", 400),
        ("асме", 400),
        ("a/b", 400),
        ("a" * 101, 400),
        ("11111111-2222-3333-4444-555555555555", 400),
        (HOSTILE, 400),
    ],
)
def test_an_organization_that_cannot_be_is_refused_and_the_form_is_kept(
    admin: ApiClient, root: Browser, name: str, status: int
) -> None:
    before = admin.get(ACCOUNTS).json()["orgsCount"]
    answer = root.send("/organizations/new", name=name, full_name="kept text")
    assert answer.status_code == status, answer.text
    assert "kept text" in answer.text
    assert "<script>alert" not in answer.text
    assert admin.get(ACCOUNTS).json()["orgsCount"] == before


def test_who_is_no_member_sees_neither_members_nor_teams(simon: Browser, browser_of: BrowserOf) -> None:
    page = simon.see("/organizations/acme")
    assert "You are not a member" in page
    assert "olivia" not in page
    assert "writers" not in page
    for path in ("/organizations/acme/teams", TEAM, "/organizations/acme/teams/none"):
        simon.see(path, status=403)
    simon.see("/organizations/acme/members/wendy/remove", status=403)
    simon.see("/organizations/acme/settings", status=403)
    simon.see("/organizations/nobody", status=404)
    simon.see("/organizations/wendy", status=404)
    assert "olivia" in browser_of("audrey").see("/organizations/acme")


def test_a_member_sees_the_members_and_is_offered_to_leave_only(wendy: Browser, admin: ApiClient) -> None:
    page = wendy.see("/organizations/acme")
    assert "olivia" in page
    assert "Add somebody" not in page
    assert "Make an owner" not in page
    assert "/members/wendy/remove" in page
    assert "/members/olivia/remove" not in page
    for fields in ({"action": "add", "who": "simon"}, {"action": "make-owner", "who": "wendy"}):
        assert wendy.send("/organizations/acme", **fields).status_code == 403
    assert wendy.send("/organizations/acme/members/olivia/remove").status_code == 403
    wendy.see("/organizations/acme/members/olivia/remove", status=403)
    assert ranks(admin) == {"olivia": True, "wendy": False, "mark": False}


def test_an_owner_adds_promotes_and_removes_members(olivia: Browser, admin: ApiClient) -> None:
    assert sent_to(olivia.send("/organizations/acme", action="add", who=" Simon ")) == "/organizations/acme"
    assert notices_in(olivia.see("/organizations/acme")) == ["simon is a member now"]
    assert ranks(admin)["simon"] is False
    sent_to(olivia.send("/organizations/acme", action="make-owner", who="simon"))
    assert ranks(admin)["simon"] is True
    sent_to(olivia.send("/organizations/acme", action="add", who="simon"))
    assert ranks(admin)["simon"] is True, "adding a member again takes nothing from them"
    sent_to(olivia.send("/organizations/acme", action="make-member", who="simon"))
    assert ranks(admin)["simon"] is False
    removal = "/organizations/acme/members/simon/remove"
    assert "Remove simon from acme?" in olivia.see(removal)
    assert sent_to(olivia.send(removal)) == "/organizations/acme"
    assert "simon" not in ranks(admin)
    olivia.see(removal, status=404)
    sent_to(olivia.send(removal))  # sent twice, it does no harm


def test_members_are_filtered_by_rank(olivia: Browser) -> None:
    owners = olivia.see("/organizations/acme?rank=admins")
    assert "/users/olivia" in owners
    assert "/users/wendy" not in owners
    assert "/users/olivia" not in olivia.see("/organizations/acme?rank=non-admins")
    assert "/users/wendy" in olivia.see("/organizations/acme?rank=nonsense")


def test_members_are_found_by_part_of_a_name(olivia: Browser, admin: ApiClient) -> None:
    make_user(admin, "bea", fullName="Beatrix 王小明 100%")
    admin.put(f"{ACCOUNTS}/acme/members/bea", {"isAdmin": True})
    for text in ("EATRI", "小明", "100%25", "bea&rank=admins"):
        page = olivia.see(f"/organizations/acme?q={text}")
        assert "/users/bea" in page
        assert "/users/wendy" not in page
        assert "1 entry" in page
    for text in ("%25%25", "_", "nobody", "bea&rank=non-admins"):
        assert "/users/" not in members_in(olivia.see(f"/organizations/acme?q={text}"))
    assert "Nobody of these has nobody in a name." in olivia.see("/organizations/acme?q=nobody")


def members_in(page: str) -> str:
    """Return the part of a page with the members."""
    return page.partition('id="members"')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"action": "add", "who": "nobody"}, 404),
        ({"action": "add", "who": ""}, 404),
        ({"action": "add", "who": "acme"}, 404),
        ({"action": "add", "who": HOSTILE}, 404),
        ({"action": "add", "who": "оlivia"}, 404),  # noqa: RUF001 - a Cyrillic letter
        ({"action": "own", "who": "simon"}, 400),
        ({"who": "simon"}, 400),
        ({"action": "make-member", "who": "olivia"}, 409),
    ],
)
def test_a_change_of_members_that_cannot_be_is_refused_beside_the_form(
    olivia: Browser, admin: ApiClient, fields: dict[str, str], status: int
) -> None:
    answer = olivia.send("/organizations/acme", **fields)
    assert answer.status_code == status, answer.text
    assert "<script>alert" not in answer.text
    assert "field-error" in answer.text if fields.get("action") == "add" else notices_in(answer.text)
    assert ranks(admin) == {"olivia": True, "wendy": False, "mark": False}


def test_a_member_leaves_and_the_last_owner_cannot(wendy: Browser, olivia: Browser, admin: ApiClient) -> None:
    assert "Leave acme?" in wendy.see("/organizations/acme/members/wendy/remove")
    assert sent_to(wendy.send("/organizations/acme/members/wendy/remove")) == "/organizations"
    assert "You are not a member" in wendy.see("/organizations/acme")
    assert "wendy" not in ranks(admin, "acme/teams/writers")
    answer = olivia.send("/organizations/acme/members/olivia/remove")
    assert answer.status_code == 409
    assert notices_in(answer.text) == ["olivia is the last owner of acme"]
    assert ranks(admin)["olivia"] is True


def test_the_repositories_of_an_organization_are_in_the_list_of_all(wendy: Browser) -> None:
    answer = wendy.http.get("/organizations/acme/repositories")
    assert sent_to(answer) == "/repositories?namespace=acme"


def test_settings_of_an_organization_are_for_its_owners(
    olivia: Browser, wendy: Browser, admin: ApiClient
) -> None:
    wendy.see("/organizations/acme/settings", status=403)
    settings = "/organizations/acme/settings"
    assert wendy.send(settings, section="name", full_name="Mine").status_code == 403
    assert account(admin, "acme")["fullName"] == "acme"
    page = olivia.see(settings)
    assert "Only administrators of the registry delete organizations" in page
    assert sent_to(olivia.send(settings, section="name", full_name=HOSTILE)) == settings
    assert account(admin, "acme")["fullName"] == HOSTILE
    assert "<script>alert" not in olivia.see(settings)
    answer = olivia.send(settings, section="name", full_name="x" * 129)
    assert answer.status_code == 400
    assert "field-error" in answer.text
    assert olivia.send(settings, section="delete", typed_name="acme").status_code == 403
    assert olivia.send(settings, section="other").status_code == 400


def test_deleting_an_organization_takes_its_name_and_no_repositories(root: Browser, admin: ApiClient) -> None:
    settings = "/organizations/acme/settings"
    answer = root.send(settings, section="delete", typed_name="acm")
    assert answer.status_code == 400
    assert notices_in(answer.text) == ["to delete the organization, type its name"]
    answer = root.send(settings, section="delete", typed_name="acme")
    assert answer.status_code == 409
    assert '<a href="/repositories?namespace=acme">Show its repositories</a>' in answer.text
    assert admin.delete(f"{REPOSITORIES}/acme/app").is_success
    assert sent_to(root.send(settings, section="delete", typed_name="acme")) == "/organizations"
    assert admin.get(f"{ACCOUNTS}/acme").status_code == 404
