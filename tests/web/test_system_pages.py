"""The pages about the whole registry: settings, alerts and what stands on top of every page, storage."""

import re
from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient
from tests.support.people import PASSWORD, make_user
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess
from tests.support.visitor import Visit, Visitor, notices_in, visits

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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a registry with wendy, a user, and audrey, an auditor; once for each database."""
    database = None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql").fresh_database(migrated=False)
    server = ServerProcess(tmp_path_factory.mktemp("system") / "data", database=database)
    server.start()
    admin = ApiClient(server.url, "admin", server.admin_password)
    make_user(admin, "wendy")
    make_user(admin, "audrey", isAuditor=True)
    admin.close()
    yield server
    assert server.stop() == 0


@pytest.fixture
def admin(registry: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API; settings are as usual after the test."""
    client = ApiClient(registry.url, "admin", registry.admin_password)
    before = client.get(SETTINGS).json()
    yield client
    assert client.post(SETTINGS, before).status_code == 202
    client.close()


@pytest.fixture
def visit(registry: ServerProcess) -> Iterator[Visit]:
    """Give what opens browsers."""
    with visits(registry.url) as opened:
        yield opened


@pytest.fixture
def root(registry: ServerProcess, visit: Visit) -> Visitor:
    """Give the administrator's browser."""
    return visit("admin", registry.admin_password)


def checked(page: str, name: str) -> bool:
    """Tell whether a box of the form is checked."""
    found = re.search(rf'<input type="checkbox" name="{name}"[^>]*>', page)
    assert found is not None, name
    return "checked" in found[0]


def banners_on(page: str) -> list[str]:
    """Return what stands on top of a page."""
    return re.findall(r'<p class="banner[^>]*>.*?<span class="break">([^<]*)</span>', page, re.DOTALL)


@pytest.mark.parametrize("path", ["/system", "/system/alerts", "/system/storage"])
def test_strangers_sign_in_and_others_are_refused(visit: Visit, path: str) -> None:
    assert visit().http.get(path).headers["location"].startswith("/sign-in?next=%2Fsystem")
    page = visit("wendy").see(path, status=403)
    assert "SQLite" not in page
    assert "PostgreSQL" not in page


def test_settings_show_what_is_set_and_what_the_replica_is(
    registry: ServerProcess, admin: ApiClient, root: Visitor
) -> None:
    page = root.see("/system")
    document = admin.get(SETTINGS).json()
    assert checked(page, "createRepositoryOnPush") == document["createRepositoryOnPush"]
    assert f'value="{document["repoEventHistoryMaxAge"]}"' in page
    assert document["replicaID"] in page
    assert ("SQLite" if (registry.data / "metadata.db").exists() else "PostgreSQL") in page
    assert "No licence is needed" in page
    assert "healthy" in page


def test_settings_are_saved_and_their_change_is_in_the_audit_chain(admin: ApiClient, root: Visitor) -> None:
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
    admin: ApiClient, root: Visitor, field: str, value: str
) -> None:
    before = admin.get(SETTINGS).json()
    answer = root.send("/system", **{**USUAL, "readOnlyRegistry": "on", field: value})
    assert answer.status_code == 400
    assert f'id="error-{field}"' in answer.text
    assert "<script>alert" not in answer.text
    assert checked(answer.text, "readOnlyRegistry")
    assert admin.get(SETTINGS).json() == before


def test_an_auditor_looks_and_changes_nothing(admin: ApiClient, visit: Visit) -> None:
    audrey = visit("audrey")
    page = audrey.see("/system")
    assert 'fieldset class="card-body choices" disabled' in page
    assert "Save the settings" not in page
    before = admin.get(SETTINGS).json()
    assert audrey.send("/system", **USUAL, readOnlyRegistry="on").status_code == 403
    assert visit("wendy").send("/system", **USUAL, readOnlyRegistry="on").status_code == 403
    assert admin.get(SETTINGS).json() == before


def test_settings_of_a_form_without_its_token_are_not_saved(admin: ApiClient, root: Visitor) -> None:
    before = admin.get(SETTINGS).json()
    assert root.http.post("/system", data={**USUAL, "readOnlyRegistry": "on"}).status_code == 403
    assert admin.get(SETTINGS).json() == before


def test_administrators_see_the_gravest_alert_everywhere_and_all_on_its_page(
    admin: ApiClient, root: Visitor, visit: Visit
) -> None:
    assert banners_on(root.see("/repositories")) == [NO_BACKUP]
    page = root.see("/system/alerts")
    assert banners_on(page) == []
    assert NO_BACKUP in page
    for reader in (visit(), visit("wendy"), visit("audrey")):
        assert banners_on(reader.see("/repositories")) == []
    assert admin.post(SETTINGS, {"disableBackupWarning": True}).status_code == 202
    assert banners_on(root.see("/repositories")) == []
    assert "Nothing to look at" in root.see("/system/alerts")


def test_everybody_sees_at_once_that_pushes_are_refused(
    admin: ApiClient, root: Visitor, visit: Visit
) -> None:
    wendy = visit("wendy")
    assert banners_on(wendy.see("/repositories")) == []
    assert root.send("/system", **USUAL, readOnlyRegistry="on").status_code == 303
    for reader in (visit(), wendy, visit("audrey")):
        assert banners_on(reader.see("/repositories")) == [READ_ONLY]
    assert sorted(banners_on(root.see("/repositories"))) == sorted([NO_BACKUP, READ_ONLY])
    assert banners_on(wendy.see("/nothing/here", status=404)) == [READ_ONLY]
    assert root.send("/system", **USUAL).status_code == 303
    assert banners_on(wendy.see("/repositories")) == []


def test_storage_shows_who_holds_what(
    registry: ServerProcess, admin: ApiClient, root: Visitor, visit: Visit
) -> None:
    client = RegistryClient(registry.url, "wendy", PASSWORD)
    client.push_image("wendy/app", "latest")
    client.close()
    use = admin.get("/api/v0/meta/storage_use").json()
    totals = use["totals"]
    assert totals["sizeBytes"] == totals["soleBytes"] + totals["sharedBytes"] + totals["unlinkedBytes"]
    assert [each["path"] for each in use["repositories"]] == ["wendy/app"]
    assert [each["name"] for each in use["namespaces"]] == ["wendy"]
    page = visit("audrey").see("/system/storage")
    assert 'href="/repositories/wendy/app"' in page
    assert "The curve begins tomorrow." in page
    assert "style=" not in root.see("/system/storage")
