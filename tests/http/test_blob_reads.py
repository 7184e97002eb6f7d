"""Reading blobs whole: HEAD and GET, conditions, the empty blob, manifests at a blob's address."""

import hashlib

import pytest

from tests.support.connections import get
from tests.support.raw_http import Wire
from tests.support.registry import RegistryClient, error_codes, sha256, sha512
from tests.support.server import ServerProcess

SMALL = b"a small blob, kept in memory"
LARGE = hashlib.shake_128(b"a large blob, sent from its file").digest(300_000)
CONTENTS = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])


def etag_forms(digest: str) -> dict[str, str]:
    return {
        "quoted": f'"{digest}"',
        "unquoted": digest,
        "weak": f'W/"{digest}"',
        "list": f'"sha256:other", "{digest}"',
        "list without spaces": f'"x","{digest}"',
        "star": "*",
    }


@pytest.mark.item("20", "B1")
@CONTENTS
def test_a_blob_comes_back_whole_with_all_its_headers(
    alice: RegistryClient, name: str, content: bytes
) -> None:
    digest = alice.push_blob(name, content)

    answer = alice.request("GET", name, f"blobs/{digest}")

    assert answer.status_code == 200
    assert sha256(answer.content) == digest
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"


@pytest.mark.item("20")
@CONTENTS
def test_head_of_a_blob_has_the_headers_of_get_and_no_body(
    alice: RegistryClient, name: str, content: bytes
) -> None:
    digest = alice.push_blob(name, content)

    got = alice.request("GET", name, f"blobs/{digest}")
    headed = alice.request("HEAD", name, f"blobs/{digest}")

    assert (headed.status_code, headed.content) == (200, b"")
    varying = {"date", "x-request-id"}
    assert {k: v for k, v in headed.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }


@pytest.mark.item("20")
def test_a_blob_pushed_by_sha512_is_read_by_sha512(alice: RegistryClient, name: str) -> None:
    digest = alice.push_blob(name, SMALL, sha512(SMALL))

    answer = alice.request("GET", name, f"blobs/{digest}")

    assert (answer.content, answer.headers["docker-content-digest"]) == (SMALL, sha512(SMALL))


