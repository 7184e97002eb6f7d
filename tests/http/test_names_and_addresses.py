"""Which names are names, and how addresses are taken apart."""

import pytest

from tests.support.registry import RawAnswer, RegistryClient, image_manifest, sha256
from tests.support.server import ServerProcess
from tests.support.snapshot import stored_files, stored_rows

BAD_NAMES = [
    "Upper/case",
    "alice/App",
    "alice//app",
    "/alice/app",
    "alice/app/",
    "alice/.app",
    "alice/app.",
    "alice/-app",
    "alice/app-",
    "alice/_app",
    "alice/app_",
    "alice/..",
    "../alice",
    "alice/../bob",
    "alice/./app",
    "..",
    "alice/a..b",
    "alice/a___b",
    "alice/a.-b",
    "alice/a._b",
    "alice/a b".replace(" ", "%20"),
    "alice/app%00",
    "alice/app%0a",
    "alice/app%0d%0aset-cookie:x",
    "alice/app%7f",
    "alice/%2e%2e",
    "alice/%2E%2E/bob",
    "%2e%2e/alice",
    "alice/%41pp",
    "alice/app%252e",
    "alice/%c3%bc",
    "alice/%ff%fe",
    "alice/app%",
    "alice/app%zz",
    "alice/app:8000",
    "alice/app@sha256",
    "alice/~app",
    "alice/app\\..",
    "alice/%5c..%5cbob",
]

ENCODED_SLASHES = [
    "alice%2fapp",
    "alice%2Fapp",
    "alice/..%2f..%2fetc",
    "alice/%2fapp",
    "%2falice/app",
    "alice/app%2f",
]

ENDPOINTS = [
    ("GET", "manifests/latest"),
    ("PUT", "manifests/latest"),
    ("DELETE", "manifests/latest"),
    ("HEAD", f"blobs/{sha256(b'')}"),
    ("GET", "tags/list"),
    ("GET", f"referrers/{sha256(b'')}"),
    ("POST", "blobs/uploads/"),
    ("PATCH", "blobs/uploads/some-session"),
]

REPOSITORIES_WITH_WORDS_OF_THE_PROTOCOL = [
    "manifests",
    "blobs",
    "tags",
    "referrers",
    "uploads",
    "v2",
    "a/blobs/uploads",
    "a/blobs/uploads/b",
    "tags/list",
    "a/tags/list",
    "a/manifests/latest",
    "a/referrers",
    "blobs/uploads/blobs/uploads",
    "manifests/manifests/manifests",
]

GOOD_COMPONENTS = ["a__b", "a----b", "a.b-c_d", "0", "a-b--c---d", "a_b__c", "9.9.9", "a" * 200]
BAD_COMPONENTS = ["a___b", "a..b", "a.-b", "a_.b", "a-_b", "-a", "a-", "a__", "__a"]


def assert_name_is_invalid(answer: RawAnswer, method: str) -> None:
    assert answer.status == 400
    assert method == "HEAD" or b'"NAME_INVALID"' in answer.body


@pytest.mark.item("13")
@pytest.mark.parametrize("bad_name", BAD_NAMES)
def test_a_name_outside_the_grammar_is_invalid_at_every_address(admin: RegistryClient, bad_name: str) -> None:
    headers = {"authorization": f"Bearer {admin.token()}"}

    for method, rest in ENDPOINTS:
        assert_name_is_invalid(admin.raw(method, f"/v2/{bad_name}/{rest}", headers=headers, body=b""), method)


@pytest.mark.item("17")
@pytest.mark.parametrize("bad_name", ENCODED_SLASHES)
def test_an_encoded_slash_in_a_name_is_refused_at_every_address(admin: RegistryClient, bad_name: str) -> None:
    headers = {"authorization": f"Bearer {admin.token()}"}

    for method, rest in ENDPOINTS:
        assert_name_is_invalid(admin.raw(method, f"/v2/{bad_name}/{rest}", headers=headers, body=b""), method)


