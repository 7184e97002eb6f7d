"""The curl examples of the documentation do what their pages say, in the order of the page."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import DTR, ServerProcess
from tests.support.shown import Step, difference, steps_of

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if any(not step.is_hidden for step in steps_of(page.read_text()))
]
BASH_SECONDS = 120
REFUSED = 22
"""curl's exit status for an answer that says no."""

PRELUDE = """
curl() { command curl --silent --show-error --fail-with-body "$@"; }
push() { "$PYTHON" "$ROOT/tests/support/push.py" "$DTR" "$1" "${2:-admin:$PASSWORD}"; }
user() { printf %s "$2" | dtr user add "$1" --password-stdin > /dev/null; }
"""
"""`push NAME:TAG [USER:PASSWORD]` and `user NAME PASSWORD` are for the hidden steps."""


PLAIN = "http://127.0.0.1:5000"
WITH_TLS = "https://registry.example.com:5000"
"""The addresses that pages use in place of `$DTR`; the second one asks for a server with TLS."""


@pytest.fixture
def fresh(page: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path / "data", tls=WITH_TLS in page.read_text())
    process.start()
    yield process
    assert process.stop() == 0


def script_of(steps: list[Step], folder: Path) -> str:
    """Return what bash runs: every step with its output and exit status in files of its own."""
    lines = [PRELUDE]
    for index, step in enumerate(steps):
        place = shlex.quote(str(folder / str(index)))
        lines.append(f"{{ {step.command}\n}} > {place}.out 2> {place}.err; echo $? > {place}.status")
    return "\n".join(lines)


def environment(server: ServerProcess, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(DTR).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "PYTHON": sys.executable,
        "ROOT": str(ROOT),
        "DTR": server.url,
        "PASSWORD": server.admin_password,
        "DTR_DATA": str(server.data),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_a_page_work(page: Path, fresh: ServerProcess, tmp_path: Path) -> None:
    text = page.read_text().replace(PLAIN, "$DTR").replace(WITH_TLS, "$DTR")
    steps = [
        Step(re.sub(r"-u admin(?=\s)", '-u "admin:$PASSWORD"', step.command), step.shown, step.is_hidden)
        for step in steps_of(text)
    ]
    outcomes = tmp_path / "outcomes"
    outcomes.mkdir()
    subprocess.run(
        ["bash", "-c", script_of(steps, outcomes)],
        env=environment(fresh, tmp_path),
        cwd=outcomes,
        timeout=BASH_SECONDS,
        check=False,
    )

    problems = [
        problem for index, step in enumerate(steps) if (problem := problem_of(step, outcomes / str(index)))
    ]
    assert problems == []


def problem_of(step: Step, place: Path) -> str:
    """Return what went otherwise than the page says; empty if nothing did."""
    status = place.with_suffix(".status")
    if not status.exists():
        return f"never ran: {step.command}"
    real = place.with_suffix(".out").read_text()
    wanted = {REFUSED} if '"errors"' in step.shown else {0}
    if int(status.read_text()) not in wanted:
        return (
            f"$ {step.command}\n[{status.read_text().strip()}] {real}{place.with_suffix('.err').read_text()}"
        )
    different = difference(step.shown, real) if step.shown else ""
    return f"$ {step.command}\n{different}" if different else ""


def test_there_are_examples() -> None:
    assert PAGES


@pytest.mark.parametrize(
    ("shown", "real", "fits"),
    [
        ('{"a": 1}', '{"a": 1, "b": 2}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ('{"a": 1, ...}', '{"a": 1, "b": 2}', True),
        ('{..., "b": 2}', '{"a": 1, "b": 2}', True),
        ('{"a": 1, ..., "c": 3}', '{"a": 1, "b": 2, "c": 3}', True),
        ('{"a": 1, ..., "c": 3}', '{"a": 1, "b": 2, "c": 4}', False),
        ('{"a": ..., "b": 2}', '{"a": [1], "b": 2}', True),
        ('{"a": "dtr_pat_..."}', '{"a": "dtr_pat_123"}', True),
        ('{"a": "dtr_pat_..."}', '{"a": "other"}', False),
        ('{"c": 1}', '{"a": 1}', False),
        ('[{"a": 1}]', '[{"a": 1}, {"a": 2}]', False),
        ('[{"a": 1}, ...]', '[{"a": 1}, {"a": 2}]', True),
        ('{"list": [...]}', '{"list": [1, 2]}', True),
        ("HTTP/1.1 200 OK\nx-a: ...", "HTTP/1.1 200 OK\r\ndate: now\r\nx-a: 7\r\n", True),
        ("HTTP/1.1 201 Created", "HTTP/1.1 200 OK", False),
        ("{}", "no JSON", False),
    ],
)
def test_what_is_shown_has_to_be_there(shown: str, real: str, fits: bool) -> None:
    assert (difference(shown, real) == "") is fits


def test_commands_are_taken_as_bash_would() -> None:
    page = """
<!-- test: push admin/app:1 -->
```console
$ dtr user list
$ DTR_CONFIG=a.yaml dtr serve
$ HASH=$(printf %s "$X" | sha256sum)
$ curl -s $DTR/a \\
    -d '{"b":
 1}'
{"c": 1}
$ X=$(curl -s $DTR/b |
    wc -l)
```
"""
    assert list(steps_of(page)) == [
        Step("push admin/app:1", is_hidden=True),
        Step('HASH=$(printf %s "$X" | sha256sum)'),
        Step("curl -s $DTR/a \\\n    -d '{\"b\":\n 1}'", '{"c": 1}'),
        Step("X=$(curl -s $DTR/b |\n    wc -l)"),
    ]
