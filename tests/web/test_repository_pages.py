"""The pages about repositories and the page of the search: rights, forms, bad input, hostile texts."""

import itertools
import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.api import ApiClient
from tests.support.people import ACCOUNTS, make_organization, make_user
from tests.support.server import ServerProcess
from tests.support.visitor import Visit, Visitor, notices_in, visits

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresqlServer

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
REPOSITORIES = "/api/v0/repositories"


def at(path: str, **query: str) -> str:
    """Return an address with a query."""
    return f"{path}?{urlencode(query)}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a registry with some people, an organization with a team, and repositories; once for each database."""
    database = None
    if request.param == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
        database = postgresql.fresh_database(migrated=False)
    server = ServerProcess(tmp_path_factory.mktemp("site") / "data", database=database)
    server.start()
    root = ApiClient(server.url, "admin", server.admin_password)
    for name in ("olivia", "wendy", "simon"):
        make_user(root, name)
    make_user(root, "audrey", isAuditor=True)
    make_organization(root, "acme", olivia=True, wendy=False)
    for team in ("writers", "readers"):
        assert root.post(f"{ACCOUNTS}/acme/teams", {"name": team}).status_code == 201
    assert root.put(f"{ACCOUNTS}/acme/teams/writers/members/wendy", {}).status_code == 200
    _make(root, "acme", "web/front", visibility="public", shortDescription=HOSTILE)
    _make(root, "acme", "ledger")
    assert root.put(
        f"{REPOSITORIES}/acme/ledger/teamAccess/writers", {"accessLevel": "read-write"}
    ).is_success
    root.close()
    yield server
    assert server.stop() == 0


def _make(client: ApiClient, namespace: str, name: str, **fields: object) -> None:
    made = client.post(f"{REPOSITORIES}/{namespace}", {"name": name, **fields})
    assert made.status_code == 201, made.text


