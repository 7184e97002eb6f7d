"""Access tokens are changed, and refused at once when they or their owners are switched off."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.api.conftest import CAROL_PASSWORD
from tests.support.access_tokens import FIELDS, PATH, make, name_of, registry_token, tokens_of
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess


def test_a_disabled_token_is_refused_at_once_and_good_again_when_enabled(
    carol: ApiClient, elsewhere: httpx.Client
) -> None:
    auth = (name_of(carol), (made := make(carol, tokenLabel="a"))["token"])
    path = f"{PATH}/{made['hashedToken']}"

    def statuses() -> set[int]:
        no_keep_alive = {"connection": "close"}  # so that both workers are asked
        asked = [elsewhere.get("/auth/token", auth=auth, headers=no_keep_alive) for _ in range(4)]
        return {each.status_code for each in [*asked, elsewhere.get(PATH, auth=auth)]}

    assert statuses() == {200}
    changed = carol.patch(path, {"isActive": False})
    assert (changed.status_code, changed.json()["isActive"], changed.json()["tokenLabel"]) == (
        200,
        False,
        "a",
    )
    assert statuses() == {401}
    assert carol.patch(path, {"isActive": True, "tokenLabel": "b"}).json()["tokenLabel"] == "b"
    assert statuses() == {200}
    assert carol.delete(path).status_code == 204
    assert statuses() == {401}
    gone = carol.get(path)
    assert (gone.status_code, codes(gone)) == (404, ["NO_SUCH_API_TOKEN"])


@pytest.mark.parametrize("end", ["disable", "delete", "clean up"])
def test_what_was_issued_for_a_token_is_void_with_it(
    carol: ApiClient, server: ServerProcess, end: str
) -> None:
    made, name = make(carol), name_of(carol)
    bearer = {"authorization": f"Bearer {registry_token(server.url, name, made['token']).json()['token']}"}
    assert httpx.get(f"{server.url}/v2/", headers=bearer).status_code == 200

    path = f"{PATH}/{made['hashedToken']}"
    if end == "disable":
        carol.patch(path, {"isActive": False})
    elif end == "delete":
        carol.delete(path)
    else:
        carol.delete(PATH, params={"generatedby": "manual"})

    assert_soon_refused(server, bearer)


def assert_soon_refused(server: ServerProcess, headers: dict[str, str]) -> None:
    """Revocations reach the workers at once on SQLite, within a second on PostgreSQL."""
    deadline = datetime.now(UTC) + timedelta(seconds=3)
    while datetime.now(UTC) < deadline:
        if {httpx.get(f"{server.url}/v2/", headers=headers).status_code for _ in range(6)} == {401}:
            return
    pytest.fail("the token is still good")


def test_a_disabled_owner_has_no_good_token(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]

    disabled = server.run("user", "disable", name)
    assert disabled.returncode == 0, disabled.stderr

    assert registry_token(server.url, name, secret).status_code == 401
    assert httpx.get(server.url + PATH, auth=(name, secret)).status_code == 401


def test_a_new_password_leaves_access_tokens_alone(carol: ApiClient, server: ServerProcess) -> None:
    name, secret = name_of(carol), make(carol)["token"]
    changed = carol.post(
        f"/enzi/v0/accounts/{name}/changePassword",
        {"oldPassword": CAROL_PASSWORD, "newPassword": "carol has a new one"},
    )
    assert changed.status_code < 300, changed.text

    assert registry_token(server.url, name, secret).status_code == 200


def test_others_see_and_change_nothing(carol: ApiClient, bob: ApiClient, admin: ApiClient) -> None:
    made = make(carol)
    path = f"{PATH}/{made['hashedToken']}"

    for answer in (bob.get(path), bob.patch(path, {"isActive": False}), bob.delete(path)):
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_API_TOKEN"])
    for answer in (
        bob.get(PATH, params={"username": name_of(carol)}),
        bob.delete(PATH, params={"username": name_of(carol)}),
    ):
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])
    assert made["hashedToken"] not in {each["hashedToken"] for each in tokens_of(bob)}
    assert carol.get(path).json()["isActive"] is True
    assert admin.patch(path, {"isActive": False}).json()["isActive"] is False


@pytest.mark.parametrize("changes", [{"isActive": "no"}, {"isActive": 0}, {"tokenLabel": "x" * 101}, []])
def test_bad_changes_change_nothing(carol: ApiClient, changes: object) -> None:
    made = make(carol, tokenLabel="kept")

    answer = carol.patch(f"{PATH}/{made['hashedToken']}", changes)

    assert (answer.status_code, codes(answer)[0]) == (400, "INVALID_PARAMETERS")
    assert tokens_of(carol)[0]["tokenLabel"] == "kept"


def test_changes_cannot_touch_what_is_fixed(carol: ApiClient) -> None:
    made = make(carol, permits=[{"pattern": "a/b", "actions": ["pull"]}])

    carol.patch(
        f"{PATH}/{made['hashedToken']}",
        {"permits": None, "username": "admin", "expiresAt": "2999-01-01T00:00:00Z", "hashedToken": "0"},
    )

    assert tokens_of(carol) == [{field: made[field] for field in FIELDS}]


def test_the_last_use_is_shown(carol: ApiClient, server: ServerProcess) -> None:
    before = datetime.now(UTC)
    registry_token(server.url, name_of(carol), make(carol)["token"])

    [token] = tokens_of(carol)

    assert datetime.fromisoformat(token["lastUsed"]) >= before
    assert token["lastUsedAddress"] == "127.0.0.1"
