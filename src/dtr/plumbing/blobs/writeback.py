"""Telling the kernel to write early what a flush would otherwise write late.

A large upload that is flushed only at its end makes its client wait for the whole disk write then. Started on the way,
the disk works while the network does. Only a hint: durability comes from the flush alone.
"""

import ctypes
import sys

WINDOW_BYTES = 8 * 1024 * 1024
"""Writing is started for this much at a time."""

_START_WRITING = 2
"""SYNC_FILE_RANGE_WRITE: begin to write the dirty pages of a range, wait for nothing. Source: sync_file_range(2)."""


class Writeback:
    """Follows a file that grows and starts its writing, window by window. Does nothing where the kernel cannot."""

    def __init__(self, position: int) -> None:
        self._started = position
        self._start = _sync_file_range()

    def reached(self, fd: int, position: int) -> None:
        """Take the note that the file was filled up to `position` (bytes)."""
        if self._start is None or position - self._started < WINDOW_BYTES:
            return
        self._start(fd, self._started, position - self._started, _START_WRITING)
        self._started = position


def _sync_file_range() -> "ctypes._NamedFuncPointer | None":
    if not sys.platform.startswith("linux"):
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function
