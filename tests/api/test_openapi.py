"""The OpenAPI document says everything that a program needs to know of every route."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.server import ServerProcess

METHODS = {"get", "post", "put", "patch", "delete"}
ERRORS_OF_ALL = {"400", "401", "403", "413", "414", "429", "500", "503"}
ERROR_REFERENCE = {"$ref": "#/components/schemas/ErrorDocument"}


@dataclass(frozen=True)
class Operation:
    path: str
    method: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@pytest.fixture(scope="module")
def document(server: ServerProcess) -> dict[str, Any]:
    client = ApiClient(server.url)
    found: dict[str, Any] = client.get("/api/v0/docs.json").json()
    client.close()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    found = [
        Operation(path, method, content)
        for path, methods in document["paths"].items()
        for method, content in methods.items()
    ]
    assert len(found) > 5
    return found


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_document_is_open_to_strangers_and_of_a_current_version(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "The Trusted Registry"
    assert document["info"]["version"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        assert resolved(document, {"$ref": reference}), reference


def test_every_operation_has_a_name_of_its_own(operations: list[Operation]) -> None:
    names = [operation.content.get("operationId", "") for operation in operations]

    assert [name for name in names if not re.fullmatch(r"[a-z][A-Za-z0-9]+", name)] == []
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_every_operation_has_one_tag_and_a_summary_of_its_own(operations: list[Operation]) -> None:
    without_tag = [str(each) for each in operations if len(each.content.get("tags", [])) != 1]
    named_by_machine = [
        str(each)
        for each in operations
        if not 5 <= len(each.content["summary"]) <= 120 or each.content["summary"].istitle()
    ]

    assert without_tag == []
    assert named_by_machine == []


def test_every_operation_documents_the_errors_of_all(operations: list[Operation]) -> None:
    lacking = {str(each): sorted(ERRORS_OF_ALL - set(each.content["responses"])) for each in operations}

    assert {name: statuses for name, statuses in lacking.items() if statuses} == {}


def test_every_path_with_a_name_in_it_documents_404(operations: list[Operation]) -> None:
    assert [
        str(each) for each in operations if "{" in each.path and "404" not in each.content["responses"]
    ] == []


def test_every_error_is_our_error_document(document: dict[str, Any], operations: list[Operation]) -> None:
    for operation in operations:
        for status, response in operation.content["responses"].items():
            if status[0] in "45":
                content = resolved(document, response)["content"]
                assert content == {"application/json": {"schema": ERROR_REFERENCE}}, (str(operation), status)


def test_no_trace_of_the_frameworks_own_errors(document: dict[str, Any], operations: list[Operation]) -> None:
    assert [str(each) for each in operations if "422" in each.content["responses"]] == []
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_every_success_is_described(document: dict[str, Any], operations: list[Operation]) -> None:
    for operation in operations:
        good = {status: each for status, each in operation.content["responses"].items() if status[0] in "23"}
        assert good, str(operation)
        for status, response in good.items():
            if status not in {"204", "202", "303", "304"}:
                schemas = [each.get("schema") for each in resolved(document, response)["content"].values()]
                assert all(schemas), (str(operation), status)


def test_every_operation_says_who_may_call_it(document: dict[str, Any], operations: list[Operation]) -> None:
    schemes = set(document["components"]["securitySchemes"])
    for operation in operations:
        ways = operation.content["security"]
        assert {"password": []} in ways, str(operation)
        assert {name for way in ways for name in way} <= schemes
        if operation.method != "get":
            assert all("csrfToken" in way for way in ways if "sessionCookie" in way), str(operation)


def test_every_paged_list_documents_its_headers(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    paged = [
        operation
        for operation in operations
        if {"pageStart", "start"} & {each["name"] for each in operation.content.get("parameters", [])}
    ]

    assert paged
    for operation in paged:
        headers = resolved(document, operation.content["responses"]["200"]).get("headers", {})
        assert {"X-Next-Page-Start", "X-Resource-Count"} <= set(headers), str(operation)


def test_every_parameter_of_a_path_is_declared_and_required(operations: list[Operation]) -> None:
    for operation in operations:
        declared = {each["name"] for each in operation.content.get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", operation.path)), str(operation)


def test_no_two_paths_differ_only_in_the_names_of_their_parameters(document: dict[str, Any]) -> None:
    shapes = [re.sub(r"{\w+}", "{}", path) for path in document["paths"]]

    assert sorted(shape for shape in set(shapes) if shapes.count(shape) > 1) == []


def test_every_change_that_takes_a_body_documents_415(operations: list[Operation]) -> None:
    assert [
        str(each)
        for each in operations
        if "requestBody" in each.content and "415" not in each.content["responses"]
    ] == []
