import asyncio
import json
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from dtr.core.errors import Denied, NotFound, Unavailable
from dtr.doors.health import Check, Health, HealthDoor
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse
from dtr.plumbing.telemetry.counters import Connections
from dtr.plumbing.telemetry.metrics import Metrics
from dtr.plumbing.telemetry.shared_counters import SharedCounters

REQUEST = cast("Request", None)
"""No handler here looks at its request."""


async def well() -> None:
    """Find nothing wrong."""


async def no_database() -> None:
    raise Unavailable("the database does not answer")


async def leak() -> None:
    raise RuntimeError("postgresql://dtr:canary@db/dtr")


class Counted:
    """A check that counts its calls and does what the test says."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> None:
        self.calls += 1
        await self.gate.wait()


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    shared = SharedCounters(tmp_path)
    shared.clear()
    sample = Connections(accepted=12, handled=11, requests=30, reading=1, writing=2, waiting=3)
    return Metrics(shared, "1.2.3", 0.0, connections=lambda: sample)


def door(metrics: Metrics, checks: dict[str, Check] | None = None, **more: Any) -> HealthDoor:
    return HealthDoor(Health(checks or {}), metrics, more.pop("ca", None), **more)


async def get(door: HealthDoor, path: str) -> BytesResponse:
    (route,) = [route for route in door.routes() if route.path == path]
    assert route.method == "GET"
    return cast("BytesResponse", await route.handler(REQUEST))


@pytest.mark.parametrize("path", ["/_ping", "/health"])
async def test_a_replica_that_is_well_says_so(metrics: Metrics, path: str) -> None:
    response = await get(door(metrics, {"database": well, "storage": well}), path)

    assert response.status == 200
    assert response.body == b'{"Error":"","Healthy":true}'


@pytest.mark.parametrize("path", ["/_ping", "/health"])
async def test_a_replica_that_is_unwell_names_the_parts(metrics: Metrics, path: str) -> None:
    response = await get(door(metrics, {"database": no_database, "storage": well, "keys": no_database}), path)

    assert response.status == 503
    assert json.loads(response.body) == {
        "Error": "database: the database does not answer; keys: the database does not answer",
        "Healthy": False,
    }


async def test_an_error_nobody_foresaw_is_not_shown_to_everybody(metrics: Metrics) -> None:
    response = await get(door(metrics, {"database": leak}), "/health")

    assert response.status == 503
    assert json.loads(response.body)["Error"] == "database: not usable"


async def test_a_part_that_does_not_answer_in_time_is_unwell_and_is_not_asked_again_meanwhile() -> None:
    check = Counted()
    check.gate.clear()
    now = 0.0
    health = Health({"storage": check}, monotonic=lambda: now, limit_seconds=0.05)

    first = await health.problem()
    now = 10.0
    second = await health.problem()
    check.gate.set()
    now = 20.0
    third = await health.problem()

    assert first == second == "storage: no answer within 0.05 s"
    assert third == ""
    assert check.calls == 1


async def test_a_check_stuck_on_a_thread_does_not_hold_the_answer_back() -> None:
    release = threading.Event()

    async def stuck() -> None:
        await asyncio.to_thread(release.wait, 20)

    health = Health({"storage": stuck}, limit_seconds=0.05)

    assert "no answer" in await asyncio.wait_for(health.problem(), 5)
    release.set()
    assert not await Health({"storage": stuck}).problem()


async def test_many_probes_at_once_and_within_a_second_cost_one_check() -> None:
    check = Counted()
    now = 0.0
    health = Health({"storage": check}, monotonic=lambda: now)

    await asyncio.gather(*(health.problem() for _ in range(50)))
    now = 0.9
    await health.problem()
    assert check.calls == 1

    now = 1.0
    await health.problem()
    assert check.calls == 2


async def test_a_probe_that_leaves_does_not_spoil_the_answer_of_the_others() -> None:
    check = Counted()
    check.gate.clear()
    health = Health({"storage": check})
    impatient, patient = asyncio.create_task(health.problem()), asyncio.create_task(health.problem())
    await asyncio.sleep(0)

    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    check.gate.set()

    assert await patient == ""


async def test_metrics_are_given_in_the_format_of_prometheus(metrics: Metrics) -> None:
    response = await get(door(metrics), "/metrics")

    assert dict(response.headers)[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert b'dtr_build_info{version="1.2.3"} 1.0' in response.body


async def test_metrics_that_are_turned_off_are_not_found(metrics: Metrics) -> None:
    with pytest.raises(NotFound):
        await get(door(metrics, metrics_enabled=False), "/metrics")


async def test_metrics_can_be_kept_from_others(metrics: Metrics) -> None:
    async def refuse(_request: Request) -> None:
        raise Denied("administrators only")

    with pytest.raises(Denied):
        await get(door(metrics, authorize_metrics=refuse), "/metrics")


async def test_connections_are_told_the_way_nginx_does(metrics: Metrics) -> None:
    response = await get(door(metrics), "/nginx_status")

    assert response.body == (
        b"Active connections: 6 \n"
        b"server accepts handled requests\n"
        b" 12 11 30 \n"
        b"Reading: 1 Writing: 2 Waiting: 3 \n"
    )


async def test_the_own_authority_is_given_as_pem(metrics: Metrics) -> None:
    response = await get(door(metrics, ca=b"-----BEGIN CERTIFICATE-----\n"), "/ca")

    assert (response.status, response.body) == (200, b"-----BEGIN CERTIFICATE-----\n")


async def test_without_an_own_authority_there_is_none_to_give(metrics: Metrics) -> None:
    with pytest.raises(NotFound):
        await get(door(metrics), "/ca")
