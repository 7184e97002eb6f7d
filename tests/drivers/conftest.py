"""What the driver tests share."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dtr.core.clock import SystemClock
from dtr.plumbing.blobs import files, folders
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.memory import MemoryDriver
from tests.drivers.faulty_os import FaultyOs


@pytest.fixture(params=["memory", "filesystem"])
async def driver(request: pytest.FixtureRequest, root: Path) -> AsyncIterator[BlobDriver]:
    """Give each driver in turn, started and empty."""
    drivers: dict[str, BlobDriver] = {
        "memory": MemoryDriver(SystemClock()),
        "filesystem": FilesystemDriver(root),
    }
    chosen = drivers[request.param]
    await chosen.start()
    yield chosen
    await chosen.close()


@pytest.fixture
async def filesystem(root: Path) -> AsyncIterator[FilesystemDriver]:
    """Give a started and empty filesystem driver."""
    driver = FilesystemDriver(root)
    await driver.start()
    yield driver
    await driver.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a filesystem driver; neither it nor its parent exists yet."""
    return tmp_path / "deep" / "blobs"


@pytest.fixture
def open_files(root: Path) -> Callable[[], list[str]]:
    """Give the paths below `root` that this process has open."""

    def look() -> list[str]:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        targets = [str(link.readlink()) for link in links]
        return [target for target in targets if target.startswith(str(root))]

    return look


@pytest.fixture
def plain_files() -> Callable[[Path], list[Path]]:
    """Give the files at any depth below a directory."""

    def look(directory: Path) -> list[Path]:
        return [path for path in directory.rglob("*") if path.is_file()]

    return look


@pytest.fixture
def faulty_os(monkeypatch: pytest.MonkeyPatch) -> FaultyOs:
    """Put a stand-in for `os` into the filesystem driver."""
    faulty = FaultyOs()
    monkeypatch.setattr(files, "os", faulty)
    monkeypatch.setattr(folders, "os", faulty)
    return faulty


@pytest.fixture
async def faulty_driver(faulty_os: FaultyOs, filesystem: FilesystemDriver) -> FilesystemDriver:
    """Give a started filesystem driver whose system calls are recorded from now on."""
    faulty_os.heal()
    return filesystem
