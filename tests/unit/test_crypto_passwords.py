"""Password hashes and generated passwords."""

import math
import re

import pytest
from argon2 import PasswordHasher as Argon2Hasher
from argon2 import Type, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from dtr.core.errors import Invalid
from dtr.plumbing.crypto.passwords import GENERATED_ALPHABET, PasswordHasher, generate_password

HASHER = PasswordHasher()
STORED = HASHER.hash("correct horse")


def test_right_password_matches_and_a_wrong_one_does_not() -> None:
    assert HASHER.verify(STORED, "correct horse")
    for wrong in ("correct horse ", "Correct horse", "", "correct horse\0"):
        assert not HASHER.verify(STORED, wrong)


def test_same_password_never_hashes_to_the_same_text() -> None:
    assert HASHER.hash("correct horse") != STORED


def test_hash_is_argon2id_with_the_recommended_cost() -> None:
    parameters = extract_parameters(STORED)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert (parameters.hash_len, parameters.salt_len) == (32, 16)
    assert "correct horse" not in STORED


def test_password_outside_ascii_matches_itself() -> None:
    assert HASHER.verify(HASHER.hash("pässwörd 🔑"), "pässwörd 🔑")


def test_weaker_hash_is_to_be_replaced_and_still_matches() -> None:
    weak = Argon2Hasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("correct horse")
    assert HASHER.needs_rehash(weak)
    assert HASHER.verify(weak, "correct horse")
    assert not HASHER.needs_rehash(STORED)


CUT_OFF = pytest.param(STORED[:-9], id="a hash that was cut off")


@pytest.mark.parametrize(
    "stored",
    ["", "x", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$AA$AA", "$2b$12$abcdefghijklmnopqrstuv", CUT_OFF],
)
def test_stored_text_that_is_no_hash_matches_nothing(stored: str) -> None:
    assert not HASHER.verify(stored, "correct horse")
    assert not HASHER.verify(stored, "")


@given(st.text(max_size=40))
def test_any_stored_text_matches_nothing_and_raises_nothing(stored: str) -> None:
    assert not HASHER.verify(stored, "correct horse")


def test_password_that_is_not_unicode_is_refused_without_showing_it() -> None:
    with pytest.raises(Invalid) as caught:
        HASHER.hash("secret\udce9")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_password_that_is_not_unicode_matches_nothing() -> None:
    assert not HASHER.verify(STORED, "correct horse\udce9")


def test_generated_password_can_be_read_out_and_has_a_hundred_bits() -> None:
    password = generate_password()
    letters = password.replace("-", "")
    assert re.fullmatch(r"([a-z0-9]{5}-){4}[a-z0-9]{5}", password)
    assert not set("il1o0") & set(password)
    assert set(letters) <= set(GENERATED_ALPHABET)
    assert len(letters) * math.log2(len(set(GENERATED_ALPHABET))) >= 100


def test_generated_passwords_differ() -> None:
    assert len({generate_password() for _ in range(100)}) == 100
