"""Lists of tags: shape, pages, order."""

import itertools
import random
from typing import Any

import httpx
import pytest

from tests.support.pages import next_page, pages
from tests.support.registry import RegistryClient, error_codes, image_index, sha256

INDEX = image_index()
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"

NAMES_IN_BYTE_ORDER = [
    "0",
    "1.0",
    "10",
    "2",
    "A",
    "B",
    "Z",
    "_",
    "_a",
    "a",
    "a-",
    "a.",
    "aA",
    "a_",
    "aa",
    "b",
    "latest",
]


def push_tags(client: RegistryClient, name: str, tags: list[str]) -> None:
    """Push one manifest under many tags."""
    for start in range(0, len(tags), 50):
        answer = client.request(
            "PUT",
            name,
            f"manifests/{sha256(INDEX)}",
            params=[("tag", tag) for tag in tags[start : start + 50]],
            content=INDEX,
            headers={"content-type": INDEX_TYPE},
        )
        assert answer.status_code == 201, answer.text


def list_tags(client: RegistryClient, name: str, **parameters: Any) -> httpx.Response:
    return client.request("GET", name, "tags/list", params=parameters)


def tags_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert set(document) == {"name", "tags"}
    tags: list[str] = document["tags"]
    return tags


@pytest.fixture
def tagged(alice: RegistryClient, name: str) -> str:
    """Give a repository with tags of which some begin like others, pushed in no order."""
    shuffled = random.Random(7).sample(NAMES_IN_BYTE_ORDER, len(NAMES_IN_BYTE_ORDER))
    push_tags(alice, name, shuffled)
    return name


@pytest.mark.item("80")
def test_the_tags_of_a_repository_with_nothing_but_a_blob_are_an_empty_list(
    alice: RegistryClient, name: str
) -> None:
    alice.push_blob(name, b"content")

    assert list_tags(alice, name).content == f'{{"name":"{name}","tags":[]}}'.encode()


@pytest.mark.item("80")
def test_the_tags_of_a_repository_whose_last_tag_is_gone_are_an_empty_list(
    alice: RegistryClient, name: str
) -> None:
    push_tags(alice, name, ["only"])
    alice.repository_token(name, fresh=True)
    assert alice.request("DELETE", name, "manifests/only").status_code == 202

    assert tags_of(list_tags(alice, name)) == []


@pytest.mark.item("80")
def test_a_repository_that_nobody_pushed_to_has_no_tags_to_list(alice: RegistryClient, name: str) -> None:
    answer = list_tags(alice, name)

    assert (answer.status_code, error_codes(answer)) == (404, ["NAME_UNKNOWN"])


@pytest.mark.item("80")
def test_an_upload_that_was_only_started_makes_no_repository(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)
    assert alice.session("PATCH", name, location, content=b"a part").status_code == 202

    assert list_tags(alice, name).status_code == 404


@pytest.mark.item("81")
def test_a_page_of_no_tags_is_empty_and_has_no_link(alice: RegistryClient, tagged: str) -> None:
    answer = list_tags(alice, tagged, n=0)

    assert tags_of(answer) == []
    assert "link" not in answer.headers


@pytest.mark.item("81")
@pytest.mark.parametrize("n", ["-1", "many", "1.5", "", " 1", "0x10", "1e3", "\u0661", "9" * 30])
def test_a_page_size_that_is_no_sensible_number_is_400(alice: RegistryClient, tagged: str, n: str) -> None:
    answer = list_tags(alice, tagged, n=n)

    assert (answer.status_code, error_codes(answer)) == (400, ["PAGINATION_NUMBER_INVALID"])


@pytest.mark.item("81")
def test_a_larger_page_than_a_thousand_is_cut_and_linked(alice: RegistryClient, name: str) -> None:
    expected = [f"t{number:04}" for number in range(1100)]
    push_tags(alice, name, expected)

    first, second = pages(alice, alice.repository_token(name), f"/v2/{name}/tags/list?n=5000")

    assert tags_of(first) == expected[:1000]
    assert tags_of(second) == expected[1000:]
    assert len(tags_of(list_tags(alice, name))) == 1100, "without n there is more room"


