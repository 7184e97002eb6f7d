"""What only the filesystem driver promises: folders and modes, strangers among its files, one writer."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import pytest

from dtr.core.errors import Unavailable
from dtr.oci.digest import Digest
from dtr.plumbing.blobs import files
from dtr.plumbing.blobs.driver import PIECE_BYTES
from dtr.plumbing.blobs.errors import KeyMissing, UploadBusy, UploadMissing
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.layout import blob_key
from tests.drivers.steps import HELLO, key_of, keys, listed, uploaded

KEY = key_of(HELLO)

OpenFiles = Callable[[], list[str]]
PlainFiles = Callable[[Path], list[Path]]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_start_makes_all_fan_out_folders(filesystem: FilesystemDriver, root: Path) -> None:
    assert names_in(root / "blobs") == ["sha256", "sha512"]
    assert names_in(root / "blobs" / "sha256") == [f"{number:02x}" for number in range(256)]
    assert names_in(root / "blobs" / "sha512") == [f"{number:02x}" for number in range(256)]


async def test_blob_lies_where_the_layout_says(filesystem: FilesystemDriver, root: Path) -> None:
    await filesystem.put(KEY, HELLO)
    hex_digits = hashlib.sha256(HELLO).hexdigest()
    assert (root / "blobs" / "sha256" / hex_digits[:2] / hex_digits).read_bytes() == HELLO


async def test_files_and_folders_are_closed_to_strangers(filesystem: FilesystemDriver, root: Path) -> None:
    await filesystem.put(KEY, HELLO)
    upload_id = await uploaded(filesystem)
    assert mode_of(root / KEY) == 0o640
    assert mode_of(root / "uploads" / upload_id) == 0o640
    for folder in (root, root / "uploads", root / "blobs", (root / KEY).parent):
        assert mode_of(folder) == 0o750


async def test_start_removes_its_probe(
    filesystem: FilesystemDriver, root: Path, plain_files: PlainFiles
) -> None:
    await filesystem.start()
    assert plain_files(root) == []


async def test_start_on_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"")
    driver = FilesystemDriver(tmp_path / "blobs")
    with pytest.raises(Unavailable, match=f"^{tmp_path}/blobs: .*exists"):
        await driver.start()
    await driver.close()


async def test_drivers_of_several_processes_may_start_at_once(root: Path) -> None:
    drivers = [FilesystemDriver(root) for _ in range(4)]
    await asyncio.gather(*(driver.start() for driver in drivers))
    await drivers[0].put(KEY, HELLO)
    assert await drivers[1].read_small(KEY, 100) == HELLO
    await asyncio.gather(*(driver.close() for driver in drivers))


async def test_strangers_are_neither_listed_nor_removed(filesystem: FilesystemDriver, root: Path) -> None:
    folder = (root / KEY).parent
    strangers = [
        folder / "README",
        folder / ("0" * 64),
        folder / (KEY[-64:] + ".bak"),
        root / "uploads" / ".nfs0001",
        root / "uploads" / "lost+found",
        root / "blobs" / "sha256" / "notes.txt",
    ]
    for path in strangers:
        path.write_bytes(b"mine")
    (folder / KEY[-64:]).mkdir()
    (root / "uploads" / str(uuid4())).mkdir()
    assert await listed(filesystem) == ([], [])
    assert all(path.read_bytes() == b"mine" for path in strangers)


async def test_symbolic_link_in_the_place_of_a_blob_is_not_followed(
    filesystem: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(HELLO)
    (root / KEY).symlink_to(secret)
    for use in (filesystem.size, filesystem.open_file):
        with pytest.raises(KeyMissing):
            await use(KEY)
    with pytest.raises(KeyMissing):
        await filesystem.read_small(KEY, 100)
    assert await listed(filesystem) == ([], [])


async def test_commit_replaces_a_symbolic_link_and_leaves_its_target(
    filesystem: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    (root / KEY).symlink_to(target)
    await filesystem.commit_upload(await uploaded(filesystem, HELLO), KEY, len(HELLO))
    assert not (root / KEY).is_symlink()
    assert await filesystem.read_small(KEY, 100) == HELLO
    assert target.read_bytes() == b"untouched"


async def test_symbolic_link_in_the_place_of_an_upload_is_not_followed(
    filesystem: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    upload_id = str(uuid4())
    (root / "uploads" / upload_id).symlink_to(target)
    with pytest.raises(Unavailable):
        await filesystem.create_upload(upload_id)
    with pytest.raises(UploadMissing):
        async with filesystem.write_upload(upload_id, 0):
            pass
    with pytest.raises(UploadMissing):
        await filesystem.commit_upload(upload_id, KEY, len(HELLO))
    await filesystem.discard_upload(upload_id)
    assert target.read_bytes() == b"untouched"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
async def test_folder_or_pipe_in_the_place_of_a_blob_is_no_blob(
    filesystem: FilesystemDriver, root: Path, make: Callable[[Path], None]
) -> None:
    make(root / KEY)
    with pytest.raises(KeyMissing):
        await filesystem.read_small(KEY, 100)
    with pytest.raises(KeyMissing):
        await filesystem.size(KEY)


async def test_push_of_a_missing_fan_out_folder_fails_until_the_next_start(
    filesystem: FilesystemDriver, root: Path
) -> None:
    (root / KEY).parent.rmdir()
    with pytest.raises(Unavailable):
        await filesystem.put(KEY, HELLO)
    await filesystem.start()
    await filesystem.put(KEY, HELLO)


async def test_listing_a_damaged_layout_fails_instead_of_leaving_blobs_out(
    filesystem: FilesystemDriver, root: Path
) -> None:
    (root / KEY).parent.rmdir()
    with pytest.raises(Unavailable):
        await keys(filesystem)


async def test_leftovers_of_a_killed_process_are_listed_and_can_be_discarded(
    filesystem: FilesystemDriver, root: Path
) -> None:
    upload_id = await uploaded(filesystem, b"half a layer")
    successor = FilesystemDriver(root)
    await successor.start()
    assert await listed(successor) == ([], [upload_id])
    await successor.discard_upload(upload_id)
    assert await listed(successor) == ([], [])
    await successor.close()


@pytest.mark.item("49")
async def test_successor_of_a_killed_process_continues_the_upload(
    filesystem: FilesystemDriver, root: Path
) -> None:
    upload_id = await uploaded(filesystem, HELLO[:5])
    successor = FilesystemDriver(root)
    await successor.start()
    async with successor.write_upload(upload_id, 5) as writer:
        await writer.write(HELLO[5:])
    await successor.commit_upload(upload_id, KEY, len(HELLO))
    assert await filesystem.read_small(KEY, 100) == HELLO
    await successor.close()


@pytest.mark.item("E4")
async def test_blob_cut_while_it_is_read_is_an_error_not_a_short_answer(
    filesystem: FilesystemDriver, root: Path, open_files: OpenFiles
) -> None:
    key = blob_key(Digest.of(bytes(2 * PIECE_BYTES)))
    await filesystem.put(key, bytes(2 * PIECE_BYTES))
    async with aclosing(filesystem.read(key)) as pieces:
        await anext(pieces)
        os.truncate(root / key, PIECE_BYTES + 10)
        with pytest.raises(Unavailable):
            await anext(pieces)
    assert open_files() == []


async def test_reading_left_early_closes_the_file(
    filesystem: FilesystemDriver, root: Path, open_files: OpenFiles
) -> None:
    key = blob_key(Digest.of(bytes(2 * PIECE_BYTES)))
    await filesystem.put(key, bytes(2 * PIECE_BYTES))
    async with aclosing(filesystem.read(key)) as pieces:
        await anext(pieces)
        assert open_files() == [str(root / key)]
    assert open_files() == []


@pytest.mark.item("50")
async def test_writer_of_another_process_is_refused(filesystem: FilesystemDriver, root: Path) -> None:
    upload_id = await uploaded(filesystem)
    other = FilesystemDriver(root)
    async with filesystem.write_upload(upload_id, 0):
        with pytest.raises(UploadBusy):
            async with other.write_upload(upload_id, 0):
                pass
    await other.close()


async def test_writer_that_opens_an_upload_while_it_is_committed_cannot_touch_the_blob(
    filesystem: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await uploaded(filesystem, HELLO)
    lock = files._lock

    def commit_first(fd: int) -> None:
        monkeypatch.setattr(files, "_lock", lock)
        files.commit(f"{root}/uploads/{upload_id}", f"{root}/{KEY}", len(HELLO))
        lock(fd)

    monkeypatch.setattr(files, "_lock", commit_first)
    with pytest.raises(UploadMissing):
        async with filesystem.write_upload(upload_id, 0):
            pass
    assert await filesystem.read_small(KEY, 100) == HELLO
