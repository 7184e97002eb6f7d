"""The pages of the activity log and the audit chain: who sees what, and filters that live in the address."""

import re
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.site import ORG, PRIVATE, PUBLIC, Role, Site

Visit = Callable[[Role], Browser]

REPOSITORY = f"/repositories/{ORG}/{PRIVATE}/activity"
ROOT = Path(__file__).parents[2]


def titles(page: str) -> list[str]:
    """Return what happened, newest first."""
    return re.findall(r'<td class="main-cell"><strong>([^<]*)</strong>', page)


def open_as(visit: Visit, role: Role, path: str, status: int = 200) -> str:
    return visit(role).open(path, status=status).text


def test_strangers_are_sent_to_sign_in(visit: Visit) -> None:
    public = f"/repositories/{ORG}/{PUBLIC.replace('/', '%2F')}/activity"
    for path in ("/activity", "/system/audit", public):
        assert visit(Role.ANONYMOUS).open(path).path.startswith("/sign-in?next="), path


def test_pulls_are_left_out_unless_asked_for(web_server: Site, visit: Visit) -> None:
    owner = web_server.registry(Role.OWNER)
    assert owner.request("GET", f"{ORG}/{PRIVATE}", "manifests/1.0").status_code == 200
    owner.close()
    deadline = time.monotonic() + 20  # pulls are written down every few seconds
    while "Image pulled" not in titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?type=all&size=100")):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert set(titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?type=GET"))) == {"Image pulled"}
    assert "Tag pushed" in titles(open_as(visit, Role.ADMIN, REPOSITORY))
    assert "Image pulled" not in titles(open_as(visit, Role.ADMIN, REPOSITORY))
    assert "Image pulled" not in titles(open_as(visit, Role.READER, f"{REPOSITORY}?type=all"))


def test_filters_narrow_the_list_down(visit: Visit) -> None:
    created = titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?type=CREATE&size=100"))
    assert "Repository created" in created
    assert set(titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?type=update"))) == {"Tag pushed"}
    assert titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?actor=olivia&size=100")).count("Tag pushed") > 3
    assert "Repository created" not in titles(
        open_as(visit, Role.ADMIN, f"{REPOSITORY}?actor=Olivia&size=100")
    )
    for query in ("actor=nobody", "actor=' OR 1=1 --", "to=2020-01-01", "from=2990-01-01", "type=SCAN"):
        page = open_as(visit, Role.ADMIN, f"{REPOSITORY}?{query}")
        assert titles(page) == [], query
        assert "Nothing matches" in page


@pytest.mark.parametrize(
    "query", ["type=NONSENSE", "from=yesterday", "to=2020-13-01", "start=x", f"actor={'a' * 201}"]
)
@pytest.mark.parametrize("path", ["/activity", REPOSITORY])
def test_what_makes_no_sense_is_refused(visit: Visit, path: str, query: str) -> None:
    open_as(visit, Role.ADMIN, f"{path}?{query}", status=400)


def test_the_name_of_a_chosen_actor_is_in_the_field_and_the_address_keeps_the_id(visit: Visit) -> None:
    page = open_as(visit, Role.ADMIN, REPOSITORY)
    link = re.search(r'href="([^"]*actor=[^"]+)"[^>]*>olivia<', page)
    assert link is not None
    chosen = open_as(visit, Role.ADMIN, unescape(link[1]))
    assert 'name="actor" value="olivia"' in chosen
    assert "Access of a team changed" not in titles(chosen)


def test_long_lists_come_in_pages(visit: Visit) -> None:
    path = f"{REPOSITORY}?size=2"
    seen: list[str] = []
    for _ in range(30):
        page = open_as(visit, Role.ADMIN, path)
        seen += re.findall(r'<time datetime="([^"]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        path = unescape(following[1])
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(titles(open_as(visit, Role.ADMIN, f"{REPOSITORY}?size=100")))


def test_readers_see_neither_addresses_nor_changes_of_access(visit: Visit) -> None:
    page = open_as(visit, Role.READER, f"{REPOSITORY}?type=all&size=100")
    assert "Tag pushed" in titles(page)
    assert "Access of a team changed" not in titles(page)
    assert "127.0.0.1</span>" not in page
    assert "Access of a team changed" in titles(open_as(visit, Role.MAINTAINER, f"{REPOSITORY}?size=100"))
    for role in (Role.USER, Role.MEMBER):
        open_as(visit, role, REPOSITORY, status=404)


def test_everybody_sees_their_own_activity_and_that_of_their_namespaces(visit: Visit) -> None:
    own = open_as(visit, Role.USER, "/activity?size=100")
    assert f"{ORG}/{PRIVATE}" not in own
    assert f"{ORG}/{PRIVATE}" in open_as(visit, Role.OWNER, "/activity?size=100")
    assert "ursula/own" in own


def test_the_audit_chain_shows_its_state_to_auditors_only(visit: Visit) -> None:
    for role in (Role.ADMIN, Role.AUDITOR):
        page = open_as(visit, role, "/system/audit")
        assert "its end is intact" in page
        assert "dtr audit verify" in page
    page = open_as(visit, Role.USER, "/system/audit?size=100")
    assert "dtr audit verify" not in page
    assert titles(page)
    assert ">mia<" not in page


def test_failed_logins_are_found_by_name_and_outcome(web_server: Site, visit: Visit) -> None:
    hostile = ApiClient(web_server.url, "mia", "<script>alert(1)</script>")
    hostile.http.headers["user-agent"] = "<script>alert(2)</script>"
    assert hostile.get("/api/v0/repositories").status_code == 401
    hostile.close()
    page = open_as(visit, Role.ADMIN, "/system/audit?name=LoginFailed")
    assert set(titles(page)) == {"Login failed"}
    assert "refused" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(2)" in page
    assert titles(open_as(visit, Role.ADMIN, "/system/audit?name=LoginFailed&outcome=success")) == []
    assert set(titles(open_as(visit, Role.ADMIN, "/system/audit?outcome=denied"))) >= {"Login failed"}
    open_as(visit, Role.ADMIN, "/system/audit?outcome=perhaps", status=400)


def test_every_fact_has_words() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/events.md").read_text(), re.MULTILINE))
    words = (ROOT / "src/dtr/features/events/templates/words.html").read_text()
    assert told
    assert told == set(re.findall(r'^  "(\w+)": _\(', words, re.MULTILINE)), "name the facts in words.html"
