"""Fixtures for tests of certificates."""

from pathlib import Path

import pytest
from cryptography import x509

from dtr.plumbing.crypto.ca import CertificateAuthority
from tests.support.certificates import HOSTS, Issued


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    """Give an authority of this test alone."""
    return CertificateAuthority.load_or_create(tmp_path / "tls")


@pytest.fixture
def issued(authority: CertificateAuthority, tmp_path: Path) -> Issued:
    """Give what it issues."""
    ca_file, leaf_file = tmp_path / "trusted.pem", tmp_path / "leaf.pem"
    chain, _ = authority.issue(HOSTS)
    ca_file.write_bytes(authority.certificate_pem)
    leaf_file.write_bytes(chain)
    leaf, root = x509.load_pem_x509_certificates(chain)
    return Issued(ca_file, leaf_file, root, leaf)


@pytest.fixture
def server_file(authority: CertificateAuthority, tmp_path: Path) -> Path:
    """Give the file with the certificate of a server."""
    return authority.server_identity(tmp_path / "tls", HOSTS)
