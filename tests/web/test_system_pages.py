"""The pages about the whole registry: settings, alerts and what stands on top of every page, storage."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.html_pages import notices_in
from tests.support.people import PASSWORD, make_user
from tests.support.registry import RegistryClient
from tests.support.server import RunRegistry, ServerProcess

SETTINGS = "/api/v0/meta/settings"
USUAL = {
    "createRepositoryOnPush": "on",
    "auditAuthLogsEnabled": "on",
    "repoEventHistoryCompactionEnabled": "on",
    "repoEventHistoryToKeep": "1000",
    "repoEventHistoryMaxAge": "90d",
}
NO_BACKUP = "There is no record of a backup."
READ_ONLY = "The registry is read-only: pushes are refused."


@pytest.fixture(scope="module")
def registry(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry with wendy, a user, and audrey, an auditor; once for each database."""
    with run_registry() as server, closing(ApiClient(server.url, "admin", server.admin_password)) as admin:
        make_user(admin, "wendy")
        make_user(admin, "audrey", isAuditor=True)
        yield server


@pytest.fixture
def admin(admin: ApiClient) -> Iterator[ApiClient]:
    """Give the administrator's client of the API; settings are as usual after the test."""
    before = admin.get(SETTINGS).json()
    yield admin
    assert admin.post(SETTINGS, before).status_code == 202


def checked(page: str, name: str) -> bool:
    """Tell whether a box of the form is checked."""
    found = re.search(rf'<input type="checkbox" name="{name}"[^>]*>', page)
    assert found is not None, name
    return "checked" in found[0]


def banners_on(page: str) -> list[str]:
    """Return what stands on top of a page."""
    return re.findall(r'<p class="banner[^>]*>.*?<span class="break">([^<]*)</span>', page, re.DOTALL)


@pytest.mark.parametrize("path", ["/system", "/system/alerts", "/system/storage"])
def test_strangers_sign_in_and_others_are_refused(browser_of: BrowserOf, path: str) -> None:
    assert browser_of().http.get(path).headers["location"].startswith("/sign-in?next=%2Fsystem")
    page = browser_of("wendy").see(path, status=403)
    assert "SQLite" not in page
    assert "PostgreSQL" not in page


def test_settings_show_what_is_set_and_what_the_replica_is(
    registry: ServerProcess, admin: ApiClient, root: Browser
) -> None:
    page = root.see("/system")
    document = admin.get(SETTINGS).json()
    assert checked(page, "createRepositoryOnPush") == document["createRepositoryOnPush"]
    assert f'value="{document["repoEventHistoryMaxAge"]}"' in page
    assert document["replicaID"] in page
    assert ("SQLite" if (registry.data / "metadata.db").exists() else "PostgreSQL") in page
    assert "No licence is needed" in page
    assert "healthy" in page


def test_settings_are_saved_and_their_change_is_in_the_audit_chain(admin: ApiClient, root: Browser) -> None:
    fields = {**USUAL, "disableBackupWarning": "on"}
    del fields["createRepositoryOnPush"]
    answer = root.send("/system", **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/system")
    assert notices_in(root.see("/system")) == ["The settings are saved."]
    document = admin.get(SETTINGS).json()
    assert document["createRepositoryOnPush"] is False
    assert document["disableBackupWarning"] is True
    assert document["repoEventHistoryToKeep"] == 1000
    assert document["repoEventHistoryMaxAge"] == "90d"
    page = root.see("/system/audit?name=SettingsChanged")
    assert "createRepositoryOnPush" in page
    assert "on → off" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repoEventHistoryMaxAge", "soon"),
        ("repoEventHistoryMaxAge", "99999999d"),
        ("repoEventHistoryMaxAge", "<script>alert(1)</script>"),
        ("repoEventHistoryToKeep", "-1"),
        ("repoEventHistoryToKeep", "12345678901"),
        ("repoEventHistoryToKeep", "\u0661"),
    ],
)
def test_a_setting_that_cannot_be_changes_nothing_and_stays_in_the_form(
    admin: ApiClient, root: Browser, field: str, value: str
) -> None:
    before = admin.get(SETTINGS).json()
    answer = root.send("/system", **{**USUAL, "readOnlyRegistry": "on", field: value})
    assert answer.status_code == 400
    assert f'id="error-{field}"' in answer.text
    assert "<script>alert" not in answer.text
    assert checked(answer.text, "readOnlyRegistry")
    assert admin.get(SETTINGS).json() == before


def test_an_auditor_looks_and_changes_nothing(admin: ApiClient, browser_of: BrowserOf) -> None:
    audrey = browser_of("audrey")
    page = audrey.see("/system")
    assert 'fieldset class="card-body choices" disabled' in page
    assert "Save the settings" not in page
    before = admin.get(SETTINGS).json()
    assert audrey.send("/system", **USUAL, readOnlyRegistry="on").status_code == 403
    assert browser_of("wendy").send("/system", **USUAL, readOnlyRegistry="on").status_code == 403
    assert admin.get(SETTINGS).json() == before


def test_settings_of_a_form_without_its_token_are_not_saved(admin: ApiClient, root: Browser) -> None:
    before = admin.get(SETTINGS).json()
    assert root.http.post("/system", data={**USUAL, "readOnlyRegistry": "on"}).status_code == 403
    assert admin.get(SETTINGS).json() == before


def test_administrators_see_the_gravest_alert_everywhere_and_all_on_its_page(
    admin: ApiClient, root: Browser, browser_of: BrowserOf
) -> None:
    assert banners_on(root.see("/repositories")) == [NO_BACKUP]
    page = root.see("/system/alerts")
    assert banners_on(page) == []
    assert NO_BACKUP in page
    for reader in (browser_of(), browser_of("wendy"), browser_of("audrey")):
        assert banners_on(reader.see("/repositories")) == []
    assert admin.post(SETTINGS, {"disableBackupWarning": True}).status_code == 202
    assert banners_on(root.see("/repositories")) == []
    assert "Nothing to look at" in root.see("/system/alerts")


def test_everybody_sees_at_once_that_pushes_are_refused(
    admin: ApiClient, root: Browser, browser_of: BrowserOf
) -> None:
    wendy = browser_of("wendy")
    assert banners_on(wendy.see("/repositories")) == []
    assert root.send("/system", **USUAL, readOnlyRegistry="on").status_code == 303
    for reader in (browser_of(), wendy, browser_of("audrey")):
        assert banners_on(reader.see("/repositories")) == [READ_ONLY]
    assert sorted(banners_on(root.see("/repositories"))) == sorted([NO_BACKUP, READ_ONLY])
    assert banners_on(wendy.see("/nothing/here", status=404)) == [READ_ONLY]
    assert root.send("/system", **USUAL).status_code == 303
    assert banners_on(wendy.see("/repositories")) == []


def test_storage_shows_who_holds_what(
    registry: ServerProcess, admin: ApiClient, root: Browser, browser_of: BrowserOf
) -> None:
    client = RegistryClient(registry.url, "wendy", PASSWORD)
    client.push_image("wendy/app", "latest")
    client.close()
    use = admin.get("/api/v0/meta/storage_use").json()
    totals = use["totals"]
    assert totals["sizeBytes"] == totals["soleBytes"] + totals["sharedBytes"] + totals["unlinkedBytes"]
    assert [each["path"] for each in use["repositories"]] == ["wendy/app"]
    assert [each["name"] for each in use["namespaces"]] == ["wendy"]
    page = browser_of("audrey").see("/system/storage")
    assert 'href="/repositories/wendy/app"' in page
    assert "The curve begins tomorrow." in page
    assert "style=" not in root.see("/system/storage")
