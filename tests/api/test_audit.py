"""The audit chain of the API and the command: entries, who sees them, and a check that finds what was changed."""

import json
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess

AUDIT = "/api/v0/audit"


def entries(client: ApiClient, **params: object) -> list[dict[str, Any]]:
    answer = client.get(AUDIT, params={"pageSize": 10_000, **params})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"entries"}
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


@pytest.fixture
def failed(server: ServerProcess, number: int) -> str:
    """Try to log in with a wrong password; return the name."""
    name = f"nobody-{number}"
    client = ApiClient(server.url, name, "wrong password here")
    assert client.get(AUDIT).status_code == 401
    client.close()
    return name


def test_a_failed_login_is_noted(admin: ApiClient, failed: str) -> None:
    newest = entries(admin, name="LoginFailed")[0]

    assert set(newest) == {
        "position", "at", "name", "outcome", "actor", "client", "requestID", "object", "repository", "namespace",
        "details", "hash",
    }  # fmt: skip
    assert newest["outcome"] == "denied"
    assert newest["client"]["address"] == "127.0.0.1"
    assert newest["requestID"]
    assert failed in json.dumps(newest)
    assert "wrong password" not in json.dumps(newest)


def test_a_changed_setting_is_noted_for_administrators_only(
    admin: ApiClient, alice: ApiClient, anonymous: ApiClient
) -> None:
    admin.post("/api/v0/meta/settings", {"scanningDeadline": 31})
    admin.post("/api/v0/meta/settings", {"scanningDeadline": 60})

    assert entries(admin)[0]["name"] == "SettingsChanged"
    assert entries(admin, objectType="settings", outcome="success")[0] == entries(admin)[0]
    assert entries(alice, name="SettingsChanged") == []
    assert codes(anonymous.get(AUDIT)) == ["NOT_AUTHENTICATED"]


def test_users_see_what_they_did_themselves(alice: ApiClient, admin: ApiClient) -> None:
    assert alice.get("/api/v0/meta/features").status_code == 200
    memberships = alice.get("/enzi/v0/accounts/alice/organizations", params={"limit": 1000}).json()[
        "memberOrgs"
    ]
    owned = {"alice", *(each["org"]["name"] for each in memberships if each["isAdmin"])}
    own = entries(alice)

    assert all(entry["actor"]["name"] == "alice" or entry["namespace"] in owned for entry in own)
    assert {entry["position"] for entry in own} <= {entry["position"] for entry in entries(admin)}


def test_entries_are_newest_first_and_positions_have_no_gaps(admin: ApiClient, failed: str) -> None:
    found = entries(admin)

    assert sorted(entry["position"] for entry in found) == list(range(1, len(found) + 1))
    assert [entry["at"] for entry in found] == sorted((entry["at"] for entry in found), reverse=True)


def test_pages_join_to_the_whole_list(admin: ApiClient) -> None:
    for value in (1, 2, 3, 60):
        admin.post("/api/v0/meta/settings", {"scanningDeadline": value})
    whole = entries(admin, name="SettingsChanged")
    found: list[dict[str, Any]] = []
    marker: str | None = ""
    while marker is not None:
        answer = admin.get(
            AUDIT, params={"name": "SettingsChanged", "pageSize": 3, "pageStart": marker, "count": "true"}
        )
        assert answer.headers["x-resource-count"] == str(len(whole))
        found += answer.json()["entries"]
        marker = answer.headers.get("x-next-page-start")

    assert found == whole


@pytest.mark.parametrize(
    "params",
    [
        {"publishedAfter": "yesterday"},
        {"publishedBefore": "2030-01-01T00:00:00"},
        {"outcome": "perhaps"},
        {"name": "x" * 1000},
        {"objectType": "x" * 1000},
        {"pageSize": "0"},
        {"pageStart": "x"},
        {"pageStart": "1-2-3"},
    ],
)
def test_bad_parameters_are_refused(admin: ApiClient, params: dict[str, str]) -> None:
    answer = admin.get(AUDIT, params=params)

    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]


