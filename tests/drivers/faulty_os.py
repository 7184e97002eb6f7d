"""A stand-in for the module `os` that remembers what was called and fails when told to."""

import os
from collections.abc import Callable

WATCHED = {
    "open", "close", "fstat", "lstat", "pwrite", "pread", "ftruncate", "fdatasync", "fsync",
    "rename", "unlink", "utime", "mkdir", "scandir",
}  # fmt: skip


class FaultyOs:
    """The module `os`, with a record of the watched calls and, if wanted, one call that fails.

    A failing `close` closes nevertheless, as Linux does. Descriptors appear in the record as their paths.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self._paths: dict[int, str] = {}
        self._fail_at: int | None = None
        self._fail_on: str | None = None
        self._error = 0

    def fail_call(self, number: int, error: int) -> None:
        """Let the call with this number, counted from now, fail."""
        self.calls.clear()
        self._fail_at, self._error = number, error

    def fail_on(self, name: str, error: int) -> None:
        """Let every call of this function fail until `heal`."""
        self._fail_on, self._error = name, error

    def heal(self) -> None:
        self._fail_at = self._fail_on = None
        self.calls.clear()

    def of(self, *names: str) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] in names]

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        return self._watched(name, real) if name in WATCHED else real

    def _watched(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(target: str | int, *args: object) -> object:
            path = self._paths.get(target, "?") if isinstance(target, int) else target
            is_doomed = len(self.calls) == self._fail_at or name == self._fail_on
            self.calls.append((name, path))
            if is_doomed and name != "close":
                raise OSError(self._error, os.strerror(self._error), path)
            result = real(target, *args)
            if name == "open" and isinstance(result, int):
                self._paths[result] = path
            if is_doomed:
                raise OSError(self._error, os.strerror(self._error), path)
            return result

        return call
