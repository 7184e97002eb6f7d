"""What public clients of the original product send, request by request, and what they read in the answers.

The clients are Go programs: unknown fields are ignored, a missing one is empty, and a wrong type fails the whole call.
"""

import base64
import hashlib
import urllib.parse
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.support.registry import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, RegistryClient, image_manifest, sha256
from tests.support.server import ServerProcess

HARBOR = {"User-Agent": "harbor-registry-client"}
GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
MANIFEST_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
]

ACCOUNT = {
    "name": str,
    "id": str,
    "fullName": str,
    "isOrg": bool,
    "isAdmin": bool,
    "isActive": bool,
    "isImported": bool,
    "onDemand": bool,
    "otpEnabled": bool,
    "membersCount": int,
    "teamsCount": int,
}
REPOSITORY = {
    "id": str,
    "namespace": str,
    "namespaceType": str,
    "name": str,
    "shortDescription": str,
    "longDescription": str,
    "visibility": str,
    "scanOnPush": bool,
    "immutableTags": bool,
    "enableManifestLists": bool,
    "tagLimit": int,
    "pulls": int,
    "pushes": int,
}
TAG = {
    "name": str,
    "digest": str,
    "author": str,
    "createdAt": str,
    "updatedAt": str,
    "hashMismatch": bool,
    "inNotary": bool,
}
TEAM = {"id": str, "orgID": str, "name": str, "description": str, "membersCount": int}


def fits(value: dict[str, Any], struct: dict[str, type]) -> bool:
    """Tell whether Go could decode an object: no field of the struct has another type; null and absent are fine."""
    for name, kind in struct.items():
        found = value.get(name)
        assert found is None or type(found) is kind, f"{name} is {found!r}, not a {kind.__name__}"
    return True


class GoClient:
    """Sends as Go's HTTP client does: no Accept, Basic without being asked, JSON with its type, no redirects."""

    def __init__(self, url: str, name: str, password: str) -> None:
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {pair}"}
        self.http = httpx.Client(base_url=url, timeout=30)
        self.http.headers.clear()

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        wanted = {**GO, **self._authorization, **(headers or {})}
        return self.http.request(method, path, json=body, headers=wanted)

    def get(self, path: str) -> Any:
        """Return what is read from a GET that must succeed."""
        answer = self.send("GET", path)
        assert 200 <= answer.status_code < 300, answer.text
        return answer.json()


@pytest.fixture
def go(server: ServerProcess) -> Iterator[GoClient]:
    client = GoClient(server.url, "admin", server.admin_password)
    yield client
    client.http.close()


# -- Harbor's replication adapter -----------------------------------------------------------------------


class HarborRegistry:
    """Harbor's way through `/v2`: a token for each set of scopes, asked for with Basic, kept while it lives."""

    def __init__(self, server: ServerProcess) -> None:
        self.http = httpx.Client(base_url=server.url, headers=HARBOR, timeout=30)
        self._auth = ("admin", server.admin_password)

    def token(self, *scopes: str) -> str:
        parameters = {"service": "dtr", "scope": list(scopes)}
        answer = self.http.get("/auth/token", params=parameters, auth=self._auth)
        assert answer.status_code == 200, answer.text
        assert type(answer.json()["expires_in"]) is int
        assert datetime.fromisoformat(answer.json()["issued_at"]).tzinfo is not None
        return str(answer.json()["token"])

    def send(self, method: str, path: str, *scopes: str, **arguments: Any) -> httpx.Response:
        headers = [("Authorization", f"Bearer {self.token(*scopes)}"), *arguments.pop("headers", [])]
        return self.http.request(method, path, headers=headers, **arguments)


@pytest.fixture
def harbor(server: ServerProcess) -> Iterator[HarborRegistry]:
    client = HarborRegistry(server)
    yield client
    client.http.close()


