"""Which passwords are good enough."""

import pytest

from dtr.core.errors import Invalid
from dtr.core.ids import SECRET_MARK
from dtr.features.accounts.password_policy import PasswordPolicy, is_common, is_made_of_name
from dtr.features.accounts.service.sessions import SESSION_PREFIX
from dtr.features.robots.model import SECRET_PREFIX
from dtr.features.tokens.access_token_model import ACCESS_PREFIX
from dtr.features.tokens.model import REFRESH_PREFIX
from dtr.plumbing.crypto.passwords import generate_password


@pytest.mark.parametrize(
    "password",
    ["correct-horse-battery", "twelve chars", "Ünïcödé ist lang", "x1y2z3a4b5c6", "alice in wonderland"],
)
def test_a_long_password_of_ones_own_is_good_whatever_its_characters(password: str) -> None:
    PasswordPolicy().check("alice", password)


def test_generated_passwords_are_good() -> None:
    for _ in range(100):
        PasswordPolicy(min_length=29).check("admin", generate_password())


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 1025, "é" * 513])
def test_too_short_and_too_long_ones_are_refused(password: str) -> None:
    with pytest.raises(Invalid, match=r"12 or more characters|at most 1024 bytes"):
        PasswordPolicy().check("alice", password)


@pytest.mark.parametrize(
    "prefix", [SECRET_MARK, ACCESS_PREFIX, REFRESH_PREFIX, SECRET_PREFIX, SESSION_PREFIX]
)
def test_what_would_be_taken_for_a_token_is_no_password(prefix: str) -> None:
    with pytest.raises(Invalid, match="as tokens do"):
        PasswordPolicy().check("alice", f"{prefix}and a long one at that")
    PasswordPolicy().check("alice", f"not {prefix}and a long one")


def test_the_least_length_can_be_set() -> None:
    PasswordPolicy(min_length=8).check("alice", "8 is few")
    with pytest.raises(Invalid):
        PasswordPolicy(min_length=9).check("alice", "8 is few")


@pytest.mark.parametrize(
    "password",
    [
        "longusername",
        "LongUserName",
        "longusername123",
        "2024-LongUserName!",
        "long.user.name",
        "emanresugnol",
        "longusernamelongusername",
    ],
)
def test_the_name_is_no_password_however_it_is_dressed_up(password: str) -> None:
    assert is_made_of_name("longusername", password)
    with pytest.raises(Invalid, match="name"):
        PasswordPolicy(check_common=False).check("longusername", password)


def test_a_name_may_be_part_of_a_password() -> None:
    assert not is_made_of_name("alice", "alice's own password")
    assert not is_made_of_name("a", "a battery staple")


@pytest.mark.parametrize(
    "password",
    ["1q2w3e4r5t6y", "Password2024!", "...password...", "FinalFantasy", "aaaaaaaaaaaa", "121212121212"],
)
def test_common_and_monotonous_passwords_are_refused_in_any_case(password: str) -> None:
    assert is_common(password)
    with pytest.raises(Invalid, match="many people"):
        PasswordPolicy().check("alice", password)
    PasswordPolicy(check_common=False).check("alice", password)
