"""Access tokens of users: made, shown, limited, refused; good wherever a password is."""

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from dtr.features.tokens.access_token_model import is_access_token
from tests.api.conftest import ALICE_PASSWORD, BOB_PASSWORD
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess

PATH = "/api/v0/api_tokens"
CAROL_PASSWORD = "carol has a password"
FIELDS = {
    "hashedToken",
    "tokenLabel",
    "isActive",
    "username",
    "generatedBy",
    "createdAt",
    "lastUsed",
    "lastUsedAddress",
    "creatorUa",
    "permits",
    "expiresAt",
}


@pytest.fixture
def carol(server: ServerProcess, admin: ApiClient, number: int) -> Iterator[ApiClient]:
    """Give a client of a user of this test alone."""
    account = {"name": f"carol-t{number}", "password": CAROL_PASSWORD}
    assert admin.post("/enzi/v0/accounts", account).status_code == 201
    client = ApiClient(server.url, account["name"], CAROL_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def elsewhere(server: ServerProcess, number: int) -> Iterator[httpx.Client]:
    """Give a client with an address of its own, on which failed logins are counted."""
    transport = httpx.HTTPTransport(local_address=f"127.0.77.{number}")
    with httpx.Client(base_url=server.url, transport=transport, timeout=30) as client:
        yield client


def name_of(client: ApiClient) -> str:
    user: dict[str, Any] = client.get("/basic_info").json()["User"]
    return str(user["name"])


def make(client: ApiClient, **wish: Any) -> dict[str, Any]:
    answer = client.post(PATH, wish)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def registry_token(url: str, name: str, secret: str, scope: str = "") -> httpx.Response:
    return httpx.get(f"{url}/auth/token", params={"scope": scope, "service": "dtr"}, auth=(name, secret))


def access_of(answer: httpx.Response) -> list[tuple[str, list[str]]]:
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return [(entry["name"], entry["actions"]) for entry in claims["access"]]


def tokens_of(client: ApiClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(PATH, params={"pageSize": 10000, **parameters})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


# -- making


def test_a_token_is_shown_once_and_kept_as_a_hash(carol: ApiClient) -> None:
    made = make(carol, tokenLabel="laptop")

    assert set(made) == {*FIELDS, "token"}
    assert re.fullmatch(r"dtr_pat_[\w-]{43}_[0-9A-Za-z]{6}", made["token"])
    assert is_access_token(made["token"])
    assert made["tokenLabel"] == "laptop"
    assert made["isActive"] is True
    assert made["generatedBy"] == "manual"
    assert made["lastUsed"] is None
    assert made["permits"] is None
    assert made["expiresAt"] is None
    shown = carol.get(f"{PATH}/{made['hashedToken']}").json()
    assert shown == {field: made[field] for field in FIELDS}
    assert tokens_of(carol) == [shown]


@pytest.mark.parametrize(
    "body", [None, {}, {"tokenLabel": None}, {"id": "", "isActive": False, "token": "x"}]
)
def test_a_label_is_not_needed_and_other_fields_are_ignored(carol: ApiClient, body: object) -> None:
    answer = carol.post(PATH, body) if body is not None else carol.http.post(PATH)

    assert answer.status_code == 201, answer.text
    assert answer.json()["tokenLabel"] == ""
    assert answer.json()["isActive"] is True


@pytest.mark.parametrize(
    "wish",
    [
        {"tokenLabel": "x" * 101},
        {"tokenLabel": "two\nlines"},
        {"tokenLabel": 7},
        {"permits": []},
        {"permits": [{"pattern": "team/**", "actions": []}]},
        {"permits": [{"pattern": "team/**", "actions": ["fly"]}]},
        {"permits": [{"pattern": "TEAM/*", "actions": ["pull"]}]},
        {"permits": [{"pattern": "a*b*c*d/**/**/**", "actions": ["pull"]}]},
        {"permits": [{"pattern": "team/**"}]},
        {"permits": [{"pattern": "team/**", "actions": ["pull"]}] * 101},
        {"permits": "team/**"},
        {"expiresInDays": 0},
        {"expiresInDays": "7"},
        {"expiresInDays": True},
        {"expiresInDays": 10**12},
        {"expiresAt": "yesterday"},
        {"expiresAt": "2001-01-01T00:00:00Z"},
        {"expiresAt": "9999-12-31T23:59:59-23:59"},
        {"expiresAt": "2999-01-01T00:00:00Z", "expiresInDays": 3},
        [],
        "text",
    ],
)
def test_a_wish_that_makes_no_sense_makes_no_token(carol: ApiClient, wish: object) -> None:
    answer = carol.post(PATH, wish)

    assert (answer.status_code, codes(answer)[0]) == (400, "INVALID_PARAMETERS")
    assert tokens_of(carol) == []


def test_the_end_of_a_token_is_given_as_a_moment_or_in_days(carol: ApiClient) -> None:
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)

    assert make(carol, expiresAt=moment.isoformat())["expiresAt"] == moment.isoformat().replace("+00:00", "Z")
    in_days = datetime.fromisoformat(make(carol, expiresInDays=30)["expiresAt"])
    assert timedelta(days=29, hours=23) < in_days - datetime.now(UTC) < timedelta(days=30, minutes=1)


def test_a_token_makes_none_that_outlives_it(carol: ApiClient, server: ServerProcess) -> None:
    short = make(carol, expiresInDays=2)
    holder = ApiClient(server.url, name_of(carol), short["token"])

    for wish in ({"expiresInDays": 3}, {"expiresAt": "2999-01-01T00:00:00Z"}):
        answer = holder.post(PATH, wish)
        assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"]), answer.text
    assert make(holder)["expiresAt"] == short["expiresAt"]
    assert make(holder, expiresInDays=1)["expiresAt"] < short["expiresAt"]
    holder.close()
    for_ever = ApiClient(server.url, name_of(carol), make(carol)["token"])
    assert make(for_ever)["expiresAt"] is None
    for_ever.close()


def test_administrators_make_tokens_for_others(carol: ApiClient, admin: ApiClient, bob: ApiClient) -> None:
    owner = {"username": name_of(carol)}

    refused = bob.post(PATH, {"tokenLabel": "x"}, params=owner)
    made = admin.post(PATH, {"tokenLabel": "for carol"}, params=owner)

    assert (refused.status_code, codes(refused)) == (403, ["NOT_AUTHORIZED"])
    assert made.status_code == 201
    assert made.json()["username"] == owner["username"]
    assert [each["tokenLabel"] for each in tokens_of(carol)] == ["for carol"]


@pytest.mark.parametrize("owner", ["nobody-at-all", "docker-datacenter", "ALICE", "\u0430lice"])
def test_only_users_have_tokens(admin: ApiClient, owner: str) -> None:
    answer = admin.post(PATH, {}, params={"username": owner})

    assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_USER"])


def test_strangers_have_no_tokens(anonymous: ApiClient) -> None:
    for answer in (anonymous.get(PATH), anonymous.post(PATH, {}), anonymous.delete(PATH)):
        assert (answer.status_code, codes(answer)) == (401, ["NOT_AUTHENTICATED"])


# -- good wherever a password is


def test_a_token_is_good_wherever_a_password_is(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]
    scope = f"repository:{name}/app:pull,push"

    assert access_of(registry_token(server.url, name, secret, scope)) == [(f"{name}/app", ["pull", "push"])]
    form = {"grant_type": "password", "username": name, "password": secret, "access_type": "offline"}
    granted = httpx.post(f"{server.url}/auth/token", data=form)
    assert granted.status_code == 200
    assert "refresh_token" not in granted.json(), "it would outlive the access token"
    for path in ("/api/v0/sessions", f"/enzi/v0/accounts/{name}"):
        assert httpx.get(server.url + path, auth=(name, secret)).status_code == 200
    info = httpx.get(f"{server.url}/basic_info", auth=(name, secret)).json()
    assert (info["User"]["name"], info["AuthnMethod"]) == (name, "AccessToken")


def test_a_docker_login_with_a_token_keeps_that(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]
    query = {"account": name, "client_id": "docker", "offline_token": "true", "service": "dtr"}

    answer = httpx.get(f"{server.url}/auth/token", params=query, auth=(name, secret))

    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    [token] = tokens_of(carol)
    assert token["generatedBy"] == "manual"


def test_a_token_alone_says_whose_it_is(carol: ApiClient, server: ServerProcess, alice: ApiClient) -> None:
    name, secret = name_of(carol), make(carol)["token"]

    for given in ("token", "", "x" * 200, name.upper()):
        answer = registry_token(server.url, given, secret)
        assert jwt.decode(answer.json()["token"], options={"verify_signature": False})["sub"] == name
    assert registry_token(server.url, name_of(alice), secret).status_code == 401


def test_a_token_comes_as_bearer_or_in_the_query_as_well(carol: ApiClient, server: ServerProcess) -> None:
    secret = make(carol)["token"]

    for arguments in (
        {"headers": {"authorization": f"Bearer {secret}"}},
        {"params": {"refresh_token": secret}},
        {"params": {"refresh_token": "null"}, "auth": ("alice", ALICE_PASSWORD)},
    ):
        assert httpx.get(server.url + PATH, **arguments).status_code == 200
    grant = {"grant_type": "refresh_token", "refresh_token": secret}
    assert httpx.post(f"{server.url}/auth/token", data=grant).json()["refresh_token"] == secret


def test_the_identity_token_of_a_login_opens_the_api(carol: ApiClient, server: ServerProcess) -> None:
    auth = (name_of(carol), CAROL_PASSWORD)
    login = httpx.get(
        f"{server.url}/auth/token", params={"offline_token": "true", "client_id": "docker"}, auth=auth
    )
    refresh = login.json()["refresh_token"]

    assert httpx.get(server.url + PATH, params={"refresh_token": refresh}).status_code == 200
    refused = httpx.get(server.url + PATH, auth=(auth[0], refresh))
    assert refused.status_code == 401, "it is no password"
    [token] = tokens_of(carol)
    assert (token["generatedBy"], token["tokenLabel"]) == ("auto", "docker")


@pytest.mark.parametrize(
    "secret",
    [
        "dtr_pat_",
        "dtr_pat_" + "A" * 43 + "_000000",
        "dtr_pat_" + "x" * 5000,
        "dtr_pat_\u00e9",
        "dtr_pat_' OR 1=1",
    ],
)
def test_a_guess_is_refused(elsewhere: httpx.Client, secret: str) -> None:
    for name in ("alice", "token"):
        assert elsewhere.get("/auth/token", auth=(name, secret)).status_code == 401
        answer = elsewhere.get(PATH, auth=(name, secret))
        assert (answer.status_code, codes(answer)) == (401, ["NOT_AUTHENTICATED"])


def test_guesses_are_slowed_down_by_address_and_hold_up_nobody_who_has_a_token(
    elsewhere: httpx.Client, carol: ApiClient, server: ServerProcess
) -> None:
    name, secret = name_of(carol), make(carol)["token"]

    answers = [elsewhere.get(PATH, auth=(name, f"dtr_pat_guess{number}")) for number in range(12)]

    assert [each.status_code for each in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert elsewhere.get(PATH, auth=(name, secret)).status_code == 200
    assert elsewhere.get(PATH, auth=(name, CAROL_PASSWORD)).status_code == 200
    assert httpx.get(server.url + PATH, auth=(name, CAROL_PASSWORD)).status_code == 200


# -- limits


def test_a_limited_token_does_in_the_registry_what_its_permits_say(
    carol: ApiClient, server: ServerProcess
) -> None:
    name = name_of(carol)
    secret = make(carol, permits=[{"pattern": f"{name}/app", "actions": ["pull"]}])["token"]
    scope = f"repository:{name}/app:pull,push repository:{name}/other:pull"

    assert access_of(registry_token(server.url, name, secret, scope)) == [(f"{name}/app", ["pull"])]


def test_permits_give_nothing_that_the_owner_has_not(carol: ApiClient, server: ServerProcess) -> None:
    secret = make(carol, permits=[{"pattern": "**", "actions": ["admin"]}])["token"]

    assert access_of(registry_token(server.url, "", secret, "repository:alice/app:pull,push")) == []


def test_a_limited_token_of_an_administrator_administers_nothing(
    admin: ApiClient, server: ServerProcess, alice: ApiClient
) -> None:
    made = make(admin, permits=[{"pattern": "admin/**", "actions": ["admin"]}])
    limited = ApiClient(server.url, "admin", made["token"])

    refused = [
        limited.get(PATH),
        limited.post(PATH, {"tokenLabel": "more rights"}),
        limited.patch(f"{PATH}/{made['hashedToken']}", {"tokenLabel": "x"}),
        limited.delete(f"{PATH}/{made['hashedToken']}"),
        limited.delete(PATH),
        limited.get("/api/v0/sessions"),
        limited.post("/enzi/v0/accounts", {"name": "mallory", "password": "a long password"}),
        limited.post("/enzi/v0/accounts/admin/changePassword", {"newPassword": "a long password"}),
    ]

    assert [(each.status_code, codes(each)) for each in refused] == [(403, ["NOT_AUTHORIZED"])] * len(refused)
    info = limited.get("/basic_info").json()
    assert (info["User"]["name"], info["IsAdmin"]) == ("admin", False)
    assert alice.get("/enzi/v0/accounts/mallory").status_code == 404
    limited.close()
    assert admin.delete(f"{PATH}/{made['hashedToken']}").status_code == 204


def test_permits_are_shown_as_they_were_given(carol: ApiClient) -> None:
    permits = [{"pattern": "team/**", "actions": ["pull", "push"]}, {"pattern": "x/y", "actions": ["delete"]}]

    made = make(carol, permits=permits)

    assert tokens_of(carol)[0]["permits"] == made["permits"] == permits


# -- changing, and refusing at once


def test_a_disabled_token_is_refused_at_once_and_good_again_when_enabled(
    carol: ApiClient, elsewhere: httpx.Client
) -> None:
    auth = (name_of(carol), (made := make(carol, tokenLabel="a"))["token"])
    path = f"{PATH}/{made['hashedToken']}"

    def statuses() -> set[int]:
        no_keep_alive = {"connection": "close"}  # so that both workers are asked
        asked = [elsewhere.get("/auth/token", auth=auth, headers=no_keep_alive) for _ in range(4)]
        return {each.status_code for each in [*asked, elsewhere.get(PATH, auth=auth)]}

    assert statuses() == {200}
    changed = carol.patch(path, {"isActive": False})
    assert (changed.status_code, changed.json()["isActive"], changed.json()["tokenLabel"]) == (
        200,
        False,
        "a",
    )
    assert statuses() == {401}
    assert carol.patch(path, {"isActive": True, "tokenLabel": "b"}).json()["tokenLabel"] == "b"
    assert statuses() == {200}
    assert carol.delete(path).status_code == 204
    assert statuses() == {401}
    gone = carol.get(path)
    assert (gone.status_code, codes(gone)) == (404, ["NO_SUCH_API_TOKEN"])


@pytest.mark.parametrize("end", ["disable", "delete", "clean up"])
def test_what_was_issued_for_a_token_is_void_with_it(
    carol: ApiClient, server: ServerProcess, end: str
) -> None:
    made, name = make(carol), name_of(carol)
    bearer = {"authorization": f"Bearer {registry_token(server.url, name, made['token']).json()['token']}"}
    assert httpx.get(f"{server.url}/v2/", headers=bearer).status_code == 200

    path = f"{PATH}/{made['hashedToken']}"
    if end == "disable":
        carol.patch(path, {"isActive": False})
    elif end == "delete":
        carol.delete(path)
    else:
        carol.delete(PATH, params={"generatedby": "manual"})

    assert_soon_refused(server, bearer)


def assert_soon_refused(server: ServerProcess, headers: dict[str, str]) -> None:
    """Revocations reach the workers at once on SQLite, within a second on PostgreSQL."""
    deadline = datetime.now(UTC) + timedelta(seconds=3)
    while datetime.now(UTC) < deadline:
        if {httpx.get(f"{server.url}/v2/", headers=headers).status_code for _ in range(6)} == {401}:
            return
    pytest.fail("the token is still good")


def test_a_disabled_owner_has_no_good_token(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]

    disabled = server.run("user", "disable", name)
    assert disabled.returncode == 0, disabled.stderr

    assert registry_token(server.url, name, secret).status_code == 401
    assert httpx.get(server.url + PATH, auth=(name, secret)).status_code == 401


def test_a_new_password_leaves_access_tokens_alone(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]
    changed = carol.post(
        f"/enzi/v0/accounts/{name}/changePassword",
        {"oldPassword": CAROL_PASSWORD, "newPassword": "carol has a new one"},
    )
    assert changed.status_code < 300, changed.text

    assert registry_token(server.url, name, secret).status_code == 200


def test_others_see_and_change_nothing(carol: ApiClient, bob: ApiClient, admin: ApiClient) -> None:
    made = make(carol)
    path = f"{PATH}/{made['hashedToken']}"

    for answer in (bob.get(path), bob.patch(path, {"isActive": False}), bob.delete(path)):
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_API_TOKEN"])
    for answer in (
        bob.get(PATH, params={"username": name_of(carol)}),
        bob.delete(PATH, params={"username": name_of(carol)}),
    ):
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])
    assert made["hashedToken"] not in {each["hashedToken"] for each in tokens_of(bob)}
    assert carol.get(path).json()["isActive"] is True
    assert admin.patch(path, {"isActive": False}).json()["isActive"] is False


