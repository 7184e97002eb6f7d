"""The first page of a repository: what it says, to whom, and hostile texts."""

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.hostile import HOSTILE
from tests.support.server import ServerProcess
from tests.web.repositories.scene import made


@pytest.mark.parametrize("rest", ["", "/settings", "/permissions"])
def test_a_hidden_repository_looks_like_one_that_is_not_there(
    simon: Browser, stranger: Browser, rest: str
) -> None:
    for visitor in (simon, stranger):
        hidden = visitor.see(f"/repositories/acme/ledger{rest}", 404)
        absent = visitor.see(f"/repositories/acme/absent{rest}", 404)
        assert hidden.replace("ledger", "absent") == absent


@pytest.mark.parametrize("rest", ["", "/settings", "/permissions"])
@pytest.mark.parametrize("name", ["UPPER", "..%2F..%2Fetc", "%00", "a%2F%2Fb", "ñ", "x" * 300])
def test_a_name_that_none_can_have_is_nowhere(olivia: Browser, name: str, rest: str) -> None:
    assert "Nothing here" in olivia.see(f"/repositories/acme/{name}{rest}", 404)


def test_the_first_page_of_a_repository_says_what_it_is_and_why_its_reader_sees_it(
    wendy: Browser, registry: ServerProcess
) -> None:
    page = wendy.see("/repositories/acme/ledger")
    assert f"docker push 127.0.0.1:{registry.port}/acme/ledger:latest" in page
    assert f"docker pull 127.0.0.1:{registry.port}/acme/ledger" in page
    assert "is in the team writers, which has the level read-write on the repository" in page
    assert "has not described it" in page


def test_who_may_not_push_is_shown_no_way_to(stranger: Browser) -> None:
    page = stranger.see("/repositories/acme/web%2Ffront")
    assert "docker push" not in page
    assert "docker pull" in page
    for tab in ("/settings", "/permissions", "/activity"):
        assert f'href="/repositories/acme/web%2Ffront{tab}"' not in page


def test_texts_of_users_are_inert(olivia: Browser, admin: ApiClient) -> None:
    name = made(admin)
    readme = f"# Hi\n\n{HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://elsewhere.example/y.png) <https://ok.example>"
    answer = olivia.send(
        f"/repositories/acme/{name}/settings",
        section="description",
        short_description=HOSTILE[:60],
        long_description=readme,
    )
    assert answer.headers["location"] == f"/repositories/acme/{name}/settings"
    addresses = (
        f"/repositories/acme/{name}",
        f"/repositories/acme/{name}/settings",
        f"/repositories?q={name}",
        f"/search?q={name}",
    )
    for address in addresses:
        page = olivia.see(address)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert" in page
        assert 'href="javascript:' not in page
    page = olivia.see(f"/repositories/acme/{name}")
    assert "<h3>Hi</h3>" in page
    assert 'href="https://ok.example" rel="noopener noreferrer nofollow"' in page
