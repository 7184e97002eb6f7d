"""Signals as things to read in a loop, instead of functions that interrupt one."""

import os
import select
import signal
from collections.abc import Iterable
from types import FrameType
from typing import Any, Self

EXIT_SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT))


class SignalInbox:
    """Collects signals while it is entered. Main thread only.

    A signal that arrives in a forked child before it calls `leave_in_child` would land in the parent's inbox:
    call `block` before a fork, `unblock` after it in both.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = frozenset(numbers)
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Begin to collect."""
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        self._previous_wakeup = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._previous = {number: signal.signal(number, _leave_to_inbox) for number in self._numbers}
        return self

    def __exit__(self, *_error: object) -> None:
        """Put back the handlers that were there before."""
        signal.set_wakeup_fd(self._previous_wakeup)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._close()

    def wait(self, seconds: float) -> set[int]:
        """Return the signals that arrived; wait up to `seconds` when there are none."""
        select.select([self._read_end], [], [], seconds)
        try:
            return set(os.read(self._read_end, 4096))
        except BlockingIOError:
            return set()

    def block(self) -> None:
        """Hold signals back, just before a fork."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)

    def unblock(self) -> None:
        """Let the signals that were held back through."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def leave_in_child(self) -> None:
        """Forget the inbox in a child that was forked while signals were blocked; sets no handlers."""
        signal.set_wakeup_fd(-1)
        self._close()

    def _close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)


def hold_exit_signals() -> None:
    """Keep SIGTERM and SIGINT waiting while a worker starts: one that arrives in the middle could be lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, EXIT_SIGNALS)


def release_exit_signals() -> None:
    """Let SIGTERM and SIGINT through; one that waited takes effect now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, EXIT_SIGNALS)


def _leave_to_inbox(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: Python has written the number to the pipe already."""


def exit_on_signal(_number: int, _frame: FrameType | None) -> None:
    """End the process cleanly: before a server takes its signals over, and after it gave them back."""
    raise SystemExit(0)
