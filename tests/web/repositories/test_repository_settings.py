"""The settings of a repository: who changes them, what is refused, new names, deletion."""

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.server import ServerProcess
from tests.support.site import REPOSITORIES
from tests.web.repositories.scene import at, made


@pytest.mark.parametrize("token", [None, "", "another"])
def test_a_form_without_the_token_of_the_session_changes_nothing(
    olivia: Browser, admin: ApiClient, token: str | None
) -> None:
    name = made(admin)
    fields = {"section": "delete", "typed_name": f"acme/{name}"} | (
        {} if token is None else {"csrf_token": token}
    )
    assert olivia.http.post(f"/repositories/acme/{name}/settings", data=fields).status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 200


def test_a_get_of_a_form_changes_nothing(olivia: Browser, admin: ApiClient) -> None:
    name = made(admin)
    olivia.see(at(f"/repositories/acme/{name}/settings", section="delete", typed_name=f"acme/{name}"))
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 200


def test_settings_are_saved_as_the_form_says(olivia: Browser, admin: ApiClient) -> None:
    name = made(admin)
    path = f"/repositories/acme/{name}/settings"
    fields = {"visibility": "public", "tag_limit": "5", "scan_on_push": "on", "strict_sizes": "on"}
    assert olivia.send(path, section="behaviour", **fields).status_code == 303
    assert "Saved the settings" in olivia.see(path)
    found = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    assert (found["visibility"], found["tagLimit"], found["scanOnPush"], found["strictSizes"]) == (
        "public",
        5,
        True,
        True,
    )
    assert (
        olivia.send(path, section="behaviour", visibility="private", immutable_tags="on").status_code == 303
    )
    found = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    assert (found["visibility"], found["tagLimit"], found["scanOnPush"], found["immutableTags"]) == (
        "private",
        0,
        False,
        True,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"section": "behaviour", "visibility": "public", "immutable_tags": "on", "tag_limit": "5"},
        {"section": "behaviour", "visibility": "nobody"},
        {"section": "behaviour"},
        {"section": "description", "short_description": "x" * 141},
        {"section": "description", "long_description": "x" * 25_001},
        {"section": "rename", "new_name": "acme/ledger"},
        {"section": "rename", "new_name": "Nonsense"},
        {"section": "rename", "new_name": "nobodys/name"},
        {"section": "delete", "typed_name": "acme"},
        {"section": "delete"},
        {"section": "everything"},
        {},
    ],
)
def test_a_form_that_is_refused_changes_nothing_and_says_why(
    olivia: Browser, admin: ApiClient, fields: dict[str, str]
) -> None:
    name = made(admin)
    before = admin.get(f"{REPOSITORIES}/acme/{name}").json()
    answer = olivia.send(f"/repositories/acme/{name}/settings", **fields)
    assert answer.status_code == 400
    assert "notice-bad" in answer.text
    for field in ("short_description", "new_name", "typed_name"):
        if fields.get(field):
            assert f'value="{fields[field]}"' in answer.text
    assert admin.get(f"{REPOSITORIES}/acme/{name}").json() == before


def test_who_does_not_administer_a_repository_neither_sees_nor_changes_its_settings(
    wendy: Browser, admin: ApiClient, registry: ServerProcess
) -> None:
    before = admin.get(f"{REPOSITORIES}/acme/ledger").json()
    for rest in ("/settings", "/permissions"):
        assert "You may not do this" in wendy.see(f"/repositories/acme/ledger{rest}", 403)
    for fields in (
        {"section": "description", "short_description": "mine"},
        {"section": "behaviour", "visibility": "public"},
        {"section": "rename", "new_name": "wendy/ledger"},
        {"section": "delete", "typed_name": "acme/ledger"},
    ):
        assert wendy.send("/repositories/acme/ledger/settings", **fields).status_code == 403
    grant = {"action": "set-user", "who": "wendy", "level": "admin"}
    assert wendy.send("/repositories/acme/ledger/permissions", **grant).status_code == 403
    assert admin.get(f"{REPOSITORIES}/acme/ledger").json() == before


def test_an_old_name_leads_to_the_same_page_under_the_new_one(olivia: Browser, admin: ApiClient) -> None:
    name = made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/settings", section="rename", new_name=f"acme/new/{name}")
    assert answer.headers["location"] == f"/repositories/acme/new%2F{name}"
    assert f"now called acme/new/{name}" in olivia.see(f"/repositories/acme/new%2F{name}")
    for rest in ("", "/settings", "/permissions?account=wendy"):
        led = olivia.http.get(f"/repositories/acme/{name}{rest}")
        assert (led.status_code, led.headers["location"]) == (303, f"/repositories/acme/new%2F{name}{rest}")


def test_an_old_name_tells_strangers_nothing(olivia: Browser, simon: Browser, admin: ApiClient) -> None:
    name = made(admin)
    assert (
        olivia.send(
            f"/repositories/acme/{name}/settings", section="rename", new_name=f"acme/x-{name}"
        ).status_code
        == 303
    )
    simon.see(f"/repositories/acme/{name}", 404)


def test_a_repository_goes_when_its_name_is_typed(olivia: Browser, admin: ApiClient) -> None:
    name = made(admin)
    answer = olivia.send(f"/repositories/acme/{name}/settings", section="delete", typed_name=f"acme/{name}")
    assert answer.headers["location"] == "/repositories?namespace=acme"
    assert f"Deleted acme/{name}" in olivia.see("/repositories")
    assert admin.get(f"{REPOSITORIES}/acme/{name}").status_code == 404