def pages_by_header(go: GoClient, path: str, marker: str, key: str) -> list[dict[str, Any]]:
    """Follow `X-Next-Page-Start` as Harbor does, with the marker alone put in place of the last one."""
    found: list[dict[str, Any]] = []
    start = ""
    for _ in range(500):
        more = f"&{marker}={urllib.parse.quote_plus(start)}" if start else ""
        answer = go.send("GET", path + more)
        assert answer.status_code == 200, answer.text
        content = answer.json()
        found += content[key] if key else content
        start = answer.headers.get("x-next-page-start", "")
        if not start:
            return found
    raise AssertionError("the list never ends")


def test_harbor_finds_the_registry_healthy(server: ServerProcess) -> None:
    with httpx.Client(base_url=server.url, headers=HARBOR) as http:
        challenge = http.get("/v2/")
        assert challenge.status_code == 401
        fields = dict(
            pair.split("=", 1)
            for pair in challenge.headers["www-authenticate"].removeprefix("Bearer ").split(",")
        )
        realm, service = fields["realm"].strip('"'), fields["service"].strip('"')
        assert realm.startswith("http")

        token = http.get(realm, params={"service": service}, auth=("admin", server.admin_password))
        assert token.status_code == 200
        assert datetime.fromisoformat(token.json()["issued_at"]).tzinfo is not None
        assert type(token.json()["expires_in"]) is int

        ping = http.get("/v2/", headers={"Authorization": f"Bearer {token.json()['token']}"})
        assert 200 <= ping.status_code < 300


def test_harbor_lists_what_it_can_replicate(go: GoClient, server: ServerProcess, number: int) -> None:
    organization = f"harbor-from-{number}"
    assert go.send("POST", "/enzi/v0/accounts", {"name": organization, "isOrg": True}).status_code == 201
    for name in ("empty", "full"):
        body = {"name": name, "visibility": "private", "enableManifestLists": True}
        assert go.send("POST", f"/api/v0/repositories/{organization}", body).status_code == 201
    registry = RegistryClient(server.url, "admin", server.admin_password)
    for tag in ("1.0", "2.0"):
        registry.push_image(f"{organization}/full", tag)
    registry.close()

    found = pages_by_header(go, "/api/v0/repositories?pageSize=1", "pageStart", "repositories")
    ours = [each for each in found if each["namespace"] == organization]
    assert [each["name"] for each in ours] == ["empty", "full"]
    assert all(fits(each, REPOSITORY) for each in found)
    assert len({each["id"] for each in found}) == len(found)

    assert go.get(f"/api/v0/repositories/{organization}/empty/tags?pageSize=100") == []
    tags = pages_by_header(go, f"/api/v0/repositories/{organization}/full/tags?pageSize=1", "pageStart", "")
    assert [tag["name"] for tag in tags] == ["1.0", "2.0"]
    assert all(fits(tag, TAG) for tag in tags)


def test_harbor_prepares_a_push(go: GoClient, number: int) -> None:
    wanted = f"harbor-to-{number}"
    before = pages_by_header(go, "/enzi/v0/accounts?limit=1", "start", "accounts")
    assert all(fits(each, ACCOUNT) for each in before)
    assert wanted not in {each["name"] for each in before}

    made = go.send("POST", "/enzi/v0/accounts", {"fullName": wanted, "isOrg": True, "name": wanted})
    assert made.status_code == 201
    after = pages_by_header(go, "/enzi/v0/accounts?limit=1", "start", "accounts")
    assert {each["name"] for each in after} == {each["name"] for each in before} | {wanted}

    body = {"enableManifestLists": True, "name": "app", "visibility": "private"}
    assert go.send("POST", f"/api/v0/repositories/{wanted}", body).status_code == 201
    found = pages_by_header(go, "/api/v0/repositories?pageSize=100", "pageStart", "repositories")
    assert (wanted, "app") in {(each["namespace"], each["name"]) for each in found}


