"""What refers to a manifest: who is listed, how each is described, filters, removal, older clients' tags."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.registry import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    error_codes,
    image_index,
    image_manifest,
    sha256,
    sha512,
)

EMPTY_CONFIG = b"{}"
SBOM, SIGNATURE = "application/vnd.example.sbom+json", "application/vnd.example.signature.v1+json"
ABSENT = sha256(b"nobody has pushed this")


def referrers(client: RegistryClient, name: str, subject: str, **parameters: Any) -> httpx.Response:
    return client.request("GET", name, f"referrers/{subject}", params=parameters)


def listed(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the descriptors in a list of referrers; fails unless it is an OCI index."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == OCI_INDEX
    document = answer.json()
    assert document["schemaVersion"] == 2
    assert document["mediaType"] == OCI_INDEX
    descriptors: list[dict[str, Any]] = document["manifests"]
    return descriptors


def digests(answer: httpx.Response) -> list[str]:
    return [entry["digest"] for entry in listed(answer)]


def artifact(subject: bytes, **extra: Any) -> bytes:
    """Make a manifest that refers to `subject`."""
    return image_manifest(EMPTY_CONFIG, subject=descriptor(subject, OCI_MANIFEST), **extra)


def attach(client: RegistryClient, name: str, manifest: bytes, reference: str | None = None) -> str:
    """Push a manifest that refers to another; return its digest."""
    media_type = json.loads(manifest)["mediaType"]
    answer = client.push_manifest(name, reference or sha256(manifest), manifest, media_type)
    assert answer.status_code == 201, answer.text
    assert answer.headers["oci-subject"] == json.loads(manifest)["subject"]["digest"]
    return sha256(manifest)


@pytest.fixture
def subject(alice: RegistryClient, name: str) -> bytes:
    """Push an image to refer to, and what artifacts need."""
    manifest = alice.push_image(name)
    alice.push_blob(name, EMPTY_CONFIG)
    alice.repository_token(name, fresh=True)
    return manifest


@pytest.mark.item("86")
def test_nothing_refers_to_a_new_manifest(alice: RegistryClient, name: str, subject: bytes) -> None:
    assert listed(referrers(alice, name, sha256(subject))) == []


@pytest.mark.item("86")
@pytest.mark.parametrize("unknown", [ABSENT, sha512(b"nobody has pushed this")])
def test_an_unknown_subject_has_an_empty_list(
    alice: RegistryClient, name: str, subject: bytes, unknown: str
) -> None:
    assert listed(referrers(alice, name, unknown)) == []


@pytest.mark.item("86")
def test_an_unknown_repository_has_an_empty_list(alice: RegistryClient, name: str) -> None:
    assert listed(referrers(alice, name, ABSENT)) == []


@pytest.mark.item("86")
@pytest.mark.parametrize(
    "bad", ["latest", "sha256", "sha256:", "sha256:abc", f"md5:{'a' * 32}", f"sha256:{'A' * 64}"]
)
def test_a_malformed_subject_is_400(alice: RegistryClient, name: str, subject: bytes, bad: str) -> None:
    answer = referrers(alice, name, bad)

    assert (answer.status_code, error_codes(answer)) == (400, ["DIGEST_INVALID"])


@pytest.mark.item("87")
def test_a_referrer_is_described_with_its_own_type_and_annotations(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    annotations = {"org.example.key": "value", "quotes": '"\\', "umlaut": "\u00fc\u4e2d"}
    manifest = artifact(subject, artifactType=SBOM, annotations=annotations)
    attach(alice, name, manifest)

    assert listed(referrers(alice, name, sha256(subject))) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": sha256(manifest),
            "size": len(manifest),
            "artifactType": SBOM,
            "annotations": annotations,
        }
    ]


@pytest.mark.item("87")
def test_an_image_without_an_artifact_type_has_that_of_its_config(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    attach(alice, name, artifact(subject))

    [entry] = listed(referrers(alice, name, sha256(subject)))

    assert entry["artifactType"] == OCI_CONFIG
    assert "annotations" not in entry


@pytest.mark.item("87")
@pytest.mark.parametrize(("extra", "expected"), [({}, None), ({"artifactType": SBOM}, SBOM)])
def test_an_index_has_only_a_type_of_its_own(
    alice: RegistryClient, name: str, subject: bytes, extra: dict[str, str], expected: str | None
) -> None:
    attach(alice, name, image_index(subject=descriptor(subject, OCI_MANIFEST), **extra))

    [entry] = listed(referrers(alice, name, sha256(subject)))

    assert (entry["mediaType"], entry.get("artifactType")) == (OCI_INDEX, expected)


@pytest.mark.item("86", "B5")
def test_referrers_of_other_repositories_are_not_listed(
    alice: RegistryClient, bob: RegistryClient, name: str, subject: bytes
) -> None:
    attach(alice, name, artifact(subject))
    bob.push_blob("bob/attachments", EMPTY_CONFIG)

    assert listed(referrers(bob, "bob/attachments", sha256(subject))) == []


@pytest.mark.item("88")
@pytest.mark.parametrize("plus", ["%2B", "%2b", "+"])
def test_the_filter_takes_an_encoded_and_a_raw_plus(
    alice: RegistryClient, name: str, subject: bytes, plus: str
) -> None:
    wanted = attach(alice, name, artifact(subject, artifactType=SBOM))
    attach(alice, name, artifact(subject, artifactType=SIGNATURE))
    value = SBOM.replace("+", plus).replace("/", "%2F")

    answer = alice.raw("GET", f"/v2/{name}/referrers/{sha256(subject)}?artifactType={value}", name=name)

    assert [entry["digest"] for entry in json.loads(answer.body)["manifests"]] == [wanted]
    assert answer.headers["oci-filters-applied"] == "artifactType"


@pytest.mark.item("88")
def test_several_filters_give_what_matches_any(alice: RegistryClient, name: str, subject: bytes) -> None:
    sbom = attach(alice, name, artifact(subject, artifactType=SBOM))
    signature = attach(alice, name, artifact(subject, artifactType=SIGNATURE))
    attach(alice, name, artifact(subject))

    answer = referrers(alice, name, sha256(subject), artifactType=[SBOM, SIGNATURE])

    assert digests(answer) == [sbom, signature]


@pytest.mark.item("88")
def test_a_filter_that_nothing_matches_is_applied_all_the_same(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    attach(alice, name, artifact(subject, artifactType=SBOM))

    for asked in (sha256(subject), ABSENT):
        answer = referrers(alice, name, asked, artifactType="application/vnd.example.other")
        assert listed(answer) == []
        assert answer.headers["oci-filters-applied"] == "artifactType"


@pytest.mark.item("88")
def test_without_a_filter_none_is_said_to_be_applied(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    attach(alice, name, artifact(subject, artifactType=SBOM))

    for parameters in ({}, {"artifactType": ""}):
        answer = referrers(alice, name, sha256(subject), **parameters)
        assert len(listed(answer)) == 1
        assert "oci-filters-applied" not in answer.headers


@pytest.mark.item("88")
def test_the_type_of_a_config_can_be_filtered_by(alice: RegistryClient, name: str, subject: bytes) -> None:
    wanted = attach(alice, name, artifact(subject))
    attach(alice, name, artifact(subject, artifactType=SBOM))

    assert digests(referrers(alice, name, sha256(subject), artifactType=OCI_CONFIG)) == [wanted]


@pytest.mark.item("88")
@pytest.mark.parametrize("value", ["%00", "a%0ab", "x%7f"])
def test_a_filter_that_no_type_can_be_is_400(
    alice: RegistryClient, name: str, subject: bytes, value: str
) -> None:
    target = f"/v2/{name}/referrers/{sha256(subject)}?artifactType={value}"

    assert alice.raw("GET", target, name=name).status == 400


@pytest.mark.item("90")
def test_a_removed_referrer_is_not_listed_and_one_pushed_again_is_listed_once(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    manifest = artifact(subject)
    digest = attach(alice, name, manifest)
    assert alice.request("DELETE", name, f"manifests/{digest}").status_code == 202
    assert digests(referrers(alice, name, sha256(subject))) == []

    attach(alice, name, manifest)
    attach(alice, name, manifest)

    assert digests(referrers(alice, name, sha256(subject))) == [digest]


@pytest.mark.item("92a")
def test_a_referrer_with_several_tags_is_listed_once(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    manifest = artifact(subject)
    for reference in (None, "first", "second"):
        attach(alice, name, manifest, reference)

    assert digests(referrers(alice, name, sha256(subject))) == [sha256(manifest)]


@pytest.mark.item("92b")
def test_referrers_outlive_their_subject(alice: RegistryClient, name: str, subject: bytes) -> None:
    digest = attach(alice, name, artifact(subject))

    assert alice.request("DELETE", name, f"manifests/{sha256(subject)}").status_code == 202

    assert digests(referrers(alice, name, sha256(subject))) == [digest]


@pytest.mark.item("86")
def test_what_is_pushed_before_its_subject_is_listed(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    later = image_manifest(EMPTY_CONFIG, annotations={"pushed": "later"})
    digest = attach(alice, name, artifact(later))

    assert digests(referrers(alice, name, sha256(later))) == [digest]


@pytest.mark.item("91")
def test_the_tag_of_an_older_client_lists_only_what_truly_refers_to_the_subject(
    alice: RegistryClient, name: str, subject: bytes
) -> None:
    attached = artifact(subject, artifactType=SBOM)
    stranger = image_manifest(EMPTY_CONFIG, annotations={"refers": "to nothing"})
    attach(alice, name, attached)
    assert alice.push_manifest(name, sha256(stranger), stranger).status_code == 201
    tag = sha256(subject).replace(":", "-")
    fallback = image_index(attached, stranger)

    assert alice.push_manifest(name, tag, fallback, OCI_INDEX).status_code == 201

    assert digests(referrers(alice, name, sha256(subject))) == [sha256(attached)]
    assert alice.request("GET", name, f"manifests/{tag}").content == fallback, "the tag stays an ordinary one"


@pytest.mark.item("92")
def test_fifty_attachments_at_once_are_all_listed(alice: RegistryClient, name: str, subject: bytes) -> None:
    manifests = [artifact(subject, annotations={"number": str(number)}) for number in range(50)]
    alice.repository_token(name)

    with ThreadPoolExecutor(50) as pool:
        attached = list(pool.map(lambda manifest: attach(alice, name, manifest), manifests))

    found = digests(referrers(alice, name, sha256(subject)))
    assert len(found) == 50
    assert set(found) == set(attached)
