"""The arrows between modules point the right way; the contracts are written in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "dtr"
COMFORTABLE_LINES = 400

HEAVY = {"alembic", "click", "fastapi", "jinja2", "pydantic", "starlette", "yaml"}
"""What the control plane and the operator's commands use, and a pull has no use for."""

RENDERS_PAGES = {"babel", "fastapi", "jinja2", "markdown_it", "pydantic", "starlette"}
"""What API and pages are made with, when the worker serves already: see `doors.api.door.Loaded`."""

NAMES_OF_LOADED_PACKAGES = """\
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_import_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "heavy"), [("dtr.doors.dataplane", HEAVY), ("dtr.wiring.worker", RENDERS_PAGES)]
)
def test_what_serves_pulls_is_loaded_without_what_it_has_no_use_for(module: str, heavy: set[str]) -> None:
    fresh_interpreter = [sys.executable, "-c", NAMES_OF_LOADED_PACKAGES, module]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)}

    loaded = subprocess.run(fresh_interpreter, env=environment, check=True, capture_output=True, text=True)

    assert heavy & set(loaded.stdout.split()) == set()


def test_every_room_has_a_door_sign() -> None:
    signs = sorted((PACKAGE / "features").glob("*/__init__.py"))

    assert signs
    for sign in signs:
        assert sign.read_text().startswith('"""'), f"{sign} does not say what the room owns"


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_module_fits_a_comfortable_read(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= COMFORTABLE_LINES, "make it a folder of the same name"