def test_harbor_copies_an_image(go: GoClient, harbor: HarborRegistry, number: int) -> None:
    organization = f"harbor-copy-{number}"
    go.send("POST", "/enzi/v0/accounts", {"fullName": organization, "isOrg": True, "name": organization})
    body = {"enableManifestLists": True, "name": "app", "visibility": "private"}
    assert go.send("POST", f"/api/v0/repositories/{organization}", body).status_code == 201
    name = f"{organization}/app"
    pull, push = f"repository:{name}:pull", f"repository:{name}:pull,push"
    accept = [("Accept", each) for each in MANIFEST_TYPES]

    absent = harbor.send("HEAD", f"/v2/{name}/manifests/1.0", pull, headers=accept)
    assert absent.status_code == 404
    config, layer = b"{}", b"a layer to copy"
    for content in (config, layer):
        digest = sha256(content)
        assert harbor.send("HEAD", f"/v2/{name}/blobs/{digest}", pull).status_code == 404
        started = harbor.send("POST", f"/v2/{name}/blobs/uploads/", push, headers=[("Content-Length", "0")])
        assert started.status_code == 202
        location = httpx.URL(started.headers["location"]).copy_merge_params({"digest": digest})
        assert harbor.send("PUT", str(location), push, content=content).status_code == 201
    manifest = image_manifest(config, layer)
    assert OCI_CONFIG.encode() in manifest
    assert OCI_LAYER.encode() in manifest
    stored = harbor.send(
        "PUT", f"/v2/{name}/manifests/1.0", push, content=manifest, headers=[("Content-Type", OCI_MANIFEST)]
    )
    assert stored.status_code == 201

    head = harbor.send("HEAD", f"/v2/{name}/manifests/1.0", pull, headers=accept)
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert (head.status_code, head.headers["docker-content-digest"]) == (200, digest)
    assert head.headers["content-length"] == str(len(manifest))
    deleted = harbor.send("DELETE", f"/v2/{name}/manifests/{digest}", f"repository:{name}:*")
    assert 200 <= deleted.status_code < 300
    assert go.get(f"/api/v0/repositories/{name}/tags?pageSize=100") == []


# -- the Terraform provider ------------------------------------------------------------------------------


def terraform(go: GoClient, method: str, path: str, body: object = None) -> Any:
    """Return what the provider decodes; every status below 400 is a success to it."""
    answer = go.send(method, path, body)
    assert answer.status_code < 400, answer.text
    return answer.json() if answer.content else None


def terraform_refusal(go: GoClient, method: str, path: str, body: object = None) -> str:
    """Return the message that the provider shows; it needs an error document with texts in it."""
    answer = go.send(method, path, body)
    assert answer.status_code >= 400
    errors = answer.json()["errors"]
    assert errors
    assert all(type(each["code"]) is str and type(each["message"]) is str for each in errors)
    return str(errors[0]["message"])


def test_terraform_asks_for_health_and_version(go: GoClient) -> None:
    health = terraform(go, "GET", "/health")
    lowered = {name.lower(): value for name, value in health.items()}  # Go compares without regard to case
    assert lowered == {"error": "", "healthy": True}
    assert type(terraform(go, "GET", "/api/v0/admin/version")["version"]) is str


def test_health_needs_no_right_password(server: ServerProcess) -> None:
    wrong = GoClient(server.url, "admin", "not the password")
    assert wrong.send("GET", "/health").status_code == 200
    wrong.http.close()


def test_terraform_keeps_an_organization(go: GoClient, number: int) -> None:
    name = f"tf-org-{number}"
    made = terraform(go, "POST", "/enzi/v0/accounts", {"name": name, "id": "", "password": "", "isOrg": True})
    assert fits(made, ACCOUNT)
    assert made["isOrg"] is True

    read = terraform(go, "GET", f"/enzi/v0/accounts/{name}")
    assert (read["id"], read["name"]) == (made["id"], name)
    terraform(go, "DELETE", f"/enzi/v0/accounts/{name}")
    assert terraform_refusal(go, "GET", f"/enzi/v0/accounts/{name}")


@pytest.mark.parametrize("extra", [{}, {"isActive": True}], ids=["present provider", "older provider"])
def test_terraform_keeps_a_user(
    go: GoClient, server: ServerProcess, number: int, extra: dict[str, bool]
) -> None:
    name = f"tf-user-{number}"
    body = {"name": name, "id": "", "password": "aB3!dE7$gH1#jK2@", "fullName": "Tee Eff", **extra}
    made = terraform(go, "POST", "/enzi/v0/accounts", body)
    assert fits(made, ACCOUNT)
    assert (made["isActive"], made["isAdmin"], made["isOrg"]) == (True, False, False)

    own = GoClient(server.url, name, "aB3!dE7$gH1#jK2@")
    assert own.send("GET", f"/enzi/v0/accounts/{name}").status_code == 200
    own.http.close()

    promoted = terraform(
        go, "PATCH", f"/enzi/v0/accounts/{made['id']}", {"fullName": "New Name", "isAdmin": True}
    )
    assert (promoted["fullName"], promoted["isAdmin"]) == ("New Name", True)
    unchanged = terraform(go, "PATCH", f"/enzi/v0/accounts/{made['id']}", {})
    assert (unchanged["fullName"], unchanged["isAdmin"]) == ("New Name", True)

    terraform(go, "DELETE", f"/enzi/v0/accounts/{made['id']}")
    assert terraform_refusal(go, "GET", f"/enzi/v0/accounts/{name}")


@pytest.mark.parametrize("wanted", ["users", "orgs", "admins", "non-admins", "active-users", "all"])
def test_terraform_lists_accounts_by_filter(go: GoClient, wanted: str) -> None:
    found = terraform(go, "GET", f"/enzi/v0/accounts?filter={wanted}")
    assert all(type(found[name]) is int for name in ("usersCount", "orgsCount", "resourceCount"))
    assert found["nextPageStart"] is None or type(found["nextPageStart"]) is str
    assert all(fits(each, ACCOUNT) for each in found["accounts"])


@pytest.mark.parametrize("by_name", [True, False], ids=["organization by name", "organization by id"])
def test_terraform_keeps_a_team(go: GoClient, number: int, by_name: bool) -> None:
    organization = terraform(
        go,
        "POST",
        "/enzi/v0/accounts",
        {"name": f"tf-teams-{number}", "id": "", "password": "", "isOrg": True},
    )
    users = [
        terraform(
            go,
            "POST",
            "/enzi/v0/accounts",
            {"name": f"tf-{number}-{each}", "id": "", "password": "aB3!dE7$gH1#jK2@"},
        )
        for each in ("one", "two")
    ]
    place = organization["name"] if by_name else organization["id"]
    teams = f"/enzi/v0/accounts/{place}/teams"
    body = {"description": "", "id": "", "membersCount": 0, "name": "devs", "orgID": place}
    made = terraform(go, "POST", teams, body)
    assert fits(made, TEAM)
    assert made["orgID"] == organization["id"]

    team = f"{teams}/{made['id']}"
    for user in users:
        terraform(go, "PUT", f"{team}/members/{user['id']}", {"isAdmin": False})
    assert terraform(go, "GET", f"{teams}/devs")["membersCount"] == 2

    body = {"description": "new", "id": made["id"], "membersCount": 0, "name": "devs", "orgID": ""}
    changed = terraform(go, "PATCH", team, body)
    assert (changed["id"], changed["orgID"], changed["name"]) == (made["id"], organization["id"], "devs")
    assert (changed["description"], changed["membersCount"]) == ("new", 2)

    members = terraform(go, "GET", f"{team}/members")["members"]
    assert all(type(each["isAdmin"]) is bool and fits(each["member"], ACCOUNT) for each in members)
    for each in members:
        terraform(go, "GET", f"/enzi/v0/accounts/{each['member']['id']}")
        terraform(go, "DELETE", f"{team}/members/{each['member']['id']}")
    assert terraform(go, "GET", f"{team}/members")["members"] == []
    terraform(go, "DELETE", team)
    assert terraform_refusal(go, "GET", f"{teams}/devs")


