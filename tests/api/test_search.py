"""Search: only what the caller may see, best matches first, also for `docker search`."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import make_organization
from tests.support.registry import RegistryClient, error_codes
from tests.support.server import ServerProcess

AUTOCOMPLETE = "/api/v0/index/autocomplete"


@pytest.fixture
def word(admin: ApiClient, alice: ApiClient, number: int) -> Iterator[str]:
    """Give a word that some repositories and accounts are named after, all of them made here."""
    word = f"zebra{number}x"
    for org in (word, f"other{number}"):
        make_organization(admin, org, alice=True)
    for namespace, name, visibility in (
        ("alice", word, "public"),
        ("alice", f"{word}-app", "private"),
        ("alice", f"my-{word}", "public"),
        (word, "tool", "public"),
        (word, "secret", "private"),
        (f"other{number}", f"deep/{word}", "public"),
    ):
        made = alice.post(
            f"/api/v0/repositories/{namespace}",
            {"name": name, "visibility": visibility, "shortDescription": f"{name} of {namespace}"},
        )
        assert made.status_code == 201, made.text
    yield word
    for org in (word, f"other{number}"):
        assert admin.delete(f"/api/v0/accounts/{org}").status_code == 204


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [f"{each['namespace']}/{each['name']}" for each in answer.json()["repositoryResults"]]


def docker_names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert document["num_results"] == len(document["results"])
    return [each["name"] for each in document["results"]]


def test_the_best_matches_come_first(alice: ApiClient, word: str, number: int) -> None:
    answer = alice.get(AUTOCOMPLETE, params={"query": word.upper()})

    assert found(answer) == [
        f"alice/{word}",
        f"other{number}/deep/{word}",
        f"alice/{word}-app",
        f"{word}/secret",
        f"{word}/tool",
        f"alice/my-{word}",
    ]
    assert [each["name"] for each in answer.json()["accountResults"]] == [word]
    assert answer.json()["accountResults"][0]["isOrg"] is True


def test_nobody_finds_what_they_may_not_see(
    bob: ApiClient, anonymous: ApiClient, word: str, number: int
) -> None:
    public = [f"alice/{word}", f"other{number}/deep/{word}", f"{word}/tool", f"alice/my-{word}"]

    for caller in (bob, anonymous):
        assert found(caller.get(AUTOCOMPLETE, params={"query": word})) == public
        assert docker_names(caller.get("/v1/search", params={"q": word})) == public
    assert bob.get(AUTOCOMPLETE, params={"query": word}).json()["accountResults"] != []
    assert anonymous.get(AUTOCOMPLETE, params={"query": word}).json()["accountResults"] == []


def test_what_is_not_wanted_is_left_out(alice: ApiClient, word: str) -> None:
    only_accounts = alice.get(AUTOCOMPLETE, params={"query": word, "includeRepositories": "false"}).json()
    only_repositories = alice.get(AUTOCOMPLETE, params={"query": word, "includeAccounts": "false"}).json()

    assert only_accounts["repositoryResults"] == []
    assert only_accounts["accountResults"] != []
    assert only_repositories["accountResults"] == []
    assert found(alice.get(AUTOCOMPLETE, params={"query": "to", "namespace": word})) == [f"{word}/tool"]
    assert found(alice.get(AUTOCOMPLETE, params={"query": word, "limit": 1})) == [f"alice/{word}"]
    assert found(alice.get(AUTOCOMPLETE, params={"query": word, "namespace": "No%Such"})) == []


@pytest.mark.parametrize("query", ["%", "_", "!", "\\", "zebra%x", "'; --", "\N{SNOWMAN}", "\x7f", "*"])
def test_wild_cards_and_oddities_match_nothing(alice: ApiClient, word: str, query: str) -> None:
    assert not [each for each in found(alice.get(AUTOCOMPLETE, params={"query": query})) if word in each]


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"query": "x" * 256}])
def test_a_search_of_no_sense_is_refused(alice: ApiClient, parameters: dict[str, object]) -> None:
    answer = alice.get(AUTOCOMPLETE, params=parameters)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])


def test_an_access_token_finds_only_what_its_scope_covers(
    server: ServerProcess, alice: ApiClient, word: str
) -> None:
    made = alice.post(
        "/api/v0/api_tokens?username=alice",
        {"tokenLabel": "search", "permits": [{"pattern": f"{word}/*", "actions": ["pull"]}]},
    )
    assert made.status_code == 201, made.text
    limited = ApiClient(server.url, "alice", made.json()["token"])
    answer = limited.get(AUTOCOMPLETE, params={"query": word})
    limited.close()

    assert f"{word}/secret" in found(answer)
    assert f"alice/{word}-app" not in found(answer)
    assert answer.json()["accountResults"] == []


def test_docker_search_gets_all_fields(alice: ApiClient, word: str) -> None:
    for path in ("/v1/search", "/api/v0/index/dockersearch"):
        document = alice.get(path, params={"q": f"{word}/tool", "n": 5}).json()
        assert document == {
            "query": f"{word}/tool",
            "num_results": 1,
            "results": [
                {
                    "name": f"{word}/tool",
                    "description": f"tool of {word}",
                    "star_count": 0,
                    "is_official": False,
                    "is_automated": False,
                    "is_trusted": False,
                }
            ],
        }


def test_docker_search_as_engines_send_it(server: ServerProcess, anonymous: ApiClient, word: str) -> None:
    ping = anonymous.get("/v1/_ping")
    assert (ping.status_code, ping.headers["x-docker-registry-standalone"]) == (200, "false")
    nobody = {"authorization": "Basic Og==", "x-docker-token": "true"}
    basic = base64.b64encode(b"alice:alice's own password").decode()
    registry = RegistryClient(server.url, "alice", "alice's own password")
    bearer = registry.token("registry:catalog:search")
    registry.close()

    def search(**headers: str) -> list[str]:
        return docker_names(anonymous.get("/v1/search", params={"q": word, "n": 25}, headers=headers))

    assert search(**nobody) == search()
    for proof in (f"Basic {basic}", f"Bearer {bearer}"):
        assert f"{word}/secret" in search(authorization=proof)
    assert f"{word}/secret" not in search()
    wrong = anonymous.get("/v1/search", params={"q": word}, headers={"authorization": "Bearer a.b.c"})
    assert (wrong.status_code, error_codes(wrong)) == (401, ["UNAUTHORIZED"])


def test_docker_search_turns_pages(anonymous: ApiClient, alice: ApiClient, word: str) -> None:
    whole = docker_names(alice.get("/v1/search", params={"q": word}))
    pages = [
        docker_names(alice.get("/v1/search", params={"q": word, "n": 4, "page": page})) for page in (1, 2, 3)
    ]

    assert pages == [whole[:4], whole[4:], []]
    assert len(docker_names(alice.get("/v1/search", params={"q": "", "n": 3}))) == 3
    assert len(docker_names(alice.get("/v1/search", params={"q": word, "n": 0}))) == 1
    for bad in ({"n": "x"}, {"n": "-1"}, {"page": "1.5"}):
        assert anonymous.get("/v1/search", params={"q": word, **bad}).status_code == 400
