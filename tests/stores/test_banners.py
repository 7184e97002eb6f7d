"""What stands on top of every page: settings as they are, the rest looked at twice a minute at most."""

import asyncio

from dtr.core.clock import FakeClock
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.configuration.model import Replica, RuntimeSettings
from dtr.features.configuration.service import Banners, Configuration, Status
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.db import Database

QUIET = RuntimeSettings(disable_backup_warning=True)
REPLICA = Replica(
    id="1",
    node="here",
    http_port=5000,
    https_port=0,
    log_level="info",
    storage_volume="/data",
    version="1",
    database="SQLite",
    is_open_plain_http=False,
)


class Room:
    """The banners of one process, and what is wrong with it."""

    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.problem = ""
        self.looks = 0
        self.configuration = Configuration(database, self.clock, announce_to_nobody, lambda _tx: None, QUIET)
        status = Status(self.configuration, REPLICA, self.clock, self._health, self._audit)
        self._banners = Banners(status, self.configuration, self.clock)

    async def _health(self) -> str:
        self.looks += 1
        return self.problem

    async def _audit(self) -> str:
        return ""

    async def seen_by(self, caller: Caller) -> list[str]:
        return [each.id for each in await self._banners.shown_to(caller)]


async def test_administrators_see_trouble_within_half_a_minute(database: Database) -> None:
    room = Room(database)
    assert await room.seen_by(OPERATOR) == []
    room.problem = "the disk is full"
    room.clock.advance(29)
    assert await room.seen_by(OPERATOR) == []
    room.clock.advance(1)
    assert await room.seen_by(OPERATOR) == ["unhealthy"]
    assert room.looks == 2


async def test_many_pages_at_once_look_once(database: Database) -> None:
    room = Room(database)
    await asyncio.gather(*(room.seen_by(OPERATOR) for _ in range(5)))
    assert room.looks == 1


async def test_others_see_only_that_pushes_are_refused_and_at_once(database: Database) -> None:
    room = Room(database)
    room.problem = "the disk is full"
    others = [
        Caller(ANONYMOUS),
        Caller(Principal("2", "alice")),
        Caller(Principal("3", "audrey", is_auditor=True)),
    ]
    assert [await room.seen_by(each) for each in others] == [[], [], []]
    await room.configuration.change(OPERATOR, {"readOnlyRegistry": True})
    assert [await room.seen_by(each) for each in others] == [["read-only"]] * 3
    assert await room.seen_by(OPERATOR) == ["unhealthy", "read-only"]
    await room.configuration.change(OPERATOR, {"readOnlyRegistry": False})
    assert await room.seen_by(OPERATOR) == ["unhealthy"]
    assert [await room.seen_by(each) for each in others] == [[], [], []]
