"""Other names for repositories: old ones serve pulls, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import make_organization
from tests.support.registry import RegistryClient, error_codes
from tests.support.server import ServerProcess

REPOSITORIES = "/api/v0/repositories"


class Pushed:
    """A client of alice for the registry protocol, and names that nobody else uses."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        self.client = RegistryClient(server.url, "alice", "alice's own password")
        self.number = number

    def name(self, short: str) -> str:
        return f"alice/{short}{self.number}"

    def pull(self, name: str, rest: str = "manifests/v1") -> httpx.Response:
        token = self.client.repository_token(name, "pull", fresh=True)
        return self.client.http.get(f"/v2/{name}/{rest}", headers={"authorization": f"Bearer {token}"})

    def push(self, name: str) -> httpx.Response:
        token = self.client.repository_token(name, "pull,push", fresh=True)
        return self.client.http.post(
            f"/v2/{name}/blobs/uploads/", headers={"authorization": f"Bearer {token}"}
        )


@pytest.fixture
def pushed(server: ServerProcess, number: int) -> Any:
    made = Pushed(server, number)
    yield made
    made.client.close()


@pytest.fixture
def org(admin: ApiClient, number: int) -> str:
    """Give an organization that alice owns and bob is a member of."""
    name = f"renaming{number}"
    make_organization(admin, name, alice=True, bob=False)
    return name


def rename(caller: ApiClient, old: str, new: str) -> httpx.Response:
    namespace, _, name = old.partition("/")
    return caller.post(f"{REPOSITORIES}/{namespace}/{name.replace('/', '%2F')}/rename", {"name": new})


def create(caller: ApiClient, name: str, **fields: object) -> dict[str, Any]:
    namespace, _, short = name.partition("/")
    made = caller.post(f"{REPOSITORIES}/{namespace}", {"name": short, **fields})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_a_renamed_repository_keeps_everything_but_its_name(alice: ApiClient, pushed: Pushed) -> None:
    old, new = pushed.name("old"), pushed.name("new/deep")
    manifest = pushed.client.push_image(old, "v1")
    before = alice.patch(f"{REPOSITORIES}/{old}", {"shortDescription": "kept"}).json()

    answer = rename(alice, old, new)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {**before, "name": new.partition("/")[2]}
    assert pushed.pull(new).content == manifest
    listed = alice.get(f"{REPOSITORIES}/alice", params={"pageSize": 10_000}).json()["repositories"]
    assert [f"alice/{each['name']}" for each in listed if each["id"] == before["id"]] == [new]


def test_the_old_name_serves_pulls_of_every_kind(alice: ApiClient, pushed: Pushed) -> None:
    old, new = pushed.name("from"), pushed.name("to")
    manifest = pushed.client.push_image(old, "v1", b"a layer to pull")
    layer = pushed.client.push_blob(old, b"a layer to pull")
    digest = pushed.pull(old).headers["docker-content-digest"]

    assert rename(alice, old, new).status_code == 200

    for _ in range(2):  # the second may come from memory
        assert pushed.pull(old).content == manifest
        assert pushed.pull(old, f"manifests/{digest}").content == manifest
        assert pushed.pull(old, f"blobs/{layer}").content == b"a layer to pull"
        assert pushed.pull(old, "tags/list").json()["tags"] == ["v1"]
        assert pushed.pull(old, f"referrers/{digest}").status_code == 200
    assert pushed.pull(old, "manifests/absent").status_code == 404
    shown = alice.get(f"{REPOSITORIES}/{old}").json()
    assert f"alice/{shown['name']}" == new


def test_pushing_to_an_old_name_is_refused_and_makes_nothing(alice: ApiClient, pushed: Pushed) -> None:
    old, new = pushed.name("away"), pushed.name("here")
    pushed.client.push_image(old, "v1")
    token = pushed.client.repository_token(old, "pull,push,delete")
    assert rename(alice, old, new).status_code == 200

    refused = pushed.push(old)
    assert (refused.status_code, error_codes(refused)) == (403, ["DENIED"])
    # A token from before the rename says push, but is void.
    stale = pushed.client.http.post(
        f"/v2/{old}/blobs/uploads/",
        params={"digest": f"sha256:{'0' * 64}"},
        headers={"authorization": f"Bearer {token}"},
    )
    assert (stale.status_code, error_codes(stale)) == (401, ["UNAUTHORIZED"])
    manifest = pushed.pull(new).content
    stale = pushed.client.http.put(
        f"/v2/{old}/manifests/v2",
        content=manifest,
        headers={
            "authorization": f"Bearer {token}",
            "content-type": "application/vnd.oci.image.manifest.v1+json",
        },
    )
    assert (stale.status_code, error_codes(stale)) == (401, ["UNAUTHORIZED"])
    for change in (
        alice.patch(f"{REPOSITORIES}/{old}", {"visibility": "public"}),
        alice.delete(f"{REPOSITORIES}/{old}"),
        rename(alice, old, pushed.name("third")),
    ):
        assert (change.status_code, codes(change)) == (403, ["NOT_AUTHORIZED"])
    assert pushed.pull(new, "tags/list").json()["tags"] == ["v1"]


def test_after_several_renames_every_old_name_leads_there(alice: ApiClient, pushed: Pushed) -> None:
    first, second, third = pushed.name("a"), pushed.name("b"), pushed.name("c")
    manifest = pushed.client.push_image(first, "v1")
    assert rename(alice, first, second).status_code == 200
    assert rename(alice, second, third).status_code == 200

    assert pushed.pull(first).content == pushed.pull(second).content == manifest

    assert rename(alice, third, first).status_code == 200  # and back: its old name is its own again
    assert pushed.push(first).status_code == 202
    assert pushed.pull(second).content == pushed.pull(third).content == manifest


