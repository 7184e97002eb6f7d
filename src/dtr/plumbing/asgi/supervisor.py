"""Keeps worker processes running: one in this process, or several forked from it.

| signal | what happens |
| --- | --- |
| SIGTERM, SIGINT | workers get SIGTERM and time to finish, then are killed |
| SIGHUP | workers are replaced one after another |

A worker that dies is replaced, at once the first time, later and later when it keeps dying. Workers notice by
a pipe that the supervisor is gone, and end themselves.
"""

import enum
import gc
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dtr.plumbing.asgi.signals import SignalInbox, exit_on_signal

log = structlog.get_logger()

_WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Ending(enum.IntEnum):
    """How the server ended; the exit code of the process."""

    STOPPED = 0
    """As asked, every worker by itself."""
    WORKERS_KEEP_FAILING = 5
    """No worker stays alive for long; starting again will not help before something else changes."""
    WORKERS_KILLED = 6
    """As asked, but a worker had to be killed because it took too long."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in seconds."""

    stop: float = 10.0
    """A worker that was asked to end is killed after this long."""
    stable: float = 10.0
    """A worker that lived this long counts as having started well."""
    first_backoff: float = 0.1
    """Pause before a worker is replaced that died soon after its start; doubles with every such death."""
    longest_backoff: float = 30.0
    roll_pause: float = 2.0
    """Time for a replacement to begin its work before the next worker is replaced."""
    give_up_after: int = 5
    """Deaths soon after a start until the server gives up: the workers' average, while none is stable."""


@dataclass(slots=True)
class _Slot:
    """The place of one worker."""

    index: int
    pid: int | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    start_at: float = 0.0
    """When to start the next worker here, if none runs."""
    kill_at: float | None = None
    """When to kill the worker, once it was asked to end."""


def supervise(
    workers: int,
    run_worker: Callable[[int], None],
    on_worker_death: Callable[[int], None],
    timing: Timing | None = None,
) -> int:
    """Run `run_worker(index)` in `workers` processes until told to stop; return the exit code (see `Ending`).

    One worker runs in this process. Several are forked: import everything first, start no thread before.
    `run_worker` must end on SIGTERM. `on_worker_death(pid)` is called here after a forked worker ended.
    """
    if workers == 1:
        return _run_alone(run_worker)
    return _Supervisor(workers, run_worker, on_worker_death, timing or Timing()).run()


def _run_alone(run_worker: Callable[[int], None]) -> int:
    _take_exit_signals()
    signal.signal(
        signal.SIGHUP, lambda *_: log.info("server.reload_ignored", reason="there is only one worker")
    )
    try:
        run_worker(0)
    except SystemExit as ending:
        return _exit_code(ending)
    return Ending.STOPPED


def _take_exit_signals() -> None:
    signal.signal(signal.SIGTERM, exit_on_signal)
    signal.signal(signal.SIGINT, exit_on_signal)


