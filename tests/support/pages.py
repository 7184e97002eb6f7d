"""Walking through lists that come in pages."""

import re
from collections.abc import Iterator

import httpx

from tests.support.registry import RegistryClient

MOST_PAGES = 200
_LINK = re.compile(r'<([^>]+)>; rel="next"')


def next_page(answer: httpx.Response) -> str | None:
    """Return the address of the next page; fails unless it is relative and ASCII."""
    link = answer.headers.get("link")
    if link is None:
        return None
    match = _LINK.fullmatch(link)
    assert match is not None, link
    assert match[1].startswith("/v2/")
    assert link.isascii()
    return match[1]


def pages(client: RegistryClient, token: str, address: str) -> Iterator[httpx.Response]:
    """Yield every page from `address` on, as a client that follows the links gets them."""
    for _ in range(MOST_PAGES):
        answer = client.http.get(address, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        yield answer
        following = next_page(answer)
        if following is None:
            return
        address = following
    raise AssertionError(f"there is no end to the pages: {address}")
