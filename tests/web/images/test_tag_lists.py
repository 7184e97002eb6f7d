"""Lists of tags: what they say, filters, pages, and their size at most."""

import re
from html import unescape

from tests.support.browser import Browser, BrowserOf
from tests.support.hostile import HOSTILE
from tests.support.registry import (
    RegistryClient,
    sha256,
)
from tests.web.images.scene import MAX_PAGE_BYTES, at, push, shown_tags


def test_an_empty_repository_tells_who_may_push_how_to_push(
    browser_of: BrowserOf, olivia: Browser, name: str
) -> None:
    address = str(olivia.http.base_url).rstrip("/").partition("://")[2]

    assert f"docker push {address}/{name}:latest" in olivia.see(at(name, "tags"))
    assert "docker push " + address not in browser_of().see(at(name, "tags"))


def test_a_tag_is_listed_with_platform_size_digest_and_who_pushed_it(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    config = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    manifest = push(pusher, name, "v1", config, b"x" * 5000)

    page = olivia.see(at(name, "tags"))

    assert shown_tags(page) == ["v1"]
    assert "linux/arm64/v8" in page
    assert "5.1 kB" in page
    assert f'data-copy="{sha256(manifest)}"' in page
    assert "by olivia" in page


def test_tags_are_filtered_by_a_part_of_the_name_in_any_case(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    for tag in ("V1-Alpha", "v1_beta", "v2-alpha", "latest"):
        pusher.push_image(name, tag)

    assert shown_tags(olivia.see(at(name, "tags?q=ALPHA"))) == ["V1-Alpha", "v2-alpha"]
    assert shown_tags(olivia.see(at(name, "tags?q=1_"))) == ["v1_beta"]
    assert "No tag matches" in olivia.see(at(name, "tags?q=%25"))
    olivia.see(at(name, "tags?q=%00"), 400)
    olivia.see(at(name, "tags?start=%00"), 400)


def test_tags_pushed_last_come_first_if_that_is_asked_for(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    manifest = pusher.push_image(name, "c")
    pushed = ["c", *(f"t{number % 7}-{number}" for number in range(30))]
    for tag in [*pushed[1:], "c"]:  # the first is pushed again
        assert pusher.push_manifest(name, tag, manifest).status_code == 201
    wanted = ["c", *reversed(pushed[1:])]

    first = olivia.see(at(name, "tags?sort=newest"))
    [address] = re.findall(r'rel="next" href="([^"]*)"', first)

    assert shown_tags(first) == wanted[:25]
    assert shown_tags(olivia.see(unescape(address))) == wanted[25:]
    assert shown_tags(olivia.see(at(name, "tags?sort=newest&q=t3-"))) == ["t3-24", "t3-17", "t3-10", "t3-3"]
    olivia.see(at(name, "tags?sort=newest&start=t3-24"), 400)
    olivia.see(at(name, f"tags?sort=newest&start={'9' * 30}.c"), 400)


def test_a_long_list_comes_in_pages_of_25_that_keep_the_filter(
    pusher: RegistryClient, olivia: Browser, name: str
) -> None:
    manifest = pusher.push_image(name, "other")
    wanted = [f"v{number:03}" for number in range(60)]
    for tag in wanted:
        assert pusher.push_manifest(name, tag, manifest).status_code == 201

    found, address = [], at(name, "tags?q=v")
    for _ in range(3):
        page = olivia.see(address)
        found.append(shown_tags(page))
        following = re.search(r'rel="next" href="([^"]*)"', page)
        address = unescape(following[1]) if following else ""

    assert [len(each) for each in found] == [25, 25, 10]
    assert [tag for each in found for tag in each] == wanted
    assert not address
    assert "60 entries" in page


def test_the_largest_page_of_tags_is_bounded(pusher: RegistryClient, olivia: Browser, name: str) -> None:
    manifest = push(pusher, name, "v", {"os": HOSTILE * 5, "architecture": HOSTILE * 5})
    for number in range(100):
        tag = f"v{number:0127}"
        assert pusher.push_manifest(name, tag, manifest).status_code == 201

    page = olivia.see(at(name, "tags?size=100"))

    assert len(shown_tags(page)) == 100
    assert len(page.encode()) < MAX_PAGE_BYTES
    assert "<script>alert" not in page
