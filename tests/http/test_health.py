"""The doors for operators: `/_ping`, `/health`, `/metrics`, `/nginx_status` and `/ca`."""

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.raw_http import Wire, head, talk
from tests.support.registry import RegistryClient, error_codes
from tests.support.server import ServerProcess

SECONDS = 15.0
WORKERS = 2

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give a server with two workers that nobody else asks anything."""
    server = ServerProcess(tmp_path / "data", workers=WORKERS)
    server.start()
    yield server
    assert server.stop() == 0


def samples(url: str) -> Samples:
    """Read and parse `/metrics`."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def requests_counted(found: Samples, **labels: str) -> float:
    return value(found, "dtr_http_requests_total", **labels)


def eventually(condition: Callable[[], bool]) -> bool:
    """Ask again until it is true: the numbers of the other worker come once a second."""
    deadline = time.monotonic() + SECONDS
    pause = threading.Event()
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.1)
    return condition()


# -- ping


@pytest.mark.parametrize("path", ["/_ping", "/health"])
def test_a_well_registry_says_so_to_everybody(server: ServerProcess, path: str) -> None:
    answer = httpx.get(f"{server.url}{path}")

    assert answer.status_code == 200
    assert answer.json() == {"Error": "", "Healthy": True}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.item("12")
@pytest.mark.parametrize("path", ["/_ping", "/health", "/metrics", "/nginx_status", "/ca"])
def test_these_doors_are_for_reading(server: ServerProcess, path: str) -> None:
    answer = httpx.post(f"{server.url}{path}")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert error_codes(answer) == ["UNSUPPORTED"]


@pytest.mark.item("9")
@pytest.mark.parametrize("path", ["/_ping", "/health", "/nginx_status", "/metrics"])
def test_head_answers_like_get_without_body(server: ServerProcess, path: str) -> None:
    answer = httpx.head(f"{server.url}{path}")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


def test_a_registry_that_cannot_store_says_so_with_503_and_recovers(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    uploads = tmp_path / "data" / "storage" / "uploads"
    assert uploads.is_dir()
    uploads.rename(uploads.with_name("hidden"))
    try:
        assert eventually(lambda: httpx.get(f"{server.url}/_ping").status_code == 503)
        answer = httpx.get(f"{server.url}/health")
        assert answer.json()["Healthy"] is False
        assert answer.json()["Error"].startswith("storage: ")
        assert str(tmp_path) not in answer.text
    finally:
        uploads.with_name("hidden").rename(uploads)
    assert eventually(lambda: httpx.get(f"{server.url}/_ping").status_code == 200)
    assert server.stop() == 0


# -- metrics


def test_requests_are_counted_once_over_all_workers(own: ServerProcess) -> None:
    number = 60
    for _ in range(number):  # a connection each, so that both workers answer some
        assert talk(own.url, head("GET", "/v2/", "Connection: close"))[0].status == 401

    labels = {"method": "GET", "route": "/v2/ping", "status": "401"}
    assert eventually(lambda: requests_counted(samples(own.url), **labels) >= number)
    assert {requests_counted(samples(own.url), **labels) for _ in range(10)} == {number}
    assert value(samples(own.url), "dtr_worker_processes") == WORKERS


def test_pulls_pushes_and_bytes_are_counted(own: ServerProcess) -> None:
    with closing(RegistryClient(own.url, "admin", own.admin_password)) as admin:
        manifest = admin.push_image("admin/app", "latest", b"x" * 100_000)
        for _ in range(5):
            admin.request("GET", "admin/app", "manifests/latest")
            admin.request("HEAD", "admin/app", "manifests/latest")

    expected = {"method": "GET", "route": "/v2/manifest", "status": "200"}
    assert eventually(lambda: requests_counted(samples(own.url), **expected) == 5)
    found = samples(own.url)
    assert value(found, "dtr_manifests_pulled_total") == 5
    assert requests_counted(found, method="HEAD", route="/v2/manifest", status="200") == 5
    assert requests_counted(found, method="PUT", route="/v2/manifest", status="201") == 1
    assert value(found, "dtr_http_response_bytes_total", route="/v2/manifest") == 5 * len(manifest)
    assert value(found, "dtr_http_request_bytes_total", route="/v2/uploads") > 100_000


def test_events_are_counted(own: ServerProcess) -> None:
    with closing(RegistryClient(own.url, "admin", own.admin_password)) as admin:
        admin.push_image("admin/app", "latest", b"one", b"two")
        admin.http.get("/auth/token", auth=("admin", "wrong"))

    def counted() -> bool:
        found = samples(own.url)
        names = ("dtr_blob_uploads_total", "dtr_manifests_pushed_total", "dtr_login_failures_total")
        return [value(found, name) for name in names] == [3, 1, 1]

    assert eventually(counted)


def test_durations_form_a_proper_histogram(own: ServerProcess) -> None:
    for _ in range(20):
        httpx.get(f"{own.url}/_ping")
    assert eventually(
        lambda: requests_counted(samples(own.url), method="GET", route="/_ping", status="200") >= 20
    )

    found = samples(own.url)

    name = "dtr_http_request_duration_seconds"
    buckets = sorted(
        (float(dict(labels)["le"]), count)
        for (sample, labels), count in found.items()
        if sample == f"{name}_bucket" and dict(labels)["route"] == "/_ping"
    )
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1][0] == float("inf")
    assert counts[-1] == value(found, f"{name}_count", route="/_ping")
    assert value(found, f"{name}_sum", route="/_ping") > 0


