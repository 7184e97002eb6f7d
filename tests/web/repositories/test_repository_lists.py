"""Lists of repositories: what they hold, filters, pages."""

import re
from html import unescape

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.people import make_user
from tests.support.server import ServerProcess
from tests.web.repositories.scene import at, make, names


def test_a_list_holds_what_its_reader_may_see_and_nothing_else(
    stranger: Browser, simon: Browser, wendy: Browser
) -> None:
    assert names(stranger.see(at("/repositories", namespace="acme", q="front"))) == ["acme/web%2Ffront"]
    assert names(stranger.see(at("/repositories", namespace="acme", q="ledger"))) == []
    assert "acme/ledger" not in names(stranger.see(at("/repositories", namespace="acme", q="e")))
    assert "acme/ledger" not in names(simon.see("/repositories"))
    assert "acme/ledger" in names(wendy.see("/repositories"))


def test_a_list_says_what_role_its_reader_has(simon: Browser, wendy: Browser, olivia: Browser) -> None:
    assert "read and write" in wendy.see(at("/repositories", q="ledger"))
    assert ">admin<" in olivia.see(at("/repositories", q="ledger"))
    assert "read only" in simon.see(at("/repositories", q="front"))


def test_filters_narrow_a_list_together(olivia: Browser) -> None:
    assert names(olivia.see(at("/repositories", q="LEDG"))) == ["acme/ledger"]
    both = names(olivia.see(at("/repositories", q="e", namespace="acme")))
    assert {"acme/ledger", "acme/web%2Ffront"} <= set(both)
    assert names(olivia.see(at("/repositories", q="ledger", namespace="acme", visibility="public"))) == []
    assert names(olivia.see(at("/repositories", q="front", visibility="public"))) == ["acme/web%2Ffront"]
    assert names(olivia.see(at("/repositories", q="front", visibility="private"))) == []
    assert names(olivia.see(at("/repositories", namespace="ACME", q="front"))) == ["acme/web%2Ffront"]
    assert names(olivia.see(at("/repositories", namespace="simon"))) == []


@pytest.mark.parametrize("text", ["%", "_", "!", "\x7f", "ледгер", "' OR 1=1 --", "a" * 255])
def test_signs_of_the_query_language_are_only_text_in_a_filter(olivia: Browser, text: str) -> None:
    page = olivia.see(at("/repositories", q=text))
    assert names(page) == []
    assert "No repository matches" in page


@pytest.mark.parametrize("query", [{"q": "a" * 256}, {"size": "many"}, {"start": "\x00"}])
def test_what_makes_no_sense_in_the_address_of_a_list_is_told(olivia: Browser, query: dict[str, str]) -> None:
    assert "That did not work" in olivia.see(at("/repositories", **query), 400)


def test_pages_of_a_list_go_on_where_the_last_one_ended(olivia: Browser, admin: ApiClient) -> None:
    for number in range(5):
        make(admin, "olivia", f"paged-{number}")
    path, seen = "/repositories?namespace=olivia&q=paged&size=2", list[str]()
    for _ in range(3):
        page = olivia.see(path)
        assert len(names(page)) <= 2
        seen += names(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        path = unescape(following[1])
    assert seen == [f"olivia/paged-{number}" for number in range(5)]


def test_an_empty_namespace_shows_the_commands_that_fill_it(
    browser_of: BrowserOf, admin: ApiClient, registry: ServerProcess
) -> None:
    make_user(admin, "nina")
    page = browser_of("nina").see(at("/repositories", namespace="nina"))
    assert f"docker push 127.0.0.1:{registry.port}/nina/my-app:latest" in page


def test_the_address_of_a_namespace_leads_to_its_list(stranger: Browser) -> None:
    assert stranger.http.get("/repositories/acme").headers["location"] == "/repositories?namespace=acme"


def test_pages_are_small_however_long_the_names_are(olivia: Browser, admin: ApiClient) -> None:
    for number in range(100):
        make(admin, "olivia", f"{'long' * 61}{number:04}", shortDescription="&" * 140)
    for address in ("/repositories?namespace=olivia&size=100000&q=long", "/search?q=long"):
        answer = olivia.http.get(address, follow_redirects=True)
        assert answer.status_code == 200
        assert len(answer.content) < 200 * 1024
    fewer = olivia.http.get("/repositories?namespace=olivia&size=100&q=long").headers["location"]
    assert fewer == "/repositories?namespace=olivia&size=50&q=long"
    assert len(names(olivia.see(fewer))) == 50
