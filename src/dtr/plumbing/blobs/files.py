"""The system calls of the filesystem driver: short blocking functions, each meant for one thread hop.

They raise OSError for trouble of the file system, which `threads` translates, and errors of `errors` for the
rest. Of a name that is there only regular files count: symbolic links are not followed, folders and pipes
are strangers.
"""

# These are the system calls themselves: pathlib has no descriptors, flags or flushes.
# ruff: noqa: PTH104, PTH108, PTH120

import errno
import fcntl
import io
import os
import stat
from collections.abc import Callable, Generator
from contextlib import suppress

from dtr.plumbing.blobs.driver import PIECE_BYTES, OpenBlob
from dtr.plumbing.blobs.errors import KeyMissing, ObjectTooLarge, OffsetMismatch, UploadBusy, UploadMissing

FILE_MODE = 0o640
FOLDER_MODE = 0o750
DAMAGED_SUFFIX = ".damaged"

_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that somebody put in the place of a blob must not hold the thread until it has a writer.
_READ = os.O_RDONLY | os.O_NONBLOCK | _SAFE
_CHANGE = os.O_RDWR | os.O_NONBLOCK | _SAFE
_CREATE = os.O_WRONLY | os.O_CREAT | _SAFE
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# What `open` says when the name is absent, a symbolic link, a folder, or a pipe or socket.
_NOT_A_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO})


class _NotAFileError(Exception):
    """The name is absent, or not a regular file."""


# --- opening


