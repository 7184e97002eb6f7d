"""Tags and manifests in the API: lists, details, deletion, and who may do it."""

import json
from typing import Any

import httpx
import pytest

from tests.support.api import ApiClient, codes
from tests.support.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.support.server import ServerProcess

ALICE_PASSWORD = "alice's own password"
ABSENT = f"sha256:{0:064x}"


@pytest.fixture
def pusher(server: ServerProcess) -> Any:
    client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def name(number: int) -> str:
    return f"alice/tags-{number}"


def path(name: str, rest: str = "") -> str:
    return f"/api/v0/repositories/{name}{rest}"


def push_config(pusher: RegistryClient, name: str, config: dict[str, Any], *layers: bytes) -> bytes:
    """Push config and layers; return the manifest, which is not pushed."""
    content = json.dumps(config).encode()
    for blob in (content, *layers):
        pusher.push_blob(name, blob)
    return image_manifest(content, *layers)


def platform_image(pusher: RegistryClient, name: str, architecture: str) -> bytes:
    """Push an image for a platform by its digest; return the manifest."""
    manifest = push_config(pusher, name, {"os": "linux", "architecture": architecture}, architecture.encode())
    assert pusher.push_manifest(name, sha256(manifest), manifest).status_code == 201
    return manifest


def push_index(pusher: RegistryClient, name: str, tag: str, *architectures: str) -> list[bytes]:
    """Push images and an index of them under a tag; return the images' manifests."""
    images = [platform_image(pusher, name, each) for each in architectures]
    children = [
        descriptor(image, OCI_MANIFEST, platform={"os": "linux", "architecture": architecture})
        for image, architecture in zip(images, architectures, strict=True)
    ]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    assert pusher.push_manifest(name, tag, json.dumps(index).encode(), OCI_INDEX).status_code == 201
    return images


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()]


# -- the list


