"""What one caller may take: requests by token buckets, bodies by their pace, addresses by the trust in proxies."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dtr.plumbing.asgi import limits
from dtr.plumbing.asgi.limits import BodyPace, ProxyTrust, RateLimiter


def allowed(limiter: RateLimiter, times: Iterator[float] | list[float], caller: str = "alice") -> int:
    return sum(limiter.take(caller, now) == 0.0 for now in times)


@pytest.mark.item("11")
def test_a_burst_passes_and_the_next_request_waits() -> None:
    limiter = RateLimiter(2, 5)

    assert allowed(limiter, [0.0] * 6) == 5
    assert limiter.take("alice", 0.0) == pytest.approx(0.5)


def test_waiting_as_long_as_told_is_enough() -> None:
    limiter = RateLimiter(0.5, 1)
    limiter.take("alice", 0.0)
    wait = limiter.take("alice", 0.0)

    assert limiter.take("alice", wait - 0.01) > 0
    assert limiter.take("alice", wait) == 0.0


def test_the_average_is_held_over_time() -> None:
    limiter = RateLimiter(10, 5)

    assert allowed(limiter, [number / 100 for number in range(1000)]) == pytest.approx(10 * 10 + 5, abs=1)


def test_a_refused_request_costs_nothing() -> None:
    limiter = RateLimiter(1, 1)
    limiter.take("alice", 0.0)
    allowed(limiter, [0.5] * 100)

    assert limiter.take("alice", 1.0) == 0.0


def test_a_long_pause_saves_no_more_than_a_burst() -> None:
    limiter = RateLimiter(10, 3)
    limiter.take("alice", 0.0)

    assert allowed(limiter, [1e6] * 10) == 3


@pytest.mark.item("11")
def test_callers_are_counted_apart() -> None:
    limiter = RateLimiter(1, 1)
    limiter.take("alice", 0.0)

    assert limiter.take("bob", 0.0) == 0.0
    assert limiter.take("alice", 0.0) > 0


def test_a_rate_of_zero_means_no_limiter() -> None:
    assert not RateLimiter(0, 100).enabled
    assert RateLimiter(0.1, 100).enabled


@pytest.mark.item("B9")
def test_callers_who_come_once_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TRACKED_CALLERS", 10)
    limiter = RateLimiter(1, 1)

    for number in range(100):
        limiter.take(f"10.0.0.{number}", 0.0)

    assert len(limiter._buckets) == 10


@pytest.mark.parametrize(
    ("networks", "host", "expected"),
    [
        ((), "127.0.0.1", False),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
        (("10.0.0.7/8",), "10.1.2.3", True),
        (("fd00::/8",), "fd00::1", True),
        (("fd00::/8",), "10.1.2.3", False),
        (("0.0.0.0/0",), "", False),
        (("0.0.0.0/0",), "not-an-address", False),
    ],
)
def test_only_addresses_of_the_named_networks_are_trusted(
    networks: tuple[str, ...], host: str, expected: bool
) -> None:
    assert ProxyTrust(networks).trusts(host) is expected


PROXY, OTHER_PROXY, CLIENT, LIAR = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.1"


@pytest.mark.item("11", "35")
@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (PROXY, None, PROXY),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{LIAR}, {CLIENT}", CLIENT),
        (PROXY, f"{LIAR} ,{CLIENT} , {OTHER_PROXY}", CLIENT),
        (PROXY, OTHER_PROXY, PROXY),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "<script>", PROXY),
        (PROXY, "", PROXY),
        (PROXY, f"{CLIENT},", PROXY),
        (CLIENT, LIAR, CLIENT),
    ],
)
def test_the_client_is_the_last_hop_that_no_proxy_of_ours_is(
    peer: str, forwarded: str | None, expected: str
) -> None:
    header = None if forwarded is None else forwarded.encode()

    assert ProxyTrust(("10.0.0.0/8",)).client(peer, header) == expected


def test_bytes_outside_ascii_in_the_forwarding_header_do_no_harm() -> None:
    assert ProxyTrust(("10.0.0.0/8",)).client(PROXY, b"\xff\xfe, \x80") == PROXY


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    return Seconds(monkeypatch)


async def message() -> dict[str, Any]:
    return {"body": b"x"}


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


@pytest.mark.item("97")
async def test_a_body_of_which_nothing_arrives_is_given_up() -> None:
    meter = BodyPace(idle_seconds=0.01, minimum_bytes_per_second=0).meter()

    assert await meter.wait_for(never()) is None


@pytest.mark.item("97")
async def test_a_body_at_the_lowest_pace_is_taken_however_long_it_lasts(seconds: Seconds) -> None:
    meter = BodyPace(idle_seconds=60, minimum_bytes_per_second=100).meter()
    for _ in range(1000):
        seconds.now += 30
        meter.count(3000)

    assert await meter.wait_for(message()) == {"body": b"x"}


@pytest.mark.item("97")
async def test_a_body_below_the_lowest_pace_is_given_up_after_the_grace_time(seconds: Seconds) -> None:
    meter = BodyPace(idle_seconds=60, minimum_bytes_per_second=100, grace_seconds=30).meter()
    meter.count(10)
    seconds.now += 29
    assert await meter.wait_for(message()) is not None

    seconds.now += 2
    assert await meter.wait_for(message()) is None


async def test_without_a_lowest_pace_a_slow_body_is_taken(seconds: Seconds) -> None:
    meter = BodyPace(idle_seconds=60, minimum_bytes_per_second=0).meter()
    seconds.now += 1_000_000

    assert await meter.wait_for(message()) is not None


async def test_each_body_is_watched_from_its_own_start(seconds: Seconds) -> None:
    pace = BodyPace(idle_seconds=60, minimum_bytes_per_second=100, grace_seconds=1)
    old = pace.meter()
    seconds.now += 100

    assert await old.wait_for(message()) is None
    assert await pace.meter().wait_for(message()) is not None
