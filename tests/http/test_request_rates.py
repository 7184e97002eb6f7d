"""Rationed requests: 429 with `Retry-After`, by account first and by address otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.registry import error_codes
from tests.support.server import ServerProcess
from tests.support.signing import claims_for, signed, signing_key

BURST = 5
RATE = "0.05"
"""Requests a second: so few that none comes back within a test."""


@contextmanager
def rationed(data: Path, **environment: str) -> Iterator[tuple[ServerProcess, httpx.Client]]:
    """Run a server that lets each caller send `BURST` requests, and a client that says where it comes from."""
    limits = {"DTR_LIMITS_REQUEST_RATE": RATE, "DTR_LIMITS_REQUEST_BURST": str(BURST)}
    server = ServerProcess(data, environment={**limits, **environment})
    server.start()
    try:
        with httpx.Client(base_url=server.url) as client:
            client.headers["x-forwarded-for"] = "192.0.2.1"
            yield server, client
    finally:
        server.stop()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def ping_statuses(client: httpx.Client, number: int, **headers: str) -> list[int]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [client.get("/v2/", headers=named).status_code for _ in range(number)]


def spend_all(client: httpx.Client, **headers: str) -> None:
    """Send requests until one is refused."""
    assert 429 in ping_statuses(client, BURST + 1, **headers)


@pytest.mark.item("11")
def test_one_request_too_many_is_told_when_to_come_again(data: Path) -> None:
    with rationed(data) as (_, client):
        spend_all(client)
        refused = client.get("/v2/")

    assert refused.status_code == 429
    assert error_codes(refused) == ["TOOMANYREQUESTS"]
    assert 1 <= int(refused.headers["retry-after"]) <= 1 / float(RATE) + 1


@pytest.mark.item("11")
def test_a_forwarded_address_is_not_believed_of_a_stranger(data: Path) -> None:
    with rationed(data) as (_, client):
        spend_all(client, x_forwarded_for="192.0.2.7")

        assert ping_statuses(client, 1, x_forwarded_for="192.0.2.8") == [429]


@pytest.mark.item("11")
def test_behind_a_trusted_proxy_each_forwarded_address_counts_for_itself(data: Path) -> None:
    with rationed(data, DTR_NETWORK_TRUSTED_PROXIES="127.0.0.1") as (_, client):
        spend_all(client, x_forwarded_for="192.0.2.7")

        assert ping_statuses(client, 1, x_forwarded_for="192.0.2.7") == [429]
        assert ping_statuses(client, 1, x_forwarded_for="192.0.2.8") == [401]
        forged = "192.0.2.9, 192.0.2.7"
        assert ping_statuses(client, 1, x_forwarded_for=forged) == [429], "the last hop is the one to believe"


@pytest.mark.item("11")
def test_accounts_count_before_addresses(data: Path) -> None:
    with rationed(data) as (server, client):
        key = signing_key(server)
        alice, alice_again, bob = (
            f"Bearer {signed(claims_for(who, 'team/app', 'pull', jti=number), key)}"
            for who, number in (("alice", "1"), ("alice", "2"), ("bob", "3"))
        )
        spend_all(client)

        assert ping_statuses(client, BURST, authorization=alice) == [200] * BURST, (
            "her address is not counted"
        )
        assert ping_statuses(client, 1, authorization=alice) == [429]
        assert ping_statuses(client, 1, authorization=alice_again) == [429], "another token, the same account"
        assert ping_statuses(client, 1, authorization=bob) == [200]


@pytest.mark.item("11")
def test_a_token_that_is_not_good_counts_for_its_address(data: Path) -> None:
    with rationed(data) as (_, client):
        statuses = [
            client.get("/v2/", headers={"authorization": f"Bearer rubbish-{number}"}).status_code
            for number in range(BURST + 1)
        ]

    assert (statuses[0], statuses[-1]) == (401, 429), "an address that guesses tokens is held to its ration"
