"""What `/auth/token` grants of the scopes that a client asks for, to every kind of caller."""

import base64
import json
from typing import Any

import pytest

from tests.permissions import profiles as p
from tests.support.world import Kind, World

SCOPES = [
    # resource and action, who gets it of a private and who of a public repository
    ("pull", p.PULLERS, p.ALL),
    ("push", p.WRITERS, p.WRITERS),
    ("delete", p.DELETERS, p.DELETERS),
    ("*", {Kind.ADMIN}, {Kind.ADMIN}),
]
CREATING = {Kind.SPACE_AD, Kind.OWNER, Kind.OWN, Kind.ROBOT_PUSH, Kind.ROBOT_ADMIN, Kind.ADMIN}
"""Who brings a repository into being by pushing to it."""
CALLERS = [kind for kind in Kind if kind is not Kind.DISABLED]


def granted(world: World, kind: Kind, scope: str) -> set[str]:
    """Return the actions that a token carries for the resource of a scope."""
    answer = world.client(kind).get("/auth/token", params={"scope": scope})
    assert answer.status_code == 200, answer.text
    payload = answer.json()["token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    name = scope.rsplit(":", 1)[0].split(":", 1)[1]
    return {action for each in claims["access"] if each["name"] == name for action in each["actions"]}


@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
def test_a_token_carries_the_actions_that_its_caller_may_do(world: World, kind: Kind, public: bool) -> None:
    place = world.place(kind)
    path = f"{place.namespace}/{place.public if public else place.private}"
    expected = {
        action
        for action, private_may, public_may in SCOPES
        if kind in (public_may if public else private_may)
    }
    assert granted(world, kind, f"repository:{path}:pull,push,delete,*") == expected
    for action, _, _ in SCOPES[:3]:
        assert granted(world, kind, f"repository:{path}:{action}") == expected & {action}


@pytest.mark.parametrize("kind", CALLERS)
def test_a_token_for_an_absent_repository_is_for_who_may_create_it(world: World, kind: Kind) -> None:
    place = world.place(kind)
    found = granted(world, kind, f"repository:{place.namespace}/absent:pull,push")
    assert ("push" in found) is (kind in CREATING)
    assert "push" not in granted(world, kind, "repository:nobody-of-this-name/app:pull,push")


@pytest.mark.parametrize("kind", CALLERS)
def test_the_catalog_is_for_who_is_logged_in(world: World, kind: Kind) -> None:
    assert (granted(world, kind, "registry:catalog:*") == {"*"}) is (kind is not Kind.ANONYMOUS)


def test_a_disabled_user_gets_no_token(world: World) -> None:
    world.forget_failed_logins()
    assert world.client(Kind.DISABLED).get("/auth/token").status_code == 401
    world.forget_failed_logins()