def test_addresses_and_methods_from_outside_make_no_new_series(own: ServerProcess) -> None:
    for number in range(30):
        httpx.get(f"{own.url}/made-up/{number}")
        httpx.get(f"{own.url}/v2/alice/made-up-{number}/tags/list")

    assert eventually(
        lambda: requests_counted(samples(own.url), method="GET", route="page", status="404") == 30
    )
    routes = {dict(labels).get("route", "") for _, labels in samples(own.url)}
    assert not any("made-up" in route for route in routes)


def test_metrics_can_be_kept_for_administrators(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", environment={"DTR_METRICS_REQUIRE_ADMIN": "true"})
    server.start()
    server.add_user("alice", "alice-has-a-password")
    url = f"{server.url}/metrics"

    statuses = [
        httpx.get(url).status_code,
        httpx.get(url, auth=("admin", "wrong")).status_code,
        httpx.get(url, auth=("alice", "alice-has-a-password")).status_code,
        httpx.get(url, auth=("admin", server.admin_password)).status_code,
    ]

    assert statuses == [401, 401, 403, 200]
    assert server.stop() == 0


def test_metrics_can_be_turned_off(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", environment={"DTR_METRICS_ENABLED": "false"})
    server.start()

    assert httpx.get(f"{server.url}/metrics").status_code == 404
    assert server.stop() == 0


# -- connections


STATUS = re.compile(
    r"Active connections: (\d+) \nserver accepts handled requests\n (\d+) (\d+) (\d+) \n"
    r"Reading: (\d+) Writing: (\d+) Waiting: (\d+) \n"
)


def nginx_status(client: httpx.Client) -> list[int]:
    """Return active, accepts, handled, requests, reading, writing, waiting."""
    answer = client.get("/nginx_status")
    assert answer.headers["content-type"].startswith("text/plain")
    match = STATUS.fullmatch(answer.text)
    assert match is not None, answer.text
    return [int(number) for number in match.groups()]


def test_connections_of_all_workers_are_counted(own: ServerProcess) -> None:
    with httpx.Client(base_url=own.url) as client:
        with ExitStack() as stack:
            idle = [stack.enter_context(Wire(own.url)) for _ in range(12)]
            assert {wire.ask(head("GET", "/_ping")).status for wire in idle} == {200}
            stack.enter_context(Wire(own.url)).send(b"GET /_pi")

            assert eventually(lambda: nginx_status(client)[4:] == [1, 1, len(idle)])
            active, accepted, handled, requests = nginx_status(client)[:4]

        assert active == len(idle) + 2
        assert accepted >= handled >= active
        assert requests >= len(idle)
        assert eventually(lambda: nginx_status(client)[0] == 1)


# -- the authority's certificate


def test_the_authority_that_ca_gives_is_the_one_that_vouches_for_the_server(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", tls=True)
    server.start()
    given = httpx.get(f"{server.url}/ca", verify=False)  # noqa: S501 - it is asked for what to verify with

    trusting = ssl.create_default_context(cadata=given.text)

    assert given.headers["content-type"] == "application/x-pem-file"
    assert "PRIVATE" not in given.text
    for host in ("127.0.0.1", "localhost"):
        assert httpx.get(f"https://{host}:{server.port}/_ping", verify=trusting).status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{server.url}/_ping")
    assert server.stop() == 0


def test_without_tls_there_is_no_authority(server: ServerProcess) -> None:
    answer = httpx.get(f"{server.url}/ca")

    assert (answer.status_code, error_codes(answer)) == (404, ["NOT_FOUND"])