def test_a_listed_tag_says_what_it_names_and_who_pushed_it_when(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    manifest = pusher.push_image(name, "v1", b"four")

    [tag] = alice.get(path(name, "/tags")).json()

    config = json.loads(manifest)["config"]
    assert tag["name"] == "v1"
    assert tag["digest"] == sha256(manifest)
    assert (tag["author"], tag["pushedBy"]) == ("alice", "alice")
    assert tag["createdAt"] == tag["updatedAt"]
    assert tag["createdAt"].endswith("Z")
    assert (tag["inNotary"], tag["hashMismatch"]) == (False, False)
    assert tag["manifest"] is None
    assert (tag["mediaType"], tag["size"]) == (OCI_MANIFEST, config["size"] + 4)
    assert (tag["pulls"], tag["lastPulledAt"]) == (0, None)


def test_an_empty_repository_has_no_tags_and_one_that_is_not_there_is_404(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    pusher.push_manifest(name, sha256(b"{}"), b"{}")
    manifest = push_config(pusher, name, {"os": "linux"})
    pusher.push_manifest(name, sha256(manifest), manifest)

    assert alice.get(path(name, "/tags")).json() == []
    answer = alice.get(path(name + "-none", "/tags"))
    assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_REPOSITORY"])


def test_tags_come_in_pages_and_a_marker_may_be_gone(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    manifest = pusher.push_image(name, "a")
    for tag in ("B", "b", "c", "_"):
        pusher.push_manifest(name, tag, manifest)

    first = alice.get(path(name, "/tags"), params={"pageSize": 2, "count": "true"})
    start = first.headers["x-next-page-start"]
    assert names(first) == ["B", "_"]
    assert first.headers["x-resource-count"] == "5"
    assert alice.delete(path(name, f"/tags/{start}")).status_code == 204
    second = alice.get(path(name, "/tags"), params={"pageSize": 2, "pageStart": start})
    assert names(second) == ["b", "c"]
    assert "x-next-page-start" not in second.headers
    assert "x-resource-count" not in second.headers


@pytest.mark.parametrize(
    "parameters",
    [
        {"pageSize": "0"},
        {"pageSize": "x"},
        {"pageSize": "-1"},
        {"pageStart": "x" * 5000},
        {"includeManifests": "x"},
    ],
)
def test_wrong_parameters_of_a_list_are_refused(
    alice: ApiClient, pusher: RegistryClient, name: str, parameters: dict[str, str]
) -> None:
    pusher.push_image(name, "v1")

    answer = alice.get(path(name, "/tags"), params=parameters)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])


def test_tags_come_with_their_manifests_on_request(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    history = [
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
        {"created_by": '/bin/sh -c #(nop)  CMD ["sh"]', "empty_layer": True},
        {"created_by": "RUN /bin/sh -c make # buildkit"},
    ]
    config = {
        "os": "linux",
        "architecture": "arm64",
        "author": "somebody",
        "created": "2024-01-02T03:04:05Z",
        "history": history,
    }
    manifest = push_config(pusher, name, config, b"base", b"made")
    pusher.push_manifest(name, "v1", manifest)
    pusher.push_manifest(name, "v2", manifest)

    for _ in range(2):  # read off the configuration, then from what was kept
        found = alice.get(path(name, "/tags"), params={"includeManifests": "true"}).json()
        assert [each["manifest"]["digest"] for each in found] == [sha256(manifest)] * 2
        shown = found[0]["manifest"]
        assert (shown["os"], shown["architecture"], shown["author"]) == ("linux", "arm64", "somebody")
        assert shown["createdAt"] == "2024-01-02T03:04:05Z"
        assert shown["configDigest"] == sha256(json.dumps(config).encode())
        assert shown["artifactType"] == ""
        assert shown["size"] == found[0]["size"] == len(json.dumps(config)) + 8
        assert [
            (step["line"], step["layerDigest"], step["size"], step["isEmpty"]) for step in shown["dockerfile"]
        ] == [
            ("ADD file:1 in /", sha256(b"base"), 4, False),
            ('CMD ["sh"]', "", 0, True),
            ("RUN make", sha256(b"made"), 4, False),
        ]


def test_an_artifact_says_its_type_and_has_no_platform(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    type_ = "application/vnd.cncf.helm.config.v1+json"
    pusher.push_blob(name, b"{}")
    document = {**json.loads(image_manifest(b"{}")), "config": descriptor(b"{}", type_)}
    assert pusher.push_manifest(name, "chart", json.dumps(document).encode()).status_code == 201

    [tag] = alice.get(path(name, "/tags/chart")).json()

    assert tag["manifest"]["artifactType"] == type_
    assert (tag["manifest"]["os"], tag["manifest"]["architecture"], tag["manifest"]["dockerfile"]) == (
        "",
        "",
        [],
    )


# -- one tag


def test_a_tag_of_an_index_shows_each_of_its_manifests(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    images = push_index(pusher, name, "v1", "amd64", "arm64")

    found = alice.get(path(name, "/tags/v1")).json()

    assert {each["name"] for each in found} == {"v1"}
    assert len({each["digest"] for each in found}) == 1
    assert [each["manifest"]["digest"] for each in found] == [sha256(image) for image in images]
    assert [each["manifest"]["architecture"] for each in found] == ["amd64", "arm64"]


@pytest.mark.parametrize(
    ("parameters", "architectures"),
    [
        ({"arch": "arm64"}, ["arm64"]),
        ({"os": "linux"}, ["amd64", "arm64"]),
        ({"os": "linux", "arch": "amd64"}, ["amd64"]),
        ({"os": "windows"}, []),
        ({"os": "Linux"}, []),
        ({"domain": "registry.example.org"}, ["amd64", "arm64"]),
    ],
)
def test_manifests_of_an_index_are_filtered_by_platform(
    alice: ApiClient,
    pusher: RegistryClient,
    name: str,
    parameters: dict[str, str],
    architectures: list[str],
) -> None:
    push_index(pusher, name, "v1", "amd64", "arm64")

    found = alice.get(path(name, "/tags/v1"), params=parameters).json()

    assert [each["manifest"]["architecture"] for each in found] == architectures


def test_an_image_is_filtered_by_its_own_platform(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    pusher.push_manifest(name, "v1", platform_image(pusher, name, "s390x"))

    assert len(alice.get(path(name, "/tags/v1"), params={"arch": "s390x"}).json()) == 1
    assert alice.get(path(name, "/tags/v1"), params={"arch": "amd64"}).json() == []


def test_a_digest_gives_all_tags_that_name_it(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    manifest = pusher.push_image(name, "b")
    pusher.push_manifest(name, "a", manifest)
    untagged = platform_image(pusher, name, "amd64")

    assert names(alice.get(path(name, f"/tags/{sha256(manifest)}"))) == ["a", "b"]
    assert alice.get(path(name, f"/tags/{sha256(untagged)}")).json() == []
    answer = alice.get(path(name, f"/tags/{ABSENT}"))
    assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_REF"])


@pytest.mark.parametrize("tag", ["absent", "V1", "-x", "v1 ", "\u04751", "x" * 129, "v1%2Fx", "latest'--"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_tags_that_are_not_there_or_cannot_be_are_404(
    alice: ApiClient, pusher: RegistryClient, name: str, tag: str, method: str
) -> None:
    pusher.push_image(name, "v1")

    answer = alice.http.request(method, path(name, f"/tags/{tag}"))

    assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_TAG"])
    assert names(alice.get(path(name, "/tags"))) == ["v1"]


@pytest.mark.parametrize(
    "digest", ["sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "Z" * 64, ":"]
)
def test_a_malformed_digest_is_400(alice: ApiClient, pusher: RegistryClient, name: str, digest: str) -> None:
    pusher.push_image(name, "v1")

    for answer in (
        alice.get(path(name, f"/tags/{digest}")),
        alice.delete(path(name, f"/manifests/{digest}")),
    ):
        assert (answer.status_code, codes(answer)) == (400, ["INVALID_DIGEST"])


# -- deleting


def test_a_deleted_tag_is_gone_everywhere_and_its_manifest_stays(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    manifest = pusher.push_image(name, "v1")

    answer = alice.delete(path(name, "/tags/v1"), params={"domain": "registry.example.org"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert names(alice.get(path(name, "/tags"))) == []
    assert pusher.request("GET", name, "manifests/v1").status_code == 404
    assert pusher.request("GET", name, f"manifests/{sha256(manifest)}").status_code == 200
    assert codes(alice.delete(path(name, "/tags/v1"))) == ["NO_SUCH_TAG"]


def test_a_deleted_manifest_takes_its_tags_along(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    manifest = pusher.push_image(name, "v1")
    pusher.push_manifest(name, "v2", manifest)

    assert alice.delete(path(name, f"/manifests/{sha256(manifest)}")).status_code == 204

    assert names(alice.get(path(name, "/tags"))) == []
    assert codes(alice.delete(path(name, f"/manifests/{sha256(manifest)}"))) == ["NO_SUCH_REF"]


def test_immutable_tags_do_not_go(
    server: ServerProcess, alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    images = push_index(pusher, name, "v1", "amd64", "arm64")
    server.run("repository", "set", name, "--immutable-tags")

    answers = [
        alice.delete(path(name, "/tags/v1")),
        alice.delete(path(name, f"/manifests/{sha256(images[0])}")),
    ]
    bulk = alice.post(path(name, "/tags/delete"), {"tags": ["v1"]})

    for answer in answers:
        assert (answer.status_code, codes(answer)) == (409, ["TAG_IMMUTABLE"])
    assert [(each["deleted"], each["error"]["code"]) for each in bulk.json()] == [(False, "TAG_IMMUTABLE")]
    assert pusher.request("DELETE", name, f"manifests/{sha256(images[0])}").status_code == 403
    assert len(alice.get(path(name, "/tags/v1")).json()) == 2


def test_many_tags_are_deleted_at_once(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    manifest = pusher.push_image(name, "a")
    for tag in ("b", "c"):
        pusher.push_manifest(name, tag, manifest)

    answer = alice.post(
        path(name, "/tags/delete"), {"tags": ["a", "absent", "b", "a", "no tag"], "force": True}
    )

    assert answer.status_code == 200
    assert [(each["tag"], each["deleted"]) for each in answer.json()] == [
        ("a", True),
        ("absent", False),
        ("b", True),
        ("no tag", False),
    ]
    assert answer.json()[1]["error"]["code"] == "NO_SUCH_TAG"
    assert names(alice.get(path(name, "/tags"))) == ["c"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        {"tags": "v1"},
        {"tags": None},
        {"tags": [1]},
        {"tags": [None]},
        {"tags": ["x"] * 1001},
        {"tags": ["x" * 2000]},
    ],
)
def test_a_wrong_list_of_tags_deletes_none(
    alice: ApiClient, pusher: RegistryClient, name: str, body: object
) -> None:
    pusher.push_image(name, "v1")

    answer = alice.post(path(name, "/tags/delete"), body)

    assert (answer.status_code, set(codes(answer))) == (400, {"INVALID_PARAMETERS"})
    assert names(alice.get(path(name, "/tags"))) == ["v1"]


# -- who may


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", "/tags"),
        ("GET", "/tags/v1"),
        ("DELETE", "/tags/v1"),
        ("POST", "/tags/delete"),
        ("GET", "/manifests"),
        ("DELETE", f"/manifests/{ABSENT}"),
        ("GET", "/tags/v1/history"),
        ("GET", "/deletedTags"),
        ("POST", "/tags/v1/restore"),
    ],
)
def test_a_private_repository_is_not_there_for_strangers(
    alice: ApiClient,
    bob: ApiClient,
    anonymous: ApiClient,
    pusher: RegistryClient,
    name: str,
    method: str,
    rest: str,
) -> None:
    pusher.push_image(name, "v1")
    body: dict[str, Any] = {"json": {"tags": ["v1"]}} if rest == "/tags/delete" else {}

    stranger = bob.http.request(method, path(name, rest), **body)
    nobody = anonymous.http.request(method, path(name, rest), **body)

    assert (stranger.status_code, codes(stranger)) == (404, ["NO_SUCH_REPOSITORY"])
    assert nobody.status_code in {401, 404}
    assert names(alice.get(path(name, "/tags"))) == ["v1"]


def test_a_public_repository_is_read_by_everybody_and_changed_by_its_owner(
    server: ServerProcess,
    alice: ApiClient,
    bob: ApiClient,
    anonymous: ApiClient,
    pusher: RegistryClient,
    name: str,
) -> None:
    pusher.push_image(name, "v1")
    server.run("repository", "set", name, "--visibility", "public")

    for client in (bob, anonymous):
        assert names(client.get(path(name, "/tags"))) == ["v1"]
        assert client.get(path(name, "/manifests")).status_code == 200
    # Who moved a tag is activity, which strangers without a name do not see.
    assert bob.get(path(name, "/tags/v1/history")).status_code == 200
    assert anonymous.get(path(name, "/tags/v1/history")).status_code == 401
    for method, rest, body in (
        ("DELETE", "/tags/v1", None),
        ("POST", "/tags/delete", {"tags": ["v1"]}),
        ("POST", "/tags/v1/restore", {}),
    ):
        assert bob.http.request(method, path(name, rest), json=body).status_code == 403
        assert anonymous.http.request(method, path(name, rest), json=body).status_code == 401
    assert names(alice.get(path(name, "/tags"))) == ["v1"]


# -- manifests


def test_manifests_are_listed_by_digest_tagged_or_not(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    images = push_index(pusher, name, "v1", "amd64", "arm64")

    first = alice.get(path(name, "/manifests"), params={"pageSize": 2, "count": "true"})
    start = first.headers["x-next-page-start"]
    second = alice.get(path(name, "/manifests"), params={"pageSize": 2, "pageStart": start})

    found = [*first.json(), *second.json()]
    assert first.headers["x-resource-count"] == "3"
    assert [each["digest"] for each in found] == sorted(each["digest"] for each in found)
    assert {sha256(image) for image in images} < {each["digest"] for each in found}
    [index] = [each for each in found if each["mediaType"] == OCI_INDEX]
    assert [(each["os"], each["architecture"]) for each in index["manifests"]] == [
        ("linux", "amd64"),
        ("linux", "arm64"),
    ]
