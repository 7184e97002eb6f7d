"""The page of the search."""

import pytest

from tests.support.browser import Browser
from tests.support.hostile import HOSTILE
from tests.web.repositories.scene import at, names


def test_a_hostile_search_is_shown_as_text(olivia: Browser) -> None:
    page = olivia.see(at("/search", q=HOSTILE))
    assert "<script>alert" not in page
    assert "Nothing found" in page


def test_a_search_finds_repositories_and_accounts_that_its_reader_may_see(
    olivia: Browser, simon: Browser, stranger: Browser
) -> None:
    assert names(olivia.see(at("/search", q="ledger"))) == ["acme/ledger"]
    assert names(simon.see(at("/search", q="ledger"))) == []
    page = simon.see(at("/search", q="acme"))
    assert 'href="/organizations/acme"' in page
    assert 'href="/users/simon"' in simon.see(at("/search", q="simon"))
    page = stranger.see(at("/search", q="acme"))
    assert "/organizations/acme" not in page
    assert "acme/web%2Ffront" in names(page)


@pytest.mark.parametrize(
    "query", [{"q": "a" * 256}, {"q": "a", "page": "0"}, {"q": "a", "page": "21"}, {"q": "a", "page": "x"}]
)
def test_a_search_that_makes_no_sense_is_told(olivia: Browser, query: dict[str, str]) -> None:
    assert "That did not work" in olivia.see(at("/search", **query), 400)


def test_a_search_for_nothing_asks_what_for(stranger: Browser) -> None:
    assert "What are you looking for?" in stranger.see(at("/search", q="  "))
