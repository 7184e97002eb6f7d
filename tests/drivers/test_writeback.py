"""Large uploads are written to the disk on the way, not all at their end."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dtr.plumbing.blobs import writeback
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.writeback import WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

UPLOAD = "0b5a3f0e-8a52-4c1c-9a1d-6a2c1f0e7d11"
MIB = 1024 * 1024

Hint = tuple[int, int]


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Hint]:
    """Record the hints that the kernel would get: offset and length."""
    given: list[Hint] = []

    def start(_fd: int, offset: int, length: int, _flags: int) -> None:
        given.append((offset, length))

    finder: Callable[[], object] = lambda: start  # noqa: E731 - stands in for a look-up
    monkeypatch.setattr(writeback, "_sync_file_range", finder)
    return given


async def _upload(root: Path, sizes: list[int]) -> None:
    driver = FilesystemDriver(root)
    await driver.start()
    await driver.create_upload(UPLOAD)
    async with driver.write_upload(UPLOAD, 0) as writer:
        for size in sizes:
            await writer.write(bytes(size))
    await driver.close()


async def test_each_full_window_is_handed_to_the_disk_once(tmp_path: Path, hints: list[Hint]) -> None:
    await _upload(tmp_path, [3 * MIB] * 6)
    assert hints == [(0, 9 * MIB), (9 * MIB, 9 * MIB)]


async def test_small_uploads_are_left_to_the_flush(tmp_path: Path, hints: list[Hint]) -> None:
    await _upload(tmp_path, [WINDOW_BYTES - 1])
    assert hints == []


async def test_the_real_kernel_takes_the_hint(tmp_path: Path) -> None:
    await _upload(tmp_path, [WINDOW_BYTES, WINDOW_BYTES])
    assert (tmp_path / "uploads" / UPLOAD).stat().st_size == 2 * WINDOW_BYTES