def test_older_terraform_provider_changes_a_team_without_naming_it(go: GoClient, number: int) -> None:
    organization = f"tf-old-{number}"
    terraform(
        go, "POST", "/enzi/v0/accounts", {"name": organization, "id": "", "password": "", "isOrg": True}
    )
    teams = f"/enzi/v0/accounts/{organization}/teams"
    terraform(
        go, "POST", teams, {"description": "", "id": "", "membersCount": 0, "name": "devs", "orgID": ""}
    )

    body = {"description": "old", "id": "devs", "membersCount": 0, "name": "", "orgID": ""}
    changed = terraform(go, "PATCH", f"{teams}/devs", body)
    assert (changed["name"], changed["description"]) == ("devs", "old")
    terraform(go, "DELETE", f"{teams}/devs")


@pytest.mark.parametrize(
    ("visibility", "kept"),
    [("public", "public"), ("private", "private"), ("", "private")],
    ids=["public", "private", "older provider"],
)
def test_terraform_keeps_a_repository(go: GoClient, number: int, visibility: str, kept: str) -> None:
    organization = f"tf-repo-{number}"
    terraform(
        go, "POST", "/enzi/v0/accounts", {"name": organization, "id": "", "password": "", "isOrg": True}
    )
    settings = {
        "immutableTags": False,
        "longDescription": "",
        "scanOnPush": True,
        "shortDescription": "",
        "tagLimit": 0,
        "visibility": visibility,
    }
    made = terraform(go, "POST", f"/api/v0/repositories/{organization}", {**settings, "name": "app"})
    assert fits(made, REPOSITORY)
    assert made["id"]
    assert (made["name"], made["visibility"]) == ("app", kept)

    path = f"/api/v0/repositories/{organization}/app"
    terraform(go, "PATCH", path, {"shortDescription": "by hand", "tagLimit": 5})
    reset = terraform(go, "PATCH", path, {**settings, "visibility": kept, "scanOnPush": False})
    assert (reset["shortDescription"], reset["tagLimit"], reset["scanOnPush"]) == ("", 0, False)
    read = terraform(go, "GET", path)
    assert (read["id"], read["name"], read["visibility"]) == (made["id"], "app", kept)
    terraform(go, "DELETE", path)
    assert terraform_refusal(go, "GET", path)


# -- docker search, as the engine sends it ---------------------------------------------------------------

SEARCH_ANSWER = {"query": str, "num_results": int}
SEARCH_RESULT = {
    "name": str,
    "description": str,
    "star_count": int,
    "is_official": bool,
    "is_automated": bool,
}


def search(server: ServerProcess, term: str, headers: dict[str, str]) -> set[str]:
    """Search as the engine does: two pings whose status counts for nothing, then the question."""
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for _ in range(2):
            http.get("/v1/_ping")
        answer = http.get(
            "/v1/search", params={"q": term, "n": "25"}, headers={"X-Docker-Token": "true", **headers}
        )
    assert answer.status_code == 200, answer.text
    assert fits(answer.json(), SEARCH_ANSWER)
    assert all(fits(each, SEARCH_RESULT) for each in answer.json()["results"])
    return {each["name"] for each in answer.json()["results"]}


@pytest.fixture
def searchable(go: GoClient, number: int) -> tuple[str, str]:
    """Give the names of a public and a private repository that share a word which nothing else has."""
    for name, visibility in ((f"find{number}x-open", "public"), (f"find{number}x-closed", "private")):
        body = {"name": name, "visibility": visibility}
        assert go.send("POST", "/api/v0/repositories/admin", body).status_code == 201
    return f"admin/find{number}x-open", f"admin/find{number}x-closed"


def test_search_of_an_engine_without_login_finds_what_is_public(
    server: ServerProcess, searchable: tuple[str, str], number: int
) -> None:
    assert search(server, f"find{number}x", {"Authorization": "Basic Og=="}) == {searchable[0]}
    assert search(server, f"find{number}x", {}) == {searchable[0]}


def test_search_with_a_password_finds_what_the_caller_may_see(
    server: ServerProcess, searchable: tuple[str, str], number: int
) -> None:
    pair = base64.b64encode(f"admin:{server.admin_password}".encode()).decode()
    assert search(server, f"find{number}x", {"Authorization": f"Basic {pair}"}) == set(searchable)


