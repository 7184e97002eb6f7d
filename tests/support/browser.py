"""A browser without JavaScript: keeps cookies, follows redirects, fills in and sends the forms of a page."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tests.support.people import PASSWORD

_NO_VALUE = frozenset({"button", "submit", "image", "reset", "file"})
_UNCHECKED = frozenset({"checkbox", "radio"})


@dataclass
class HtmlForm:
    """One form of a page, as it would be sent if nobody typed anything."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    """The values of checkboxes, radio buttons and selects, by field."""
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value and address of each button that sends the form."""
    confirm: str = ""
    """What a script asks before the form is sent."""

    def has(self, name: str) -> bool:
        """Tell whether there is a field of this name."""
        return name in self.fields or name in self.choices


@dataclass(frozen=True)
class HtmlPage:
    """A page that was opened."""

    url: str
    status: int
    text: str
    headers: httpx.Headers
    forms: list[HtmlForm]
    links: list[str]
    words: str
    """What can be read on it, with single spaces."""

    @property
    def path(self) -> str:
        """The path and the query."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def form(self, path: str = "", /, *, having: str = "", **values: str) -> HtmlForm:
        """Return the first form that is sent to a path beginning with `path`.

        It has the field `having`, and the values that are given by the name of their field.
        """
        for each in self.forms:
            fits = urlsplit(each.action).path.startswith(path) and (not having or each.has(having))
            if fits and all(each.fields.get(name) == [value] for name, value in values.items()):
                return each
        found = [(each.method, each.action, sorted(each.fields)) for each in self.forms]
        raise AssertionError(f"{self.url} has no form {path} with {having} {values}: {found}")


class Browser:
    """Somebody's browser; signs in through the form."""

    def __init__(self, url: str, language: str = "en") -> None:
        headers = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "accept-language": language}
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30, follow_redirects=True)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def open(self, path: str, *, status: int | None = 200) -> HtmlPage:
        """Follow a link. Fails if the page answers another status, unless that is None."""
        return self._page(self.http.get(path), status)

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
            return self._page(self.http.get(address.partition("?")[0], params=pairs), status)
        headers = {"origin": self.url, "referer": page.url}
        return self._page(self.http.post(address, data=fields, headers=headers), status)

    def _page(self, answer: httpx.Response, status: int | None) -> HtmlPage:
        assert status in {None, answer.status_code}, (
            f"{answer.url}: {answer.status_code}\n{answer.text[-3000:]}"
        )
        parser = _Parser()
        parser.feed(answer.text)
        return HtmlPage(
            url=str(answer.url),
            status=answer.status_code,
            text=answer.text,
            headers=answer.headers,
            forms=parser.forms,
            links=parser.links,
            words=" ".join("".join(parser.words).split()),
        )


class _Parser(HTMLParser):
    """Finds forms, links and words."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._form: HtmlForm | None = None
        self._select = ""
        self._option: str | None = None
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self._form = HtmlForm(
                found.get("action", ""),
                found.get("method", "get").lower(),
                confirm=found.get("data-confirm", ""),
            )
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(self._form, tag, found)

    def _field(self, form: HtmlForm, tag: str, found: dict[str, str]) -> None:
        name = found.get("name", "")
        if tag == "button" and found.get("type", "submit") == "submit":
            form.buttons.append((name, found.get("value", ""), found.get("formaction", "")))
        elif tag == "option" and self._select:
            self._choose(form, found.get("value"), is_selected="selected" in found)
        elif not name or "disabled" in found:
            return
        elif tag == "input":
            self._input(form, name, found)
        elif tag == "select":
            self._select = name
            form.choices[name] = []
            form.fields[name] = []
        elif tag == "textarea":
            self._textarea = name
            form.fields[name] = [""]

    def _choose(self, form: HtmlForm, value: str | None, *, is_selected: bool) -> None:
        """Note an option of the select that is open. One without a value has its text as value, which comes later."""
        wins = is_selected or not form.choices[self._select]
        self._option = None if value is not None else "selected" if wins else "listed"
        form.choices[self._select].append(value or "")
        if wins:
            form.fields[self._select] = [value or ""]

    def _input(self, form: HtmlForm, name: str, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        if kind in _NO_VALUE:
            return
        value = found.get("value", "on" if kind in _UNCHECKED else "")
        if kind in _UNCHECKED:
            form.choices.setdefault(name, []).append(value)
            if "checked" not in found:
                return
        form.fields.setdefault(name, []).append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._form is not None and self._select and self._option:
            self._form.choices[self._select][-1] = data.strip()
            if self._option == "selected":
                self._form.fields[self._select] = [data.strip()]
            self._option = None
        if self._form is not None and self._textarea:
            typed = self._form.fields[self._textarea]
            typed[0] += data if typed[0] else data.removeprefix("\n")
