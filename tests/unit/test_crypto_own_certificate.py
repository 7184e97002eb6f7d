"""The operator's own certificate: it serves, or what is wrong with it is told."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
)

from dtr.core.errors import Unavailable
from dtr.plumbing.crypto.ca import load_identity
from tests.support.certificates import Issued, own_certificate


def test_operators_certificate_serves(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    identity = load_identity(certificate, key)
    assert (identity.certificate, identity.key) == (certificate, key)
    assert identity.context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = own_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = own_certificate(tmp_path / "other")
    with pytest.raises(Unavailable, match=r"own-key\.pem is not the key of .*own\.pem$"):
        load_identity(certificate, key)


def test_chain_in_the_wrong_order_is_explained(issued: Issued, tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    certificate.write_bytes(issued.ca_file.read_bytes() + certificate.read_bytes())
    with pytest.raises(Unavailable, match="must come first"):
        load_identity(certificate, key)


def test_expired_certificate_is_refused_with_its_date(tmp_path: Path) -> None:
    past = timedelta(days=-1)
    certificate, key = own_certificate(tmp_path, starts_in=2 * past, ends_in=past)
    with pytest.raises(Unavailable, match=r"own\.pem expired on \d{4}-\d\d-\d\d"):
        load_identity(certificate, key)


def test_certificate_of_the_future_is_refused_with_its_date(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, starts_in=timedelta(hours=1))
    with pytest.raises(Unavailable, match=r"own\.pem is not valid before \d{4}-\d\d-\d\d"):
        load_identity(certificate, key)


def test_key_with_a_pass_phrase_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, encryption=BestAvailableEncryption(b"secret"))
    with pytest.raises(Unavailable, match=r"own-key\.pem has a pass phrase"):
        load_identity(certificate, key)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"]
)
def test_files_that_are_not_pem_are_named(tmp_path: Path, content: bytes) -> None:
    certificate, key = own_certificate(tmp_path)
    good = certificate.read_bytes()
    certificate.write_bytes(content)
    with pytest.raises(Unavailable, match=r"own\.pem does not hold certificates"):
        load_identity(certificate, key)
    certificate.write_bytes(good)
    key.write_bytes(content)
    with pytest.raises(Unavailable, match=r"own-key\.pem does not hold a private key"):
        load_identity(certificate, key)


def test_missing_files_are_named(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    with pytest.raises(Unavailable, match=r"cannot read .*nowhere\.pem: No such file"):
        load_identity(tmp_path / "nowhere.pem", key)
    with pytest.raises(Unavailable, match=r"cannot read .*: Is a directory"):
        load_identity(certificate, tmp_path)


def test_key_that_is_too_short_for_tls_is_explained(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    certificate, key = own_certificate(tmp_path, key=weak)
    identity = load_identity(certificate, key)
    with pytest.raises(Unavailable, match="EE_KEY_TOO_SMALL"):
        identity.context()