@pytest.mark.parametrize("changes", [{"isActive": "no"}, {"isActive": 0}, {"tokenLabel": "x" * 101}, []])
def test_bad_changes_change_nothing(carol: ApiClient, changes: object) -> None:
    made = make(carol, tokenLabel="kept")

    answer = carol.patch(f"{PATH}/{made['hashedToken']}", changes)

    assert (answer.status_code, codes(answer)[0]) == (400, "INVALID_PARAMETERS")
    assert tokens_of(carol)[0]["tokenLabel"] == "kept"


def test_changes_cannot_touch_what_is_fixed(carol: ApiClient) -> None:
    made = make(carol, permits=[{"pattern": "a/b", "actions": ["pull"]}])

    carol.patch(
        f"{PATH}/{made['hashedToken']}",
        {"permits": None, "username": "admin", "expiresAt": "2999-01-01T00:00:00Z", "hashedToken": "0"},
    )

    assert tokens_of(carol) == [{field: made[field] for field in FIELDS}]


def test_the_last_use_is_shown(carol: ApiClient, server: ServerProcess) -> None:
    before = datetime.now(UTC)
    registry_token(server.url, name_of(carol), make(carol)["token"])

    [token] = tokens_of(carol)

    assert datetime.fromisoformat(token["lastUsed"]) >= before
    assert token["lastUsedAddress"] == "127.0.0.1"


