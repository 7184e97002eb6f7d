"""Long lists of referrers: pages of at most 4 MiB in a stable order, put together without the whole list in memory."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import next_page, pages
from tests.support.processes import forget_peaks, peak_bytes, processes_of, resident_bytes
from tests.support.registry import (
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.support.server import ServerProcess

MEBIBYTE = 1024 * 1024
PAGE_BYTES = 4 * MEBIBYTE
EMPTY_CONFIG = b"{}"
SBOM = "application/vnd.example.sbom+json"


def push_referrers(client: RegistryClient, name: str, subject: bytes, number: int, size: int) -> list[str]:
    """Attach manifests with large annotations, every other one an SBOM; return their digests in order of push."""
    client.push_blob(name, EMPTY_CONFIG)
    found = []
    for index in range(number):
        extra: dict[str, Any] = {"artifactType": SBOM} if index % 2 else {}
        annotations = {"number": str(index), "filling": "x" * size}
        manifest = image_manifest(
            EMPTY_CONFIG, subject=descriptor(subject, OCI_MANIFEST), annotations=annotations, **extra
        )
        answer = client.push_manifest(name, sha256(manifest), manifest)
        assert answer.status_code == 201, answer.text
        found.append(sha256(manifest))
    return found


def digests_in(content: bytes) -> list[str]:
    return [entry["digest"] for entry in json.loads(content)["manifests"]]


@pytest.mark.item("89")
def test_a_long_list_comes_in_pages_of_four_mebibytes_in_the_order_of_push(
    alice: RegistryClient, name: str
) -> None:
    subject = alice.push_image(name)
    pushed = push_referrers(alice, name, subject, 10, MEBIBYTE)
    address = f"/v2/{name}/referrers/{sha256(subject)}"

    found = list(pages(alice, alice.repository_token(name), address))

    assert len(found) > 2
    assert all(len(page.content) <= PAGE_BYTES for page in found)
    assert list(itertools.chain.from_iterable(digests_in(page.content) for page in found)) == pushed


@pytest.mark.item("89")
def test_nothing_is_lost_between_pages_when_large_manifests_have_short_descriptors(
    alice: RegistryClient, name: str
) -> None:
    subject = alice.push_image(name)
    alice.push_blob(name, EMPTY_CONFIG)
    pushed = []
    for number in range(7):
        filled = {"number": number, "unknown": "x" * (3 * MEBIBYTE // 2)}
        manifest = image_manifest(EMPTY_CONFIG, subject=descriptor(subject, OCI_MANIFEST), **filled)
        assert alice.push_manifest(name, sha256(manifest), manifest).status_code == 201
        pushed.append(sha256(manifest))

    found = pages(alice, alice.repository_token(name), f"/v2/{name}/referrers/{sha256(subject)}")

    assert list(itertools.chain.from_iterable(digests_in(page.content) for page in found)) == pushed


@pytest.mark.item("89", "88", "83")
def test_the_link_keeps_the_filter(alice: RegistryClient, name: str) -> None:
    subject = alice.push_image(name)
    pushed = push_referrers(alice, name, subject, 12, MEBIBYTE)
    address = f"/v2/{name}/referrers/{sha256(subject)}?artifactType={SBOM.replace('+', '%2B')}"

    found = list(pages(alice, alice.repository_token(name), address))

    assert len(found) > 1
    assert all(page.headers["oci-filters-applied"] == "artifactType" for page in found)
    assert list(itertools.chain.from_iterable(digests_in(page.content) for page in found)) == pushed[1::2]


@pytest.mark.item("89")
def test_a_page_goes_on_after_its_last_entry_even_if_that_is_gone(alice: RegistryClient, name: str) -> None:
    subject = alice.push_image(name)
    pushed = push_referrers(alice, name, subject, 6, MEBIBYTE)
    token = alice.repository_token(name, fresh=True)
    first = alice.request("GET", name, f"referrers/{sha256(subject)}")
    shown = digests_in(first.content)
    assert alice.request("DELETE", name, f"manifests/{shown[-1]}").status_code == 202

    following = next_page(first)
    assert following is not None
    rest = pages(alice, token, following)

    assert shown + [digest for page in rest for digest in digests_in(page.content)] == pushed


@pytest.mark.item("89")
@pytest.mark.parametrize("last", ["rubbish", "1_2", "-1_sha256:x", "%00", "9" * 30])
def test_a_place_that_no_link_named_is_400(alice: RegistryClient, name: str, last: str) -> None:
    subject = alice.push_image(name)

    answer = alice.raw("GET", f"/v2/{name}/referrers/{sha256(subject)}?last={last}", name=name)

    assert answer.status == 400


@pytest.mark.item("B9", "89")
@pytest.mark.slow
def test_a_page_of_huge_referrers_takes_the_memory_of_a_page(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    client = RegistryClient(server.url, "admin", server.admin_password)
    subject = client.push_image("admin/huge")
    push_referrers(client, "admin/huge", subject, 60, 3 * MEBIBYTE)
    processes = processes_of(server.pid)
    before = {pid: resident_bytes(pid) for pid in processes}
    forget_peaks(processes)

    answer = client.request("GET", "admin/huge", f"referrers/{sha256(subject)}")

    assert len(digests_in(answer.content)) == 1
    assert max(peak_bytes(pid) - before[pid] for pid in processes) < 60 * MEBIBYTE
    client.close()
    assert server.stop() == 0
