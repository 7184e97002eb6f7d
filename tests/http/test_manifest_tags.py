"""Tags: several in one push, moved, deleted, guarded by conditions, immutable."""

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.registry import (
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    error_codes,
    image_index,
    sha256,
    sha512,
)
from tests.support.server import ServerProcess


@pytest.fixture
def stocked(alice: RegistryClient, name: str) -> str:
    """Give a repository that holds what `image` refers to, and alice a token from after it came into being."""
    alice.push_blob(name, b"{}")
    alice.repository_token(name, fresh=True)
    return name


def image(mark: str, media_type: str = OCI_MANIFEST) -> bytes:
    """Make an image that differs from others by its mark."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(b"{}", OCI_CONFIG),
        "layers": [],
        "annotations": {"mark": mark},
    }
    return json.dumps(document).encode()


def put(
    client: RegistryClient, name: str, reference: str, content: bytes, query: str = "", **headers: str
) -> httpx.Response:
    media_type = json.loads(content)["mediaType"]
    return client.request(
        "PUT",
        name,
        f"manifests/{reference}{query}",
        content=content,
        headers={"content-type": media_type, **headers},
    )


def tags(client: RegistryClient, name: str) -> list[str]:
    found: list[str] = client.request("GET", name, "tags/list").json()["tags"]
    return found


def digest_of(client: RegistryClient, name: str, tag: str) -> str | None:
    answer = client.request("HEAD", name, f"manifests/{tag}")
    return answer.headers["docker-content-digest"] if answer.status_code == 200 else None


def tag_query(*names: str) -> str:
    return "?" + urllib.parse.urlencode([("tag", each) for each in names])


# -- several tags in one push


@pytest.mark.item("72")
@pytest.mark.parametrize("digest", [sha256, sha512])
def test_a_push_by_digest_sets_every_tag_of_the_query_and_echoes_it(
    alice: RegistryClient, stocked: str, digest: Any
) -> None:
    content, wanted = image("many"), [f"t{number}" for number in range(10)]

    answer = put(alice, stocked, digest(content), content, tag_query(*wanted))

    assert answer.status_code == 201
    assert answer.headers.get_list("oci-tag") == wanted
    assert tags(alice, stocked) == wanted
    assert {digest_of(alice, stocked, tag) for tag in wanted} == {digest(content)}


@pytest.mark.item("72")
def test_a_tag_named_twice_is_set_and_echoed_once(alice: RegistryClient, stocked: str) -> None:
    content = image("twice")

    answer = put(alice, stocked, sha256(content), content, tag_query("a", "b", "a"))

    assert answer.headers.get_list("oci-tag") == ["a", "b"]


@pytest.mark.item("72")
def test_without_tags_in_the_query_none_is_echoed(alice: RegistryClient, stocked: str) -> None:
    by_digest, by_tag = image("digest"), image("tag")

    assert "oci-tag" not in put(alice, stocked, sha256(by_digest), by_digest).headers
    assert "oci-tag" not in put(alice, stocked, "t", by_tag).headers


@pytest.mark.item("72")
def test_tags_in_the_query_of_a_push_by_tag_are_refused(alice: RegistryClient, stocked: str) -> None:
    answer = put(alice, stocked, "t", image("x"), tag_query("u"))

    assert answer.status_code == 400
    assert error_codes(answer)
    assert digest_of(alice, stocked, "t") is None


@pytest.mark.item("72")
@pytest.mark.parametrize("bad", [".dot", "-dash", "a" * 129, "a/b", "a b", "", "ü", "a:b"])
def test_one_invalid_tag_in_the_query_sets_none(alice: RegistryClient, stocked: str, bad: str) -> None:
    content = image("bad")

    answer = put(alice, stocked, sha256(content), content, tag_query("good", bad))

    assert (answer.status_code, error_codes(answer)) == (400, ["TAG_INVALID"])
    assert tags(alice, stocked) == []
    assert digest_of(alice, stocked, sha256(content)) is None


@pytest.mark.item("72")
def test_too_many_tags_are_414_and_none_is_set(alice: RegistryClient, stocked: str) -> None:
    content = image("too many")

    answer = put(alice, stocked, sha256(content), content, tag_query(*(f"t{n}" for n in range(500))))

    assert answer.status_code == 414
    assert error_codes(answer)
    assert tags(alice, stocked) == []


# -- moving and deleting


@pytest.mark.item("76")
def test_a_tag_moves_between_media_types(alice: RegistryClient, stocked: str) -> None:
    child = image("child")
    put(alice, stocked, sha256(child), child)
    rounds = [image("oci"), image("docker", DOCKER_MANIFEST), image_index(child), image("oci again")]

    for content in rounds:
        assert put(alice, stocked, "t", content).status_code == 201
        found = alice.request("GET", stocked, "manifests/t")
        assert (found.content, found.headers["content-type"]) == (content, json.loads(content)["mediaType"])


@pytest.mark.item("77")
def test_deleting_a_tag_leaves_the_manifest_and_its_other_tags(alice: RegistryClient, stocked: str) -> None:
    content = image("x")
    put(alice, stocked, sha256(content), content, tag_query("a", "b"))

    assert alice.request("DELETE", stocked, "manifests/a").status_code == 202

    assert tags(alice, stocked) == ["b"]
    assert digest_of(alice, stocked, "a") is None
    assert digest_of(alice, stocked, sha256(content)) == sha256(content)


@pytest.mark.item("77", "B7")
def test_deleting_a_digest_removes_every_tag_on_it(alice: RegistryClient, stocked: str) -> None:
    content, other = image("x"), image("other")
    put(alice, stocked, sha256(content), content, tag_query("a", "b"))
    put(alice, stocked, "c", other)
    for reference in ("a", "b", sha256(content)):
        digest_of(alice, stocked, reference)  # memory knows them now

    assert alice.request("DELETE", stocked, f"manifests/{sha256(content)}").status_code == 202

    assert tags(alice, stocked) == ["c"]
    assert [digest_of(alice, stocked, each) for each in ("a", "b", sha256(content))] == [None] * 3


@pytest.mark.item("77")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_deleting_again_is_404(alice: RegistryClient, stocked: str, by: str) -> None:
    content = image("x")
    put(alice, stocked, "t", content)
    reference = "t" if by == "tag" else sha256(content)
    alice.request("DELETE", stocked, f"manifests/{reference}")

    answer = alice.request("DELETE", stocked, f"manifests/{reference}")

    assert (answer.status_code, error_codes(answer)) == (404, ["MANIFEST_UNKNOWN"])


@pytest.mark.item("77")
def test_deleting_a_malformed_digest_is_400_and_in_an_unknown_repository_404(
    admin: RegistryClient, stocked: str
) -> None:
    malformed = admin.request("DELETE", stocked, "manifests/sha256:abc")
    unknown = admin.request("DELETE", "admin/never-pushed", "manifests/t")

    assert (malformed.status_code, error_codes(malformed)) == (400, ["DIGEST_INVALID"])
    assert (unknown.status_code, error_codes(unknown)) == (404, ["NAME_UNKNOWN"])


@pytest.mark.item("77")
def test_a_child_of_an_index_can_be_deleted_and_the_index_stays(alice: RegistryClient, stocked: str) -> None:
    child = image("child")
    put(alice, stocked, sha256(child), child)
    index = image_index(child)
    put(alice, stocked, "multi", index)

    assert alice.request("DELETE", stocked, f"manifests/{sha256(child)}").status_code == 202

    assert alice.request("GET", stocked, "manifests/multi").content == index
    assert digest_of(alice, stocked, sha256(child)) is None


@pytest.mark.item("77")
def test_a_deleted_manifest_can_be_pushed_again(alice: RegistryClient, stocked: str) -> None:
    content = image("x")
    put(alice, stocked, "t", content)
    alice.request("DELETE", stocked, f"manifests/{sha256(content)}")

    assert put(alice, stocked, "t", content).status_code == 201
    assert alice.request("GET", stocked, "manifests/t").content == content


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[RegistryClient]:
    """Give a client of a registry that was filled with `admin/app:latest` and is now read-only."""
    data = tmp_path / "data"
    writable = ServerProcess(data)
    writable.start()
    filler = RegistryClient(writable.url, "admin", writable.admin_password)
    filler.push_image("admin/app")
    filler.close()
    assert writable.stop() == 0
    server = ServerProcess(data, environment={"DTR_READ_ONLY": "true"})
    server.start()
    client = RegistryClient(server.url, "admin", server.admin_password)
    yield client
    client.close()
    assert server.stop() == 0


@pytest.mark.item("59", "77")
def test_a_read_only_registry_answers_but_neither_deletes_nor_takes_manifests(frozen: RegistryClient) -> None:
    content = frozen.request("GET", "admin/app", "manifests/latest").content

    refused = [
        frozen.request("DELETE", "admin/app", "manifests/latest"),
        frozen.request("DELETE", "admin/app", f"manifests/{sha256(content)}"),
        frozen.push_manifest("admin/app", "u", content),
    ]

    assert [(each.status_code, error_codes(each)) for each in refused] == [(405, ["UNSUPPORTED"])] * 3
    assert tags(frozen, "admin/app") == ["latest"]
    assert frozen.request("GET", "admin/app", f"manifests/{sha256(content)}").content == content


# -- conditions


@pytest.mark.item("78")
@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"sha256:x", "{}"'])
def test_if_match_lets_a_tag_move_from_where_it_was_expected(
    alice: RegistryClient, stocked: str, form: str
) -> None:
    old, new = image("old"), image("new")
    put(alice, stocked, "t", old)

    answer = put(alice, stocked, "t", new, **{"if-match": form.format(sha256(old))})

    assert answer.status_code == 201
    assert digest_of(alice, stocked, "t") == sha256(new)


@pytest.mark.item("78")
def test_if_match_of_another_digest_is_412_and_leaves_the_tag(alice: RegistryClient, stocked: str) -> None:
    old, new = image("old"), image("new")
    put(alice, stocked, "t", old)

    answer = put(alice, stocked, "t", new, **{"if-match": f'"{sha256(new)}"'})

    assert answer.status_code == 412
    assert error_codes(answer)
    assert digest_of(alice, stocked, "t") == sha256(old)
    assert digest_of(alice, stocked, sha256(new)) is None


@pytest.mark.item("78")
@pytest.mark.parametrize("condition", ["*", f'"{sha256(b"x")}"'])
def test_if_match_on_a_tag_that_is_not_there_is_412(
    alice: RegistryClient, stocked: str, condition: str
) -> None:
    answer = put(alice, stocked, "t", image("new"), **{"if-match": condition})

    assert answer.status_code == 412
    assert digest_of(alice, stocked, "t") is None


@pytest.mark.item("78")
def test_if_none_match_star_creates_and_never_moves(alice: RegistryClient, stocked: str) -> None:
    first, second = image("first"), image("second")

    created = put(alice, stocked, "t", first, **{"if-none-match": "*"})
    refused = put(alice, stocked, "t", second, **{"if-none-match": "*"})
    same = put(alice, stocked, "t", first, **{"if-none-match": "*"})

    assert [created.status_code, refused.status_code, same.status_code] == [201, 412, 412]
    assert digest_of(alice, stocked, "t") == sha256(first)


@pytest.mark.item("72", "78")
def test_a_condition_holds_for_every_tag_of_a_push(alice: RegistryClient, stocked: str) -> None:
    old, new = image("old"), image("new")
    put(alice, stocked, "b", old)

    answer = put(alice, stocked, sha256(new), new, tag_query("a", "b", "c"), **{"if-none-match": "*"})

    assert answer.status_code == 412
    assert tags(alice, stocked) == ["b"]
    assert digest_of(alice, stocked, "b") == sha256(old)


# -- immutable tags


@pytest.fixture
def immutable(server: ServerProcess, alice: RegistryClient, stocked: str) -> str:
    """Give a repository whose tags do not move, with `release` in it."""
    put(alice, stocked, "release", image("release"))
    done = server.run("repository", "set", stocked, "--immutable-tags")
    assert done.returncode == 0, done.stderr
    return stocked


@pytest.mark.item("78")
def test_a_push_to_an_immutable_tag_is_denied_and_leaves_the_tag(
    alice: RegistryClient, immutable: str
) -> None:
    answer = put(alice, immutable, "release", image("another"))

    assert (answer.status_code, error_codes(answer)) == (403, ["DENIED"])
    assert "immutable" in answer.json()["errors"][0]["message"]
    assert digest_of(alice, immutable, "release") == sha256(image("release"))
    assert digest_of(alice, immutable, sha256(image("another"))) is None


@pytest.mark.item("77", "78")
@pytest.mark.parametrize("who", ["alice", "admin"])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_an_immutable_tag_cannot_be_deleted_and_pushed_anew(
    request: pytest.FixtureRequest, immutable: str, who: str, by: str
) -> None:
    client: RegistryClient = request.getfixturevalue(who)
    client.repository_token(immutable, fresh=True)
    reference = "release" if by == "tag" else sha256(image("release"))

    deleted = client.request("DELETE", immutable, f"manifests/{reference}")
    pushed = put(client, immutable, "release", image("another"))

    assert [(each.status_code, error_codes(each)) for each in (deleted, pushed)] == [(403, ["DENIED"])] * 2
    assert "tag release" in deleted.json()["errors"][0]["message"]
    assert digest_of(client, immutable, "release") == sha256(image("release"))


@pytest.mark.item("77", "78")
def test_beside_immutable_tags_a_manifest_without_tags_can_be_deleted(
    alice: RegistryClient, immutable: str
) -> None:
    content = image("untagged")
    put(alice, immutable, sha256(content), content)

    assert alice.request("DELETE", immutable, f"manifests/{sha256(content)}").status_code == 202
    assert alice.request("DELETE", immutable, f"manifests/{sha256(content)}").status_code == 404
    assert alice.request("DELETE", immutable, "manifests/absent").status_code == 404


@pytest.mark.item("78")
def test_pushing_the_same_manifest_to_an_immutable_tag_again_is_201(
    alice: RegistryClient, immutable: str
) -> None:
    content = image("release")

    assert put(alice, immutable, "release", content).status_code == 201
    assert put(alice, immutable, sha256(content), content, tag_query("release")).status_code == 201


@pytest.mark.item("78")
def test_new_tags_and_manifests_land_beside_immutable_tags(alice: RegistryClient, immutable: str) -> None:
    content = image("next")

    assert put(alice, immutable, "next", content).status_code == 201
    assert put(alice, immutable, "again", content).status_code == 201
    assert tags(alice, immutable) == ["again", "next", "release"]


@pytest.mark.item("72", "78")
def test_one_immutable_tag_among_several_sets_none(alice: RegistryClient, immutable: str) -> None:
    content = image("several")

    answer = put(alice, immutable, sha256(content), content, tag_query("fresh", "release"))

    assert (answer.status_code, error_codes(answer)) == (403, ["DENIED"])
    assert tags(alice, immutable) == ["release"]


@pytest.mark.item("78")
def test_tags_move_again_once_the_operator_allows_it(
    server: ServerProcess, alice: RegistryClient, immutable: str
) -> None:
    server.run("repository", "set", immutable, "--no-immutable-tags")

    assert put(alice, immutable, "release", image("moved")).status_code == 201
    assert alice.request("DELETE", immutable, "manifests/release").status_code == 202


@pytest.mark.item("70", "76")
def test_an_index_and_its_child_share_a_tag_in_turn(alice: RegistryClient, stocked: str) -> None:
    child = image("child")
    put(alice, stocked, "t", child)

    assert alice.push_manifest(stocked, "t", image_index(child), OCI_INDEX).status_code == 201

    assert digest_of(alice, stocked, sha256(child)) == sha256(child)
