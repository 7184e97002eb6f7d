"""Files of the project say nothing that is true on one machine only."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "docs", "deploy", "bench", ".ci")
NOT_OURS = {"__pycache__", "results"}

# Written in pieces, so that this file does not find itself.
HOME_FOLDERS = r"(?<![\w.-])/(?:work|root|tmp/w|home/\w+)/"
PACKAGE_INDEXES = (
    r"(?:py"
    r"pi\.org|python"
    r"hosted\.org|npm"
    r"js\.org|deb\.deb"
    r"ian\.org|crates\.i"
    r"o|proxy\.gol"
    r"ang)"
)
FORBIDDEN = re.compile(f"{HOME_FOLDERS}|{PACKAGE_INDEXES}")


def project_files() -> Iterator[Path]:
    yield from (file for file in ROOT.iterdir() if file.is_file())
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            inner = file.relative_to(ROOT)
            if file.is_file() and not NOT_OURS & set(inner.parts) and ".egg-info" not in str(inner):
                yield file


def test_no_machine_paths_and_no_package_indexes() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in project_files()
        for match in FORBIDDEN.finditer(file.read_text(errors="replace"))
    ]

    assert not found
