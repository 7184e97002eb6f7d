"""Run blocking calls off the event loop, so that a cancelled caller never leaves one half-done."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from dtr.plumbing.blobs.errors import storage_trouble

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREADS = 32
"""Enough that calls waiting for the disk do not hold up those that the page cache answers."""


class Threads:
    """The threads of one driver: its own pool, or one handed in, which its maker shuts down."""

    def __init__(self, executor: ThreadPoolExecutor | None = None) -> None:
        self._owned = executor is None
        self._executor = executor or ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")

    async def run(self, call: Callable[[*Ts], T], *args: *Ts, undo: Callable[[T], None] | None = None) -> T:
        """Call on a thread, in a single hop.

        If the caller is cancelled, a call not yet begun never begins, and one that runs is waited for; `undo`
        then gets its result, which nobody else will see. Raises StorageFull or Unavailable for an OSError.
        """
        future = self._executor.submit(call, *args)
        return await _outcome(future, asyncio.wrap_future(future), undo)

    async def run_to_end(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Like `run`, for a call that must also happen if the caller is cancelled before it begins."""
        future = self._executor.submit(call, *args)
        return await _outcome(future, asyncio.shield(asyncio.wrap_future(future)), None)

    async def close(self) -> None:
        """End the threads, if they are our own."""
        if self._owned:
            await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)


async def _outcome(future: Future[T], waiter: asyncio.Future[T], undo: Callable[[T], None] | None) -> T:
    try:
        return await waiter
    except asyncio.CancelledError:
        await _finish(future, undo)
        raise
    except OSError as error:
        raise storage_trouble(error) from error


async def _finish(future: Future[T], undo: Callable[[T], None] | None) -> None:
    """Wait for a call whose caller was cancelled, however often, and undo its result."""
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    future.add_done_callback(lambda _: loop.call_soon_threadsafe(finished.set))
    while not finished.is_set():
        with suppress(asyncio.CancelledError):
            await finished.wait()
    if undo is not None and not future.cancelled() and future.exception() is None:
        undo(future.result())
