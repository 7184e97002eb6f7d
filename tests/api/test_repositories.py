"""Repositories through the API: lists, one, making, changing, deleting."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dtr.features.access.model import Operation
from tests.support.api import ApiClient, codes
from tests.support.people import client, make_organization, make_user
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

REPOSITORIES = "/api/v0/repositories"
NOTHING_IS_SET = {
    "shortDescription": "",
    "longDescription": "",
    "visibility": "private",
    "scanOnPush": False,
    "immutableTags": False,
    "enableManifestLists": True,
    "tagLimit": 0,
    "strictSizes": False,
    "allowMissingChildren": False,
    "pulls": 0,
    "pushes": 0,
    "lastPushedAt": None,
    "lastPulledAt": None,
}
ALL_OPERATIONS = [each.value for each in Operation]


def create(caller: ApiClient, namespace: str, name: str, **fields: object) -> dict[str, Any]:
    made = caller.post(f"{REPOSITORIES}/{namespace}", {"name": name, **fields})
    assert made.status_code == 201, made.text
    repository: dict[str, Any] = made.json()
    return repository


def names(caller: ApiClient, path: str = REPOSITORIES, **parameters: object) -> list[str]:
    answer = caller.get(path, params={"pageSize": 10_000, **parameters})
    assert answer.status_code == 200, answer.text
    return [f"{each['namespace']}/{each['name']}" for each in answer.json()["repositories"]]


@pytest.fixture
def org(admin: ApiClient, number: int) -> str:
    """Give an organization that alice owns and bob is a member of."""
    name = f"org{number}"
    make_organization(admin, name, alice=True, bob=False)
    return name


def test_a_new_repository_is_private_and_without_limits(alice: ApiClient, org: str) -> None:
    made = create(alice, org, "app")

    assert made.pop("id")
    assert made.pop("createdAt").endswith("Z")
    assert made == {
        **NOTHING_IS_SET,
        "namespace": org,
        "namespaceType": "organization",
        "name": "app",
        "permissions": ALL_OPERATIONS,
    }


def test_a_user_makes_repositories_in_the_own_namespace(alice: ApiClient, number: int) -> None:
    made = create(
        alice, "alice", f"web/front{number}", visibility="", enableManifestLists=True, id="", pulls=7
    )

    assert (made["namespaceType"], made["name"], made["pulls"]) == ("user", f"web/front{number}", 0)
    assert alice.get(f"{REPOSITORIES}/alice/web%2Ffront{number}").json() == made
    assert f"alice/web/front{number}" in names(alice)


def test_everything_can_be_set_at_once_and_changed_later(alice: ApiClient, number: int) -> None:
    fields = {
        "visibility": "public",
        "shortDescription": "An app",
        "longDescription": "# An app\n\N{SNOWMAN}",
        "scanOnPush": True,
        "immutableTags": True,
        "tagLimit": 0,
        "strictSizes": True,
        "allowMissingChildren": True,
    }
    made = create(alice, "alice", f"full{number}", **fields)
    path = f"{REPOSITORIES}/alice/full{number}"
    assert made == {**made, **fields}

    # As Terraform's provider does: all fields, and so most of them back to nothing.
    answer = alice.patch(
        path,
        {
            "immutableTags": False,
            "longDescription": "",
            "scanOnPush": False,
            "shortDescription": "",
            "tagLimit": 0,
            "visibility": "private",
        },
    )
    assert answer.status_code == 200
    assert answer.json() == {
        **made,
        **NOTHING_IS_SET,
        "strictSizes": True,
        "allowMissingChildren": True,
    }


def test_a_change_keeps_what_it_does_not_name(alice: ApiClient, number: int) -> None:
    made = create(alice, "alice", f"kept{number}", shortDescription="one", tagLimit=3)
    path = f"{REPOSITORIES}/alice/kept{number}"

    assert alice.patch(path, {}).json() == made
    assert alice.patch(path, {"visibility": "", "name": "other", "pulls": 9, "id": "x"}).json() == made
    assert alice.patch(path, {"longDescription": "two", "tagLimit": None}).json() == {
        **made,
        "longDescription": "two",
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "App"}, "INVALID_PARAMETERS"),
        ({"name": ""}, "INVALID_PARAMETERS"),
        ({"name": "a//b"}, "INVALID_PARAMETERS"),
        ({"name": "../x"}, "INVALID_PARAMETERS"),
        ({"name": "\N{CYRILLIC SMALL LETTER A}pp"}, "INVALID_PARAMETERS"),
        ({"name": "a" * 256}, "INVALID_PARAMETERS"),
        ({"name": 7}, "INVALID_PARAMETERS"),
        ({"name": None}, "INVALID_PARAMETERS"),
        ({}, "INVALID_PARAMETERS"),
        ({"name": "bad", "visibility": "Public"}, "INVALID_REPOSITORY_VISIBILITY"),
        ({"name": "bad", "visibility": "secret"}, "INVALID_REPOSITORY_VISIBILITY"),
        ({"name": "bad", "visibility": True}, "INVALID_PARAMETERS"),
        ({"name": "bad", "immutableTags": "true"}, "INVALID_PARAMETERS"),
        ({"name": "bad", "tagLimit": -1}, "INVALID_PARAMETERS"),
        ({"name": "bad", "tagLimit": 1.5}, "INVALID_PARAMETERS"),
        ({"name": "bad", "tagLimit": "3"}, "INVALID_PARAMETERS"),
        ({"name": "bad", "tagLimit": 2**31}, "INVALID_PARAMETERS"),
        ({"name": "bad", "tagLimit": 1, "immutableTags": True}, "INVALID_PARAMETERS"),
        ({"name": "bad", "shortDescription": "x" * 141}, "INVALID_PARAMETERS"),
        ({"name": "bad", "longDescription": "x" * 25_001}, "INVALID_PARAMETERS"),
        ({"name": "bad", "longDescription": "x\0y"}, "INVALID_PARAMETERS"),
        ({"name": "bad", "shortDescription": {"a": 1}}, "INVALID_PARAMETERS"),
    ],
)
def test_nonsense_makes_no_repository(alice: ApiClient, fields: dict[str, object], code: str) -> None:
    before = names(alice)

    answer = alice.post(f"{REPOSITORIES}/alice", fields)

    assert (answer.status_code, codes(answer)) == (400, [code])
    assert names(alice) == before


def test_the_longest_texts_and_names_are_taken(alice: ApiClient, number: int) -> None:
    name = f"{'n' * 240}{number:09}"
    made = create(alice, "alice", name, shortDescription="\N{SNOWMAN}" * 140, longDescription="x" * 25_000)

    assert made["name"] == name
    assert len(f"alice/{name}") == 255


def test_a_tag_limit_and_immutable_tags_exclude_each_other(alice: ApiClient, number: int) -> None:
    create(alice, "alice", f"limited{number}", tagLimit=5)
    create(alice, "alice", f"fixed{number}", immutableTags=True)
    limited, fixed = f"{REPOSITORIES}/alice/limited{number}", f"{REPOSITORIES}/alice/fixed{number}"

    for path, change in (
        (limited, {"immutableTags": True}),
        (fixed, {"tagLimit": 1}),
        (fixed, {"tagLimit": 1, "immutableTags": True}),
    ):
        answer = alice.patch(path, {**change, "shortDescription": "changed"})
        assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])
        assert alice.get(path).json()["shortDescription"] == ""
    assert alice.patch(limited, {"immutableTags": True, "tagLimit": 0}).status_code == 200


def test_a_name_is_given_once(alice: ApiClient, number: int) -> None:
    made = create(alice, "alice", f"once{number}")

    answer = alice.post(f"{REPOSITORIES}/alice", {"name": f"once{number}", "visibility": "public"})

    assert (answer.status_code, codes(answer)) == (400, ["REPOSITORY_EXISTS"])
    assert alice.get(f"{REPOSITORIES}/alice/once{number}").json() == made


def test_of_many_who_make_one_name_at_once_one_does(alice: ApiClient, number: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        body = {"name": f"race{number}"}
        answers = list(threads.map(lambda _: alice.post(f"{REPOSITORIES}/alice", body), range(8)))

    assert sorted(each.status_code for each in answers) == [201, *[400] * 7]


def test_who_may_make_repositories_where(
    admin: ApiClient, alice: ApiClient, bob: ApiClient, anonymous: ApiClient, org: str
) -> None:
    for caller, namespace, status, code in (
        (bob, org, 403, "NOT_AUTHORIZED"),
        (bob, "alice", 403, "NOT_AUTHORIZED"),
        (anonymous, org, 401, "NOT_AUTHENTICATED"),
        (admin, f"nobody-{org}", 404, "NO_SUCH_ACCOUNT"),
        (admin, "ALICE", 404, "NO_SUCH_ACCOUNT"),
        (admin, f"{org}%2Fdeep", 404, "NO_SUCH_ACCOUNT"),
    ):
        answer = caller.post(f"{REPOSITORIES}/{namespace}", {"name": "app"})
        assert (answer.status_code, codes(answer)) == (status, [code]), namespace
    create(admin, org, "by-admin")
    create(alice, org, "by-owner")
    assert names(alice, f"{REPOSITORIES}/{org}") == [f"{org}/by-admin", f"{org}/by-owner"]


def test_what_the_caller_may_not_see_is_absent_everywhere(
    alice: ApiClient, bob: ApiClient, anonymous: ApiClient, org: str
) -> None:
    secret, public = create(alice, org, "secret"), create(alice, org, "open", visibility="public")
    path = f"{REPOSITORIES}/{org}/secret"

    for caller in (bob, anonymous):
        answer = caller.get(path)
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_REPOSITORY"])
        assert codes(answer) == codes(caller.get(f"{REPOSITORIES}/{org}/absent"))
        listed = caller.get(f"{REPOSITORIES}/{org}", params={"count": "true"})
        assert [each["name"] for each in listed.json()["repositories"]] == ["open"]
        assert listed.headers["x-resource-count"] == "1"
        assert f"{org}/secret" not in names(caller)
    assert bob.patch(path, {"visibility": "public"}).status_code == 404
    assert bob.delete(path).status_code == 204
    assert bob.post(f"{path}/rename", {"name": "bob/stolen"}).status_code == 404
    assert alice.get(path).json() == secret
    seen_by_bob = bob.get(f"{REPOSITORIES}/{org}/open").json()
    assert seen_by_bob == {**public, "permissions": ["view", "pull", "view-activity"]}
    assert anonymous.get(f"{REPOSITORIES}/{org}/open").json()["permissions"] == ["view", "pull"]


def test_who_sees_a_repository_but_may_not_change_it_is_told(
    alice: ApiClient, bob: ApiClient, anonymous: ApiClient, org: str
) -> None:
    made = create(alice, org, "open", visibility="public")
    path = f"{REPOSITORIES}/{org}/open"

    for caller, status, code in ((bob, 403, "NOT_AUTHORIZED"), (anonymous, 401, "NOT_AUTHENTICATED")):
        for answer in (
            caller.patch(path, {"shortDescription": "mine"}),
            caller.patch(path, {"visibility": "private"}),
            caller.delete(path),
            caller.post(f"{path}/rename", {"name": "bob/mine"}),
        ):
            assert (answer.status_code, codes(answer)) == (status, [code])
    assert alice.get(path).json() == made


def test_an_account_that_is_not_there_has_no_list(alice: ApiClient, anonymous: ApiClient, org: str) -> None:
    for caller, namespace in ((alice, "nobody-at-all"), (alice, "ALICE"), (anonymous, org)):
        answer = caller.get(f"{REPOSITORIES}/{namespace}")
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_ACCOUNT"])
    assert alice.get(f"{REPOSITORIES}/{org}").json() == {"repositories": []}


def pages(caller: ApiClient, path: str, size: int) -> Iterator[list[str]]:
    start = ""
    while True:
        answer = caller.get(path, params={"pageSize": size, **({"pageStart": start} if start else {})})
        assert answer.status_code == 200, answer.text
        yield [each["name"] for each in answer.json()["repositories"]]
        start = answer.headers.get("x-next-page-start", "")
        if not start:
            return


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_put_together_are_the_list(alice: ApiClient, org: str, size: int) -> None:
    wanted = ["a", "a-b", "a.b", "a/b", "a_b", "ab", "b"]
    for name in reversed(wanted):
        create(alice, org, name)

    found = list(pages(alice, f"{REPOSITORIES}/{org}", size))

    assert list(itertools.chain.from_iterable(found)) == wanted
    assert all(len(page) == size for page in found[:-1])


def test_a_page_starts_at_its_marker_though_that_is_gone(alice: ApiClient, org: str) -> None:
    for name in ("a", "b", "c"):
        create(alice, org, name)
    first = alice.get(f"{REPOSITORIES}/{org}", params={"pageSize": 1, "count": "true"})
    marker = first.headers["x-next-page-start"]
    assert (marker, first.headers["x-resource-count"]) == (f"{org}/b", "3")
    assert alice.delete(f"{REPOSITORIES}/{org}/b").status_code == 204

    second = alice.get(f"{REPOSITORIES}/{org}", params={"pageStart": marker})

    assert [each["name"] for each in second.json()["repositories"]] == ["c"]
    assert "x-next-page-start" not in second.headers
    assert "x-resource-count" not in second.headers


@pytest.mark.parametrize(
    "parameters",
    [{"pageSize": 0}, {"pageSize": -1}, {"pageSize": 10_001}, {"pageSize": "x"}, {"pageStart": "a\0"}],
)
def test_a_page_of_no_sense_is_refused(alice: ApiClient, parameters: dict[str, object]) -> None:
    answer = alice.get(REPOSITORIES, params=parameters)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])


def test_a_deleted_repository_is_gone_from_every_worker_at_once(
    server: ServerProcess, alice: ApiClient, number: int
) -> None:
    registry = RegistryClient(server.url, "alice", "alice's own password")
    name = f"alice/gone{number}"
    registry.push_image(name, "v1")
    assert registry.request("GET", name, "manifests/v1").status_code == 200
    upload = registry.start_upload(name)

    assert alice.delete(f"{REPOSITORIES}/{name}", params={"domain": "x"}).status_code == 204

    registry.repository_token(name, fresh=True)  # those from before are void
    for _ in range(20):  # connections are spread over the workers
        with ThreadPoolExecutor(4) as threads:
            reads = ["manifests/v1", "tags/list", "blobs/sha256:" + "0" * 64]
            answers = list(threads.map(lambda rest: registry.request("GET", name, rest), reads))
        assert [each.status_code for each in answers] == [404, 404, 404]
    assert registry.session("PATCH", name, upload, content=b"late").status_code == 404
    assert alice.get(f"{REPOSITORIES}/{name}").status_code == 404
    assert alice.delete(f"{REPOSITORIES}/{name}").status_code == 204
    assert name not in names(alice)
    registry.close()


def test_a_push_makes_a_repository_that_counts(server: ServerProcess, alice: ApiClient, number: int) -> None:
    registry = RegistryClient(server.url, "alice", "alice's own password")
    registry.push_image(f"alice/pushed{number}", "v1")
    registry.close()

    found = alice.get(f"{REPOSITORIES}/alice/pushed{number}").json()

    assert (found["visibility"], found["pushes"]) == ("private", 1)
    assert found["lastPushedAt"] >= found["createdAt"]


def test_nobody_pushes_into_a_namespace_of_nobody(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    registry = RegistryClient(server.url, "admin", server.admin_password)
    answer = registry.request("POST", f"nobody{number}/app", "blobs/uploads/")
    registry.close()

    assert answer.status_code in {401, 403}, answer.text
    assert admin.get(f"{REPOSITORIES}/nobody{number}").status_code == 404


def test_deleting_an_account_takes_its_repositories_along(
    server: ServerProcess, admin: ApiClient, alice: ApiClient, org: str
) -> None:
    create(alice, org, "one")
    create(alice, org, "two")

    refused = admin.delete(f"/enzi/v0/accounts/{org}")
    assert (refused.status_code, codes(refused)) == (409, ["ACCOUNT_OWNS_REPOSITORIES"])
    assert alice.delete(f"/api/v0/accounts/{org}").status_code == 403
    assert len(names(alice, f"{REPOSITORIES}/{org}")) == 2

    assert admin.delete(f"/api/v0/accounts/{org}").status_code == 204

    assert admin.get(f"/enzi/v0/accounts/{org}").status_code == 404
    assert admin.get(f"{REPOSITORIES}/{org}/one").status_code == 404
    assert codes(admin.delete(f"/api/v0/accounts/{org}")) == ["NO_SUCH_ACCOUNT"]


def test_an_account_that_must_stay_keeps_its_repositories(admin: ApiClient, number: int) -> None:
    create(admin, "admin", f"kept{number}")

    answer = admin.delete("/api/v0/accounts/admin")

    assert answer.status_code == 409
    assert f"admin/kept{number}" in names(admin)


def test_owners_delete_all_their_repositories(
    server: ServerProcess, admin: ApiClient, alice: ApiClient, bob: ApiClient, anonymous: ApiClient, org: str
) -> None:
    make_user(admin, f"carol-{org}")
    create(alice, org, "one")
    path = f"/api/v0/accounts/{org}/repositories"

    assert bob.delete(path).status_code == 403
    assert anonymous.delete(path).status_code == 401
    assert names(alice, f"{REPOSITORIES}/{org}") == [f"{org}/one"]
    assert alice.delete(path).status_code == 204
    assert names(alice, f"{REPOSITORIES}/{org}") == []
    with client(server, f"carol-{org}") as carol:
        create(carol, f"carol-{org}", "own")
        assert carol.delete(f"/api/v0/accounts/carol-{org}/repositories").status_code == 204
        assert names(carol, f"{REPOSITORIES}/carol-{org}") == []
