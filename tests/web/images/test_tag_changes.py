"""Tags and manifests are deleted, and deleted or moved tags come back."""

import re

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.hostile import HOSTILE
from tests.support.html_pages import notices_in
from tests.support.registry import (
    RegistryClient,
    sha256,
)
from tests.web.images.scene import ABSENT, at, tags_of


def test_chosen_tags_are_deleted_after_a_question(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    for tag in ("a", "b", "c"):
        pusher.push_image(name, tag)
    page = at(name, "tags")

    asked = olivia.send(at(name, "tags/delete"), tag=["a", "b"])

    assert asked.status_code == 200
    assert "Delete 2 tags?" in asked.text
    assert set(tags_of(admin, name)) == {"a", "b", "c"}
    done = olivia.send(at(name, "tags/delete"), tag=["a", "b"], confirmed="yes")
    assert (done.status_code, done.headers["location"]) == (303, page)
    assert notices_in(olivia.see(page)) == ["Deleted 2 tags"]
    assert set(tags_of(admin, name)) == {"c"}


def test_a_form_without_tags_says_so_and_one_with_a_tag_that_went_tells_it(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    pusher.push_image(name, "a")
    page = at(name, "tags")

    nothing = olivia.send(at(name, "tags/delete"), confirmed="yes")
    assert nothing.status_code == 400
    assert notices_in(nothing.text) == ["choose the tags to delete first"]
    many = olivia.send(at(name, "tags/delete"), tag=[f"t{number}" for number in range(101)])
    assert many.status_code == 400
    olivia.send(at(name, "tags/delete"), tag=["a", HOSTILE], confirmed="yes")
    after = olivia.see(page)
    assert notices_in(after) == [f"Deleted 1 of 2 tags: {name} has no tag {HOSTILE}"]
    assert "<script>alert" not in after
    assert tags_of(admin, name) == {}


def test_a_manifest_is_deleted_with_its_tags_after_a_question(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    page = at(name, f"manifests/{digest}")

    asked = olivia.send(f"{page}/delete")
    assert "cannot be brought back" in asked.text
    assert set(tags_of(admin, name)) == {"a"}
    done = olivia.send(f"{page}/delete", confirmed="yes")

    assert done.status_code == 303
    assert tags_of(admin, name) == {}
    olivia.see(page, 404)


def test_a_deleted_tag_comes_back(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    olivia.send(at(name, "tags/delete"), tag="a", confirmed="yes")
    page = olivia.see(at(name, "tags"))
    assert "1 deleted tag can be brought back" in page
    assert f'action="{at(name, "tags/a/restore")}"' in page

    done = olivia.send(at(name, "tags/a/restore"))

    assert (done.status_code, done.headers["location"]) == (303, at(name, "tags/a"))
    assert tags_of(admin, name) == {"a": digest}
    again = olivia.send(at(name, "tags/a/restore"))
    assert again.status_code == 409


def test_a_tag_is_rolled_back_to_where_its_manifest_is_still_there(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    digests = [sha256(pusher.push_image(name, "a", str(number).encode())) for number in range(3)]
    assert pusher.request("DELETE", name, f"manifests/{digests[0]}").status_code == 202

    page = olivia.see(at(name, "tags/a"))
    assert re.findall(r'name="digest" value="([^"]*)"', page) == [digests[1]]
    done = olivia.send(at(name, "tags/a/restore"), digest=digests[1])

    assert done.status_code == 303
    assert tags_of(admin, name) == {"a": digests[1]}
    assert "moved back" in olivia.see(at(name, "tags/a"))
    gone = olivia.send(at(name, "tags/a/restore"), digest=digests[0])
    assert gone.status_code == 409
    assert tags_of(admin, name) == {"a": digests[1]}


@pytest.mark.parametrize(("digest", "status"), [("nonsense", 400), (ABSENT, 404)])
def test_a_tag_does_not_go_where_it_never_was(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str, digest: str, status: int
) -> None:
    before = sha256(pusher.push_image(name, "a"))

    answer = olivia.send(at(name, "tags/a/restore"), digest=digest)

    assert answer.status_code == status
    assert tags_of(admin, name) == {"a": before}
