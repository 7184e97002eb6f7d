"""Every endpoint, called by every kind of caller: who gets past the gate, and what the others are told."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.permissions.endpoints import all_endpoints
from tests.permissions.profiles import OK
from tests.permissions.table import TABLE, Fresh, Row
from tests.support.api import ApiClient
from tests.support.world import Kind, World

PAST_THE_GATE = frozenset(
    {"BLOB_UNKNOWN", "BLOB_UPLOAD_UNKNOWN", "MANIFEST_UNKNOWN", "DIGEST_INVALID", "MANIFEST_INVALID"}
)
"""Errors of the registry protocol that nobody sees whom the gate keeps out."""


@dataclass
class Scene:
    """One caller with one thing to do."""

    world: World
    row: Row
    kind: Kind
    public: bool

    def play(self) -> str:
        """Send the request; return the outcome."""
        world, kind = self.world, self.kind
        values = self.values()
        path = self.row.path.format(**values)
        query = {name: each.format(**values) for name, each in self.row.query.items()}
        if kind is Kind.DISABLED:
            world.forget_failed_logins()
        if path.startswith("/v2/"):
            return self._by_token(path, query, values["repository"])
        answer = _send(world.client(kind), self.row, path, query, filled(self.row.body, values))
        return self._outcome(answer)

    def values(self) -> dict[str, str]:
        """Return what fills the braces in the texts of a row."""
        world, kind = self.world, self.kind
        is_own = kind is Kind.OWN
        home = world.organization() if self.row.fresh is Fresh.ORGANIZATION else world.home
        place = world.own if is_own else home
        world.restore(place)
        victim = f"{world.prefix}-victim"
        name = place.public if self.public else place.private
        if self.row.fresh is Fresh.REPOSITORY:
            name = world.repository(place, public=self.public)
        found = {
            "prefix": world.prefix,
            "number": str(world.number()),
            "namespace": place.namespace,
            "reponame": name,
            "repository": f"{place.namespace}/{name}",
            "orgname": home.namespace,
            "teamname": Kind.TEAM_RO.value,
            "username": world.name_of(kind) if is_own else victim,
            "account": world.name_of(kind) if is_own else victim,
            "victim": victim,
            "own": world.name_of(Kind.OWN),
            "member": world.name_of(Kind.MEMBER),
            "team_member": world.name_of(Kind.TEAM_RO),
            "name": place.robot,
            "hashedtoken": "",
            "sessionID": "",
            "key_id": "0" * 64,
            "tag": "none",
            "reference": "none",
            "digest": f"sha256:{0:064x}",
            "session": str(uuid.uuid4()),
            "asset": "none.js",
        }
        found |= self._credentials_of_own()
        return found | {key: each.format(**found) for key, each in self.row.values.items()}

    def _credentials_of_own(self) -> dict[str, str]:
        """Make what the kind `own` may show, change and end, and others may not."""
        own = self.world.client(Kind.OWN)
        if "{hashedtoken}" in self.row.path:
            answer = own.post("/api/v0/api_tokens", {"tokenLabel": "x"})
            return {"hashedtoken": answer.json()["hashedToken"]}
        if "{sessionID}" in self.row.path:
            name, password = self.world.credentials(Kind.OWN)
            httpx.post(f"{own.url}/auth/login", json={"username": name, "password": password})
            return {"sessionID": own.get("/api/v0/sessions").json()[0]["id"]}
        return {}

    def _by_token(self, path: str, query: dict[str, str], repository: str) -> str:
        """Fetch a token for all that it gives, and call with that."""
        client = self.world.client(self.kind)
        scopes = [f"repository:{repository}:pull,push,delete", "registry:catalog:*"]
        token = client.get("/auth/token", params={"scope": scopes})
        if token.status_code != 200:
            return self._outcome(token)
        bearer = ApiClient(client.url)
        bearer.http.headers["authorization"] = f"Bearer {token.json()['token']}"
        try:
            return self._outcome(_send(bearer, self.row, path, query, self.row.body))
        finally:
            bearer.close()

    def _outcome(self, answer: httpx.Response) -> str:
        if answer.status_code < 400 or answer.status_code in {400, 409, 412, 415, 416}:
            return OK
        if not PAST_THE_GATE.union(self.row.past).isdisjoint(_codes(answer)):
            return OK
        return str(answer.status_code)


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    return all_endpoints(tmp_path_factory.mktemp("parts"))


def test_every_endpoint_is_in_the_table(endpoints: set[tuple[str, str]]) -> None:
    missing = endpoints - {(row.method, row.path) for row in TABLE}
    assert not missing, "say in tests/permissions/table.py who may use them"


def test_the_table_names_no_endpoint_that_is_gone(endpoints: set[tuple[str, str]]) -> None:
    gone = {(row.method, row.path) for row in TABLE} - endpoints
    assert not gone


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path} {dict(row.query) or ''}")
def test_who_may_use_an_endpoint(world: World, row: Row) -> None:
    found = deviations(world, row, row.profile.private, public=False)
    if row.profile.public is not None:
        found += deviations(world, row, row.profile.public, public=True)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def deviations(world: World, row: Row, profile: dict[Kind, str], *, public: bool) -> list[str]:
    """Return where the registry does other than the table says."""
    found = []
    for kind, expected in profile.items():
        outcome = Scene(world, row, kind, public).play()
        if outcome not in expected.split("/"):
            about = "something public" if public else "something private"
            found.append(f"{kind} gets {outcome} instead of {expected} on {about}")
    return found


def filled(body: object, values: dict[str, str]) -> Any:
    """Return a body with the braces in its texts filled in."""
    if isinstance(body, str):
        return body.format(**values)
    if isinstance(body, list):
        return [filled(each, values) for each in body]
    if isinstance(body, dict):
        return {name: filled(each, values) for name, each in body.items()}
    return body


def _send(client: ApiClient, row: Row, path: str, query: dict[str, str], body: object) -> httpx.Response:
    content: dict[str, Any] = {} if body is None else {"json": body}
    return client.http.request(row.method, path, params=query, **content)


def _codes(answer: httpx.Response) -> set[str]:
    try:
        return {each["code"] for each in answer.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return set()
