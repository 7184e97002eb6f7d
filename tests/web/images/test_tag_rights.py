"""Who may look at images, who may change tags, and forged forms."""

import re

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.registry import (
    RegistryClient,
    sha256,
)
from tests.support.site import REPOSITORIES
from tests.web.images.scene import (
    at,
    forms_in,
    make_immutable,
    push,
    tags_of,
)


@pytest.mark.parametrize("who", ["simon", "mia", "audrey", ""])
def test_who_may_only_look_gets_no_buttons_and_no_way_around_them(
    pusher: RegistryClient, admin: ApiClient, browser_of: BrowserOf, olivia: Browser, name: str, who: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    pusher.push_image(name, "a", b"another")
    pusher.push_image(name, "gone")
    olivia.send(at(name, "tags/delete"), tag="gone", confirmed="yes")
    before = tags_of(admin, name)
    visitor = browser_of(who)

    for rest in ("tags", "tags/a", f"manifests/{digest}"):
        assert forms_in(visitor.see(at(name, rest))) == [], rest
    for rest, fields in (
        ("tags/delete", {"tag": "a"}),
        ("tags/delete", {"tag": "a", "confirmed": "yes"}),
        ("tags/a/restore", {"digest": digest}),
        ("tags/gone/restore", {}),
        (f"manifests/{digest}/delete", {}),
        (f"manifests/{digest}/delete", {"confirmed": "yes"}),
    ):
        token = re.search(r'name="csrf_token" value="([^"]*)"', visitor.see(at(name, "tags")))
        data = {"csrf_token": token[1] if token else "", **fields}
        answer = visitor.http.post(at(name, rest), data=data)
        assert answer.status_code in {401, 403}, (rest, answer.status_code)
    assert tags_of(admin, name) == before


def test_who_may_not_pull_reads_no_documents(
    pusher: RegistryClient, browser_of: BrowserOf, admin: ApiClient
) -> None:
    made = admin.post(f"{REPOSITORIES}/acme", {"name": "secret"})
    assert made.status_code in {201, 409}
    push(pusher, "acme/secret", "v1", {"os": "linux", "config": {"Env": ["KEY=of-the-kingdom"]}})

    assert "of-the-kingdom" in browser_of("olivia").see(at("acme/secret", "tags/v1"))
    page = browser_of("audrey").see(at("acme/secret", "tags/v1"))
    assert "of-the-kingdom" not in page
    assert "docker pull" not in page
    browser_of("simon").see(at("acme/secret", "tags/v1"), 404)
    browser_of("simon").see(at("acme/secret", "tags"), 404)


def test_immutable_tags_offer_no_deletion_and_stay(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    digest = sha256(pusher.push_image(name, "a"))
    current = sha256(pusher.push_image(name, "a", b"another"))
    make_immutable(admin, name)

    assert forms_in(olivia.see(at(name, "tags"))) == []
    assert forms_in(olivia.see(at(name, "tags/a"))) == []
    rolled_back = olivia.send(at(name, "tags/a/restore"), digest=digest)
    assert rolled_back.status_code == 403
    deleted = olivia.send(at(name, f"manifests/{current}/delete"), confirmed="yes")
    assert deleted.status_code == 403
    assert tags_of(admin, name) == {"a": current}


def test_forms_from_other_sites_change_nothing(
    pusher: RegistryClient, admin: ApiClient, olivia: Browser, name: str
) -> None:
    pusher.push_image(name, "a")
    fields = {"tag": "a", "confirmed": "yes", "csrf_token": "guessed"}

    answer = olivia.http.post(at(name, "tags/delete"), data=fields)

    assert answer.status_code == 403
    assert set(tags_of(admin, name)) == {"a"}
