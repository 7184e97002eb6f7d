"""Attacks on the control plane that belong to no single subject: many changes at once, odd paths, odd bodies."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.people import make_organization, make_user
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

REPOSITORIES = "/api/v0/repositories"
STORM_CALLS = 60
"""Calls of each of the callers of the storm."""

_numbers = itertools.count(1)


@pytest.fixture
def boss(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the administrator, who needs no password check for each request."""
    by_password = ApiClient(server.url, "admin", server.admin_password)
    made = by_password.post("/api/v0/api_tokens", {"tokenLabel": "attacks"}).json()
    client = ApiClient(server.url, "admin", made["token"])
    yield client
    client.delete(f"/api/v0/api_tokens/{made['hashedToken']}")
    by_password.close()
    client.close()


class Storm:
    """An organization in which everything is changed by everybody at once."""

    def __init__(self, boss: ApiClient, docker: RegistryClient) -> None:
        self.boss = boss
        self.org = f"storm{next(_numbers)}"
        self.user = f"{self.org}-user"
        make_organization(boss, self.org, alice=True)
        make_user(boss, self.user)
        self.docker = docker
        self.answers: list[httpx.Response] = []

    def repository(self, dice: random.Random) -> str:
        return f"{REPOSITORIES}/{self.org}/{dice.choice('abc')}"

    def call(self, seed: int) -> None:
        """Send requests, in an order of its own."""
        dice = random.Random(seed)
        for _ in range(STORM_CALLS):
            self.answers.append(dice.choice(self.changes)(self, dice))

    def push(self, dice: random.Random) -> httpx.Response:
        name = f"{self.org}/{dice.choice('abc')}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
            "annotations": {"n": str(dice.randrange(3))},
        }
        headers = {"authorization": f"Bearer {self.docker.repository_token(name, fresh=True)}"}
        path = f"/v2/{name}/manifests/{dice.choice(['v1', 'v2'])}"
        return self.docker.http.put(path, content=json.dumps(manifest), headers=headers)

    changes: "tuple[Callable[[Storm, random.Random], httpx.Response], ...]" = (
        push,
        push,
        lambda self, dice: self.boss.post(
            f"{REPOSITORIES}/{self.org}", {"name": dice.choice("abc"), "visibility": "public"}
        ),
        lambda self, dice: self.boss.patch(
            self.repository(dice), {"visibility": dice.choice(["public", "private"])}
        ),
        lambda self, dice: self.boss.post(
            f"{self.repository(dice)}/rename", {"name": f"{self.org}/{dice.choice('abc')}"}
        ),
        lambda self, dice: self.boss.delete(self.repository(dice)),
        lambda self, dice: self.boss.put(
            f"{self.repository(dice)}/userAccess/{self.user}",
            {"accessLevel": dice.choice(["read-only", "admin"])},
        ),
        lambda self, dice: self.boss.put(
            f"{self.repository(dice)}/teamAccess/t", {"accessLevel": dice.choice(["read-only", "admin"])}
        ),
        lambda self, _: self.boss.post(f"/enzi/v0/accounts/{self.org}/teams", {"name": "t"}),
        lambda self, _: self.boss.delete(f"/enzi/v0/accounts/{self.org}/teams/t"),
        lambda self, _: self.boss.put(f"/enzi/v0/accounts/{self.org}/teams/t/members/{self.user}", {}),
        lambda self, dice: self.boss.put(
            f"/enzi/v0/accounts/{self.org}/members/{self.user}", {"isAdmin": dice.choice([True, False])}
        ),
        lambda self, _: self.boss.delete(f"/enzi/v0/accounts/{self.org}/members/{self.user}"),
        lambda self, dice: self.boss.patch(
            f"/enzi/v0/accounts/{self.user}", {"isActive": dice.choice([True, False])}
        ),
        lambda self, _: self.boss.post(f"/api/v0/api_tokens?username={self.user}", {"tokenLabel": "storm"}),
        lambda self, _: self.boss.post(
            "/api/v0/robots",
            {
                "name": "ci",
                "namespace": self.org,
                "permits": [{"pattern": f"{self.org}/**", "actions": ["push"]}],
            },
        ),
        lambda self, _: self.boss.delete(f"/api/v0/robots/robot+{self.org}+ci"),
        lambda self, dice: self.boss.delete(f"{self.repository(dice)}/tags/v1"),
        lambda self, dice: self.boss.post(f"{self.repository(dice)}/tags/v1/restore", {}),
        lambda self, _: self.boss.delete(f"/api/v0/accounts/{self.org}/repositories"),
        lambda self, dice: self.boss.get(f"{self.repository(dice)}/access"),
        lambda self, dice: self.boss.get(f"{self.repository(dice)}/events"),
    )


