"""Somebody's browser without JavaScript: keeps cookies, reads pages, fills in and sends their forms."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urljoin

import httpx

from tests.support.html_pages import HtmlForm, HtmlPage, read_page
from tests.support.people import PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]*)"')


class Browser:
    """Goes through pages in two ways.

    `open`, `submit` and `sign_in` do what a person does: they follow where an answer leads and send the forms that a
    page has. `see`, `send` and `log_in` follow nothing, and send to any address what a page may not offer.
    """

    def __init__(self, url: str, *, language: str = "en", user_agent: str = "tests/1") -> None:
        headers = {
            "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            "accept-language": language,
            "user-agent": user_agent,
        }
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def open(self, path: str, *, status: int | None = 200) -> HtmlPage:
        """Follow a link. Fails if the page answers another status, unless that is None."""
        return self._page(self.http.get(path, follow_redirects=True), status)

    def sign_in(self, name: str, password: str = PASSWORD) -> HtmlPage:
        """Fill in the form to sign in."""
        page = self.open("/sign-in?next=/repositories")
        page = self.submit(page, page.form("/login"), username=name, password=password)
        assert page.path == "/repositories", page.words
        return page

    def submit(
        self,
        page: HtmlPage,
        form: HtmlForm,
        *,
        status: int | None = 200,
        button: str | None = None,
        **typed: str | list[str] | None,
    ) -> HtmlPage:
        """Send a form of a page, with what somebody typed into its fields; None leaves a box unchecked.

        `button` names the one that is pressed, by the name of its field; otherwise it is the first. Fails for a field
        that the form does not have.
        """
        fields = {name: list(values) for name, values in form.fields.items()}
        for key, value in typed.items():
            assert form.has(key), (
                f"{page.url}: the form {form.action} has no field {key}: {sorted(form.fields)}"
            )
            fields[key] = [] if value is None else [value] if isinstance(value, str) else value
        pressed = next((each for each in form.buttons if button in {None, each[0]}), ("", "", ""))
        if pressed[0]:
            fields.setdefault(pressed[0], []).append(pressed[1])
        address = urljoin(page.url, pressed[2] or form.action or page.url)
        if form.method == "get":
            pairs: list[tuple[str, Any]] = [
                (name, each) for name, values in fields.items() for each in values
            ]
            answer = self.http.get(address.partition("?")[0], params=pairs, follow_redirects=True)
            return self._page(answer, status)
        headers = {"origin": self.url, "referer": page.url}
        answer = self.http.post(address, data=fields, headers=headers, follow_redirects=True)
        return self._page(answer, status)

    def see(self, path: str, status: int = 200) -> str:
        """Return a page as text; fails if it answers another status."""
        answer = self.http.get(path)
        assert answer.status_code == status, (answer.status_code, answer.headers.get("location"), answer.text)
        return answer.text

    def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send fields to an address, with the token that every page of the session holds."""
        found = _TOKEN.search(self.http.get("/profile").text)
        assert found is not None
        return self.http.post(path, data={"csrf_token": found[1], **fields})

    def log_in(self, name: str, password: str, next_path: str = "/") -> httpx.Response:
        """Send name and password, right or wrong; return the answer."""
        fields = {"username": name, "password": password}
        return self.http.post("/login", params={"next": next_path}, data=fields)

    def _page(self, answer: httpx.Response, status: int | None) -> HtmlPage:
        assert status in {None, answer.status_code}, (
            f"{answer.url}: {answer.status_code}\n{answer.text[-3000:]}"
        )
        return read_page(answer)


def sent_to(answer: httpx.Response) -> str:
    """Return where the answer to a form leads; fails unless it leads anywhere."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


BrowserOf = Callable[..., Browser]
"""Opens the browser of somebody; takes name, password and user agent. Without a name it is a stranger's."""


@contextmanager
def browsers(url: str) -> Iterator[BrowserOf]:
    """Give what opens browsers; all are closed at the end."""
    with ExitStack() as stack:

        def browser_of(name: str = "", password: str = PASSWORD, user_agent: str = "tests/1") -> Browser:
            browser = Browser(url, user_agent=user_agent)
            stack.callback(browser.close)
            if name:
                answer = browser.log_in(name, password)
                assert answer.headers["location"] == "/", answer.text
            return browser

        yield browser_of
