"""The folders of the filesystem driver: making them, trying them, walking through them.

Blocking functions, like those of `files`; the generators do their work on whatever thread asks for the next
item.
"""

# System calls on plain text paths, as in `files`.
# ruff: noqa: PTH102, PTH112, PTH120

import os
import stat
import uuid
from collections.abc import Generator
from datetime import UTC, datetime

from dtr.plumbing.blobs import files
from dtr.plumbing.blobs.driver import StoredObject, StoredUpload
from dtr.plumbing.blobs.layout import (
    BLOBS,
    UPLOADS,
    algorithm_folders,
    fan_out_folders,
    is_blob_key,
    is_upload_id,
)


def prepare(root: str) -> None:
    """Make all folders, durably, and try whether a file can be written and renamed among them."""
    _make_root(root)
    for folder in (BLOBS, UPLOADS, *algorithm_folders(), *fan_out_folders()):
        _make(f"{root}/{folder}")
    # Also when nothing was made just now: a start that was killed may have left folders unflushed.
    for folder in (*algorithm_folders(), BLOBS, ""):
        files.flush_folder(f"{root}/{folder}")
    _try_out(root)


def _make_root(path: str) -> None:
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        _make_root(parent)
        _make(path)
        files.flush_folder(parent)


def _make(path: str) -> None:
    try:
        os.mkdir(path, files.FOLDER_MODE)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def _try_out(root: str) -> None:
    """Do once what every push does, to raise now what a push would raise, e.g. for want of rights."""
    upload = f"{root}/{UPLOADS}{uuid.uuid4()}"
    for folder in algorithm_folders():
        probe = f"{root}/{folder}/{uuid.uuid4()}.probe"
        files.put(upload, probe, b"probe")
        files.remove(probe)


def walk_objects(root: str, prefix: str) -> Generator[StoredObject, None, None]:
    """Yield the objects whose keys begin with `prefix`. Strangers are passed over."""
    for folder in fan_out_folders():
        if f"{folder}/".startswith(prefix) or prefix.startswith(f"{folder}/"):
            yield from _walk_fan_out(root, folder, prefix)


def _walk_fan_out(root: str, folder: str, prefix: str) -> Generator[StoredObject, None, None]:
    for name, status in _walk(f"{root}/{folder}"):
        key = f"{folder}/{name}"
        if key.startswith(prefix) and is_blob_key(key):
            yield StoredObject(key=key, size_bytes=status.st_size, modified_at=_modified_at(status))


def walk_uploads(root: str) -> Generator[StoredUpload, None, None]:
    """Yield the running uploads. Strangers are passed over."""
    for name, status in _walk(f"{root}/{UPLOADS}"):
        if is_upload_id(name):
            yield StoredUpload(upload_id=name, size_bytes=status.st_size, modified_at=_modified_at(status))


def _walk(path: str) -> Generator[tuple[str, os.stat_result], None, None]:
    """Yield name and status of the regular files in a folder, while it may change."""
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield entry.name, status


def _modified_at(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)
