"""What is on a page, read as a browser without JavaScript would: forms, links, words and messages."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx

_NO_VALUE = frozenset({"button", "submit", "image", "reset", "file"})
_UNCHECKED = frozenset({"checkbox", "radio"})
_NOTICE = re.compile(r'<div class="notice notice-\w+"[^>]*><p>(.*?)</p>', re.DOTALL)


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


def read_page(answer: httpx.Response) -> HtmlPage:
    """Take a page apart."""
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


def notices_in(page: str) -> list[str]:
    """Return the messages on a page."""
    return [unescape(each) for each in _NOTICE.findall(page)]


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
