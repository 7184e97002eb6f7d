"""Headers that answers carry whatever they are about (section A.5 of the protocol's requirements)."""

from typing import NamedTuple

import pytest

from tests.support.registry import OCI_MANIFEST, RegistryClient, descriptor, image_manifest, sha256, sha512
from tests.support.server import ServerProcess

LAYER = b"a layer"


class Image(NamedTuple):
    """A pushed image."""

    name: str
    manifest: bytes


@pytest.fixture
def image(alice: RegistryClient, name: str) -> Image:
    manifest = alice.push_image(name, "latest", LAYER)
    alice.repository_token(name, fresh=True)
    return Image(name, manifest)


@pytest.mark.item("1", "10")
@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/nowhere",
        "/v2/alice/r/tags/list",
        "/v2/UPPER/tags/list",
        "/_ping",
        "/auth/token",
        "/nowhere",
    ],
)
def test_every_answer_forbids_guessing_its_type_and_has_an_identifier(
    anonymous: RegistryClient, path: str
) -> None:
    answer = anonymous.http.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]
    assert answer.headers["date"]
    assert "server" not in answer.headers, "it is nobody's business which version runs here"


@pytest.mark.item("1", "10")
@pytest.mark.parametrize(
    ("method", "rest", "status"),
    [
        ("GET", "manifests/latest", 200),
        ("HEAD", "manifests/latest", 200),
        ("GET", f"blobs/{sha256(LAYER)}", 200),
        ("GET", "tags/list", 200),
        ("GET", f"referrers/{sha256(LAYER)}", 200),
        ("GET", "manifests/absent", 404),
        ("POST", "blobs/uploads/", 202),
        ("PUT", "manifests/.bad", 400),
        ("POST", "manifests/latest", 405),
        ("DELETE", "manifests/latest", 202),
    ],
)
def test_every_answer_of_the_protocol_names_its_version(
    alice: RegistryClient, image: Image, method: str, rest: str, status: int
) -> None:
    answer = alice.request(method, image.name, rest)

    assert answer.status_code == status, answer.text
    assert answer.headers.get_list("docker-distribution-api-version") == ["registry/2.0"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


def test_answers_outside_the_protocol_do_not_claim_its_version(anonymous: RegistryClient) -> None:
    assert "docker-distribution-api-version" not in anonymous.http.get("/_ping").headers


@pytest.mark.item("75")
@pytest.mark.parametrize(
    ("by_digest", "expected"), [(True, "max-age=31536000, immutable"), (False, "no-cache")]
)
def test_a_digest_may_be_cached_forever_and_a_tag_never(
    alice: RegistryClient, image: Image, by_digest: bool, expected: str
) -> None:
    reference = sha256(image.manifest) if by_digest else "latest"

    answer = alice.request("GET", image.name, f"manifests/{reference}")

    assert answer.headers["cache-control"] == expected
    assert answer.headers["etag"] == f'"{sha256(image.manifest)}"'
    assert answer.headers["docker-content-digest"] == sha256(image.manifest)
    assert answer.headers["content-length"] == str(len(image.manifest))
    assert answer.headers["content-type"] == OCI_MANIFEST


@pytest.mark.item("53", "61")
def test_the_digest_that_is_answered_is_of_the_algorithm_that_was_asked_for(
    alice: RegistryClient, image: Image
) -> None:
    pushed = alice.push_manifest(image.name, sha512(image.manifest), image.manifest)

    answer = alice.request("GET", image.name, f"manifests/{sha512(image.manifest)}")

    assert pushed.headers["docker-content-digest"] == sha512(image.manifest)
    assert answer.headers["docker-content-digest"] == sha512(image.manifest)
    assert alice.request("GET", image.name, "manifests/latest").headers["docker-content-digest"] == sha256(
        image.manifest
    )


@pytest.mark.item("60", "71")
def test_a_pushed_manifest_is_located_and_its_subject_named(alice: RegistryClient, image: Image) -> None:
    subject = descriptor(image.manifest, OCI_MANIFEST)
    alice.push_blob(image.name, b"{}")
    attached = image_manifest(b"{}", subject=subject)

    answer = alice.push_manifest(image.name, "attached", attached)

    assert answer.headers["location"] == f"/v2/{image.name}/manifests/{sha256(attached)}"
    assert answer.headers["docker-content-digest"] == sha256(attached)
    assert answer.headers["oci-subject"] == sha256(image.manifest)
    assert "oci-subject" not in alice.push_manifest(image.name, "latest", image.manifest).headers


def test_an_encrypted_answer_asks_for_encryption_from_then_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("tls") / "data", tls=True)
    server.start()
    client = RegistryClient(server.url, "admin", server.admin_password)
    client.push_image("admin/app")

    cold, warm = (client.request("GET", "admin/app", "manifests/latest") for _ in range(2))

    assert cold.headers["strict-transport-security"] == "max-age=31536000"
    assert warm.headers["strict-transport-security"] == "max-age=31536000"
    client.close()
    assert server.stop() == 0
