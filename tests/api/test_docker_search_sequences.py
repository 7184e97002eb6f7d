"""`docker search`, as the engine sends it."""

import base64

import httpx
import pytest

from tests.support.go_client import GoClient, fits
from tests.support.server import ServerProcess

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
