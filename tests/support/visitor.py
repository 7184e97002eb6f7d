"""Somebody with a browser, without one: keeps cookies, follows nothing, sends forms with the token of the page."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from html import unescape

import httpx

from tests.support.people import PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]*)"')
_NOTICE = re.compile(r'<div class="notice notice-\w+"[^>]*><p>(.*?)</p>', re.DOTALL)


class Visitor:
    """Reads pages and sends forms, signed in as somebody or not."""

    def __init__(
        self, url: str, name: str = "", password: str = PASSWORD, user_agent: str = "tests/1"
    ) -> None:
        headers = {"accept": "text/html", "user-agent": user_agent}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30)
        if name:
            answer = self.sign_in(name, password)
            assert answer.headers["location"] == "/", answer.text

    def sign_in(self, name: str, password: str, next_path: str = "/") -> httpx.Response:
        """Send the form of the page to sign in."""
        fields = {"username": name, "password": password}
        return self.http.post("/login", params={"next": next_path}, data=fields)

    def see(self, path: str, status: int = 200) -> str:
        """Return a page as text; fails if it answers another status."""
        answer = self.http.get(path)
        assert answer.status_code == status, (answer.status_code, answer.headers.get("location"), answer.text)
        return answer.text

    def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form with the token that every page of the session holds."""
        found = _TOKEN.search(self.http.get("/profile").text)
        assert found is not None
        return self.http.post(path, data={"csrf_token": found[1], **fields})

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


Visit = Callable[..., Visitor]
"""Opens a browser; takes what `Visitor` takes after the address."""


@contextmanager
def visits(url: str) -> Iterator[Visit]:
    """Give what opens browsers; all are closed at the end."""
    with ExitStack() as stack:

        def visit(name: str = "", password: str = PASSWORD, user_agent: str = "tests/1") -> Visitor:
            visitor = Visitor(url, name, password, user_agent)
            stack.callback(visitor.close)
            return visitor

        yield visit


def notices_in(page: str) -> list[str]:
    """Return the messages on a page."""
    return [unescape(each) for each in _NOTICE.findall(page)]