# -- lists and cleaning up


def test_lists_come_in_pages(carol: ApiClient) -> None:
    hashes = sorted(make(carol, tokenLabel=str(each))["hashedToken"] for each in range(5))

    found, start = [], ""
    for _ in range(3):
        answer = carol.get(PATH, params={"pageSize": 2, "pageStart": start, "count": "true"})
        assert answer.headers["x-resource-count"] == "5"
        found += [each["hashedToken"] for each in answer.json()]
        start = answer.headers.get("x-next-page-start", "")
        if start == hashes[2]:
            carol.delete(f"{PATH}/{start}")  # the start of a page may be gone when that is asked for
            hashes.remove(start)
            hashes_left = 4
            assert carol.get(PATH, params={"count": "true"}).headers["x-resource-count"] == str(hashes_left)
            break
    found += [each["hashedToken"] for each in carol.get(PATH, params={"pageStart": start}).json()]

    assert found == hashes
    assert start


def test_administrators_list_everybodys(admin: ApiClient, carol: ApiClient) -> None:
    made = make(carol)

    everybodys = {each["hashedToken"]: each["username"] for each in tokens_of(admin)}

    assert everybodys[made["hashedToken"]] == name_of(carol)
    assert [each["hashedToken"] for each in tokens_of(admin, username=name_of(carol))] == [
        made["hashedToken"]
    ]


