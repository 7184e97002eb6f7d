"""The filesystem driver on real file systems that are full, read-only or gone."""

import os
import resource
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from dtr.core.errors import StorageFull, Unavailable
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from tests.drivers.steps import content_of, key_of, push, uploaded

PlainFiles = Callable[[Path], list[Path]]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "tiny"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    yield place
    unmount(place)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if "permission denied" in done.stderr or "not permitted" in done.stderr:
        pytest.skip(f"root may not mount here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


def unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True)


def any_entries(place: Path) -> bool:
    return any(place.iterdir())


@pytest.fixture
async def tiny_driver(tiny: Path) -> AsyncIterator[FilesystemDriver]:
    driver = FilesystemDriver(tiny / "blobs")
    await driver.start()
    yield driver
    await driver.close()


@pytest.mark.item("59", "E3")
async def test_full_disk_refuses_the_chunk_and_serves_again_once_there_is_room(
    tiny_driver: FilesystemDriver, tiny: Path, plain_files: PlainFiles
) -> None:
    chunk = bytes(300 * 1024)
    upload_id = await uploaded(tiny_driver, chunk)
    async with tiny_driver.write_upload(upload_id, len(chunk)) as writer:
        await writer.write(chunk)
        await writer.write(chunk)
        with pytest.raises(StorageFull):
            await writer.write(chunk)
    assert await tiny_driver.upload_size(upload_id) == 3 * len(chunk)
    with pytest.raises(StorageFull):
        await tiny_driver.put(key_of(chunk), chunk)
    await tiny_driver.discard_upload(upload_id)
    assert plain_files(tiny) == []
    await tiny_driver.put(key_of(chunk), chunk)
    assert await tiny_driver.size(key_of(chunk)) == len(chunk)


@pytest.mark.item("E3")
async def test_read_only_file_system_still_serves_reads(tiny_driver: FilesystemDriver, tiny: Path) -> None:
    await tiny_driver.put(key_of(b"content"), b"content")
    mount("-o", "remount,ro", str(tiny))
    assert await tiny_driver.read_small(key_of(b"content"), len(b"content")) == b"content"
    with pytest.raises(Unavailable, match="Read-only file system"):
        await tiny_driver.put(key_of(b"more"), b"more")
    with pytest.raises(Unavailable, match="Read-only file system"):
        await tiny_driver.start()
    mount("-o", "remount,rw", str(tiny))
    await tiny_driver.put(key_of(b"more"), b"more")


async def test_push_to_an_unmounted_file_system_fails_instead_of_filling_the_disk_below(
    tiny_driver: FilesystemDriver, tiny: Path
) -> None:
    unmount(tiny)
    with pytest.raises(Unavailable):
        await tiny_driver.put(key_of(b"content"), b"content")
    assert not any_entries(tiny)
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny))
    await tiny_driver.start()
    await tiny_driver.put(key_of(b"content"), b"content")


@pytest.mark.item("E3")
async def test_process_without_descriptors_answers_again_once_it_has_some(
    filesystem: FilesystemDriver,
) -> None:
    await filesystem.put(key_of(b"content"), b"content")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(Unavailable, match="Too many open files"):
            await push(filesystem, b"more")
        with pytest.raises(Unavailable, match="Too many open files"):
            assert await content_of(filesystem, key_of(b"content")) == b"content"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await push(filesystem, b"more")
    assert await content_of(filesystem, key_of(b"content")) == b"content"
