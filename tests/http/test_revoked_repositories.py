"""Tokens that are out when a repository is hidden, deleted or renamed: void at the next request, whoever holds them."""

import itertools
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.people import make_organization
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

POSTGRESQL_SECONDS = 1.0
"""How late a process may learn of a revocation on PostgreSQL."""
REPOSITORIES = "/api/v0/repositories"
SETTINGS = "/api/v0/meta/settings"

_numbers = itertools.count(1)


class Desk:
    """An organization of its own, with a public repository, and everybody's ways to it."""

    def __init__(self, server: ServerProcess, owner: RegistryClient) -> None:
        self.server = server
        self.owner = owner
        self.admin = ApiClient(server.url, "admin", server.admin_password)
        self.anonymous = RegistryClient(server.url)
        self.namespace = f"desk{next(_numbers)}"
        make_organization(self.admin, self.namespace, alice=True)
        self.path = self.publish("app")

    def close(self) -> None:
        self.admin.close()
        self.anonymous.close()

    def publish(self, short: str) -> str:
        """Push an image to a repository that everybody may see; return its path."""
        path = f"{self.namespace}/{short}"
        self.owner.push_image(path)
        self.succeeds(self.admin.patch(f"{REPOSITORIES}/{path}", {"visibility": "public"}))
        return path

    def succeeds(self, answer: httpx.Response) -> None:
        """Check that a change was made, and wait until all workers know: on SQLite they do at once."""
        assert answer.is_success, answer.text
        if self.server.database_url.startswith("postgresql"):
            time.sleep(POSTGRESQL_SECONDS)

    def token(self, client: RegistryClient, path: str, actions: str = "pull") -> str:
        return client.repository_token(path, actions, fresh=True)

    def pulls(self, token: str, path: str) -> set[int]:
        """Pull over many connections, so that each worker and the fast lane answer; return the statuses."""
        found = set()
        for _ in range(8):
            with httpx.Client(
                base_url=self.server.url, headers={"authorization": f"Bearer {token}"}
            ) as client:
                found |= {client.get(f"/v2/{path}/manifests/latest").status_code for _ in range(3)}
        return found

    def push(self, token: str, path: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        manifest = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
        return httpx.put(
            f"{self.server.url}/v2/{path}/manifests/v2", content=manifest, headers=headers
        ).status_code

    def rename(self, path: str, new: str) -> None:
        self.succeeds(self.admin.post(f"{REPOSITORIES}/{path}/rename", {"name": new}))


@pytest.fixture
def desk(server: ServerProcess, alice: RegistryClient) -> Iterator[Desk]:
    made = Desk(server, alice)
    yield made
    made.close()


def test_what_was_public_is_hidden_from_tokens_of_before_and_its_owner_fetches_a_new_one(desk: Desk) -> None:
    other = desk.publish("other")
    stranger, bystander = desk.token(desk.anonymous, desk.path), desk.token(desk.anonymous, other)
    owner = desk.token(desk.owner, desk.path)
    assert desk.pulls(stranger, desk.path) == desk.pulls(owner, desk.path) == {200}

    desk.succeeds(desk.admin.patch(f"{REPOSITORIES}/{desk.path}", {"visibility": "private"}))

    assert desk.pulls(stranger, desk.path) == desk.pulls(owner, desk.path) == {401}
    assert desk.pulls(desk.token(desk.owner, desk.path), desk.path) == {200}
    assert desk.pulls(bystander, other) == {200}


def test_other_changes_of_a_repository_void_nothing(desk: Desk) -> None:
    token = desk.token(desk.anonymous, desk.path)
    for change in ({"visibility": "public"}, {"shortDescription": "a desk"}, {"immutableTags": True}):
        desk.succeeds(desk.admin.patch(f"{REPOSITORIES}/{desk.path}", change))

    assert desk.pulls(token, desk.path) == {200}


def test_a_token_of_before_does_not_bring_a_deleted_repository_back(desk: Desk) -> None:
    token = desk.token(desk.owner, desk.path, "pull,push")
    assert desk.push(token, desk.path) == 201

    desk.succeeds(desk.admin.delete(f"{REPOSITORIES}/{desk.path}"))

    assert desk.push(token, desk.path) == 401
    assert desk.admin.get(f"{REPOSITORIES}/{desk.path}").status_code == 404
    assert desk.push(desk.token(desk.owner, desk.path, "pull,push"), desk.path) == 201


def test_a_token_of_before_does_not_bring_an_emptied_namespace_back(desk: Desk) -> None:
    other = desk.publish("other")
    tokens = {path: desk.token(desk.owner, path, "pull,push") for path in (desk.path, other)}

    desk.succeeds(desk.admin.delete(f"/api/v0/accounts/{desk.namespace}/repositories"))

    assert [desk.push(token, path) for path, token in tokens.items()] == [401, 401]
    assert desk.admin.get(f"{REPOSITORIES}/{desk.namespace}").json()["repositories"] == []


def test_a_token_of_before_is_void_after_a_rename_and_a_new_one_pulls_by_the_old_name(desk: Desk) -> None:
    token = desk.token(desk.owner, desk.path, "pull,push")

    desk.rename(desk.path, f"{desk.namespace}/moved")

    assert desk.pulls(token, desk.path) == {401}
    assert desk.push(token, desk.path) == 401
    assert desk.pulls(desk.token(desk.owner, desk.path), desk.path) == {200}


def test_what_is_hidden_is_hidden_under_its_old_names_as_well(desk: Desk) -> None:
    desk.rename(desk.path, f"{desk.namespace}/moved")
    token = desk.token(desk.anonymous, desk.path)
    assert desk.pulls(token, desk.path) == {200}

    desk.succeeds(desk.admin.patch(f"{REPOSITORIES}/{desk.namespace}/moved", {"visibility": "private"}))

    assert desk.pulls(token, desk.path) == {401}


def test_a_token_for_an_old_name_is_void_for_what_gets_the_name_next(desk: Desk) -> None:
    desk.rename(desk.path, f"{desk.namespace}/moved")
    token = desk.token(desk.anonymous, desk.path)
    assert desk.pulls(token, desk.path) == {200}

    desk.succeeds(desk.admin.post(f"{REPOSITORIES}/{desk.namespace}", {"name": "app"}))
    desk.owner.repository_token(desk.path, fresh=True)
    desk.owner.push_image(desk.path)

    assert desk.pulls(token, desk.path) == {401}


def test_a_push_token_creates_nothing_once_pushes_create_nothing(desk: Desk) -> None:
    absent = f"{desk.namespace}/absent"
    token, reader = desk.token(desk.owner, absent, "pull,push"), desk.token(desk.owner, desk.path)
    desk.succeeds(desk.admin.post(SETTINGS, {"createRepositoryOnPush": False}))
    try:
        assert desk.push(token, absent) == 401
        assert desk.admin.get(f"{REPOSITORIES}/{absent}").status_code == 404
        assert desk.pulls(reader, desk.path) == {200}
    finally:
        desk.succeeds(desk.admin.post(SETTINGS, {"createRepositoryOnPush": True}))

    assert desk.push(desk.token(desk.owner, absent, "pull,push"), absent) == 201
