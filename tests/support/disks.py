"""Small disks of the tests' own, which can be filled and emptied, and directories made read-only."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FILLER = "filler"


class SmallDisk:
    """A mounted file system. Made by `small_disk`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Write until not a byte more fits."""
        with suppress(OSError), (self.path / FILLER).open("ab", buffering=0) as filler:
            while filler.write(b"\0" * 4096):
                pass

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.path / FILLER).unlink(missing_ok=True)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Let nothing below a directory be opened for writing for a while. Skips the test where that is not permitted."""
    _mount("--bind", str(directory), str(directory))
    try:
        _mount("-o", "remount,bind,ro", str(directory))
        yield
    finally:
        _unmount(directory)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, timeout=10, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount: {done.stderr.decode().strip()}")


def _unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], check=True, timeout=10)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of this size for a while. Skips the test where that is not permitted."""
    path.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        _unmount(path)