@pytest.mark.item("82")
@pytest.mark.parametrize("last", ["a", "a,", "a.z", "0", "latest", "~", "!", "Zz"])
def test_a_page_starts_after_a_name_that_need_not_exist(
    alice: RegistryClient, tagged: str, last: str
) -> None:
    expected = [tag for tag in NAMES_IN_BYTE_ORDER if tag.encode() > last.encode()]

    assert tags_of(list_tags(alice, tagged, last=last)) == expected
    assert tags_of(list_tags(alice, tagged, last=last, n=3)) == expected[:3]


@pytest.mark.item("82")
def test_an_empty_last_means_from_the_start(alice: RegistryClient, tagged: str) -> None:
    assert tags_of(list_tags(alice, tagged, last="")) == NAMES_IN_BYTE_ORDER


@pytest.mark.item("82")
@pytest.mark.parametrize("last", ["\x00", "a\x00", "\n", "\x7f"])
def test_a_last_that_no_name_can_be_is_400(alice: RegistryClient, tagged: str, last: str) -> None:
    assert list_tags(alice, tagged, last=last).status_code == 400


@pytest.mark.item("82")
@pytest.mark.parametrize("last", ["\u00fc", "\U0001f600", "\u202e", "%", "'; DROP TABLE tag; --"])
def test_odd_characters_in_last_are_compared_like_any(alice: RegistryClient, tagged: str, last: str) -> None:
    answer = list_tags(alice, tagged, last=last)

    if last.isprintable():
        assert tags_of(answer) == [tag for tag in NAMES_IN_BYTE_ORDER if tag.encode() > last.encode()]
    else:
        assert answer.status_code == 400


@pytest.mark.item("83")
@pytest.mark.parametrize("n", [1, 2, 5, len(NAMES_IN_BYTE_ORDER) - 1])
def test_the_link_leads_to_the_rest_with_the_same_page_size(
    alice: RegistryClient, tagged: str, n: int
) -> None:
    answer = list_tags(alice, tagged, n=n)

    shown = NAMES_IN_BYTE_ORDER[:n]
    assert tags_of(answer) == shown
    assert next_page(answer) == f"/v2/{tagged}/tags/list?n={n}&last={shown[-1]}"


@pytest.mark.item("83")
@pytest.mark.parametrize("n", [len(NAMES_IN_BYTE_ORDER), 100, 1000])
def test_there_is_no_link_when_nothing_follows(alice: RegistryClient, tagged: str, n: int) -> None:
    assert "link" not in list_tags(alice, tagged, n=n).headers
    assert "link" not in list_tags(alice, tagged).headers


@pytest.mark.item("84")
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_pages_put_together_are_the_whole_list_in_byte_order(
    alice: RegistryClient, tagged: str, n: int
) -> None:
    found = pages(alice, alice.repository_token(tagged), f"/v2/{tagged}/tags/list?n={n}")

    assert list(itertools.chain.from_iterable(map(tags_of, found))) == NAMES_IN_BYTE_ORDER


@pytest.mark.item("84")
def test_paging_while_tags_come_and_go_shows_every_stable_tag_once(alice: RegistryClient, name: str) -> None:
    stable = [f"stable-{number:02}" for number in range(20)]
    push_tags(alice, name, stable + [f"stable-{number:02}.old" for number in range(20)])
    token = alice.repository_token(name, fresh=True)
    seen: list[str] = []

    for number, page in enumerate(pages(alice, token, f"/v2/{name}/tags/list?n=3")):
        seen += tags_of(page)
        position = min(number * 2, 19)
        push_tags(alice, name, [f"a-new-{number}", f"stable-{position:02}.new", f"z-new-{number % 3}"])
        alice.request("DELETE", name, f"manifests/stable-{position:02}.old")

    assert [tag for tag in seen if tag in stable] == stable
    assert len(seen) == len(set(seen)), "a tag that was shown is not shown again"
    assert seen == sorted(seen)


@pytest.mark.item("B3", "80")
def test_head_of_a_list_has_the_headers_of_get(alice: RegistryClient, tagged: str) -> None:
    got, headed = (alice.request(method, tagged, "tags/list", params={"n": 2}) for method in ("GET", "HEAD"))

    varying = {"date", "x-request-id"}
    assert headed.content == b""
    assert {k: v for k, v in headed.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }
