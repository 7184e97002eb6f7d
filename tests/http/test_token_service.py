"""The token door of a running server: `/auth/token` and the key set."""

import base64
import json
from typing import Any, Protocol

import httpx
import jwt
import pytest

FORM = "application/x-www-form-urlencoded"


class Server(Protocol):
    """What these tests need of the fixture `server`."""

    url: str
    admin_password: str


class Client:
    """Asks a server for tokens, as registry clients do."""

    def __init__(self, server: Server) -> None:
        self.admin = ("admin", server.admin_password)
        self._http = httpx.Client(base_url=server.url, verify=False)  # noqa: S501 - its authority is its own

    def get(self, auth: tuple[str, str] | None = None, **parameters: Any) -> httpx.Response:
        return self._http.get("/auth/token", params=parameters, auth=auth)

    def post(self, **fields: str) -> httpx.Response:
        return self._http.post("/auth/token", data=fields)

    def send(self, method: str, path: str = "/auth/token", **options: Any) -> httpx.Response:
        return self._http.request(method, path, **options)

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def client(server: Server) -> Any:
    client = Client(server)
    yield client
    client.close()


def claims_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    claims: dict[str, Any] = jwt.decode(response.json()["token"], options={"verify_signature": False})
    return claims


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json()["errors"][0]["code"] == code


@pytest.mark.item("7")
def test_a_named_caller_gets_a_token_with_all_that_clients_read(client: Client) -> None:
    response = client.get(
        client.admin, service="dtr", account="admin", scope="repository:admin/app:pull,push"
    )

    document = response.json()
    assert document["token"] == document["access_token"]
    assert document["expires_in"] >= 60
    assert document["issued_at"].endswith("Z")
    assert "refresh_token" not in document
    assert response.headers["cache-control"] == "no-store"
    claims = claims_of(response)
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("dtr", "dtr", "admin")
    assert claims["exp"] - claims["iat"] == document["expires_in"]
    assert claims["access"] == [{"type": "repository", "name": "admin/app", "actions": ["pull", "push"]}]


@pytest.mark.item("7")
def test_several_scopes_come_repeated_or_with_spaces(client: Client) -> None:
    response = client.get(
        client.admin, scope=["repository:team/a:pull repository:team/b:pull", "repository:team/c:pull"]
    )

    assert [entry["name"] for entry in claims_of(response)["access"]] == ["team/a", "team/b", "team/c"]


@pytest.mark.item("7")
def test_an_anonymous_caller_gets_a_token_that_grants_nothing_private(client: Client) -> None:
    claims = claims_of(client.get(service="dtr", scope="repository:admin/app:pull", offline_token="true"))

    assert claims["sub"] == ""
    assert claims["access"] == []


@pytest.mark.item("7")
@pytest.mark.parametrize("scope", ["", "rubbish", "repository:UPPER/case:pull", "spaceship:x:fly"])
def test_an_unknown_scope_is_ignored(client: Client, scope: str) -> None:
    assert claims_of(client.get(client.admin, scope=scope))["access"] == []


def test_a_client_that_asks_for_no_scope_gets_a_token_that_proves_its_login(client: Client) -> None:
    assert claims_of(client.get(client.admin, service="dtr"))["sub"] == "admin"


@pytest.mark.parametrize("who", [("admin", "wrong"), ("nobody", "wrong"), ("", ""), ("UPPER", "wrong")])
def test_wrong_credentials_are_challenged(client: Client, who: tuple[str, str]) -> None:
    response = client.get(who)

    assert_refused(response, 401, "UNAUTHORIZED")
    assert response.headers["www-authenticate"].startswith('Basic realm="dtr"')
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xfe").decode(),
        "Bearer abc",
    ],
)
def test_an_unreadable_authorization_header_is_unauthorized(client: Client, header: str) -> None:
    assert_refused(client.send("GET", headers={"authorization": header}), 401, "UNAUTHORIZED")


def test_the_account_must_be_that_of_the_credentials(client: Client) -> None:
    assert_refused(client.get(client.admin, account="somebody-else"), 401, "UNAUTHORIZED")


def test_another_service_is_refused(client: Client) -> None:
    assert_refused(client.get(client.admin, service="elsewhere"), 400, "INVALID_PARAMETERS")


def test_too_many_scopes_are_refused(client: Client) -> None:
    hundred = " ".join(f"repository:team/r{number}:pull" for number in range(100))

    assert len(claims_of(client.get(client.admin, scope=hundred))["access"]) == 100
    assert_refused(client.get(client.admin, scope=f"{hundred} a:b:pull"), 400, "INVALID_PARAMETERS")


def test_endless_scopes_are_refused(client: Client) -> None:
    fields = {"grant_type": "password", "username": "admin", "password": client.admin[1]}

    assert_refused(client.post(**fields, scope="x" * 9000), 400, "INVALID_PARAMETERS")


@pytest.mark.item("7")
def test_the_password_grant_gives_a_refresh_token_when_asked(client: Client) -> None:
    fields = {"grant_type": "password", "username": "admin", "password": client.admin[1], "service": "dtr"}

    plain = client.post(**fields, scope="repository:admin/app:pull", client_id="tests")
    offline = client.post(**fields, access_type="offline", client_id="tests")

    assert claims_of(plain)["sub"] == "admin"
    assert plain.json()["scope"] == "repository:admin/app:pull"
    assert "refresh_token" not in plain.json()
    assert offline.json()["refresh_token"]


@pytest.mark.item("7")
def test_a_refresh_token_is_good_for_other_scopes(client: Client) -> None:
    login = client.get(client.admin, service="dtr", offline_token="true", client_id="tests")
    refresh_token = login.json()["refresh_token"]

    response = client.post(
        grant_type="refresh_token",
        refresh_token=refresh_token,
        service="dtr",
        client_id="tests",
        scope="repository:admin/app:push",
    )

    claims = claims_of(response)
    assert claims["sub"] == "admin"
    assert claims["access"] == [{"type": "repository", "name": "admin/app", "actions": ["push"]}]
    assert response.json()["refresh_token"] == refresh_token


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"grant_type": "magic"}, 400),
        ({"grant_type": "password"}, 400),
        ({"grant_type": "password", "username": "admin"}, 400),
        ({"grant_type": "refresh_token"}, 400),
        ({"grant_type": "refresh_token", "refresh_token": "guess"}, 401),
        ({"grant_type": "password", "username": "admin", "password": "wrong"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": "guess", "service": "elsewhere"}, 400),
    ],
)
def test_a_bad_grant_is_refused(client: Client, fields: dict[str, str], status: int) -> None:
    response = client.send("POST", data=fields, headers={"content-type": FORM})

    assert_refused(response, status, "UNAUTHORIZED" if status == 401 else "INVALID_PARAMETERS")


def test_a_body_that_is_no_form_is_refused(client: Client) -> None:
    assert_refused(client.send("POST", json={"grant_type": "password"}), 400, "INVALID_PARAMETERS")


def test_an_oversized_form_is_refused(client: Client) -> None:
    response = client.send("POST", content=b"x=" + b"y" * 65536, headers={"content-type": FORM})

    assert_refused(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.item("12")
def test_other_methods_and_paths_are_not_served(client: Client) -> None:
    refused = client.send("PUT")

    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.send("GET", "/auth/tokens").status_code == 404


def test_the_published_keys_verify_the_tokens(client: Client) -> None:
    token = client.get(client.admin).json()["token"]

    keys = client.send("GET", "/.well-known/jwks.json").json()["keys"]

    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [jwt.PyJWK(key) for key in keys if key["kid"] == kid]
    assert jwt.decode(token, key, algorithms=["ES256"], audience="dtr")["sub"] == "admin"
    assert not any("d" in published for published in keys), "the private half stays at home"


@pytest.mark.item("10")
def test_no_refusal_repeats_what_was_sent_as_a_secret(client: Client) -> None:
    canary = "canary-6f1d8e"

    refused = [
        client.get(("admin", canary)),
        client.post(grant_type="password", username="admin", password=canary),
        client.post(grant_type="refresh_token", refresh_token=canary),
    ]

    for response in refused:
        assert response.status_code == 401
        assert canary not in json.dumps(response.json()) + str(response.headers)