def test_filters_by_time(admin: ApiClient, failed: str) -> None:
    newest = entries(admin)[0]

    assert entries(admin, publishedAfter=newest["at"])[0] == newest
    assert newest not in entries(admin, publishedBefore=newest["at"])
    assert entries(admin, publishedAfter="2999-01-01T00:00:00Z") == []


# -- the command ---------------------------------------------------------------------------


def test_a_whole_chain_is_told_so(server: ServerProcess, failed: str) -> None:
    done = server.run("audit", "verify")

    assert done.returncode == 0, done.stderr
    assert "the chain is whole" in done.stdout
    report = json.loads(server.run("audit", "verify", "--output", "json").stdout)
    assert report["problem"] is None
    assert report["checked"] == report["last"] > 0


def test_a_changed_entry_ends_the_check_with_an_error(
    server: ServerProcess, failed: str, admin: ApiClient
) -> None:
    engine = create_engine(server.database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as tx:
        hash_ = tx.execute(text("SELECT hash FROM audit_entry WHERE position = 1")).scalar_one()
        tx.execute(text("UPDATE audit_entry SET hash = 'forged' WHERE position = 1"))
    try:
        done = server.run("audit", "verify")
        alerts = {each["id"] for each in admin.get("/api/v0/meta/alerts").json()}
        report = json.loads(server.run("audit", "verify", "--output", "json").stdout)
    finally:
        with engine.begin() as tx:
            tx.execute(text("UPDATE audit_entry SET hash = :hash WHERE position = 1"), {"hash": hash_})
        engine.dispose()

    assert done.returncode == 1
    assert "broken at 1: changed" in done.stdout
    assert report["problem"]["position"] == 1
    assert "no-backup" in alerts
    assert server.run("audit", "verify").returncode == 0


def test_a_checkpoint_of_the_log_can_be_checked(server: ServerProcess, admin: ApiClient, failed: str) -> None:
    newest = max(entries(admin), key=lambda entry: int(entry["position"]))

    assert (
        server.run("audit", "verify", "--checkpoint", f"{newest['position']}:{newest['hash']}").returncode
        == 0
    )
    assert server.run("audit", "verify", "--checkpoint", f"{newest['position']}:00").returncode == 1
    assert server.run("audit", "verify", "--checkpoint", f"{newest['position'] + 99}:00").returncode == 1
    for bad in ("x", "1", "1:", ":x", "-1:x"):
        assert server.run("audit", "verify", f"--checkpoint={bad}").returncode == 2


def test_entries_are_listed_and_exported(server: ServerProcess, admin: ApiClient, failed: str) -> None:
    listed = json.loads(server.run("audit", "list", "--limit", "10000", "--output", "json").stdout)
    exported = [json.loads(line) for line in server.run("audit", "export").stdout.splitlines()]
    text_lines = server.run("audit", "list", "--name", "LoginFailed", "--limit", "1").stdout.splitlines()

    assert listed == entries(admin)
    assert [entry["position"] for entry in exported] == list(range(1, len(exported) + 1))
    assert sorted(exported, key=lambda entry: entry["position"]) == sorted(
        listed, key=lambda entry: entry["position"]
    )
    assert len(text_lines) == 1
    assert "LoginFailed\tdenied" in text_lines[0]


def test_filters_of_the_list_are_checked(server: ServerProcess, admin: ApiClient, failed: str) -> None:
    assert server.run("audit", "list", "--since", "2999-01-01T00:00:00Z").stdout == ""
    assert server.run("audit", "list", "--until", "2000-01-01T00:00:00Z").stdout == ""
    done = server.run("audit", "list", "--since", "yesterday")
    assert done.returncode == 2
    assert "2030-01-31T12:00:00Z" in done.stderr
    assert server.run("audit", "list", "--actor", "nobody").stdout == ""
