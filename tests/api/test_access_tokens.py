"""Access tokens of users: made, shown, listed, cleaned up."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dtr.features.tokens.access_token_model import is_access_token
from tests.api.conftest import BOB_PASSWORD, CAROL_PASSWORD
from tests.support.access_tokens import (
    FIELDS,
    PATH,
    make,
    name_of,
    tokens_of,
)
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess


def test_a_token_is_shown_once_and_kept_as_a_hash(carol: ApiClient) -> None:
    made = make(carol, tokenLabel="laptop")

    assert set(made) == {*FIELDS, "token"}
    assert re.fullmatch(r"dtr_pat_[\w-]{43}_[0-9A-Za-z]{6}", made["token"])
    assert is_access_token(made["token"])
    assert made["tokenLabel"] == "laptop"
    assert made["isActive"] is True
    assert made["generatedBy"] == "manual"
    assert made["lastUsed"] is None
    assert made["permits"] is None
    assert made["expiresAt"] is None
    shown = carol.get(f"{PATH}/{made['hashedToken']}").json()
    assert shown == {field: made[field] for field in FIELDS}
    assert tokens_of(carol) == [shown]


@pytest.mark.parametrize(
    "body", [None, {}, {"tokenLabel": None}, {"id": "", "isActive": False, "token": "x"}]
)
def test_a_label_is_not_needed_and_other_fields_are_ignored(carol: ApiClient, body: object) -> None:
    answer = carol.post(PATH, body) if body is not None else carol.http.post(PATH)

    assert answer.status_code == 201, answer.text
    assert answer.json()["tokenLabel"] == ""
    assert answer.json()["isActive"] is True


@pytest.mark.parametrize(
    "wish",
    [
        {"tokenLabel": "x" * 101},
        {"tokenLabel": "two\nlines"},
        {"tokenLabel": 7},
        {"permits": []},
        {"permits": [{"pattern": "team/**", "actions": []}]},
        {"permits": [{"pattern": "team/**", "actions": ["fly"]}]},
        {"permits": [{"pattern": "TEAM/*", "actions": ["pull"]}]},
        {"permits": [{"pattern": "a*b*c*d/**/**/**", "actions": ["pull"]}]},
        {"permits": [{"pattern": "team/**"}]},
        {"permits": [{"pattern": "team/**", "actions": ["pull"]}] * 101},
        {"permits": "team/**"},
        {"expiresInDays": 0},
        {"expiresInDays": "7"},
        {"expiresInDays": True},
        {"expiresInDays": 10**12},
        {"expiresAt": "yesterday"},
        {"expiresAt": "2001-01-01T00:00:00Z"},
        {"expiresAt": "9999-12-31T23:59:59-23:59"},
        {"expiresAt": "2999-01-01T00:00:00Z", "expiresInDays": 3},
        [],
        "text",
    ],
)
def test_a_wish_that_makes_no_sense_makes_no_token(carol: ApiClient, wish: object) -> None:
    answer = carol.post(PATH, wish)

    assert (answer.status_code, codes(answer)[0]) == (400, "INVALID_PARAMETERS")
    assert tokens_of(carol) == []


def test_the_end_of_a_token_is_given_as_a_moment_or_in_days(carol: ApiClient) -> None:
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)

    assert make(carol, expiresAt=moment.isoformat())["expiresAt"] == moment.isoformat().replace("+00:00", "Z")
    in_days = datetime.fromisoformat(make(carol, expiresInDays=30)["expiresAt"])
    assert timedelta(days=29, hours=23) < in_days - datetime.now(UTC) < timedelta(days=30, minutes=1)


def test_a_token_makes_none_that_outlives_it(carol: ApiClient, server: ServerProcess) -> None:
    short = make(carol, expiresInDays=2)
    holder = ApiClient(server.url, name_of(carol), short["token"])

    for wish in ({"expiresInDays": 3}, {"expiresAt": "2999-01-01T00:00:00Z"}):
        answer = holder.post(PATH, wish)
        assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"]), answer.text
    assert make(holder)["expiresAt"] == short["expiresAt"]
    assert make(holder, expiresInDays=1)["expiresAt"] < short["expiresAt"]
    holder.close()
    for_ever = ApiClient(server.url, name_of(carol), make(carol)["token"])
    assert make(for_ever)["expiresAt"] is None
    for_ever.close()


def test_administrators_make_tokens_for_others(carol: ApiClient, admin: ApiClient, bob: ApiClient) -> None:
    owner = {"username": name_of(carol)}

    refused = bob.post(PATH, {"tokenLabel": "x"}, params=owner)
    made = admin.post(PATH, {"tokenLabel": "for carol"}, params=owner)

    assert (refused.status_code, codes(refused)) == (403, ["NOT_AUTHORIZED"])
    assert made.status_code == 201
    assert made.json()["username"] == owner["username"]
    assert [each["tokenLabel"] for each in tokens_of(carol)] == ["for carol"]


@pytest.mark.parametrize("owner", ["nobody-at-all", "docker-datacenter", "ALICE", "\u0430lice"])
def test_only_users_have_tokens(admin: ApiClient, owner: str) -> None:
    answer = admin.post(PATH, {}, params={"username": owner})

    assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_USER"])


def test_strangers_have_no_tokens(anonymous: ApiClient) -> None:
    for answer in (anonymous.get(PATH), anonymous.post(PATH, {}), anonymous.delete(PATH)):
        assert (answer.status_code, codes(answer)) == (401, ["NOT_AUTHENTICATED"])


def test_permits_are_shown_as_they_were_given(carol: ApiClient) -> None:
    permits = [{"pattern": "team/**", "actions": ["pull", "push"]}, {"pattern": "x/y", "actions": ["delete"]}]

    made = make(carol, permits=permits)

    assert tokens_of(carol)[0]["permits"] == made["permits"] == permits


def test_lists_come_in_pages(carol: ApiClient) -> None:
    hashes = sorted(make(carol, tokenLabel=str(each))["hashedToken"] for each in range(5))

    found, start = [], ""
    for _ in range(3):
        answer = carol.get(PATH, params={"pageSize": 2, "pageStart": start, "count": "true"})
        assert answer.headers["x-resource-count"] == "5"
        found += [each["hashedToken"] for each in answer.json()]
        start = answer.headers.get("x-next-page-start", "")
        if start == hashes[2]:
            carol.delete(f"{PATH}/{start}")  # the start of a page may be gone when that is asked for
            hashes.remove(start)
            hashes_left = 4
            assert carol.get(PATH, params={"count": "true"}).headers["x-resource-count"] == str(hashes_left)
            break
    found += [each["hashedToken"] for each in carol.get(PATH, params={"pageStart": start}).json()]

    assert found == hashes
    assert start


def test_administrators_list_everybodys(admin: ApiClient, carol: ApiClient) -> None:
    made = make(carol)

    everybodys = {each["hashedToken"]: each["username"] for each in tokens_of(admin)}

    assert everybodys[made["hashedToken"]] == name_of(carol)
    assert [each["hashedToken"] for each in tokens_of(admin, username=name_of(carol))] == [
        made["hashedToken"]
    ]


def test_cleaning_up_drops_what_logins_made_unless_told_otherwise(
    carol: ApiClient, server: ServerProcess, admin: ApiClient
) -> None:
    name = name_of(carol)
    manual = make(carol)["hashedToken"]
    for _ in range(2):
        httpx.get(f"{server.url}/auth/token", params={"offline_token": "true"}, auth=(name, CAROL_PASSWORD))
    assert len(tokens_of(carol)) == 3

    early = carol.delete(PATH, params={"usedbefore": "2001-01-01T00:00:00Z"})
    assert (early.status_code, len(tokens_of(carol))) == (204, 3)
    assert admin.delete(PATH, params={"username": name}).status_code == 204
    assert [each["hashedToken"] for each in tokens_of(carol)] == [manual]
    assert carol.delete(PATH, params={"generatedby": "manual"}).status_code == 204
    assert tokens_of(carol) == []


@pytest.mark.parametrize("parameters", [{"generatedby": "all"}, {"usedbefore": "long ago"}])
def test_cleaning_up_by_a_rule_that_is_none_drops_nothing(
    carol: ApiClient, parameters: dict[str, str]
) -> None:
    make(carol)

    answer = carol.delete(PATH, params=parameters)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])
    assert len(tokens_of(carol)) == 1


def test_two_tokens_made_at_once_are_two(carol: ApiClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: make(carol, tokenLabel=str(number)), range(8)))

    assert len({each["hashedToken"] for each in made}) == len(tokens_of(carol)) == 8


def test_nothing_shows_a_secret_again(carol: ApiClient, admin: ApiClient) -> None:
    made = make(carol, tokenLabel="x")
    path = f"{PATH}/{made['hashedToken']}"

    shown = [carol.get(PATH), carol.get(path), carol.patch(path, {"tokenLabel": "y"}), admin.get(path)]

    assert not any(made["token"] in each.text for each in shown)
    assert base64.b64encode(json.dumps(made).encode()) not in b"".join(each.content for each in shown)
    assert BOB_PASSWORD not in shown[0].text
