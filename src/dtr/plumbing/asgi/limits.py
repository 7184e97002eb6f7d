"""Limits on what one caller may take: the pace of bodies, the rate of requests, the trust in proxies."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from dtr.core.addresses import plain_address

MAX_TRACKED_CALLERS = 100_000


@dataclass(frozen=True, slots=True)
class BodyPace:
    """How slow a client may send a body. Not a limit on total time: a large layer over a thin line is fine."""

    idle_seconds: float
    minimum_bytes_per_second: int
    grace_seconds: float = 30.0

    def meter(self) -> "BodyMeter":
        """Start to watch one body."""
        return BodyMeter(self)


class BodyMeter:
    """Watches one body arrive."""

    def __init__(self, pace: BodyPace) -> None:
        self._pace = pace
        self._started = time.monotonic()
        self._bytes = 0

    async def wait_for(self, message: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any] | None:
        """Await the next piece; `None` when it does not come in time or the body is too slow on the whole."""
        if self._is_too_slow():
            message.close()
            return None
        try:
            async with asyncio.timeout(self._pace.idle_seconds):
                return await message
        except TimeoutError:
            return None

    def count(self, size: int) -> None:
        """Take note of bytes that arrived."""
        self._bytes += size

    def _is_too_slow(self) -> bool:
        elapsed = time.monotonic() - self._started
        if elapsed < self._pace.grace_seconds:
            return False
        return self._bytes < elapsed * self._pace.minimum_bytes_per_second


class RateLimiter:
    """Token buckets by caller, per worker process. A rate of 0 means no limit."""

    def __init__(self, requests_per_second: float, burst: int) -> None:
        self._rate = requests_per_second
        self._burst = float(max(burst, 1))
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.enabled = requests_per_second > 0

    def take(self, caller: str, now: float) -> float:
        """Count one request at monotonic time `now`; return 0, or the seconds to wait when it is one too many."""
        tokens, since = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_TRACKED_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate


class ProxyTrust:
    """Finds the client's real address, scheme and host behind proxies that are trusted to tell them."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks = tuple(ipaddress.ip_network(network, strict=False) for network in networks)

    def trusts(self, host: str) -> bool:
        """Tell whether the peer's address belongs to a trusted proxy."""
        if not self._networks:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: bytes | None) -> str:
        """Return the last address in X-Forwarded-For that no trusted proxy has; without proxies the peer."""
        if forwarded_for is None or not self.trusts(peer):
            return peer
        for hop in reversed(forwarded_for.decode("latin-1").split(",")):
            address = plain_address(hop.strip())
            if not self.trusts(address):
                return address if _is_address(address) else peer
        return peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
