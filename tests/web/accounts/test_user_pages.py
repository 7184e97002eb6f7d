"""The pages of users: lists, rights, passwords that are shown once, deletion."""

import re

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf, sent_to
from tests.support.hostile import HOSTILE
from tests.support.people import ACCOUNTS, PASSWORD, make_user
from tests.support.server import ServerProcess
from tests.support.site import REPOSITORIES
from tests.web.accounts.scene import account, log_in

GENERATED = re.compile(r"<code[^>]*>([a-zA-Z0-9]+(?:-[a-zA-Z0-9]+){3,})</code>")


def test_users_are_listed_filtered_and_paged(root: Browser, wendy: Browser, admin: ApiClient) -> None:
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
    make_user(admin, "aude", isAuditor=True)
    auditors = wendy.see("/users?show=auditors")
    assert "/users/aude" in auditors
    assert "/users/olivia" not in auditors
    assert "/users/olivia" in root.see("/users?q=LIV&show=active")
    assert "No users found" in root.see("/users?q=%25")
    assert "No users found" in root.see("/users?q=acme")
    first = root.see("/users?size=2")
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following is not None
    assert "To the start" in root.see(following[1].replace("&amp;", "&"))


def test_only_administrators_make_users(olivia: Browser, admin: ApiClient) -> None:
    olivia.see("/users/new", status=403)
    answer = olivia.send("/users/new", name="evil", choice="generate", is_admin="on")
    assert answer.status_code == 403
    assert admin.get(f"{ACCOUNTS}/evil").status_code == 404


def test_a_generated_password_is_shown_once(registry: ServerProcess, root: Browser, admin: ApiClient) -> None:
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
    registry: ServerProcess, root: Browser, admin: ApiClient
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
        ({"full_name": "W" * 129}, 400),
        ({"again": "another long password"}, 400),
        ({"password": "short", "again": "short"}, 400),
        ({"choice": ""}, 400),
    ],
)
def test_a_user_who_cannot_be_is_refused_and_the_form_is_kept(
    root: Browser, admin: ApiClient, fields: dict[str, str], status: int
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
    wendy: Browser, simon: Browser, root: Browser
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


def test_nobody_else_changes_a_user(simon: Browser, browser_of: BrowserOf, admin: ApiClient) -> None:
    before = account(admin, "wendy")
    for browser, target in (
        (simon, "wendy"),
        (browser_of("audrey"), "wendy"),
        (browser_of("wendy"), "wendy"),
    ):
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


def test_an_administrator_changes_name_and_rights(root: Browser, admin: ApiClient) -> None:
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


def test_the_last_administrator_stays(root: Browser, admin: ApiClient) -> None:
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
    registry: ServerProcess, root: Browser, admin: ApiClient, browser_of: BrowserOf
) -> None:
    make_user(admin, "nina")
    nina = browser_of("nina")
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


def test_deleting_a_user_takes_the_name_and_no_repositories(root: Browser, admin: ApiClient) -> None:
    make_user(admin, "nina")
    assert admin.post(f"{REPOSITORIES}/nina", {"name": "own"}).status_code == 201
    assert root.send("/users/nina", section="delete", typed_name="").status_code == 400
    answer = root.send("/users/nina", section="delete", typed_name="nina")
    assert answer.status_code == 409
    assert '<a href="/repositories?namespace=nina">Show the repositories</a>' in answer.text
    assert admin.delete(f"{REPOSITORIES}/nina/own").is_success
    assert sent_to(root.send("/users/nina", section="delete", typed_name="nina")) == "/users"
    assert admin.get(f"{ACCOUNTS}/nina").status_code == 404
