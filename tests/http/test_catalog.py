"""The catalog: the repositories that a caller may pull, in pages. On a server of its own, since it lists everything."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.http.conftest import ALICE_PASSWORD, BOB_PASSWORD
from tests.support.pages import next_page, pages
from tests.support.registry import RegistryClient, error_codes
from tests.support.server import RunRegistry

SCOPE = "registry:catalog:*"
OF_ALICE = [
    "alice/0",
    "alice/a",
    "alice/a-b",
    "alice/a.b",
    "alice/a/b",
    "alice/a_b",
    "alice/ab",
    "alice/open",
]
OF_ADMIN = ["admin/first", "alice-too/x", "zz/last"]
OF_BOB = ["bob/own"]
PUBLIC = ["alice/open"]
ALL = sorted(OF_ALICE + OF_ADMIN + OF_BOB)

Callers = dict[str, RegistryClient]


@pytest.fixture(scope="module")
def callers(run_registry: RunRegistry) -> Iterator[Callers]:
    """Run a registry with known repositories; give a client of each kind of caller."""
    with run_registry() as server, ExitStack() as clients:
        server.add_user("alice", ALICE_PASSWORD)
        server.add_user("bob", BOB_PASSWORD)
        for name in ("alice-too", "zz"):  # not even an administrator pushes to a namespace without an account
            server.add_user(name, "somebody's password")
        found = {
            "admin": RegistryClient(server.url, "admin", server.admin_password),
            "alice": RegistryClient(server.url, "alice", ALICE_PASSWORD),
            "bob": RegistryClient(server.url, "bob", BOB_PASSWORD),
            "anonymous": RegistryClient(server.url),
        }
        for client in found.values():
            clients.callback(client.close)
        for who, names in (("alice", OF_ALICE), ("admin", OF_ADMIN), ("bob", OF_BOB)):
            for name in names:
                found[who].push_blob(name, b"content")
        for name in PUBLIC:
            assert server.run("repository", "set", name, "--visibility", "public").returncode == 0
        yield found


def catalog(client: RegistryClient, **parameters: str | int) -> httpx.Response:
    headers = {"authorization": f"Bearer {client.token(SCOPE)}"}
    return client.http.get("/v2/_catalog", params=parameters, headers=headers)


def names_in(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"repositories"}
    names: list[str] = document["repositories"]
    return names


@pytest.mark.item("85")
@pytest.mark.parametrize(
    ("who", "expected"),
    [("admin", ALL), ("alice", sorted(OF_ALICE)), ("bob", sorted(OF_BOB + PUBLIC))],
)
def test_everybody_sees_what_they_may_pull(callers: Callers, who: str, expected: list[str]) -> None:
    answer = catalog(callers[who])

    assert names_in(answer) == expected
    assert answer.headers["content-type"] == "application/json"
    assert "link" not in answer.headers


@pytest.mark.item("85")
def test_the_catalog_is_not_for_nameless_callers(callers: Callers) -> None:
    answer = catalog(callers["anonymous"])

    assert (answer.status_code, error_codes(answer)) == (401, ["UNAUTHORIZED"])
    assert f'scope="{SCOPE}"' in answer.headers["www-authenticate"]


@pytest.mark.item("85")
def test_a_token_for_a_repository_is_none_for_the_catalog(callers: Callers) -> None:
    alice = callers["alice"]
    headers = {"authorization": f"Bearer {alice.repository_token('alice/a')}"}

    assert alice.http.get("/v2/_catalog", headers=headers).status_code == 401


@pytest.mark.item("85", "83", "84")
@pytest.mark.parametrize("who", ["admin", "alice", "bob"])
@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_pages_put_together_are_the_whole_catalog(callers: Callers, who: str, n: int) -> None:
    client = callers[who]

    found = list(pages(client, client.token(SCOPE), f"/v2/_catalog?n={n}"))

    assert list(itertools.chain.from_iterable(map(names_in, found))) == names_in(catalog(client))
    assert all(len(names_in(page)) == n for page in found[:-1])


@pytest.mark.item("85", "83")
def test_the_link_of_the_catalog_is_encoded(callers: Callers) -> None:
    answer = catalog(callers["alice"], n=2)

    assert next_page(answer) == "/v2/_catalog?n=2&last=alice%2Fa"


@pytest.mark.item("85", "82")
@pytest.mark.parametrize("last", ["alice/a", "alice/a-", "alice", "zz/last", "zzz", "!", "bob/secret"])
def test_the_catalog_starts_after_a_name_that_need_not_exist(callers: Callers, last: str) -> None:
    expected = [name for name in ALL if name.encode() > last.encode()]

    assert names_in(catalog(callers["admin"], last=last)) == expected


@pytest.mark.item("85", "81")
@pytest.mark.parametrize("n", ["-1", "many", "", "9" * 30])
def test_a_page_size_that_is_no_sensible_number_is_400(callers: Callers, n: str) -> None:
    answer = catalog(callers["admin"], n=n)

    assert (answer.status_code, error_codes(answer)) == (400, ["PAGINATION_NUMBER_INVALID"])


@pytest.mark.item("85", "81")
def test_a_page_of_no_repositories_is_empty_and_has_no_link(callers: Callers) -> None:
    answer = catalog(callers["admin"], n=0)

    assert names_in(answer) == []
    assert "link" not in answer.headers


@pytest.mark.item("85", "81")
def test_a_page_size_beyond_the_cap_is_lowered(callers: Callers) -> None:
    assert names_in(catalog(callers["admin"], n=999_999)) == ALL


@pytest.mark.item("85")
def test_a_repository_is_in_the_catalog_from_its_first_content_on(callers: Callers) -> None:
    bob = callers["bob"]
    bob.start_upload("bob/started")
    assert "bob/started" not in names_in(catalog(bob))

    bob.push_blob("bob/started", b"content")

    assert "bob/started" in names_in(catalog(bob))
    assert "bob/started" not in names_in(catalog(callers["alice"]))