@pytest.mark.item("21")
@pytest.mark.parametrize(
    "digest",
    [
        "sha256",
        "sha256:",
        "sha256:abc",
        f"sha256:{'A' * 64}",
        f"sha256:{'g' * 64}",
        f"sha256:{'a' * 65}",
        f"md5:{'a' * 32}",
        f"sha384:{'a' * 96}",
        f"sha512:{'a' * 64}",
        f"SHA256:{'a' * 64}",
        f"sha256:{'a' * 64}:x",
        f"sha256%20:{'a' * 64}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_malformed_digest_is_400(alice: RegistryClient, name: str, digest: str, method: str) -> None:
    alice.push_blob(name, SMALL)
    alice.repository_token(name, fresh=True)

    answer = alice.request(method, name, f"blobs/{digest}")

    assert answer.status_code == 400
    assert method == "HEAD" or error_codes(answer) == ["DIGEST_INVALID"]


@pytest.mark.item("21")
@pytest.mark.parametrize("digest", [sha256(b"never pushed"), sha512(b"never pushed"), sha512(SMALL)])
def test_an_unknown_digest_is_404(alice: RegistryClient, name: str, digest: str) -> None:
    alice.push_blob(name, SMALL)

    answer = alice.request("GET", name, f"blobs/{digest}")

    assert (answer.status_code, error_codes(answer)) == (404, ["BLOB_UNKNOWN"])


@pytest.mark.item("21")
def test_a_blob_of_a_repository_that_does_not_exist_is_404(alice: RegistryClient, name: str) -> None:
    answer = alice.request("GET", name, f"blobs/{sha256(SMALL)}")

    assert (answer.status_code, error_codes(answer)) == (404, ["NAME_UNKNOWN"])


@pytest.mark.item("22", "B5")
def test_a_blob_that_only_another_repository_has_is_404(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    secret = f"only in {name}".encode()
    digest = alice.push_blob(name, secret)
    bob.push_blob("bob/own", SMALL)
    assert alice.request("GET", name, f"blobs/{digest}").content == secret, "it is in every cache now"

    elsewhere = bob.request("GET", "bob/own", f"blobs/{digest}")
    nowhere = bob.request("GET", "bob/own", f"blobs/{sha256(b'nowhere')}")

    assert elsewhere.status_code == nowhere.status_code == 404
    assert elsewhere.text == nowhere.text.replace(sha256(b"nowhere"), digest)
    assert bob.request("HEAD", "bob/own", f"blobs/{digest}").status_code == 404


@pytest.mark.item("28")
@CONTENTS
@pytest.mark.parametrize("form", etag_forms(""))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_that_has_the_blob_is_told_so(
    server: ServerProcess, alice: RegistryClient, name: str, content: bytes, form: str, method: str
) -> None:
    digest = alice.push_blob(name, content)
    token = alice.repository_token(name)
    condition = f"If-None-Match: {etag_forms(digest)[form]}"

    with Wire(server.url) as wire:
        answer = wire.ask(get(f"/v2/{name}/blobs/{digest}", token, condition, method=method), method=method)
        following = wire.ask(get(f"/v2/{name}/blobs/{digest}", token))

    assert answer.status == 304
    assert answer.header("etag") == f'"{digest}"'
    assert answer.header("content-length") in (None, str(len(content)))
    assert "transfer-encoding" not in answer.names
    assert following.body == content, "the client and we agree where the 304 ended"


@pytest.mark.item("28")
@CONTENTS
@pytest.mark.parametrize("condition", ['"other"', "W/", "", '"sha256:other", "another"'])
def test_a_client_that_has_something_else_gets_the_blob(
    alice: RegistryClient, name: str, content: bytes, condition: str
) -> None:
    digest = alice.push_blob(name, content)

    answer = alice.request("GET", name, f"blobs/{digest}", headers={"if-none-match": condition})

    assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.item("28")
def test_a_condition_does_not_reveal_a_blob_of_another_repository(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    digest = alice.push_blob(name, f"secret of {name}".encode())
    bob.push_blob("bob/own", SMALL)

    answer = bob.request("GET", "bob/own", f"blobs/{digest}", headers={"if-none-match": "*"})

    assert answer.status_code == 404


@pytest.mark.item("28")
@CONTENTS
@pytest.mark.parametrize(("matches", "status"), [(True, 206), (False, 200)])
def test_if_range_decides_between_a_part_and_the_whole(
    alice: RegistryClient, name: str, content: bytes, matches: bool, status: int
) -> None:
    digest = alice.push_blob(name, content)
    validator = f'"{digest}"' if matches else '"something-older"'

    answer = alice.request(
        "GET", name, f"blobs/{digest}", headers={"range": "bytes=0-3", "if-range": validator}
    )

    assert answer.status_code == status
    assert answer.content == (content[:4] if matches else content)


@pytest.mark.item("28")
def test_if_range_with_a_date_gives_the_whole(alice: RegistryClient, name: str) -> None:
    digest = alice.push_blob(name, SMALL)
    headers = {"range": "bytes=0-3", "if-range": "Wed, 21 Oct 2015 07:28:00 GMT"}

    assert alice.request("GET", name, f"blobs/{digest}", headers=headers).content == SMALL


@pytest.mark.item("29")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_empty_blob_has_length_zero(alice: RegistryClient, name: str, method: str) -> None:
    digest = alice.push_blob(name, b"")

    answer = alice.request(method, name, f"blobs/{digest}")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "0", b"")


@pytest.mark.item("29")
@pytest.mark.parametrize("span", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=1-2", "bytes=0-0,2-3"])
def test_no_range_of_the_empty_blob_can_be_had(alice: RegistryClient, name: str, span: str) -> None:
    digest = alice.push_blob(name, b"")

    answer = alice.request("GET", name, f"blobs/{digest}", headers={"range": span})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")


@pytest.mark.item("31")
@CONTENTS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_is_compressed_on_the_way(
    alice: RegistryClient, name: str, content: bytes, method: str
) -> None:
    compressible = content + bytes(100_000)
    digest = alice.push_blob(name, compressible)
    headers = {"accept-encoding": "gzip, deflate, br, zstd;q=1.0, identity;q=0.1"}

    answer = alice.request(method, name, f"blobs/{digest}", headers=headers)

    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(compressible))


@pytest.mark.item("31")
def test_manifests_are_not_compressed_either(alice: RegistryClient, name: str) -> None:
    manifest = alice.push_image(name)

    answer = alice.request("GET", name, "manifests/latest", headers={"accept-encoding": "gzip, br"})

    assert "content-encoding" not in answer.headers
    assert answer.content == manifest


@pytest.mark.item("32")
def test_a_manifest_can_be_read_at_the_address_of_a_blob(alice: RegistryClient, name: str) -> None:
    manifest = alice.push_image(name)
    digest = sha256(manifest)

    for _ in range(2):
        answer = alice.request("GET", name, f"blobs/{digest}")
        assert (answer.status_code, answer.content) == (200, manifest)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["docker-content-digest"] == digest
    headed = alice.request("HEAD", name, f"blobs/{digest}")
    assert headed.headers["content-length"] == str(len(manifest))


@pytest.mark.item("32")
def test_a_manifest_at_the_address_of_a_blob_goes_with_the_manifest(alice: RegistryClient, name: str) -> None:
    digest = sha256(alice.push_image(name))
    assert alice.request("GET", name, f"blobs/{digest}").status_code == 200
    alice.repository_token(name, fresh=True)

    assert alice.request("DELETE", name, f"manifests/{digest}").status_code == 202

    assert alice.request("GET", name, f"blobs/{digest}").status_code == 404
