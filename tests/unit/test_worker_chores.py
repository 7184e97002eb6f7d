"""What a worker does beside answering requests."""

import asyncio
from collections.abc import Awaitable, Callable
from unittest.mock import MagicMock

import pytest

from dtr.wiring import worker


def chores_of(monkeypatch: pytest.MonkeyPatch, index: int) -> set[str]:
    """Return what the worker of a number repeats."""
    parts, started = MagicMock(), set()
    names = {
        parts.images.pulls.flush: "count pulls",
        parts.images.uploads.expire: "expire uploads",
        parts.tag_history.prune: "forget tag moves",
        parts.renaming.forget_old_names: "forget old names",
        parts.activity.compact: "compact events",
        parts.audit.look_after: "look after the audit chain",
        parts.storage_usage.take_snapshot: "note what storage takes",
    }

    async def note(_seconds: float, work: Callable[[], Awaitable[object]], _on_error: object) -> None:
        started.add(names[work])

    async def start() -> None:
        await asyncio.gather(*worker._background(parts, index))

    monkeypatch.setattr(worker, "repeat", note)
    asyncio.run(start())
    return started


def test_the_first_worker_does_what_one_does_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"count pulls", "expire uploads", "forget tag moves"}

    assert chores_of(monkeypatch, 1) == own
    assert chores_of(monkeypatch, 0) == own | {
        "forget old names",
        "compact events",
        "look after the audit chain",
        "note what storage takes",
    }
