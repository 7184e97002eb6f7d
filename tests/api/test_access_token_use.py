"""Access tokens are good wherever a password is, within their permits; guesses are not."""

import httpx
import jwt
import pytest

from tests.api.conftest import ALICE_PASSWORD, CAROL_PASSWORD
from tests.support.access_tokens import (
    PATH,
    access_of,
    make,
    name_of,
    registry_token,
    tokens_of,
)
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess


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
