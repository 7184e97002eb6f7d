"""Sealed secrets, the master key, and the files that hold secrets."""

import multiprocessing
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtr.core.errors import Unavailable
from dtr.plumbing.crypto.files import create_private_file, replace_private_file
from dtr.plumbing.crypto.secretbox import KEY_BYTES, SecretBox, SecretUnreadable, load_or_create_key

BOX = SecretBox(b"k" * KEY_BYTES)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@given(st.binary(), st.text(alphabet=st.characters(codec="utf-8")))
def test_sealed_secret_opens_in_its_place(plain: bytes, context: str) -> None:
    assert BOX.open(BOX.seal(plain, context), context) == plain


def test_sealing_twice_gives_different_bytes_that_do_not_show_the_secret() -> None:
    sealed = BOX.seal(b"a secret", "here")
    assert sealed != BOX.seal(b"a secret", "here")
    assert b"a secret" not in sealed


def test_sealed_secret_does_not_open_in_another_place() -> None:
    with pytest.raises(SecretUnreadable):
        BOX.open(BOX.seal(b"a secret", "here"), "there")


def test_sealed_secret_does_not_open_with_another_key() -> None:
    with pytest.raises(SecretUnreadable):
        SecretBox(b"x" * KEY_BYTES).open(BOX.seal(b"a secret", "here"), "here")


def test_every_changed_bit_is_noticed() -> None:
    sealed = BOX.seal(b"a secret", "here")
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SecretUnreadable):
            BOX.open(bytes(changed), "here")


def test_every_cut_is_noticed() -> None:
    sealed = BOX.seal(b"a secret", "here")
    for length in range(len(sealed)):
        with pytest.raises(SecretUnreadable):
            BOX.open(sealed[:length], "here")


@given(st.binary(max_size=80))
def test_any_bytes_raise_only_secret_unreadable(sealed: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        BOX.open(sealed, "here")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecretBox(b"k" * length)


def test_master_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = load_or_create_key(path)
    assert len(key) == KEY_BYTES
    assert load_or_create_key(path) == key
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="does not hold a master key"):
        load_or_create_key(path)
    assert path.read_bytes() == content


def test_key_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"missing/master\.key: No such file"):
        load_or_create_key(tmp_path / "missing" / "master.key")
    with pytest.raises(Unavailable, match="Is a directory"):
        load_or_create_key(tmp_path)


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as processes:
        keys = set(processes.map(load_or_create_key, [path] * 16))
    assert keys == {path.read_bytes()}
    assert list(tmp_path.iterdir()) == [path]


def test_second_creation_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert create_private_file(path, b"first")
    assert not create_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_a_file_takes_it_away_from_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_private_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_failed_replacement_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_private_file(tmp_path / "folder", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
