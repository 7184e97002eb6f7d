"""The pages of organizations, teams and users: rights, forms, bad input, hostile texts, passwords shown once."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page

from tests.support.api import ApiClient
from tests.support.chromium import Chromium, Watched
from tests.support.people import ACCOUNTS, PASSWORD, make_organization, make_user
from tests.support.server import ServerProcess
from tests.support.visitor import Visit, Visitor, notices_in, visits

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
LONG = "W" * 128
REPOSITORIES = "/api/v0/repositories"
GENERATED = re.compile(r"<code[^>]*>([a-zA-Z0-9]+(?:-[a-zA-Z0-9]+){3,})</code>")
TEAM = "/organizations/acme/teams/writers"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a registry with some people; once for each database."""
    database = None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql").fresh_database(migrated=False)
    server = ServerProcess(tmp_path_factory.mktemp("people") / "data", database=database)
    server.start()
    root = ApiClient(server.url, "admin", server.admin_password)
    for name in ("olivia", "wendy", "mark", "simon"):
        make_user(root, name)
    make_user(root, "audrey", isAuditor=True)
    root.close()
    yield server
    assert server.stop() == 0


@pytest.fixture
def admin(registry: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API, of a registry with an organization as each test finds it.

    olivia owns acme; wendy and mark belong to it and to its team, which mark manages and which reads and writes
    acme/app. What a test adds is deleted.
    """
    client = ApiClient(registry.url, "admin", registry.admin_password)
    make_organization(client, "acme", olivia=True, wendy=False, mark=False)
    for path, body in (
        (f"{ACCOUNTS}/acme/teams/writers/members/wendy", {"isAdmin": False}),
        (f"{ACCOUNTS}/acme/teams/writers/members/mark", {"isAdmin": True}),
        (f"{REPOSITORIES}/acme/app/teamAccess/writers", {"accessLevel": "read-write"}),
    ):
        if "members/wendy" in path:
            assert client.post(f"{ACCOUNTS}/acme/teams", {"name": "writers"}).is_success
            assert client.post(f"{REPOSITORIES}/acme", {"name": "app"}).is_success
        assert client.put(path, body).is_success
    yield client
    for each in client.get(REPOSITORIES, params={"pageSize": 100}).json()["repositories"]:
        client.delete(f"{REPOSITORIES}/{each['namespace']}/{each['name']}")
    for account in client.get(ACCOUNTS, params={"limit": 1000}).json()["accounts"]:
        if account["name"] not in {
            "admin",
            "olivia",
            "wendy",
            "mark",
            "simon",
            "audrey",
            "docker-datacenter",
        }:
            assert client.delete(f"{ACCOUNTS}/{account['id']}").is_success, account
    client.close()


@pytest.fixture
def visit(registry: ServerProcess, admin: ApiClient) -> Iterator[Visit]:
    """Give what opens browsers."""
    with visits(registry.url) as opened:
        yield opened


@pytest.fixture
def root(registry: ServerProcess, visit: Visit) -> Visitor:
    """Give the administrator's browser."""
    return visit("admin", registry.admin_password)


@pytest.fixture
def olivia(visit: Visit) -> Visitor:
    """Give the browser of the owner of acme."""
    return visit("olivia")


@pytest.fixture
def wendy(visit: Visit) -> Visitor:
    """Give the browser of a member of acme."""
    return visit("wendy")


@pytest.fixture
def mark(visit: Visit) -> Visitor:
    """Give the browser of who manages the team."""
    return visit("mark")


@pytest.fixture
def simon(visit: Visit) -> Visitor:
    """Give the browser of who does not belong to acme."""
    return visit("simon")


def ranks(admin: ApiClient, path: str = "acme") -> dict[str, bool]:
    """Return who belongs to an organization or team, and whether they manage it."""
    found = admin.get(f"{ACCOUNTS}/{path}/members", params={"limit": 1000}).json()["members"]
    return {each["member"]["name"]: each["isAdmin"] for each in found}


def account(admin: ApiClient, name: str) -> dict[str, object]:
    """Return what the API tells of an account."""
    found: dict[str, object] = admin.get(f"{ACCOUNTS}/{name}").json()
    return found


def log_in(registry: ServerProcess, name: str, password: str) -> bool:
    """Tell whether somebody can log in with a password."""
    with httpx.Client(base_url=registry.url) as client:
        answer = client.get("/auth/token", params={"service": "dtr"}, auth=(name, password))
    return answer.status_code == 200


def sent_to(answer: httpx.Response) -> str:
    """Return where the answer to a form leads; fails if it was not carried out."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


# Organizations


def test_strangers_are_sent_to_sign_in_and_learn_nothing(visit: Visit) -> None:
    for path in (
        "/organizations",
        "/organizations/new",
        "/organizations/acme",
        "/organizations/nobody",
        "/organizations/acme/teams",
        TEAM,
        "/organizations/acme/teams/none",
        "/organizations/acme/settings",
        "/users",
        "/users/new",
        "/users/wendy",
        "/users/nobody",
    ):
        answer = visit().http.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next="), path


def test_the_list_shows_ones_own_organizations_with_role_and_counts(wendy: Visitor, simon: Visitor) -> None:
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


def test_the_list_is_filtered_and_paged(admin: ApiClient, root: Visitor) -> None:
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


def test_only_administrators_make_organizations(admin: ApiClient, olivia: Visitor, root: Visitor) -> None:
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
    admin: ApiClient, root: Visitor, name: str, status: int
) -> None:
    before = admin.get(ACCOUNTS).json()["orgsCount"]
    answer = root.send("/organizations/new", name=name, full_name="kept text")
    assert answer.status_code == status, answer.text
    assert "kept text" in answer.text
    assert "<script>alert" not in answer.text
    assert admin.get(ACCOUNTS).json()["orgsCount"] == before


def test_who_is_no_member_sees_neither_members_nor_teams(simon: Visitor, visit: Visit) -> None:
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
    assert "olivia" in visit("audrey").see("/organizations/acme")


def test_a_member_sees_the_members_and_is_offered_to_leave_only(wendy: Visitor, admin: ApiClient) -> None:
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


def test_an_owner_adds_promotes_and_removes_members(olivia: Visitor, admin: ApiClient) -> None:
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


def test_members_are_filtered_by_rank(olivia: Visitor) -> None:
    owners = olivia.see("/organizations/acme?rank=admins")
    assert "/users/olivia" in owners
    assert "/users/wendy" not in owners
    assert "/users/olivia" not in olivia.see("/organizations/acme?rank=non-admins")
    assert "/users/wendy" in olivia.see("/organizations/acme?rank=nonsense")


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
    olivia: Visitor, admin: ApiClient, fields: dict[str, str], status: int
) -> None:
    answer = olivia.send("/organizations/acme", **fields)
    assert answer.status_code == status, answer.text
    assert "<script>alert" not in answer.text
    assert "field-error" in answer.text if fields.get("action") == "add" else notices_in(answer.text)
    assert ranks(admin) == {"olivia": True, "wendy": False, "mark": False}


def test_a_member_leaves_and_the_last_owner_cannot(wendy: Visitor, olivia: Visitor, admin: ApiClient) -> None:
    assert "Leave acme?" in wendy.see("/organizations/acme/members/wendy/remove")
    assert sent_to(wendy.send("/organizations/acme/members/wendy/remove")) == "/organizations"
    assert "You are not a member" in wendy.see("/organizations/acme")
    assert "wendy" not in ranks(admin, "acme/teams/writers")
    answer = olivia.send("/organizations/acme/members/olivia/remove")
    assert answer.status_code == 409
    assert notices_in(answer.text) == ["olivia is the last owner of acme"]
    assert ranks(admin)["olivia"] is True


def test_the_repositories_of_an_organization_are_in_the_list_of_all(wendy: Visitor) -> None:
    answer = wendy.http.get("/organizations/acme/repositories")
    assert sent_to(answer) == "/repositories?namespace=acme"


def test_settings_of_an_organization_are_for_its_owners(
    olivia: Visitor, wendy: Visitor, admin: ApiClient
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


def test_deleting_an_organization_takes_its_name_and_no_repositories(root: Visitor, admin: ApiClient) -> None:
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


# Teams


def test_teams_are_seen_by_members_and_made_by_owners(
    olivia: Visitor, wendy: Visitor, admin: ApiClient
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
        (LONG, 400),
    ):
        answer = olivia.send(teams, name=name, description="kept text")
        assert answer.status_code == status, name
        assert "field-error" in answer.text
        assert "kept text" in answer.text
    found = admin.get(f"{ACCOUNTS}/acme/teams").json()["teams"]
    assert [each["name"] for each in found] == ["readers", "writers"]


def test_an_organization_without_teams_says_what_they_are_good_for(admin: ApiClient, olivia: Visitor) -> None:
    admin.delete(f"{ACCOUNTS}/acme/teams/writers")
    page = olivia.see("/organizations/acme/teams")
    assert "No teams yet" in page
    assert "New team" in page


def test_a_team_shows_its_members_levels_and_forms_to_those_who_may(
    olivia: Visitor, mark: Visitor, wendy: Visitor, admin: ApiClient
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


def test_an_admin_of_a_team_manages_its_members_and_nothing_else(mark: Visitor, admin: ApiClient) -> None:
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


def test_a_mere_member_of_a_team_only_leaves_it(wendy: Visitor, admin: ApiClient) -> None:
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
    olivia: Visitor, admin: ApiClient, fields: dict[str, str], status: int
) -> None:
    admin.post(f"{ACCOUNTS}/acme/teams", {"name": "taken"})
    answer = olivia.send(TEAM, **fields)
    assert answer.status_code == status, answer.text
    assert "<script>alert" not in answer.text
    assert notices_in(answer.text) or "field-error" in answer.text
    assert ranks(admin, "acme/teams/writers") == {"mark": True, "wendy": False}


def test_a_team_gets_and_loses_a_level_on_the_whole_namespace(olivia: Visitor, admin: ApiClient) -> None:
    access = "/api/v0/repositoryNamespaces/acme/teamAccess/writers"
    assert sent_to(olivia.send(TEAM, action="level", level="read-only")) == TEAM
    assert admin.get(access).json()["accessLevel"] == "read-only"
    assert '<option value="read-only" selected>' in olivia.see(TEAM)
    sent_to(olivia.send(TEAM, action="level", level="none"))
    assert admin.get(access).status_code == 404
    sent_to(olivia.send(TEAM, action="level", level="none"))


def test_a_team_is_renamed_described_and_deleted(olivia: Visitor, admin: ApiClient) -> None:
    changed = olivia.send(TEAM, action="about", name="Editors", description=HOSTILE)
    editors = "/organizations/acme/teams/editors"
    assert sent_to(changed) == editors
    assert "<script>alert" not in olivia.see(editors)
    olivia.see(TEAM, status=404)
    assert sent_to(olivia.send(editors, action="delete", typed_name="editors")) == "/organizations/acme/teams"
    assert admin.get(f"{ACCOUNTS}/acme/teams").json()["teams"] == []


# Users


def test_users_are_listed_filtered_and_paged(root: Visitor, wendy: Visitor, admin: ApiClient) -> None:
    make_user(admin, "ines", isActive=False, fullName=HOSTILE)
    page = wendy.see("/users")
    assert "/users/olivia" in page
    assert "<script>alert" not in page
    assert "New user" not in page
    assert "New user" in root.see("/users")
    assert "/users/ines" in root.see("/users?show=inactive")
    assert "/users/olivia" not in root.see("/users?show=inactive")
    admins = root.see("/users?show=admins")
    assert "/users/admin" in admins
    assert "/users/olivia" not in admins
    assert "/users/olivia" in root.see("/users?q=LIV&show=active")
    assert "No users found" in root.see("/users?q=%25")
    assert "No users found" in root.see("/users?q=acme")
    first = root.see("/users?size=2")
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following is not None
    assert "To the start" in root.see(following[1].replace("&amp;", "&"))


def test_only_administrators_make_users(olivia: Visitor, admin: ApiClient) -> None:
    olivia.see("/users/new", status=403)
    answer = olivia.send("/users/new", name="evil", choice="generate", is_admin="on")
    assert answer.status_code == 403
    assert admin.get(f"{ACCOUNTS}/evil").status_code == 404


def test_a_generated_password_is_shown_once(registry: ServerProcess, root: Visitor, admin: ApiClient) -> None:
    answer = root.send("/users/new", name="ned", full_name="Ned", choice="generate", is_auditor="on")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    found = GENERATED.search(answer.text)
    assert found is not None, answer.text
    assert log_in(registry, "ned", found[1])
    assert found[1] not in root.see("/users/ned")
    ned = account(admin, "ned")
    assert (ned["fullName"], ned["isAdmin"], ned["isAuditor"]) == ("Ned", False, True)


def test_a_typed_password_is_taken_and_never_shown(
    registry: ServerProcess, root: Visitor, admin: ApiClient
) -> None:
    fields = {"choice": "typed", "password": PASSWORD, "again": PASSWORD}
    assert sent_to(root.send("/users/new", name="nora", is_admin="on", **fields)) == "/users/nora"
    assert log_in(registry, "nora", PASSWORD)
    assert account(admin, "nora")["isAdmin"] is True
    assert PASSWORD not in root.see("/users/nora")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "Nina"}, 400),
        ({"name": "new"}, 400),
        ({"name": "wendy"}, 409),
        ({"name": "acme"}, 409),
        ({"name": HOSTILE}, 400),
        ({"full_name": LONG + "x"}, 400),
        ({"again": "another long password"}, 400),
        ({"password": "short", "again": "short"}, 400),
        ({"choice": ""}, 400),
    ],
)
def test_a_user_who_cannot_be_is_refused_and_the_form_is_kept(
    root: Visitor, admin: ApiClient, fields: dict[str, str], status: int
) -> None:
    before = admin.get(ACCOUNTS).json()["usersCount"]
    good = {
        "name": "nina",
        "full_name": "kept text",
        "choice": "typed",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    sent = {**good, **fields}
    if fields.get("choice") == "":
        sent.update(password="", again="")
    answer = root.send("/users/new", **sent)
    assert answer.status_code == status, answer.text
    assert PASSWORD not in answer.text
    assert "<script>alert" not in answer.text
    assert sent["full_name"] in answer.text
    assert admin.get(ACCOUNTS).json()["usersCount"] == before


def test_a_user_is_seen_by_all_and_their_organizations_by_few(
    wendy: Visitor, simon: Visitor, root: Visitor
) -> None:
    page = simon.see("/users/wendy")
    assert "/repositories?namespace=wendy" in page
    assert "/organizations/acme" not in page
    for forbidden in ("Save the rights", "Set the password", "Delete the user"):
        assert forbidden not in page
    assert "/organizations/acme" in wendy.see("/users/wendy")
    page = root.see("/users/wendy")
    assert "/organizations/acme" in page
    assert "Save the rights" in page
    simon.see("/users/nobody", status=404)
    assert sent_to(simon.http.get("/users/acme")) == "/organizations/acme"


def test_nobody_else_changes_a_user(simon: Visitor, visit: Visit, admin: ApiClient) -> None:
    before = account(admin, "wendy")
    for browser, target in ((simon, "wendy"), (visit("audrey"), "wendy"), (visit("wendy"), "wendy")):
        for fields in (
            {"section": "rights", "is_active": "on", "is_admin": "on"},
            {"section": "rights"},
            {"section": "password", "choice": "generate"},
            {"section": "delete", "typed_name": target},
        ):
            answer = browser.send(f"/users/{target}", **fields)
            assert answer.status_code in {400, 403}, fields
    assert simon.send("/users/wendy", section="name", full_name="x").status_code == 403
    assert account(admin, "wendy") == before


def test_an_administrator_changes_name_and_rights(root: Visitor, admin: ApiClient) -> None:
    make_user(admin, "nina")
    assert sent_to(root.send("/users/nina", section="name", full_name=HOSTILE)) == "/users/nina"
    assert "<script>alert" not in root.see("/users/nina")
    sent_to(root.send("/users/nina", section="rights", is_auditor="on"))
    nina = account(admin, "nina")
    assert (nina["isActive"], nina["isAdmin"], nina["isAuditor"]) == (False, False, True)
    assert nina["fullName"] == HOSTILE
    answer = root.send("/users/nina", section="name", full_name="x" * 129)
    assert answer.status_code == 400
    assert "field-error" in answer.text
    assert root.send("/users/nina", section="else").status_code == 400


def test_the_last_administrator_stays(root: Visitor, admin: ApiClient) -> None:
    answer = root.send("/users/admin", section="rights", is_active="on")
    assert answer.status_code == 409
    assert "last active administrator" in answer.text
    answer = root.send("/users/admin", section="delete", typed_name="admin")
    assert answer.status_code == 409
    page = root.see("/users/admin")
    assert "Delete the user" not in page
    assert "Set the password" not in page
    assert account(admin, "admin")["isAdmin"] is True


def test_an_administrator_sets_a_password(
    registry: ServerProcess, root: Visitor, admin: ApiClient, visit: Visit
) -> None:
    make_user(admin, "nina")
    nina = visit("nina")
    answer = root.send("/users/nina", section="password", choice="generate")
    assert answer.status_code == 200
    found = GENERATED.search(answer.text)
    assert found is not None
    assert log_in(registry, "nina", found[1])
    assert nina.http.get("/profile").status_code == 303, "the old sessions end"
    typed = {"section": "password", "choice": "typed", "password": PASSWORD}
    answer = root.send("/users/nina", **typed, again="something else")
    assert answer.status_code == 400
    assert PASSWORD not in answer.text
    assert sent_to(root.send("/users/nina", **typed, again=PASSWORD)) == "/users/nina"
    assert log_in(registry, "nina", PASSWORD)


def test_deleting_a_user_takes_the_name_and_no_repositories(root: Visitor, admin: ApiClient) -> None:
    make_user(admin, "nina")
    assert admin.post(f"{REPOSITORIES}/nina", {"name": "own"}).status_code == 201
    assert root.send("/users/nina", section="delete", typed_name="").status_code == 400
    answer = root.send("/users/nina", section="delete", typed_name="nina")
    assert answer.status_code == 409
    assert '<a href="/repositories?namespace=nina">Show the repositories</a>' in answer.text
    assert admin.delete(f"{REPOSITORIES}/nina/own").is_success
    assert sent_to(root.send("/users/nina", section="delete", typed_name="nina")) == "/users"
    assert admin.get(f"{ACCOUNTS}/nina").status_code == 404


def test_a_form_without_its_token_changes_nothing(root: Visitor, admin: ApiClient) -> None:
    for path, fields in (
        ("/organizations/new", {"name": "globex"}),
        ("/organizations/acme", {"action": "add", "who": "simon"}),
        (TEAM, {"action": "delete", "typed_name": "writers"}),
        ("/users/simon", {"section": "delete", "typed_name": "simon"}),
    ):
        answer = root.http.post(path, data=fields)
        assert answer.status_code == 403, path
    assert admin.get(f"{ACCOUNTS}/globex").status_code == 404
    assert "simon" not in ranks(admin)
    assert admin.get(f"{ACCOUNTS}/acme/teams/writers").status_code == 200
    assert admin.get(f"{ACCOUNTS}/simon").status_code == 200


# With scripts


def come_in(watched: Watched, name: str, password: str, path: str) -> Page:
    """Sign in on the way to a page; return it."""
    page = watched.page
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")
    return page


def test_removing_from_a_team_asks_first(
    registry: ServerProcess, chromium: Chromium, admin: ApiClient
) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "olivia", PASSWORD, TEAM)
        row = page.get_by_role("row").filter(has_text="wendy")
        row.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert "wendy" in ranks(admin, "acme/teams/writers")
        row.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_text("Removed wendy from the team").wait_for()
        assert "wendy" not in ranks(admin, "acme/teams/writers")
        assert watched.problems() == []


@pytest.mark.usefixtures("admin")
def test_the_fields_of_a_password_show_when_one_is_to_be_typed(
    registry: ServerProcess, chromium: Chromium
) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "admin", registry.admin_password, "/users/new")
        field = page.get_by_label("New password", exact=True)
        assert not field.is_visible()
        page.get_by_label("Type one").check()
        assert field.is_visible()
        assert watched.problems() == []


@pytest.mark.usefixtures("admin")
def test_users_are_found_while_a_name_is_typed(registry: ServerProcess, chromium: Chromium) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "admin", registry.admin_password, "/users")
        page.get_by_label("Part of a name").fill("wen")
        page.get_by_role("row").filter(has_text="olivia").wait_for(state="detached")
        assert page.get_by_role("link", name="wendy").is_visible()
        assert page.url.endswith("/users?q=wen")
        assert watched.problems() == []
