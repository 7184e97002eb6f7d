"""In which order the filesystem driver flushes and renames: what was promised survives a loss of power."""

from pathlib import Path

import pytest

from dtr.plumbing.blobs.filesystem import FilesystemDriver
from tests.drivers.faulty_os import FaultyOs
from tests.drivers.steps import key_of, uploaded


@pytest.mark.item("B2", "E2")
async def test_commit_flushes_the_file_then_renames_then_flushes_one_folder(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, root: Path
) -> None:
    upload_id = await uploaded(faulty_driver, b"content")
    faulty_os.heal()
    await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)
    upload, folder = f"{root}/uploads/{upload_id}", (root / key_of(b"content")).parent
    assert faulty_os.of("fdatasync", "fsync", "rename", "mkdir") == [
        ("fdatasync", upload),
        ("rename", upload),
        ("fsync", str(folder)),
    ]


@pytest.mark.item("B2", "E2")
async def test_put_flushes_the_file_then_renames_then_flushes_one_folder(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs
) -> None:
    await faulty_driver.put(key_of(b"content"), b"content")
    calls = faulty_os.of("pwrite", "fdatasync", "fsync", "rename", "mkdir")
    assert [name for name, _ in calls] == ["pwrite", "fdatasync", "rename", "fsync"]


@pytest.mark.item("B2", "E2")
async def test_adopted_object_is_flushed_before_its_upload_is_dropped(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, root: Path
) -> None:
    await faulty_driver.put(key_of(b"content"), b"content")
    upload_id = await uploaded(faulty_driver, b"content")
    faulty_os.heal()
    await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)
    stored = root / key_of(b"content")
    assert faulty_os.of("fdatasync", "fsync", "rename", "unlink") == [
        ("fdatasync", str(stored)),
        ("unlink", f"{root}/uploads/{upload_id}"),
        ("fsync", str(stored.parent)),
    ]


async def test_start_flushes_each_folder_that_got_names(tmp_path: Path, faulty_os: FaultyOs) -> None:
    root = tmp_path / "new" / "blobs"
    driver = FilesystemDriver(root)
    await driver.start()
    await driver.close()
    flushed = {str(Path(path)) for _, path in faulty_os.of("fsync")}
    made = {str(Path(path)) for _, path in faulty_os.of("mkdir")}
    assert len(made) == 2 + 2 + 2 + 512
    assert {str(Path(path).parent) for path in made} <= flushed
