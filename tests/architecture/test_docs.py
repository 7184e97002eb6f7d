"""The documentation leads where it says, and its generated pages are up to date."""

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE = re.compile(r"```.*?```", re.DOTALL)

GENERATED: dict[Path, Callable[[], str]] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def local_links(page: Path) -> Iterator[tuple[str, str]]:
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", target):
            file, _, heading = target.partition("#")
            yield file, heading


def anchors(page: Path) -> set[str]:
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page.read_text()))
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for file, heading in local_links(page):
        target = (page.parent / file).resolve() if file else page

        assert target.exists(), f"{file} does not exist"
        assert not heading or heading in anchors(target), f"{file} has no heading {heading}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        found = {(page.parent / file).resolve() for file, _ in local_links(page) if file.endswith(".md")}
        waiting += found - reached
        reached |= found

    assert set(pages()) - reached == set()


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_generated_page_is_up_to_date(page: Path) -> None:
    assert page.read_text() == GENERATED[page](), "run `make docs`"