def test_cleaning_up_drops_what_logins_made_unless_told_otherwise(
    carol: ApiClient, server: ServerProcess, admin: ApiClient
) -> None:
    name = name_of(carol)
    manual = make(carol)["hashedToken"]
    for _ in range(2):
        httpx.get(f"{server.url}/auth/token", params={"offline_token": "true"}, auth=(name, CAROL_PASSWORD))
    assert len(tokens_of(carol)) == 3

    early = carol.delete(PATH, params={"usedbefore": "2001-01-01T00:00:00Z"})
    assert (early.status_code, len(tokens_of(carol))) == (204, 3)
    assert admin.delete(PATH, params={"username": name}).status_code == 204
    assert [each["hashedToken"] for each in tokens_of(carol)] == [manual]
    assert carol.delete(PATH, params={"generatedby": "manual"}).status_code == 204
    assert tokens_of(carol) == []


@pytest.mark.parametrize("parameters", [{"generatedby": "all"}, {"usedbefore": "long ago"}])
def test_cleaning_up_by_a_rule_that_is_none_drops_nothing(
    carol: ApiClient, parameters: dict[str, str]
) -> None:
    make(carol)

    answer = carol.delete(PATH, params=parameters)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])
    assert len(tokens_of(carol)) == 1


def test_two_tokens_made_at_once_are_two(carol: ApiClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: make(carol, tokenLabel=str(number)), range(8)))

    assert len({each["hashedToken"] for each in made}) == len(tokens_of(carol)) == 8


def test_nothing_shows_a_secret_again(carol: ApiClient, admin: ApiClient) -> None:
    made = make(carol, tokenLabel="x")
    path = f"{PATH}/{made['hashedToken']}"

    shown = [carol.get(PATH), carol.get(path), carol.patch(path, {"tokenLabel": "y"}), admin.get(path)]

    assert not any(made["token"] in each.text for each in shown)
    assert base64.b64encode(json.dumps(made).encode()) not in b"".join(each.content for each in shown)
    assert BOB_PASSWORD not in shown[0].text