@pytest.mark.item("13")
def test_invalid_names_touch_neither_disk_nor_database(server: ServerProcess, admin: RegistryClient) -> None:
    headers = {"authorization": f"Bearer {admin.token()}", "content-type": "application/octet-stream"}
    before = stored_files(server), stored_rows(server)

    for bad_name in BAD_NAMES + ENCODED_SLASHES:
        upload = f"/v2/{bad_name}/blobs/uploads/?digest={sha256(b'x')}"
        assert admin.raw("POST", upload, headers=headers, body=b"x").status == 400
        assert admin.raw("PUT", f"/v2/{bad_name}/manifests/latest", headers=headers, body=b"{}").status == 400

    assert (stored_files(server), stored_rows(server)) == before


@pytest.mark.item("13")
@pytest.mark.parametrize("reference", ["..%2f..%2fetc", "a%2fb", "%00", "a%0ab", "..", "%2e%2e"])
def test_a_reference_outside_the_grammar_names_nothing(
    alice: RegistryClient, name: str, reference: str
) -> None:
    alice.push_image(name)

    for folder in ("manifests", "blobs", "referrers"):
        answer = alice.raw("GET", f"/v2/{name}/{folder}/{reference}", name=name)
        assert answer.status in (400, 404), answer
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.item("13")
@pytest.mark.parametrize("session", ["..", "%2e%2e%2f%2e%2e", "..%00", "6f1c0e0e", "%0a"])
def test_a_session_outside_the_grammar_names_nothing(alice: RegistryClient, name: str, session: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = alice.raw(method, f"/v2/{name}/blobs/uploads/{session}", name=name, body=b"x")
        assert answer.status in (400, 404), answer


@pytest.mark.item("14")
@pytest.mark.parametrize("repository", REPOSITORIES_WITH_WORDS_OF_THE_PROTOCOL)
def test_a_repository_called_like_a_part_of_an_address_works_everywhere(
    admin: RegistryClient, repository: str
) -> None:
    repository = f"admin/{repository}"
    config, chunk = f"config of {repository}".encode(), f"layer of {repository}".encode()
    digest = admin.push_blob(repository, config)
    location = admin.start_upload(repository)
    assert admin.session("PATCH", repository, location, content=chunk).status_code == 202
    assert admin.session("GET", repository, location).status_code == 204
    finished = admin.session("PUT", repository, location, params={"digest": sha256(chunk)})
    assert finished.headers["location"] == f"/v2/{repository}/blobs/{sha256(chunk)}"
    manifest = image_manifest(config, chunk)
    assert admin.push_manifest(repository, "list", manifest).status_code == 201

    assert admin.request("GET", repository, "manifests/list").content == manifest
    assert admin.request("GET", repository, f"blobs/{digest}").content == config
    assert admin.request("GET", repository, "tags/list").json() == {"name": repository, "tags": ["list"]}
    assert admin.request("GET", repository, f"referrers/{sha256(manifest)}").json()["manifests"] == []
    assert admin.request("DELETE", repository, "manifests/list").status_code == 202


@pytest.mark.item("15")
@pytest.mark.parametrize("component", GOOD_COMPONENTS)
def test_separators_between_letters_and_digits_are_fine(alice: RegistryClient, component: str) -> None:
    alice.push_blob(f"alice/{component}", b"content")

    assert alice.request("GET", f"alice/{component}", "tags/list").json()["name"] == f"alice/{component}"


@pytest.mark.item("15")
@pytest.mark.parametrize("component", BAD_COMPONENTS)
def test_separators_elsewhere_are_not(alice: RegistryClient, component: str) -> None:
    assert_name_is_invalid(alice.raw("POST", f"/v2/alice/{component}/blobs/uploads/", body=b""), "POST")


@pytest.mark.item("16")
def test_a_name_of_255_characters_works(alice: RegistryClient) -> None:
    longest = "alice/" + "x" * 249

    manifest = alice.push_image(longest)

    assert alice.request("GET", longest, "manifests/latest").content == manifest


@pytest.mark.item("16")
@pytest.mark.parametrize("length", [256, 1000, 8000])
def test_a_longer_name_is_invalid(admin: RegistryClient, length: int) -> None:
    headers = {"authorization": f"Bearer {admin.token()}"}
    name = "a" * length

    for method, rest in ENDPOINTS:
        assert_name_is_invalid(admin.raw(method, f"/v2/{name}/{rest}", headers=headers, body=b""), method)


@pytest.mark.item("17")
@pytest.mark.parametrize("colon", ["%3A", "%3a"])
def test_an_encoded_colon_in_a_digest_is_a_colon(alice: RegistryClient, name: str, colon: str) -> None:
    manifest = alice.push_image(name, "latest", b"a layer")

    blob = alice.raw("GET", f"/v2/{name}/blobs/{sha256(b'a layer').replace(':', colon)}", name=name)
    by_digest = alice.raw("GET", f"/v2/{name}/manifests/{sha256(manifest).replace(':', colon)}", name=name)

    assert (blob.status, blob.body) == (200, b"a layer")
    assert (by_digest.status, by_digest.body) == (200, manifest)


@pytest.mark.item("17")
def test_an_encoded_dash_in_a_session_is_a_dash(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)
    folder, _, session = location.rpartition("/")

    assert alice.raw("GET", f"{folder}/{session.replace('-', '%2D')}", name=name).status == 204


@pytest.mark.item("17")
def test_an_encoded_letter_is_that_letter(alice: RegistryClient, name: str) -> None:
    manifest = alice.push_image(name)

    assert alice.raw("GET", f"/v2/%61lice/{name[6:]}/manifests/%6catest", name=name).body == manifest


@pytest.mark.item("18")
@pytest.mark.parametrize("tag", ["x" * 128, "_", "V1.0", "a" + "-." * 60, "0"])
def test_the_longest_and_the_oddest_tags_work(alice: RegistryClient, name: str, tag: str) -> None:
    manifest = alice.push_image(name, tag)

    assert alice.request("GET", name, f"manifests/{tag}").content == manifest


@pytest.mark.item("18")
@pytest.mark.parametrize("tag", ["x" * 129, ".tag", "-tag", "t%C3%A4g", "a%20b", "a@b", "a+b"])
def test_an_impossible_tag_is_400_to_write_and_404_to_read(
    alice: RegistryClient, name: str, tag: str
) -> None:
    manifest = alice.push_image(name)
    headers = {"content-type": "application/vnd.oci.image.manifest.v1+json"}

    written = alice.raw("PUT", f"/v2/{name}/manifests/{tag}", headers=headers, body=manifest, name=name)
    read = alice.raw("GET", f"/v2/{name}/manifests/{tag}", name=name)

    assert (written.status, b'"TAG_INVALID"' in written.body) == (400, True)
    assert (read.status, b'"MANIFEST_UNKNOWN"' in read.body) == (404, True)


@pytest.mark.item("18")
def test_an_impossible_tag_cannot_be_deleted_either(alice: RegistryClient, name: str) -> None:
    alice.push_image(name)
    alice.repository_token(name, fresh=True)

    assert alice.raw("DELETE", f"/v2/{name}/manifests/.tag", name=name).status == 404


@pytest.mark.item("19")
def test_a_tag_like_a_digest_with_a_dash_is_an_ordinary_tag(alice: RegistryClient, name: str) -> None:
    tag = sha256(b"something else").replace(":", "-")

    manifest = alice.push_image(name, tag)

    assert alice.request("GET", name, f"manifests/{tag}").content == manifest
    assert alice.request("GET", name, "tags/list").json()["tags"] == [tag]
    assert alice.request("GET", name, f"manifests/{sha256(b'something else')}").status_code == 404
