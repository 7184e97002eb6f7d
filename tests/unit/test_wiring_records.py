"""What a replica says of itself, and the key of the audit chain."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from dtr.plumbing.crypto.secretbox import derived_key
from dtr.settings.kinds import ListenAddress
from dtr.settings.tree import NetworkSettings, Settings, TlsSettings
from dtr.wiring.replica import replica_of


def settings(data: Path, host: str) -> Settings:
    (data / "replica.id").write_text("0123456789ab\n")
    return replace(Settings(), data=data, listen=ListenAddress(host, 5000))


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "registry.example.com"])
def test_plain_http_beyond_the_machine_is_worth_an_alert(tmp_path: Path, host: str) -> None:
    plain = settings(tmp_path, host)

    assert replica_of(plain).is_open_plain_http
    assert not replica_of(replace(plain, tls=TlsSettings(enabled=True))).is_open_plain_http
    assert not replica_of(replace(plain, external_url="https://registry.example.com")).is_open_plain_http
    proxies = NetworkSettings(trusted_proxies=(ip_network("10.0.0.0/8"),))
    assert not replica_of(replace(plain, network=proxies)).is_open_plain_http
    assert replica_of(replace(plain, external_url="http://registry.example.com")).is_open_plain_http


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_plain_http_on_the_machine_itself_is_fine(tmp_path: Path, host: str) -> None:
    assert not replica_of(settings(tmp_path, host)).is_open_plain_http


def test_a_replica_tells_its_id_and_ports(tmp_path: Path) -> None:
    plain = replica_of(settings(tmp_path, "::1"))
    encrypted = replica_of(replace(settings(tmp_path, "::1"), tls=TlsSettings(enabled=True)))

    assert plain.id == "0123456789ab"
    assert (plain.http_port, plain.https_port) == (5000, 0)
    assert (encrypted.http_port, encrypted.https_port) == (0, 5000)


def test_a_derived_key_depends_on_the_master_key_and_the_label() -> None:
    master = b"m" * 32
    keys = [derived_key(master, "a"), derived_key(master, "b"), derived_key(b"n" * 32, "a")]

    assert len({*keys, master}) == 4
    assert all(len(key) == 32 for key in keys)
    assert derived_key(master, "a") == keys[0]
