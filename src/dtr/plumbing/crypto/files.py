"""Files for secrets: whole or not at all, readable by their owner only."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create_private_file(path: Path, content: bytes) -> bool:
    """Create a file with mode 0600 unless it exists; return whether it was created.

    It is flushed before it is visible. Of several processes that try at once one wins, and all see its whole
    content. Raises OSError.
    """
    with _temporary_file(path, content) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            was_created = False
        else:
            was_created = True
    # Also after a lost race: the winner may not have come this far, and the caller will rely on the file.
    _flush_directory(path.parent)
    return was_created


def replace_private_file(path: Path, content: bytes) -> None:
    """Put a file with mode 0600 in the place of whatever is there, atomically. Raises OSError."""
    with _temporary_file(path, content) as temporary:
        temporary.replace(path)
    _flush_directory(path.parent)


@contextmanager
def _temporary_file(path: Path, content: bytes) -> Iterator[Path]:
    """Write a flushed file beside `path`; whatever happens, nothing is left of it under its own name."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
