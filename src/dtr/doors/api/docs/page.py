"""The page: what the API is, who asks, and its operations by tag."""

from collections.abc import Iterator
from typing import Any

from dtr.doors.api.docs.markup import Html, element, joined, prose
from dtr.doors.api.docs.operation import Operation, anchor, operation_section
from dtr.doors.api.docs.schemas import Schemas

METHODS = ("get", "post", "put", "patch", "delete")

Document = dict[str, Any]
Entry = tuple[str, str, Operation]
"""Path, method, operation."""


def render_page(document: Document, assets: str) -> str:
    """Return the page about an OpenAPI document; `assets` is the address that style sheet and script lie below."""
    groups = grouped(document)
    schemas = Schemas(document)
    sections = [_tag_section(schemas, tag, entries) for tag, entries in groups.items()]
    body = element(
        "body",
        element("a", "Skip to the operations", href="#operations", class_="skip"),
        _header(document),
        element(
            "div",
            element("nav", _navigation(groups), aria_label="Operations"),
            element("main", _introduction(document), _caller(), *sections, id="operations"),
            class_="columns",
        ),
    )
    return "<!doctype html>\n" + element("html", _head(document, assets), body, lang="en")


def grouped(document: Document) -> dict[str, list[Entry]]:
    """Return the operations by their first tag, tags in the order of the alphabet, paths within in theirs."""
    entries = sorted(
        _entries(document), key=lambda entry: (entry[2]["tags"][0], entry[0], METHODS.index(entry[1]))
    )
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry[2]["tags"][0], []).append(entry)
    return groups


def _entries(document: Document) -> Iterator[Entry]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, {**operation, "tags": operation.get("tags") or ["other"]}


def _head(document: Document, assets: str) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"API of {document['info']['title']}"),
        element("link", rel="stylesheet", href=f"{assets}/docs.css"),
        element("link", rel="icon", href="data:,"),
        element("script", src=f"{assets}/docs.js", type="module"),
    )


def _header(document: Document) -> Html:
    info = document["info"]
    return element(
        "header",
        element(
            "p",
            element("strong", info["title"]),
            " ",
            element("span", f"API {info['version']}", class_="version"),
        ),
        element("p", element("a", "OpenAPI document", href="docs.json"), class_="links"),
    )


def _introduction(document: Document) -> Html:
    return element(
        "section", element("h1", "The API"), prose(document["info"]["description"]), class_="introduction"
    )


def _caller() -> Html:
    """Return the panel that says for whom the forms send; JavaScript shows it."""
    choices = [
        ("session", "Whoever is signed in in this browser"),
        ("password", "Name and password, or access token"),
        ("nobody", "Nobody"),
    ]
    radios = [
        element("label", element("input", type="radio", name="as", value=value), f" {text}")
        for value, text in choices
    ]
    name = element("label", "Name ", element("input", id="as-name", autocomplete="off", spellcheck="false"))
    secret = element(
        "label", "Password ", element("input", id="as-secret", type="password", autocomplete="off")
    )
    return element(
        "form",
        element("fieldset", element("legend", "Requests are sent as"), *radios,
                element("div", name, secret, id="as-credentials", hidden=True)),
        id="caller",
        hidden=True,
    )  # fmt: skip


def _navigation(groups: dict[str, list[Entry]]) -> Html:
    search = element(
        "p",
        element("label", "Find an operation", for_="find"),
        element("input", id="find", type="search", autocomplete="off", placeholder="path or word"),
        class_="find",
        hidden=True,
    )
    lists = [
        element("details", element("summary", tag), element("ul", *map(_link, entries)), open=False)
        for tag, entries in groups.items()
    ]
    return joined(search, *lists)


def _link(entry: Entry) -> Html:
    _, method, operation = entry
    text = [element("span", method.upper(), class_=f"method {method}"), f" {operation.get('summary', '')}"]
    return element("li", element("a", *text, href=f"#{anchor(operation)}"))


def _tag_section(schemas: Schemas, tag: str, entries: list[Entry]) -> Html:
    parts = [operation_section(schemas, path, method, operation) for path, method, operation in entries]
    return element("section", element("h2", tag), *parts, id=f"tag-{tag.replace(' ', '-')}", class_="tag")
