import asyncio
import os
import re
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from timeit import repeat

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dtr.plumbing.telemetry.counters import (
    BLOB_UPLOADED,
    LOGIN_FAILED,
    MANIFEST_PULLED,
    MANIFEST_PUSHED,
    Connections,
    Counters,
)
from dtr.plumbing.telemetry.metrics import Metrics
from dtr.plumbing.telemetry.shared_counters import SharedCounters

ROUTE = "/v2/{name}/manifests/{reference}"


@pytest.fixture
def shared(tmp_path: Path) -> SharedCounters:
    counters = SharedCounters(tmp_path / "run" / "metrics")
    counters.clear()
    return counters


def make(shared: SharedCounters, connections: Connections | None = None) -> Metrics:
    return Metrics(
        shared, "1.2.3", started_at=100.0, now=lambda: 160.0, connections=lambda: connections or Connections()
    )


async def samples(metrics: Metrics) -> dict[str, float]:
    """Return every sample as `name{label=value,...}`, read the way Prometheus reads."""
    text = (await metrics.render()).decode()
    return {
        sample.name + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_requests_are_counted_by_method_route_and_status(shared: SharedCounters) -> None:
    metrics = make(shared)

    metrics.count_request("GET", ROUTE, 200, 0.003, 0, 500)
    metrics.count_request("GET", ROUTE, 200, 0.2, 0, 500)
    metrics.count_request("PUT", ROUTE, 201, 0.02, 700, 0)

    found = await samples(metrics)
    assert found[f"dtr_http_requests_total,GET,{ROUTE},200"] == 2
    assert found[f"dtr_http_requests_total,PUT,{ROUTE},201"] == 1
    assert found[f"dtr_http_request_bytes_total,{ROUTE}"] == 700
    assert found[f"dtr_http_response_bytes_total,{ROUTE}"] == 1000


async def test_durations_form_a_cumulative_histogram_by_route(shared: SharedCounters) -> None:
    metrics = make(shared)
    for seconds in (0.001, 0.0011, 0.2, 1000.0):
        metrics.count_request("GET", ROUTE, 200, seconds, 0, 0)

    found = await samples(metrics)

    name = "dtr_http_request_duration_seconds"
    assert found[f"{name}_bucket,0.001,{ROUTE}"] == 1
    assert found[f"{name}_bucket,0.0025,{ROUTE}"] == 2
    assert found[f"{name}_bucket,300.0,{ROUTE}"] == 3
    assert found[f"{name}_bucket,+Inf,{ROUTE}"] == found[f"{name}_count,{ROUTE}"] == 4
    assert found[f"{name}_sum,{ROUTE}"] == pytest.approx(1000.2021)


async def test_invented_methods_share_one_label(shared: SharedCounters) -> None:
    metrics = make(shared)
    for number in range(100):
        metrics.count_request(f"EVIL{number}", "other", 405, 0.001, 0, 0)

    found = await samples(metrics)

    assert found["dtr_http_requests_total,other,other,405"] == 100
    assert sum(name.startswith("dtr_http_requests_total") for name in found) == 1


async def test_events_version_uptime_and_connections_are_told(shared: SharedCounters) -> None:
    metrics = make(shared, Connections(accepted=9, handled=8, requests=7, reading=1, writing=2, waiting=3))
    for event in (BLOB_UPLOADED, MANIFEST_PUSHED, MANIFEST_PULLED, MANIFEST_PULLED, LOGIN_FAILED):
        metrics.count_event(event)

    found = await samples(metrics)

    assert found["dtr_blob_uploads_total"] == 1
    assert found["dtr_manifests_pushed_total"] == 1
    assert found["dtr_manifests_pulled_total"] == 2
    assert found["dtr_login_failures_total"] == 1
    assert found["dtr_build_info,1.2.3"] == 1
    assert found["dtr_uptime_seconds"] == 60
    assert found["dtr_worker_processes"] == 1
    assert found["dtr_connections,waiting"] == 3
    assert found["dtr_connections_accepted_total"] == 9


async def test_events_that_never_happened_are_told_as_zero(shared: SharedCounters) -> None:
    assert (await samples(make(shared)))["dtr_login_failures_total"] == 0


async def test_every_metric_has_a_help_text_and_a_known_prefix(shared: SharedCounters) -> None:
    text = (await make(shared).render()).decode()

    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        assert re.match(r"dtr_[a-z_]+$", family.name)


def count_until_told(directory: Path, requests: int, parent: Connection) -> None:
    """Count in a process of its own; say when that is done, then wait to be told to end."""

    async def run() -> None:
        metrics = Metrics(
            SharedCounters(directory), "1.2.3", 100.0, connections=lambda: Connections(accepted=5, waiting=4)
        )
        for _ in range(requests):
            metrics.count_request("GET", ROUTE, 200, 0.001, 0, 10)
        await metrics.start()
        parent.send("counted")
        await asyncio.to_thread(parent.recv)
        metrics.count_request("GET", ROUTE, 200, 0.001, 0, 10)
        await metrics.close()

    asyncio.run(run())


class Counting:
    """A process that has counted some requests."""

    def __init__(self, directory: Path, requests: int) -> None:
        context = get_context("spawn")
        self.pipe, child_end = context.Pipe()
        self.process = context.Process(target=count_until_told, args=(directory, requests, child_end))
        self.process.start()

    async def has_counted(self) -> None:
        assert await asyncio.to_thread(self.pipe.recv) == "counted"

    def kill(self) -> int:
        pid = self.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.process.join()
        return pid

    def end(self) -> int | None:
        self.pipe.send("end")
        self.process.join()
        return self.process.exitcode


async def test_any_process_answers_for_all_and_one_that_is_killed_leaves_its_totals_but_no_gauges(
    shared: SharedCounters, tmp_path: Path
) -> None:
    workers = [Counting(tmp_path / "run" / "metrics", requests) for requests in (10, 20)]
    for worker in workers:
        await worker.has_counted()
    metrics = make(shared)
    metrics.count_request("GET", ROUTE, 200, 0.001, 0, 10)

    running = await samples(metrics)
    shared.retire(workers[0].kill())
    after_death = await samples(metrics)
    assert workers[1].end() == 0
    after_end = await samples(metrics)

    requests = f"dtr_http_requests_total,GET,{ROUTE},200"
    assert (running[requests], after_death[requests], after_end[requests]) == (31, 31, 32)
    assert (running["dtr_worker_processes"], after_death["dtr_worker_processes"]) == (3, 2)
    assert (running["dtr_connections,waiting"], after_death["dtr_connections,waiting"]) == (8, 4)
    assert (await metrics.connections()).accepted == 10


def test_retiring_a_process_that_left_nothing_changes_nothing(shared: SharedCounters) -> None:
    shared.retire(4711)

    assert shared.total() == Counters()


def test_retiring_many_processes_leaves_one_file(shared: SharedCounters, tmp_path: Path) -> None:
    for pid in range(1, 51):
        counters = Counters(processes=1)
        counters.count_request("GET", ROUTE, 200, 0.001, 0, 1)
        shared.save(pid, counters.to_bytes())
        shared.retire(pid)

    assert shared.total().routes["GET", ROUTE, 200].count == 50
    assert {file.name for file in (tmp_path / "run" / "metrics").iterdir()} == {"lock", "ended"}


def test_the_numbers_of_an_earlier_run_are_forgotten_at_start(shared: SharedCounters) -> None:
    shared.save(1, Counters(processes=1).to_bytes())

    shared.clear()

    assert shared.total() == Counters()


def test_counters_survive_being_written_and_read() -> None:
    counters = Counters(processes=1, connections=Connections(1, 2, 3, 4, 5, 6))
    counters.count_request("GET", ROUTE, 200, 0.5, 1, 2)
    counters.events["manifest_pushed"] += 3

    read = Counters.from_bytes(counters.to_bytes())

    assert read.to_bytes() == counters.to_bytes()
    assert read.connections == counters.connections


async def test_nothing_is_written_while_nothing_changes(shared: SharedCounters, tmp_path: Path) -> None:
    metrics = make(shared)
    await metrics.connections()
    (file,) = (tmp_path / "run" / "metrics").glob("worker-*")
    before = file.stat().st_ino, file.stat().st_mtime_ns

    await metrics.connections()

    assert (file.stat().st_ino, file.stat().st_mtime_ns) == before


@pytest.mark.serial
def test_counting_a_request_costs_under_a_microsecond_or_so() -> None:
    counters = Counters()

    def count() -> None:
        counters.count_request("GET", ROUTE, 200, 0.0012, 0, 1234)

    assert min(repeat(count, number=10_000, repeat=5)) / 10_000 < 3e-6