def test_search_with_an_identity_token_finds_what_the_caller_may_see(
    server: ServerProcess, searchable: tuple[str, str], number: int
) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        login = {"account": "admin", "client_id": "docker", "offline_token": "true", "service": "dtr"}
        kept = http.get("/auth/token", params=login, auth=("admin", server.admin_password)).json()[
            "refresh_token"
        ]
        form = {
            "grant_type": "refresh_token",
            "refresh_token": kept,
            "service": "dtr",
            "client_id": "docker",
            "scope": "registry:catalog:search",
        }
        token = http.post("/auth/token", data=form)
        assert 200 <= token.status_code < 400
        again = http.post("/auth/token", data={**form, "scope": ""})
        assert again.status_code == 200
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert search(server, f"find{number}x", headers) == set(searchable)


# -- scripts ------------------------------------------------------------------------------------------------


def test_scripts_send_fields_that_nobody_knows(go: GoClient, number: int) -> None:
    organization = f"scripted-{number}"
    made = go.send(
        "POST", "/enzi/v0/accounts", {"isOrg": True, "name": organization, "membersCount": 0, "teamsCount": 0}
    )
    assert made.status_code == 201
    user = {
        "name": f"scripted-{number}-user",
        "username": "x",
        "type": "user",
        "password": "aB3!dE7$gH1#jK2@",
    }
    assert go.send("POST", "/enzi/v0/accounts", user).status_code == 201
    place = f"/enzi/v0/accounts/{organization}"
    assert go.send("POST", f"{place}/teams", {"type": "managed", "name": "devs"}).status_code == 201
    member = f"{place}/members/scripted-{number}-user"
    for body in ({"isAdmin": True, "isPublic": True}, {"name": "x", "isOrg": False, "isAdmin": False}):
        assert go.send("PUT", member, body).status_code == 200
    team_member = f"{place}/teams/devs/members/scripted-{number}-user"
    typed = {"Content-Type": "application/json"}
    assert go.send("PUT", team_member, headers=typed).status_code == 200  # no body at all
    assert go.send("PUT", team_member, {"name": "x", "isAdmin": False, "isPublic": True}).status_code == 200

    listed = go.get(f"{place}/members?pageSize=9999&count=true")
    assert [each["member"]["name"] for each in listed["members"]] == [f"scripted-{number}-user"]
    assert go.get(f"{place}/teams")["teams"][0]["name"] == "devs"
    assert len(go.get(f"{place}/teams/devs/members")["members"]) == 1
    assert go.get("/enzi/v0/accounts?filter=orgs&limit=10000&pageSize=10000")["accounts"]


def test_access_token_in_the_query_stands_for_its_user(
    go: GoClient, server: ServerProcess, number: int
) -> None:
    label = {"tokenLabel": f"diver {number}"}
    made = go.send("POST", "/api/v0/api_tokens?username=admin", label)
    assert made.status_code < 400
    token = made.json()["token"]
    typed = {"Content-Type": "application/json"}
    with httpx.Client(base_url=server.url, timeout=30) as http:
        listed = http.get(
            f"/api/v0/repositories?pageSize=1000&count=true&refresh_token={token}", headers=typed
        )
        assert listed.status_code == 200
        body = {
            "id": "",
            "namespace": "admin",
            "namespaceType": "",
            "name": f"diver-{number}",
            "shortDescription": "",
            "visibility": "public",
            "scanOnPush": False,
            "immutableTags": False,
            "enableManifestLists": False,
            "pulls": 0,
            "pushes": 0,
        }
        made = http.post(f"/api/v0/repositories/admin?refresh_token={token}", json=body)
        assert made.status_code == 201, made.text
        deleted = http.request(
            "DELETE",
            f"/api/v0/repositories/admin/diver-{number}?refresh_token={token}",
            content=b'{"name": "x"}',
        )
        assert deleted.status_code < 300

    beside = go.send("GET", "/enzi/v0/accounts?limit=1&refresh_token=null")
    assert beside.status_code == 200  # Basic counts
    as_password = GoClient(server.url, "admin", token)
    assert as_password.send("GET", "/enzi/v0/accounts?limit=1").status_code == 200
    as_password.http.close()