def test_a_new_repository_of_the_old_name_ends_the_redirect(alice: ApiClient, pushed: Pushed) -> None:
    old, new = pushed.name("reused"), pushed.name("moved")
    pushed.client.push_image(old, "v1")
    assert rename(alice, old, new).status_code == 200

    create(alice, old)

    assert pushed.pull(old).status_code == 404
    assert pushed.pull(new).status_code == 200
    assert pushed.push(old).status_code == 202
    assert rename(alice, old, pushed.name("again")).status_code == 200
    assert alice.delete(f"{REPOSITORIES}/{pushed.name('again')}").status_code == 204
    assert pushed.pull(old).status_code == 404  # old names go with the repository


@pytest.mark.parametrize(
    ("new", "status", "code"),
    [
        ("alice/Upper", 400, "INVALID_PARAMETERS"),
        ("alice/", 400, "INVALID_PARAMETERS"),
        ("", 400, "INVALID_PARAMETERS"),
        (7, 400, "INVALID_PARAMETERS"),
        ("nobody-there/app", 404, "NO_SUCH_ACCOUNT"),
        ("bob/app", 403, "NOT_AUTHORIZED"),
        ("admin/app", 403, "NOT_AUTHORIZED"),
    ],
)
def test_bad_new_names_change_nothing(
    alice: ApiClient, number: int, new: object, status: int, code: str
) -> None:
    made = create(alice, f"alice/stays{number}")

    answer = alice.post(f"{REPOSITORIES}/alice/stays{number}/rename", {"name": new})

    assert (answer.status_code, codes(answer)) == (status, [code])
    assert alice.get(f"{REPOSITORIES}/alice/stays{number}").json() == made


def test_a_name_without_a_namespace_is_none(alice: ApiClient, number: int) -> None:
    create(alice, f"alice/lonely{number}")

    answer = alice.post(f"{REPOSITORIES}/alice/lonely{number}/rename", {"name": "alice"})

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])


def test_a_taken_name_is_not_given(alice: ApiClient, number: int) -> None:
    create(alice, f"alice/taken{number}")
    create(alice, f"alice/wants{number}")

    for new in (f"alice/taken{number}", f"alice/wants{number}"):
        answer = rename(alice, f"alice/wants{number}", new)
        assert (answer.status_code, codes(answer)) == (400, ["REPOSITORY_EXISTS"])
    # Whoever may not make repositories there does not learn which there are.
    assert codes(rename(alice, f"alice/wants{number}", "bob/whatever")) == ["NOT_AUTHORIZED"]


def test_moving_away_ends_what_teams_had_but_not_what_users_had(
    admin: ApiClient, alice: ApiClient, bob: ApiClient, org: str, number: int
) -> None:
    team = alice.post(f"/enzi/v0/accounts/{org}/teams", {"name": "devs"})
    assert team.status_code == 201, team.text
    assert alice.put(f"/enzi/v0/accounts/{org}/teams/devs/members/bob", {}).status_code == 200
    create(alice, f"{org}/app")
    granted = alice.put(f"{REPOSITORIES}/{org}/app/teamAccess/devs", {"accessLevel": "read-write"})
    assert granted.status_code == 200, granted.text
    assert bob.get(f"{REPOSITORIES}/{org}/app").status_code == 200

    assert rename(alice, f"{org}/app", f"alice/app{number}").status_code == 200

    assert bob.get(f"{REPOSITORIES}/alice/app{number}").status_code == 404
    assert bob.get(f"{REPOSITORIES}/{org}/app").status_code == 404
    # Not even after it came back.
    assert rename(alice, f"alice/app{number}", f"{org}/app").status_code == 200
    assert bob.get(f"{REPOSITORIES}/{org}/app").status_code == 404


def test_of_two_renames_to_one_name_one_wins(alice: ApiClient, number: int) -> None:
    sources = [f"alice/s{number}-{index}" for index in range(4)]
    for source in sources:
        create(alice, source)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda old: rename(alice, old, f"alice/target{number}"), sources))

    assert sorted(each.status_code for each in answers) == [200, 400, 400, 400]
    listed = alice.get(f"{REPOSITORIES}/alice", params={"pageSize": 10_000}).json()["repositories"]
    assert sum(each["name"].startswith(f"s{number}-") for each in listed) == 3


def test_pushes_and_deletes_beside_a_rename_leave_one_repository(
    server: ServerProcess, alice: ApiClient, pushed: Pushed
) -> None:
    old, new = pushed.name("busy"), pushed.name("calm")
    manifest = pushed.client.push_image(old, "v0")
    token = pushed.client.repository_token(old)

    def push(index: int) -> int:
        answer = pushed.client.http.put(
            f"/v2/{old}/manifests/v{index}",
            content=manifest,
            headers={
                "authorization": f"Bearer {token}",
                "content-type": "application/vnd.oci.image.manifest.v1+json",
            },
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as threads:
        pushes = [threads.submit(push, index) for index in range(20)]
        moved = threads.submit(rename, alice, old, new)
        pushes += [threads.submit(push, index) for index in range(20, 40)]
        results = {index: each.result() for index, each in enumerate(pushes)}

    assert moved.result().status_code == 200
    assert set(results.values()) <= {201, 401, 403}
    tags = pushed.pull(new, "tags/list").json()["tags"]
    assert set(tags) == {"v0", *(f"v{index}" for index, status in results.items() if status == 201)}
    listed = alice.get(f"{REPOSITORIES}/alice", params={"pageSize": 10_000}).json()["repositories"]
    assert [
        each["name"] for each in listed if str(pushed.number) in each["name"] and "busy" in each["name"]
    ] == []
