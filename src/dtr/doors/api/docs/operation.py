"""One operation of the API as a part of the page: what it takes, what it answers, and a form to try it."""

import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from dtr.doors.api.docs.markup import Html, element, joined, prose
from dtr.doors.api.docs.schemas import Field, Schema, Schemas

Operation = dict[str, Any]

JSON = "application/json"


def anchor(operation: Operation) -> str:
    """Return the identifier of an operation within the page."""
    return f"op-{operation['operationId']}"


def operation_section(schemas: Schemas, path: str, method: str, operation: Operation) -> Html:
    """Return the part of the page about one operation, folded."""
    parts = [
        prose(operation.get("description", "")),
        _access(operation),
        _parameters(schemas, operation),
        _body(schemas, operation),
        _form(schemas, path, method, operation),
        _answers(schemas, operation),
    ]
    return element("details", _heading(path, method, operation), element("div", *parts, class_="inside"),
                   class_="operation", id=anchor(operation))  # fmt: skip


def _heading(path: str, method: str, operation: Operation) -> Html:
    return element(
        "summary",
        element("span", method.upper(), class_=f"method {method}"),
        element("code", *_with_breaks(path), class_="path"),
        element("span", operation.get("summary", ""), class_="about"),
    )


def _with_breaks(path: str) -> list[str]:
    """Return a path that a narrow screen may break before each slash."""
    first, *others = path.lstrip("/").split("/")
    return [f"/{first}", *(part for other in others for part in (Html("<wbr>"), f"/{other}"))]


def _access(operation: Operation) -> Html:
    everybody = {} in operation.get("security", [])
    sentence = (
        "Open to everybody; what is shown depends on the caller." if everybody else "For those who signed in."
    )
    return element("p", sentence, class_="access")


def _parameters(schemas: Schemas, operation: Operation) -> Html:
    rows = [
        Field(
            each["name"],
            f"{schemas.type_name(each['schema'])} ({each['in']})",
            each.get("required", False),
            each.get("description", ""),
        )
        for each in operation.get("parameters", [])
    ]
    return _table("Parameters", rows)


def _body(schemas: Schemas, operation: Operation) -> Html:
    schema = _body_schema(operation)
    if schema is None:
        return joined()
    return _table("Body", list(schemas.fields(schema)))


def _body_schema(operation: Operation) -> Schema | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Schema | None = content.get(JSON, {}).get("schema")
    return schema


def _table(title: str, rows: list[Field]) -> Html:
    if not rows:
        return joined()
    lines = [
        element(
            "tr",
            element(
                "th",
                element("code", row.name),
                element("span", " required", class_="required") if row.is_required else "",
                scope="row",
            ),
            element("td", row.type_name, class_="type"),
            element("td", prose(row.description)),
        )
        for row in rows
    ]
    return joined(element("h3", title), element("table", element("tbody", *lines)))


def _answers(schemas: Schemas, operation: Operation) -> Html:
    lines = []
    for status, answer in operation.get("responses", {}).items():
        shown = schemas.resolved(answer)
        lines.append(element("dt", element("span", status, class_="status"), f" {_phrase(status)}"))
        lines.append(
            element("dd", shown.get("description", ""), _headers(shown), _answer_body(schemas, shown))
        )
    return joined(element("h3", "Answers"), element("dl", *lines))


def _meaning(answer: Schema) -> str:
    """Return what an answer means; FastAPI's own words for success say nothing."""
    description: str = answer.get("description", "")
    return "" if description == "Successful Response" else description


def _phrase(status: str) -> str:
    return HTTPStatus(int(status)).phrase if status.isdigit() else ""


def _headers(answer: Schema) -> Html:
    names = [element("code", name) for name in answer.get("headers", {})]
    return element("p", "Headers: ", *_listed(names), class_="headers") if names else joined()


def _listed(items: list[Html]) -> list[str]:
    return [part for index, item in enumerate(items) for part in ((", ", item) if index else (item,))]


def _answer_body(schemas: Schemas, answer: Schema) -> Html:
    schema = answer.get("content", {}).get(JSON, {}).get("schema")
    if not schema or schema.get("$ref", "").endswith("/ErrorDocument"):
        return joined()
    example = json.dumps(schemas.example(schema), indent=2, ensure_ascii=False)
    fields = [replace(field, is_required=False) for field in schemas.fields(schema)]
    return joined(_table("Fields", fields), element("pre", example, tabindex="0"))


def _form(schemas: Schemas, path: str, method: str, operation: Operation) -> Html:
    """Return the form that JavaScript brings to life; it stays hidden without."""
    identity = anchor(operation)
    inputs = [_input(schemas, identity, each) for each in operation.get("parameters", [])]
    schema = _body_schema(operation)
    if schema is not None:
        example = json.dumps(schemas.example(schema), indent=2, ensure_ascii=False)
        label = element("label", "Body", for_=f"{identity}-body")
        rows = str(min(16, example.count("\n") + 2))
        area = element("textarea", example, id=f"{identity}-body", name="body", rows=rows, spellcheck="false")
        inputs.append(element("div", label, area, class_="field wide"))
    button = element("button", "Send", type="submit", class_=method)
    return element(
        "form",
        element("h3", "Try it"),
        element("div", *inputs, class_="fields"),
        element("p", button, element("output", role="status")),
        element("div", class_="answer", hidden=True, tabindex="-1"),
        class_="try",
        data_method=method.upper(),
        data_path=path,
        hidden=True,
    )


def _input(schemas: Schemas, identity: str, parameter: Schema) -> Html:
    name, place = parameter["name"], parameter["in"]
    schema = parameter["schema"]
    field_id = f"{identity}-{place}-{name}"
    required = parameter.get("required", False)
    values = schemas.resolved(schema).get("enum") or (
        ["false", "true"] if schema.get("type") == "boolean" else None
    )
    label = element(
        "label", name, element("span", " required", class_="required") if required else "", for_=field_id
    )
    if values:
        options = [element("option", str(value)) for value in (values if required else ["", *values])]
        control = element("select", *options, id=field_id, name=name, data_in=place, required=required)
    else:
        hint = str(schema.get("default", (schema.get("examples") or [""])[0]))
        control = element("input", id=field_id, name=name, data_in=place, required=required, placeholder=hint,
                          autocomplete="off", autocapitalize="off", spellcheck="false")  # fmt: skip
    return element("div", label, control, class_="field")
