"""Every numbered item of the registry protocol has a test that says so with `@pytest.mark.item("24")`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
LIST = Path(__file__).with_name("protocol_items.txt")

EXPECTED = {
    *(f"B{number}" for number in range(1, 11)),
    *(str(number) for number in range(1, 99)),
    *("60a", "60b", "79a", "79b", "92a", "92b"),
    *(f"E{number}" for number in range(1, 11)),
}


class Item(NamedTuple):
    """A line of the list: `number | description`, and `| later: reason` when its test is still to come."""

    number: str
    description: str
    reason_for_later: str | None


def listed_items() -> list[Item]:
    lines = (line.strip() for line in LIST.read_text().splitlines())
    return [parse_item(line) for line in lines if line and not line.startswith("#")]


def parse_item(line: str) -> Item:
    number, description, *later = (part.strip() for part in line.split("|"))
    return Item(number, description, later[0].removeprefix("later:").strip() if later else None)


def marked_items() -> Iterator[tuple[str, Path]]:
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.item"):
                yield from ((str(ast.literal_eval(argument)), file) for argument in node.args)


def test_the_list_holds_every_item_once() -> None:
    numbers = [item.number for item in listed_items()]

    assert len(numbers) == len(set(numbers))
    assert set(numbers) == EXPECTED
    assert all(item.description for item in listed_items())


def test_every_protocol_item_has_a_test() -> None:
    proven = {number for number, _ in marked_items()}

    without = [item for item in listed_items() if item.number not in proven and not item.reason_for_later]

    assert not without, "\n".join(f"{item.number}: {item.description}" for item in without)


def test_markers_name_items_that_exist() -> None:
    unknown = [(number, file.name) for number, file in marked_items() if number not in EXPECTED]

    assert not unknown
