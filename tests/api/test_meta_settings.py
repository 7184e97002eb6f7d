"""Settings that change while the registry runs, and what the registry says of itself."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dtr import __version__
from tests.support.api import ApiClient, codes
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

SETTINGS = "/api/v0/meta/settings"

WRITABLE: dict[str, tuple[Any, Any]] = {
    "dtrHost": ("registry.example.com:5000", ""),
    "createRepositoryOnPush": (False, True),
    "readOnlyRegistry": (True, False),
    "disableUpgrades": (True, False),
    "anonymizeAnalytics": (False, True),
    "disableBackupWarning": (True, False),
    "scanningSyncOnline": (True, False),
    "scanningDeadline": (30, 60),
    "scanningEnableAutoRecheck": (False, True),
    "jobHistoryCompactionEnabled": (False, True),
    "jobHistoryToKeep": (5, 10_000),
    "jobHistoryMaxAge": ("12h30m", "90d"),
    "repoEventHistoryCompactionEnabled": (False, True),
    "repoEventHistoryToKeep": (0, 1_000_000),
    "repoEventHistoryMaxAge": ("", "400d"),
    "auditAuthLogsEnabled": (False, True),
    "disablePersistentCookies": (True, False),
}
"""Another value and the default of each setting that can be changed."""

ALWAYS_OFF = ["sso", "reportAnalytics", "scanningEnabled"]

READ_ONLY = [
    "clientCertAuthEnabled",
    "webTLSCert",
    "webTLSCA",
    "webTLSClientCA",
    "replicaID",
    "replicaSettings",
    "httpProxy",
    "httpsProxy",
    "noProxy",
    "logProtocol",
    "logHost",
    "logLevel",
    "storageVolume",
    "nfsHost",
    "nfsPath",
]


@pytest.fixture(autouse=True)
def _defaults_again(admin: ApiClient) -> Iterator[None]:
    """Put everything back: other tests use the same registry."""
    yield
    defaults = {name: default for name, (_, default) in WRITABLE.items()}
    assert admin.post(SETTINGS, defaults).status_code == 202


def settings(client: ApiClient) -> dict[str, Any]:
    answer = client.get(SETTINGS)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_fresh_registry_has_the_settings_it_was_started_with(
    admin: ApiClient, server: ServerProcess
) -> None:
    found = settings(admin)

    assert set(found) == {*WRITABLE, *ALWAYS_OFF, *READ_ONLY}
    assert {name: found[name] for name in WRITABLE} == {name: value for name, (_, value) in WRITABLE.items()}
    assert not any(found[name] for name in ALWAYS_OFF)
    assert re.fullmatch("[0-9a-f]{12}", found["replicaID"])
    assert found["replicaSettings"] == {
        found["replicaID"]: {
            "HTTPPort": server.port,
            "HTTPSPort": 0,
            "node": found["replicaSettings"][found["replicaID"]]["node"],
        }
    }
    assert found["storageVolume"] == str(server.data / "storage")
    assert found["logLevel"] == "info"
    assert found["httpProxy"] == found["nfsHost"] == found["logHost"] == found["webTLSCert"] == ""


@pytest.mark.parametrize("name", WRITABLE)
def test_one_setting_can_be_changed_and_every_worker_sees_it_at_once(admin: ApiClient, name: str) -> None:
    before = settings(admin)
    value, _ = WRITABLE[name]

    answer = admin.post(SETTINGS, {name: value})

    assert answer.status_code == 202
    assert answer.json() == {**before, name: value}
    for _ in range(10):
        # A connection of its own may reach the other worker.
        fresh = ApiClient(admin.url, "admin", "correct-horse-battery")
        assert settings(fresh) == {**before, name: value}
        fresh.close()


def test_what_was_read_can_be_posted_back_whole(admin: ApiClient) -> None:
    before = settings(admin)

    answer = admin.post(
        SETTINGS, {**before, "replicaID": "x", "storageVolume": "/x", "webTLSKey": "x", "new": 1}
    )

    assert answer.status_code == 202
    assert settings(admin) == before


def test_an_empty_change_changes_nothing(admin: ApiClient) -> None:
    before = settings(admin)

    assert admin.post(SETTINGS, {}).json() == before


NOT_FLAGS: list[object] = ["true", 1, 0, None, [], {}, ""]
NOT_COUNTS: list[object] = [-1, 1.5, "1", True, None, 2**31, 10**15]
NOT_AGES: list[object] = [
    "x",
    "1",
    "-1d",
    "1d 1h",
    "0d",
    "0s",
    5,
    None,
    True,
    "99999999d",
    "1y",
    "٣d",
    "1d" * 50,
]
NOT_HOSTS: list[object] = [
    "a b",
    "http://x",
    "x/y",
    "x:99999999",
    "a" * 256,
    "\u0430\u0431",
    None,
    1,
    "x\ny",
    "-x",
]
BAD = [
    *(("readOnlyRegistry", value) for value in NOT_FLAGS),
    *(("createRepositoryOnPush", value) for value in NOT_FLAGS),
    *(("repoEventHistoryToKeep", value) for value in NOT_COUNTS),
    *(("scanningDeadline", value) for value in NOT_COUNTS),
    *(("repoEventHistoryMaxAge", value) for value in NOT_AGES),
    *(("jobHistoryMaxAge", value) for value in NOT_AGES),
    *(("dtrHost", value) for value in NOT_HOSTS),
    *((name, value) for name in ALWAYS_OFF for value in (True, "no", None)),
]


def test_bad_values_are_refused_by_name_and_nothing_changes(admin: ApiClient) -> None:
    before = settings(admin)
    for name, value in BAD:
        answer = admin.post(SETTINGS, {"anonymizeAnalytics": False, "disableUpgrades": True, name: value})

        assert answer.status_code == 400, (name, value, answer.text)
        assert codes(answer) == ["INVALID_SETTINGS"], (name, value, answer.text)
        assert answer.json()["errors"][0]["detail"] == {"field": name}
    assert settings(admin) == before


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "INVALID_JSON"),
        (b"", "INVALID_PARAMETERS"),
        (b"[]", "INVALID_PARAMETERS"),
        (b'"x"', "INVALID_PARAMETERS"),
        (b"null", "INVALID_PARAMETERS"),
    ],
)
def test_a_body_that_is_no_object_is_refused(admin: ApiClient, content: bytes, code: str) -> None:
    answer = admin.http.post(SETTINGS, content=content, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert codes(answer) == [code]


PATHS = [SETTINGS, "/api/v0/meta/alerts", "/api/v0/meta/cluster_status", "/api/v0/admin/version"]


@pytest.mark.parametrize("path", PATHS)
def test_others_may_not_look(alice: ApiClient, anonymous: ApiClient, path: str) -> None:
    assert codes(alice.get(path)) == ["NOT_AUTHORIZED"]
    assert alice.get(path).status_code == 403
    assert codes(anonymous.get(path)) == ["NOT_AUTHENTICATED"]
    assert anonymous.get(path).status_code == 401


def test_others_may_not_change_settings(alice: ApiClient, anonymous: ApiClient, admin: ApiClient) -> None:
    before = settings(admin)

    assert alice.post(SETTINGS, {"readOnlyRegistry": True}).status_code == 403
    assert alice.post(SETTINGS, {"readOnlyRegistry": "no flag"}).status_code == 403
    assert anonymous.post(SETTINGS, {"readOnlyRegistry": True}).status_code == 401
    assert settings(admin) == before


def audit(admin: ApiClient, **params: str) -> list[dict[str, Any]]:
    answer = admin.get("/api/v0/audit", params={"name": "SettingsChanged", "pageSize": 1000, **params})
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def test_a_change_is_in_the_audit_chain_with_old_and_new_value(admin: ApiClient) -> None:
    admin.post(SETTINGS, {"scanningDeadline": 30, "disableUpgrades": True, "anonymizeAnalytics": True})

    newest = audit(admin)[0]

    assert newest["actor"]["name"] == "admin"
    assert newest["details"]["changes"] == {
        "scanningDeadline": {"old": 60, "new": 30},
        "disableUpgrades": {"old": False, "new": True},
    }
    assert newest["object"]["type"] == "settings"
    number = len(audit(admin))
    admin.post(SETTINGS, {"scanningDeadline": 30})
    assert len(audit(admin)) == number


# -- what settings do ----------------------------------------------------------------------


@pytest.fixture
def registry(server: ServerProcess) -> Iterator[RegistryClient]:
    client = RegistryClient(server.url, "admin", server.admin_password)
    yield client
    client.close()


def push(registry: RegistryClient, path: str) -> httpx.Response:
    """Begin an upload with a fresh token, which says what is allowed now."""
    token = registry.repository_token(path, "pull,push", fresh=True)
    return registry.http.post(f"/v2/{path}/blobs/uploads/", headers={"authorization": f"Bearer {token}"})


def test_read_only_mode_refuses_pushes_from_the_next_request_on(
    admin: ApiClient, registry: RegistryClient, number: int
) -> None:
    path = f"admin/read-only-{number}"
    assert push(registry, path).status_code == 202

    assert admin.post(SETTINGS, {"readOnlyRegistry": True}).status_code == 202
    refused = [push(registry, path).status_code for _ in range(6)]
    admin.post(SETTINGS, {"readOnlyRegistry": False})

    assert refused == [405] * 6
    assert push(registry, path).status_code == 202


def test_repositories_are_made_by_pushes_only_while_that_is_on(
    admin: ApiClient, registry: RegistryClient, number: int
) -> None:
    admin.post(SETTINGS, {"createRepositoryOnPush": False})

    assert push(registry, f"admin/not-made-{number}").status_code in (401, 403, 404)

    admin.post(SETTINGS, {"createRepositoryOnPush": True})
    assert push(registry, f"admin/made-{number}").status_code == 202


def test_logins_stay_out_of_the_audit_chain_while_that_is_off(admin: ApiClient, number: int) -> None:
    def failures() -> int:
        wrong = ApiClient(admin.url, f"nobody-{number}", "wrong password here")
        assert wrong.get("/api/v0/meta/features").status_code == 401
        wrong.close()
        return len(
            admin.get("/api/v0/audit", params={"name": "LoginFailed", "pageSize": 1000}).json()["entries"]
        )

    first = failures()
    second = failures()
    admin.post(SETTINGS, {"auditAuthLogsEnabled": False})
    third = failures()

    assert second == first + 1
    assert third == second


# -- features, alerts, version, status -----------------------------------------------------


def test_features_are_shown_to_everybody_who_logged_in(alice: ApiClient, anonymous: ApiClient) -> None:
    assert alice.get("/api/v0/meta/features").json() == {
        "scanningEnabled": False,
        "scanningLicensed": True,
        "promotionLicensed": True,
        "mirroringLicensed": True,
        "metadataStoreOptedIn": False,
        "onlineGCEnabled": False,
        "db_version": 0,
        "ucpHost": "",
    }
    assert anonymous.get("/api/v0/meta/features").status_code == 401


def alerts(admin: ApiClient) -> dict[str, dict[str, str]]:
    found = admin.get("/api/v0/meta/alerts")
    assert found.status_code == 200
    assert all(set(each) == {"id", "class", "message", "url", "img"} for each in found.json())
    return {each["id"]: each for each in found.json()}


def test_alerts_say_what_is_so_now(admin: ApiClient) -> None:
    assert set(alerts(admin)) == {"no-backup"}
    assert alerts(admin)["no-backup"]["class"] == "warning"

    admin.post(SETTINGS, {"disableBackupWarning": True, "readOnlyRegistry": True})

    assert set(alerts(admin)) == {"read-only"}


def test_the_version_is_that_of_the_program(admin: ApiClient) -> None:
    assert admin.get("/api/v0/admin/version").json() == {"version": __version__}


def test_the_status_names_the_replica_that_answers(admin: ApiClient) -> None:
    replica = settings(admin)["replicaID"]

    status = admin.get("/api/v0/meta/cluster_status").json()

    assert status["replica_health"] == {replica: "OK"}
    assert status["replica_readonly"] == {replica: False}
    assert set(status["replica_timestamp"]) == {replica}
    assert status["rethink_system_tables"] == {"current_issues": []}
    assert status["gc_lock_holder"] == ""
    admin.post(SETTINGS, {"readOnlyRegistry": True})
    assert admin.get("/api/v0/meta/cluster_status").json()["replica_readonly"] == {replica: True}


# -- what users set for themselves ---------------------------------------------------------

CACHE = "0e6dd68e-7a2f-4a66-a8b0-6c0f7ad2a3f1"
OWN = "/api/v0/accounts/alice/settings"


def test_the_language_is_english(alice: ApiClient, anonymous: ApiClient) -> None:
    assert alice.get("/api/v0/accounts/language").json() == {"language": "en"}
    assert anonymous.get("/api/v0/accounts/language").status_code == 401


def test_users_set_their_content_cache(alice: ApiClient, admin: ApiClient) -> None:
    assert alice.get(OWN).json() == {"ContentCacheUUID": ""}
    assert alice.patch(OWN, {"contentCacheUUID": CACHE}).status_code == 200
    assert alice.get(OWN).json() == {"ContentCacheUUID": CACHE}
    assert alice.patch(OWN, {}).json() == {"ContentCacheUUID": CACHE}
    assert admin.get(OWN).json() == {"ContentCacheUUID": CACHE}
    assert admin.patch(OWN, {"contentCacheUUID": ""}).status_code == 200
    assert alice.get(OWN).json() == {"ContentCacheUUID": ""}


@pytest.mark.parametrize("value", ["x", "../" * 5, CACHE.upper() + "x", 5, True, [], "a" * 200])
def test_bad_content_caches_are_refused(alice: ApiClient, value: object) -> None:
    answer = alice.patch(OWN, {"contentCacheUUID": value})

    assert answer.status_code == 400
    assert codes(answer)[0] in ("INVALID_USER_SETTINGS", "INVALID_PARAMETERS")
    assert alice.get(OWN).json() == {"ContentCacheUUID": ""}


def test_others_may_neither_see_nor_change_them(
    bob: ApiClient, anonymous: ApiClient, alice: ApiClient
) -> None:
    assert codes(bob.get(OWN)) == ["NOT_AUTHORIZED"]
    assert codes(bob.patch(OWN, {"contentCacheUUID": CACHE})) == ["NOT_AUTHORIZED"]
    assert anonymous.get(OWN).status_code == 401
    assert alice.get(OWN).json() == {"ContentCacheUUID": ""}


def test_unknown_users_have_no_settings(admin: ApiClient) -> None:
    for name in ("nobody", "Alice", "alice%20", "' OR 1=1 --"):
        answer = admin.get(f"/api/v0/accounts/{name}/settings")
        assert answer.status_code == 404
        assert codes(answer) == ["NO_SUCH_USER"]