def _open_regular(path: str, flags: int) -> tuple[int, int]:
    """Open a regular file; give its descriptor and its size in bytes."""
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise _NotAFileError from error
        raise
    try:
        return fd, _size_if_regular(os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise


def _size_if_regular(status: os.stat_result) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise _NotAFileError
    return status.st_size


def _open_object(path: str) -> tuple[int, int]:
    try:
        return _open_regular(path, _READ)
    except _NotAFileError as error:
        raise KeyMissing("no such blob in the storage") from error


def _open_upload(path: str, flags: int) -> tuple[int, int]:
    try:
        return _open_regular(path, flags)
    except _NotAFileError as error:
        raise UploadMissing("no such upload") from error


def _open_locked(path: str) -> tuple[int, int]:
    """Open an upload for its only writer; give its descriptor and its size in bytes.

    The kernel drops the lock when the descriptor is closed, also by kill -9.
    """
    fd, size_bytes = _open_upload(path, _CHANGE)
    try:
        _lock(fd)
        _check_still_there(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd, size_bytes


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UploadBusy("another request is writing to this upload") from error


def _check_still_there(fd: int, path: str) -> None:
    """Refuse an upload that was committed between `open` and the lock: its file is a visible blob by now."""
    try:
        named = os.lstat(path)
    except FileNotFoundError as error:
        raise UploadMissing("no such upload") from error
    if not os.path.samestat(named, os.fstat(fd)):
        raise UploadMissing("no such upload")


# --- uploads


def create_upload(path: str) -> None:
    """Create an empty file, or leave the one that is there."""
    os.close(os.open(path, _CREATE, FILE_MODE))


def open_writer(path: str, offset: int) -> int:
    """Open an upload for its only writer and cut it at `offset` (bytes)."""
    fd, size_bytes = _open_locked(path)
    try:
        _cut(fd, size_bytes, offset)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _cut(fd: int, size_bytes: int, wanted_bytes: int) -> None:
    if size_bytes < wanted_bytes:
        raise OffsetMismatch("the upload is shorter than expected", expected=wanted_bytes, stored=size_bytes)
    if size_bytes > wanted_bytes:
        os.ftruncate(fd, wanted_bytes)


def write_all(fd: int, content: bytes | memoryview, offset: int) -> None:
    """Write all bytes at `offset`. On trouble some of them may be there; `cut_back` removes them."""
    written = os.pwrite(fd, content, offset)
    if written < len(content):
        _write_rest(fd, memoryview(content)[written:], offset + written)


def _write_rest(fd: int, rest: memoryview, offset: int) -> None:
    while rest:
        written = os.pwrite(fd, rest, offset)
        rest = rest[written:]
        offset += written


def cut_back(fd: int, size_bytes: int) -> None:
    """Drop what a failed write left behind `size_bytes`; if that fails too, the next writer drops it."""
    with suppress(OSError):
        os.ftruncate(fd, size_bytes)


def close(fd: int) -> None:
    """Close a descriptor. On network file systems this is where late write errors show up."""
    os.close(fd)


def upload_size(path: str) -> int:
    """Count the bytes of an upload. Raises UploadMissing."""
    size_bytes = _regular_size(path)
    if size_bytes is None:
        raise UploadMissing("no such upload")
    return size_bytes


def remove(path: str) -> None:
    """Remove a file; harmless if it is gone."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def set_aside(path: str) -> None:
    """Put a file out of use but keep its bytes, as `<path>.damaged`; harmless if it is gone."""
    with suppress(FileNotFoundError):
        os.rename(path, path + DAMAGED_SUFFIX)


# --- from upload to object


def commit(upload_path: str, path: str, size_bytes: int) -> None:
    """Give an upload its final name, durably: file flushed, then renamed, then the folder flushed."""
    try:
        fd, stored_bytes = _open_locked(upload_path)
    except UploadMissing:
        if not _adopt(path, size_bytes):
            raise
    else:
        _commit_open(fd, stored_bytes, upload_path, path, size_bytes)
    flush_folder(os.path.dirname(path))


def _commit_open(fd: int, stored_bytes: int, upload_path: str, path: str, size_bytes: int) -> None:
    try:
        _cut(fd, stored_bytes, size_bytes)
        if _adopt(path, size_bytes):
            remove(upload_path)
        else:
            _flush_or_give_up(fd, upload_path)
            os.rename(upload_path, path)
    finally:
        os.close(fd)


def _adopt(path: str, size_bytes: int) -> bool:
    """Tell whether the object exists with this size; if so, make it durable and modified now.

    The time matters to collection, which spares what was pushed a moment ago. The flush matters when the file
    was put there by other means, such as a restored backup.
    """
    if _regular_size(path) != size_bytes:
        return False
    try:
        fd, _ = _open_object(path)
    except KeyMissing:
        return False
    try:
        os.fdatasync(fd)
        os.utime(fd)
    finally:
        os.close(fd)
    return True


def _flush_or_give_up(fd: int, upload_path: str) -> None:
    """Flush the upload's bytes, or remove it.

    After a failed flush Linux counts the lost pages as clean, and the next flush would succeed for bytes that
    are nowhere. So what could not be flushed once is never committed.
    """
    try:
        os.fdatasync(fd)
    except OSError:
        with suppress(OSError):
            remove(upload_path)
        raise


def put(upload_path: str, path: str, content: bytes | memoryview) -> None:
    """Store a small object: create, write, flush, rename, flush the folder."""
    if not _adopt(path, len(content)):
        try:
            _write_flushed(upload_path, content)
            os.rename(upload_path, path)
        except OSError:
            with suppress(OSError):
                remove(upload_path)
            raise
    flush_folder(os.path.dirname(path))


def _write_flushed(path: str, content: bytes | memoryview) -> None:
    fd = os.open(path, _CREATE | os.O_EXCL, FILE_MODE)
    try:
        write_all(fd, content, 0)
        os.fdatasync(fd)
    finally:
        os.close(fd)


def flush_folder(path: str) -> None:
    """Make the names in a folder survive a loss of power."""
    fd = os.open(path, _FOLDER)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# --- reading


def _regular_size(path: str) -> int | None:
    try:
        return _size_if_regular(os.lstat(path))
    except (FileNotFoundError, _NotAFileError):
        return None


def object_size(path: str) -> int:
    """Count the bytes of an object. Raises KeyMissing."""
    size_bytes = _regular_size(path)
    if size_bytes is None:
        raise KeyMissing("no such blob in the storage")
    return size_bytes


def open_object(path: str) -> OpenBlob:
    """Open an object for reading. Raises KeyMissing."""
    fd, size_bytes = _open_object(path)
    return OpenBlob(io.FileIO(fd), size_bytes)


def open_upload(path: str) -> OpenBlob:
    """Open an upload for reading. Raises UploadMissing."""
    fd, size_bytes = _open_upload(path, _READ)
    return OpenBlob(io.FileIO(fd), size_bytes)


def read_whole(path: str, limit_bytes: int) -> bytes:
    """Read an object at once. Raises KeyMissing, or ObjectTooLarge above `limit_bytes`."""
    with open_object(path) as blob:
        if blob.size_bytes > limit_bytes:
            raise ObjectTooLarge("the blob is too large", size=blob.size_bytes, limit=limit_bytes)
        return read_exactly(blob, 0, blob.size_bytes)


def read_exactly(blob: OpenBlob, start: int, stop: int) -> bytes:
    """Read the bytes [start, stop). Raises OSError (EIO) if the file ends early: somebody damaged it."""
    fd = blob.file.fileno()
    content = os.pread(fd, stop - start, start)
    while len(content) < stop - start:
        more = os.pread(fd, stop - start - len(content), start + len(content))
        if not more:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        content += more
    return content


def pieces(
    opened: Callable[[], OpenBlob], start: int, stop: int | None
) -> Generator[tuple[bytes, bool], None, None]:
    """Yield the bytes [start, stop) in pieces, at least one, each with whether another one follows.

    The file is opened when the first piece is asked for, and closed with the generator.
    """
    with opened() as blob:
        end = blob.size_bytes if stop is None else min(stop, blob.size_bytes)
        start = min(start, end)
        while (after := min(start + PIECE_BYTES, end)) < end:
            yield read_exactly(blob, start, after), True
            start = after
        yield read_exactly(blob, start, end), False