@pytest.fixture
def admin(site: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API."""
    client = ApiClient(site.url, "admin", site.admin_password)
    yield client
    client.close()


@pytest.fixture
def visit(site: ServerProcess) -> Iterator[Visit]:
    """Give what opens browsers."""
    with visits(site.url) as opened:
        yield opened


@pytest.fixture
def olivia(visit: Visit) -> Visitor:
    """Give the browser of the owner of acme."""
    return visit("olivia")


@pytest.fixture
def wendy(visit: Visit) -> Visitor:
    """Give the browser of a writer of acme/ledger."""
    return visit("wendy")


@pytest.fixture
def simon(visit: Visit) -> Visitor:
    """Give the browser of somebody who has nothing to do with acme."""
    return visit("simon")


@pytest.fixture
def stranger(visit: Visit) -> Visitor:
    """Give the browser of somebody who is not signed in."""
    return visit()


def _names(page: str) -> list[str]:
    """Return the addresses of the repositories that a list shows."""
    return re.findall(r'class="repository-(?:name|path break)" href="/repositories/([^"]+)"', page)


_numbers = itertools.count(1)


def _made(admin: ApiClient) -> str:
    """Make a repository of acme for one test; return its name."""
    name = f"one-{next(_numbers)}"
    _make(admin, "acme", name)
    return name


def test_a_list_holds_what_its_reader_may_see_and_nothing_else(
    stranger: Visitor, simon: Visitor, wendy: Visitor
) -> None:
    assert _names(stranger.see(at("/repositories", namespace="acme", q="e"))) == ["acme/web%2Ffront"]
    assert "acme/ledger" not in _names(simon.see("/repositories"))
    assert "acme/ledger" in _names(wendy.see("/repositories"))


def test_a_list_says_what_role_its_reader_has(simon: Visitor, wendy: Visitor, olivia: Visitor) -> None:
    assert "read and write" in wendy.see(at("/repositories", q="ledger"))
    assert ">admin<" in olivia.see(at("/repositories", q="ledger"))
    assert "read only" in simon.see(at("/repositories", q="front"))


def test_filters_narrow_a_list_together(olivia: Visitor) -> None:
    assert _names(olivia.see(at("/repositories", q="LEDG"))) == ["acme/ledger"]
    both = _names(olivia.see(at("/repositories", q="e", namespace="acme")))
    assert {"acme/ledger", "acme/web%2Ffront"} <= set(both)
    assert _names(olivia.see(at("/repositories", q="ledger", namespace="acme", visibility="public"))) == []
    assert _names(olivia.see(at("/repositories", q="front", visibility="public"))) == ["acme/web%2Ffront"]
    assert _names(olivia.see(at("/repositories", q="front", visibility="private"))) == []
    assert _names(olivia.see(at("/repositories", namespace="ACME", q="front"))) == ["acme/web%2Ffront"]
    assert _names(olivia.see(at("/repositories", namespace="simon"))) == []


@pytest.mark.parametrize("text", ["%", "_", "!", "\x7f", "ледгер", "' OR 1=1 --", "a" * 255])
def test_signs_of_the_query_language_are_only_text_in_a_filter(olivia: Visitor, text: str) -> None:
    page = olivia.see(at("/repositories", q=text))
    assert _names(page) == []
    assert "No repository matches" in page


@pytest.mark.parametrize("query", [{"q": "a" * 256}, {"size": "many"}, {"start": "\x00"}])
def test_what_makes_no_sense_in_the_address_of_a_list_is_told(olivia: Visitor, query: dict[str, str]) -> None:
    assert "That did not work" in olivia.see(at("/repositories", **query), 400)


def test_pages_of_a_list_go_on_where_the_last_one_ended(olivia: Visitor, admin: ApiClient) -> None:
    for number in range(5):
        _make(admin, "olivia", f"paged-{number}")
    path, seen = "/repositories?namespace=olivia&q=paged&size=2", list[str]()
    for _ in range(3):
        page = olivia.see(path)
        assert len(_names(page)) <= 2
        seen += _names(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        path = unescape(following[1])
    assert seen == [f"olivia/paged-{number}" for number in range(5)]


def test_an_empty_namespace_shows_the_commands_that_fill_it(simon: Visitor, site: ServerProcess) -> None:
    page = simon.see(at("/repositories", namespace="simon"))
    assert f"docker push 127.0.0.1:{site.port}/simon/my-app:latest" in page


def test_the_address_of_a_namespace_leads_to_its_list(stranger: Visitor) -> None:
    assert stranger.http.get("/repositories/acme").headers["location"] == "/repositories?namespace=acme"


def test_a_repository_is_made_by_the_form(olivia: Visitor) -> None:
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
    olivia: Visitor, name: str
) -> None:
    answer = olivia.send(
        "/repositories/new", namespace="acme", name=name, visibility="public", short_description="keep <me>"
    )
    assert answer.status_code == 400
    assert 'id="error-name"' in answer.text
    assert 'value="keep &lt;me&gt;"' in answer.text
    assert re.search(r'value="public" checked', answer.text)


def test_settings_that_exclude_each_other_make_no_repository(olivia: Visitor, admin: ApiClient) -> None:
    fields = {"immutable_tags": "on", "tag_limit": "3", "visibility": "private"}
    answer = olivia.send("/repositories/new", namespace="acme", name="torn", **fields)
    assert answer.status_code == 400
    assert "exclude each other" in answer.text
    assert admin.get(f"{REPOSITORIES}/acme/torn").status_code == 404


@pytest.mark.parametrize(
    "field", [{"tag_limit": "-1"}, {"tag_limit": "x"}, {"visibility": "secret"}, {"visibility": ""}]
)
def test_wrong_settings_make_no_repository(olivia: Visitor, admin: ApiClient, field: dict[str, str]) -> None:
    answer = olivia.send(
        "/repositories/new", **{"namespace": "acme", "name": "wrong", "visibility": "private", **field}
    )
    assert answer.status_code == 400
    assert admin.get(f"{REPOSITORIES}/acme/wrong").status_code == 404


def test_nobody_makes_repositories_where_they_have_no_say(wendy: Visitor, admin: ApiClient) -> None:
    assert "<option>acme</option>" not in wendy.see("/repositories/new")
    answer = wendy.send("/repositories/new", namespace="acme", name="mine", visibility="private")
    assert answer.status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/mine").status_code == 404


def test_who_is_not_signed_in_is_sent_to_do_so_before_making_a_repository(stranger: Visitor) -> None:
    answer = stranger.http.get("/repositories/new")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Frepositories%2Fnew")
    assert "New repository" not in stranger.see("/repositories")


@pytest.mark.parametrize("token", [None, "", "another"])
def test_a_form_without_the_token_of_the_session_changes_nothing(
    olivia: Visitor, admin: ApiClient, token: str | None
) -> None:
    name = _made(admin)
    fields = {"section": "delete", "typed_name": f"acme/{name}"} | (
        {} if token is None else {"csrf_token": token}
    )
    assert olivia.http.post(f"/repositories/acme/{name}/settings", data=fields).status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 200


def test_a_get_of_a_form_changes_nothing(olivia: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    olivia.see(at(f"/repositories/acme/{name}/settings", section="delete", typed_name=f"acme/{name}"))
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 200


@pytest.mark.parametrize("rest", ["", "/settings", "/permissions"])
def test_a_hidden_repository_looks_like_one_that_is_not_there(
    simon: Visitor, stranger: Visitor, rest: str
) -> None:
    for visitor in (simon, stranger):
        hidden = visitor.see(f"/repositories/acme/ledger{rest}", 404)
        absent = visitor.see(f"/repositories/acme/absent{rest}", 404)
        assert hidden.replace("ledger", "absent") == absent


@pytest.mark.parametrize("rest", ["", "/settings", "/permissions"])
@pytest.mark.parametrize("name", ["UPPER", "..%2F..%2Fetc", "%00", "a%2F%2Fb", "ñ", "x" * 300])
def test_a_name_that_none_can_have_is_nowhere(olivia: Visitor, name: str, rest: str) -> None:
    assert "Nothing here" in olivia.see(f"/repositories/acme/{name}{rest}", 404)


def test_the_first_page_of_a_repository_says_what_it_is_and_why_its_reader_sees_it(
    wendy: Visitor, site: ServerProcess
) -> None:
    page = wendy.see("/repositories/acme/ledger")
    assert f"docker push 127.0.0.1:{site.port}/acme/ledger:latest" in page
    assert f"docker pull 127.0.0.1:{site.port}/acme/ledger" in page
    assert "is in the team writers, which has the level read and write on the repository" in page
    assert "has not described it" in page


def test_who_may_not_push_is_shown_no_way_to(stranger: Visitor) -> None:
    page = stranger.see("/repositories/acme/web%2Ffront")
    assert "docker push" not in page
    assert "docker pull" in page
    for tab in ("/settings", "/permissions", "/activity"):
        assert f'href="/repositories/acme/web%2Ffront{tab}"' not in page


def test_texts_of_users_are_inert(olivia: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    readme = f"# Hi\n\n{HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://elsewhere.example/y.png) <https://ok.example>"
    answer = olivia.send(
        f"/repositories/acme/{name}/settings",
        section="description",
        short_description=HOSTILE[:60],
        long_description=readme,
    )
    assert answer.headers["location"] == f"/repositories/acme/{name}/settings"
    addresses = (
        f"/repositories/acme/{name}",
        f"/repositories/acme/{name}/settings",
        f"/repositories?q={name}",
        f"/search?q={name}",
    )
    for address in addresses:
        page = olivia.see(address)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert" in page
        assert 'href="javascript:' not in page
    page = olivia.see(f"/repositories/acme/{name}")
    assert "<h3>Hi</h3>" in page
    assert 'href="https://ok.example" rel="noopener noreferrer nofollow"' in page


def test_a_hostile_search_is_shown_as_text(olivia: Visitor) -> None:
    page = olivia.see(at("/search", q=HOSTILE))
    assert "<script>alert" not in page
    assert "Nothing found" in page


def test_settings_are_saved_as_the_form_says(olivia: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    path = f"/repositories/acme/{name}/settings"
    fields = {"visibility": "public", "tag_limit": "5", "scan_on_push": "on", "strict_sizes": "on"}
    assert olivia.send(path, section="behaviour", **fields).status_code == 303
    assert "Saved the settings" in olivia.see(path)
    found = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    assert (found["visibility"], found["tagLimit"], found["scanOnPush"], found["strictSizes"]) == (
        "public",
        5,
        True,
        True,
    )
    assert (
        olivia.send(path, section="behaviour", visibility="private", immutable_tags="on").status_code == 303
    )
    found = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    assert (found["visibility"], found["tagLimit"], found["scanOnPush"], found["immutableTags"]) == (
        "private",
        0,
        False,
        True,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"section": "behaviour", "visibility": "public", "immutable_tags": "on", "tag_limit": "5"},
        {"section": "behaviour", "visibility": "nobody"},
        {"section": "behaviour"},
        {"section": "description", "short_description": "x" * 141},
        {"section": "description", "long_description": "x" * 25_001},
        {"section": "rename", "new_name": "acme/ledger"},
        {"section": "rename", "new_name": "Nonsense"},
        {"section": "rename", "new_name": "nobodys/name"},
        {"section": "delete", "typed_name": "acme"},
        {"section": "delete"},
        {"section": "everything"},
        {},
    ],
)
def test_a_form_that_is_refused_changes_nothing_and_says_why(
    olivia: Visitor, admin: ApiClient, fields: dict[str, str]
) -> None:
    name = _made(admin)
    before = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    answer = olivia.send(f"/repositories/acme/{name}/settings", **fields)
    assert answer.status_code == 400
    assert "notice-bad" in answer.text
    for field in ("short_description", "new_name", "typed_name"):
        if fields.get(field):
            assert f'value="{fields[field]}"' in answer.text
    assert admin.get(f"{REPOSITORIES}/acme/{name}").json() == before


def test_who_does_not_administer_a_repository_neither_sees_nor_changes_its_settings(
    wendy: Visitor, admin: ApiClient, site: ServerProcess
) -> None:
    before = admin.get(f"{REPOSITORIES}/acme/ledger").json()
    for rest in ("/settings", "/permissions"):
        assert "You may not do this" in wendy.see(f"/repositories/acme/ledger{rest}", 403)
    for fields in (
        {"section": "description", "short_description": "mine"},
        {"section": "behaviour", "visibility": "public"},
        {"section": "rename", "new_name": "wendy/ledger"},
        {"section": "delete", "typed_name": "acme/ledger"},
    ):
        assert wendy.send("/repositories/acme/ledger/settings", **fields).status_code == 403
    grant = {"action": "set-user", "who": "wendy", "level": "admin"}
    assert wendy.send("/repositories/acme/ledger/permissions", **grant).status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/ledger").json() == before


def test_an_auditor_sees_who_has_access_but_no_form_to_change_it(visit: Visit) -> None:
    audrey = visit("audrey")
    page = audrey.see("/repositories/acme/ledger/permissions")
    assert "writers" in page
    assert 'value="set-team"' not in page
    audrey.see("/repositories/acme/ledger/settings", 403)


def test_an_old_name_leads_to_the_same_page_under_the_new_one(olivia: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/settings", section="rename", new_name=f"acme/new/{name}")
    assert answer.headers["location"] == f"/repositories/acme/new%2F{name}"
    assert f"now called acme/new/{name}" in olivia.see(f"/repositories/acme/new%2F{name}")
    for rest in ("", "/settings", "/permissions?account=wendy"):
        led = olivia.http.get(f"/repositories/acme/{name}{rest}")
        assert (led.status_code, led.headers["location"]) == (303, f"/repositories/acme/new%2F{name}{rest}")


def test_an_old_name_tells_strangers_nothing(olivia: Visitor, simon: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    assert (
        olivia.send(
            f"/repositories/acme/{name}/settings", section="rename", new_name=f"acme/x-{name}"
        ).status_code
        == 303
    )
    simon.see(f"/repositories/acme/{name}", 404)


def test_a_repository_goes_when_its_name_is_typed(olivia: Visitor, admin: ApiClient) -> None:
    name = _made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/settings", section="delete", typed_name=f"acme/{name}")
    assert answer.headers["location"] == "/repositories?namespace=acme"
    assert f"Deleted acme/{name}" in olivia.see("/repositories")
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 404


@pytest.mark.parametrize(("kind", "who"), [("team", "readers"), ("user", "simon")])
def test_levels_are_given_changed_and_taken(olivia: Visitor, admin: ApiClient, kind: str, who: str) -> None:
    name = _made(admin)
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
    olivia: Visitor, admin: ApiClient, fields: dict[str, str]
) -> None:
    name = _made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/permissions", **fields)
    assert answer.status_code == 400
    assert "notice-bad" in answer.text
    assert "<script>" not in answer.text
    for kind in ("team", "user"):
        assert admin.get(f"{REPOSITORIES}/acme/{name}/{kind}Access").json()[f"{kind}AccessList"] == []


def test_a_repository_of_a_user_is_given_to_no_team(simon: Visitor, admin: ApiClient) -> None:
    _make(admin, "simon", "own")
    page = simon.see("/repositories/simon/own/permissions")
    assert 'value="set-team"' not in page
    fields = {"action": "set-team", "who": "readers", "level": "admin"}
    answer = simon.send("/repositories/simon/own/permissions", **fields)
    assert answer.status_code == 400
    assert notices_in(answer.text) == ["simon is a user, who has no teams; grant single users access"]


def test_access_is_explained_with_reasons(olivia: Visitor) -> None:
    page = olivia.see(at("/repositories/acme/ledger/permissions", account="wendy"))
    assert (
        "is in the team writers, which has the level read and write on the repository, which is not enough"
        in page
    )
    one = olivia.see(at("/repositories/acme/ledger/permissions", account="anonymous", operation="pull"))
    assert "nothing was granted" in one
    assert 'id="error-account"' in olivia.see(
        at("/repositories/acme/ledger/permissions", account='nobody"><b>')
    )


def test_the_review_lists_everybody_with_access(olivia: Visitor) -> None:
    page = olivia.see("/repositories/acme/web%2Ffront/permissions")
    assert "everybody: the repository is public" in page
    assert "owner of the organization" in page
    page = olivia.see(at("/repositories/acme/web%2Ffront/permissions", size="1"))
    following = re.search(r'rel="next" href="([^"]+)#review"', page)
    assert following is not None
    assert "owner of the organization" in olivia.see(unescape(following[1]))


@pytest.mark.parametrize("start", ["nonsense", "9999:x", "\x00"])
def test_a_review_that_starts_nowhere_is_told(olivia: Visitor, start: str) -> None:
    olivia.see(at("/repositories/acme/ledger/permissions", start=start), 400)


def test_a_search_finds_repositories_and_accounts_that_its_reader_may_see(
    olivia: Visitor, simon: Visitor, stranger: Visitor
) -> None:
    assert _names(olivia.see(at("/search", q="ledger"))) == ["acme/ledger"]
    assert _names(simon.see(at("/search", q="ledger"))) == []
    page = simon.see(at("/search", q="acme"))
    assert 'href="/organizations/acme"' in page
    assert 'href="/users/simon"' in simon.see(at("/search", q="simon"))
    page = stranger.see(at("/search", q="acme"))
    assert "/organizations/acme" not in page
    assert "acme/web%2Ffront" in _names(page)


@pytest.mark.parametrize(
    "query", [{"q": "a" * 256}, {"q": "a", "page": "0"}, {"q": "a", "page": "21"}, {"q": "a", "page": "x"}]
)
def test_a_search_that_makes_no_sense_is_told(olivia: Visitor, query: dict[str, str]) -> None:
    assert "That did not work" in olivia.see(at("/search", **query), 400)


def test_a_search_for_nothing_asks_what_for(stranger: Visitor) -> None:
    assert "What are you looking for?" in stranger.see(at("/search", q="  "))


def test_pages_are_small_however_long_the_names_are(olivia: Visitor, admin: ApiClient) -> None:
    for number in range(100):
        _make(admin, "olivia", f"{'long' * 61}{number:04}", shortDescription="&" * 140)
    for address in ("/repositories?namespace=olivia&size=100000&q=long", "/search?q=long"):
        assert len(olivia.see(address).encode()) < 200 * 1024
    assert len(_names(olivia.see("/repositories?namespace=olivia&size=100000&q=long"))) == 100
