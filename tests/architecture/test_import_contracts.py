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

NAMES_OF_LOADED_PACKAGES = """\
import sys
import dtr.doors.dataplane
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_import_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_data_plane_imports_stay_light() -> None:
    fresh_interpreter = [sys.executable, "-c", NAMES_OF_LOADED_PACKAGES]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)}

    loaded = subprocess.run(fresh_interpreter, env=environment, check=True, capture_output=True, text=True)

    assert HEAVY & set(loaded.stdout.split()) == set()


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
