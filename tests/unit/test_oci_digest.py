import hashlib

import pytest

from dtr.oci.digest import ALGORITHMS, Digest, new_hasher
from dtr.oci.errors import DigestInvalid

SHA256_OF_NOTHING = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_digest_of_content_is_what_hashlib_says(algorithm: str) -> None:
    digest = Digest.of(b"content", algorithm)
    assert digest.algorithm == algorithm
    assert digest.hex == hashlib.new(algorithm, b"content").hexdigest()
    assert Digest.parse(str(digest)) == digest


def test_digest_of_nothing_is_the_known_one() -> None:
    assert str(Digest.of(b"")) == SHA256_OF_NOTHING


def test_equal_digests_are_one_dictionary_key() -> None:
    assert len({Digest.parse(SHA256_OF_NOTHING), Digest.of(b"")}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:abc",
        SHA256_OF_NOTHING.upper(),
        SHA256_OF_NOTHING.replace("e3b0", "E3B0"),
        SHA256_OF_NOTHING + "0",
        SHA256_OF_NOTHING + "\n",
        " " + SHA256_OF_NOTHING,
        SHA256_OF_NOTHING.replace("sha256", "sha512"),
        SHA256_OF_NOTHING.replace("sha256", "sha384"),
        "sha256:" + "g" * 64,
        "sha256:" + "\u0661" * 64,
        "md5:" + "0" * 32,
        "../../etc/passwd",
    ],
)
def test_malformed_and_unsupported_digests_are_refused(text: str) -> None:
    with pytest.raises(DigestInvalid):
        Digest.parse(text)


def test_a_refusal_shows_no_more_than_the_start_of_what_was_given() -> None:
    with pytest.raises(DigestInvalid) as caught:
        Digest.parse("x" * 10_000)
    assert caught.value.detail == {"given": "x" * 100}


def test_hasher_takes_content_in_pieces() -> None:
    hasher = new_hasher("sha256")
    for piece in (b"con", bytearray(b"te"), memoryview(b"nt")):
        hasher.update(piece)
    assert hasher.hexdigest() == Digest.of(b"content").hex


@pytest.mark.parametrize("algorithm", ["", "md5", "SHA256", "sha384", "sha256:"])
def test_hasher_of_an_unsupported_algorithm_is_refused(algorithm: str) -> None:
    with pytest.raises(DigestInvalid):
        new_hasher(algorithm)