def _exit_code(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    return 1


class _Supervisor:
    def __init__(
        self,
        workers: int,
        run_worker: Callable[[int], None],
        on_worker_death: Callable[[int], None],
        timing: Timing,
    ) -> None:
        self._run_worker = run_worker
        self._on_worker_death = on_worker_death
        self._timing = timing
        self._slots = [_Slot(index) for index in range(workers)]
        self._rolling: deque[_Slot] = deque()
        self._pid = os.getpid()
        self._roll_at = 0.0
        self._inbox = SignalInbox(_WATCHED)

    def run(self) -> int:
        """Keep the workers running until a signal ends it, or until that is hopeless."""
        if threading.active_count() > 1:
            raise RuntimeError("a thread runs already: a fork would leave its locks behind")
        gc.freeze()  # what is imported now stays shared between the processes
        self._alive_read_end, self._alive_write_end = os.pipe()
        with self._inbox:
            while True:
                self._start_due()
                received = self._inbox.wait(self._seconds_to_next_step())
                self._reap()
                if received & {signal.SIGTERM, signal.SIGINT}:
                    return self._stop(Ending.STOPPED)
                if self._is_hopeless():
                    log.error("server.workers_keep_failing", workers=len(self._slots))
                    return self._stop(Ending.WORKERS_KEEP_FAILING)
                if signal.SIGHUP in received:
                    self._begin_rolling_restart()
                self._roll()
                self._kill_overdue()

    # -- starting ----------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.pid is None and slot.start_at <= now:
                self._fork(slot)

    def _fork(self, slot: _Slot) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._inbox.block()
        try:
            pid = os.fork()
        except OSError as error:
            log.warning("server.fork_failed", worker=slot.index, reason=error.strerror)
            slot.start_at = time.monotonic() + self._timing.first_backoff * 10
            return
        finally:
            if os.getpid() == self._pid:
                self._inbox.unblock()
        if pid == 0:
            self._become_worker(slot.index)
        slot.pid, slot.started_at, slot.kill_at = pid, time.monotonic(), None

    def _become_worker(self, index: int) -> None:
        """Run in the child; never returns."""
        code = 1
        try:
            self._inbox.leave_in_child()
            os.close(self._alive_write_end)
            _take_exit_signals()
            signal.signal(
                signal.SIGHUP, signal.SIG_IGN
            )  # a terminal sends it to every process when it closes
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._inbox.unblock()
            threading.Thread(target=self._end_with_supervisor, name="supervisor-watch", daemon=True).start()
            self._run_worker(index)
            code = 0
        except SystemExit as ending:
            code = _exit_code(ending)
        except BaseException:
            log.exception("server.worker_failed", worker=index)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _end_with_supervisor(self) -> None:
        """End this worker when the supervisor is gone: nobody holds the write end of the pipe any more."""
        os.read(self._alive_read_end, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self._timing.stop)
        os._exit(Ending.WORKERS_KILLED)

    # -- watching ----------------------------------------------------------------------------

    def _seconds_to_next_step(self) -> float:
        """How long nothing will happen unless a signal arrives."""
        now = time.monotonic()
        moments = [slot.start_at for slot in self._slots if slot.pid is None]
        moments += [slot.kill_at for slot in self._slots if slot.kill_at is not None]
        if self._rolling and self._is_complete():
            moments.append(self._roll_at)
        return max(0.0, min((moment - now for moment in moments), default=60.0))

    def _reap(self) -> None:
        for slot in self._slots:
            if slot.pid is None:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                self._bury(slot, pid, os.waitstatus_to_exitcode(status))

    def _bury(self, slot: _Slot, pid: int, code: int) -> None:
        """Take note of a death and decide when its successor starts."""
        now = time.monotonic()
        asked = slot.kill_at is not None
        slot.pid, slot.kill_at = None, None
        if asked:
            slot.start_at, self._roll_at = now, now + self._timing.roll_pause
        else:
            slot.quick_deaths = slot.quick_deaths + 1 if now - slot.started_at < self._timing.stable else 0
            slot.start_at = now + self._backoff(slot.quick_deaths)
            cause = {"signal": signal.Signals(-code).name} if code < 0 else {"exit_code": code}
            log.warning(
                "server.worker_died", worker=slot.index, pid=pid, restart_in=slot.start_at - now, **cause
            )
        try:
            self._on_worker_death(pid)
        except Exception:
            log.exception("server.worker_death_unrecorded", pid=pid)

    def _backoff(self, quick_deaths: int) -> float:
        if quick_deaths <= 1:
            return 0.0
        return min(self._timing.longest_backoff, self._timing.first_backoff * 2.0 ** (quick_deaths - 2))

    def _is_hopeless(self) -> bool:
        now = time.monotonic()
        if any(slot.pid is not None and now - slot.started_at >= self._timing.stable for slot in self._slots):
            return False
        deaths = sum(slot.quick_deaths for slot in self._slots)
        return deaths >= self._timing.give_up_after * len(self._slots)

    # -- replacing and stopping ----------------------------------------------------------------

    def _begin_rolling_restart(self) -> None:
        log.info("server.rolling_restart", workers=len(self._slots))
        self._rolling = deque(self._slots)
        self._roll_at = time.monotonic()

    def _roll(self) -> None:
        """Ask the next worker to end, if all others run and the last replacement had its time."""
        if self._rolling and self._is_complete() and time.monotonic() >= self._roll_at:
            self._ask_to_end(self._rolling.popleft())

    def _is_complete(self) -> bool:
        return all(slot.pid is not None and slot.kill_at is None for slot in self._slots)

    def _ask_to_end(self, slot: _Slot) -> None:
        if slot.pid is not None and slot.kill_at is None:
            os.kill(slot.pid, signal.SIGTERM)
            slot.kill_at = time.monotonic() + self._timing.stop

    def _kill_overdue(self) -> bool:
        killed = False
        for slot in self._slots:
            if slot.pid is not None and slot.kill_at is not None and time.monotonic() >= slot.kill_at:
                log.warning("server.worker_killed", worker=slot.index, pid=slot.pid, after=self._timing.stop)
                os.kill(slot.pid, signal.SIGKILL)
                slot.kill_at = time.monotonic() + self._timing.stop
                killed = True
        return killed

    def _stop(self, ending: Ending) -> int:
        for slot in self._slots:
            self._ask_to_end(slot)
        while any(slot.pid is not None for slot in self._slots):
            self._inbox.wait(0.1)
            self._reap()
            if self._kill_overdue() and ending is Ending.STOPPED:
                ending = Ending.WORKERS_KILLED
        return ending