def test_everything_changed_at_once_breaks_nothing(
    server: ServerProcess, boss: ApiClient, alice: RegistryClient
) -> None:
    storm = Storm(boss, alice)

    with ThreadPoolExecutor(6) as callers:
        list(callers.map(storm.call, range(6)))

    broken = [each for each in storm.answers if each.status_code >= 500]
    assert [f"{each.request.method} {each.request.url.path}: {each.text}" for each in broken] == []
    assert {each.status_code for each in storm.answers} >= {200, 201, 204, 404, 409}
    assert boss.delete(f"/api/v0/accounts/{storm.org}").status_code == 204
    for gone in (f"{REPOSITORIES}/{storm.org}", f"/api/v0/robots/robot+{storm.org}+ci"):
        assert boss.get(gone).status_code == 404
    assert boss.get("/api/v0/audit", params={"pageSize": 1}).status_code == 200
    assert server.run("audit", "verify").returncode == 0


ODD = [
    "%00",
    "%2e%2e",
    "..",
    "a%2fb",
    "%252F",
    "%5C",
    "%0d%0aX-Evil:1",
    "%ED%A0%80",
    "%E2%80%AE",
    "%C3%28",
    "a" * 3000,
]
"""Parts of paths that mean something else somewhere on the way."""


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_no_odd_part_of_a_path_leads_to_anything(admin: RegistryClient, odd: str) -> None:
    token = httpx.BasicAuth("admin", "correct-horse-battery")._auth_header
    for method, path in (
        ("GET", "/enzi/v0/accounts/{}"),
        ("DELETE", "/enzi/v0/accounts/alice/publicKeys/{}"),
        ("DELETE", "/api/v0/repositories/alice/{}"),
        ("GET", "/api/v0/repositories/{}/x"),
        ("PATCH", "/api/v0/robots/{}"),
        ("DELETE", "/api/v0/sessions/{}"),
        ("GET", "/api/v0/repositories/alice/x/tags/{}/history"),
    ):
        body = b"{}" if method == "PATCH" else None
        headers = {"authorization": token, "content-type": "application/json"}
        answer = admin.raw(method, path.format(odd), headers=headers, body=body)
        # To delete a repository that is not there is no error.
        assert answer.status in {400, 404, 405, 414} or (method, answer.status) == ("DELETE", 204), path
        assert "x-evil" not in answer.headers
    assert admin.http.get("/enzi/v0/accounts/alice", headers={"authorization": token}).status_code == 200


BOMBS = {
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"name":' * 10_000 + b"1" + b"}" * 10_000,
    "a long number": b'{"name":' + b"9" * 50_000 + b"}",
    "half a surrogate": b'{"name":"\\ud800","visibility":"public"}',
    "NUL": b'{"name":"a\\u0000b"}',
    "no UTF-8": b'{"name":"\xff"}',
    "infinity": b'{"name":1e999}',
    "a name twice": b'{"name":"A","name":"B"}',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_no_body_breaks_the_server(server: ServerProcess, boss: ApiClient, bomb: bytes) -> None:
    for path in (
        f"{REPOSITORIES}/alice",
        "/enzi/v0/accounts",
        "/api/v0/robots",
        "/api/v0/api_tokens?username=bob",
    ):
        answer = boss.http.post(path, content=bomb, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 413} or (answer.status_code, "api_tokens" in path) == (
            201,
            True,
        ), path
    assert boss.get("/basic_info").status_code == 200
    assert server.is_running()
