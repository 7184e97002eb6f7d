"""The programs that can be measured, and how each is started."""

import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import orjson

from bench.wire import Address

Command: TypeAlias = Callable[[Path, Address], Sequence[str]]
"""Gives the command that serves an address and keeps everything in a directory."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A program that can be measured."""

    name: str
    command: Command

    password_variable: str | None = None
    """The environment variable that sets the password of `admin`; None: it has no accounts."""

    blob_folder: str = "."
    """Where it keeps blobs, in its directory: the digest is the name of a file or of the folder around it."""

    tag_folder: str | None = None
    """Where each tag of the repository `{repository}` is a folder that can be copied; None: nowhere."""


def host_of(address: Address) -> str:
    """Return an address as `HOST:PORT`."""
    return f"{address[0]}:{address[1]}"


def _dtr(directory: Path, address: Address) -> Sequence[str]:
    """Everything as it comes: accounts, tokens, access log, SQLite."""
    program = Path(sys.executable).with_name("dtr")
    return [str(program), "serve", "--data", str(directory), "--listen", host_of(address), "--workers", "1"]


def _docker_registry(directory: Path, address: Address) -> Sequence[str]:
    """Debian's packaged settings, but open to everybody and without an access log."""
    settings = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(directory)},
            "cache": {"blobdescriptor": "inmemory"},
            "delete": {"enabled": True},
        },
        "http": {"addr": host_of(address), "secret": secrets.token_hex(16)},
    }
    file = directory / "settings.yml"
    file.write_bytes(orjson.dumps(settings))  # JSON is YAML
    return ["docker-registry", "serve", str(file)]


def _yardstick(_: Path, address: Address) -> Sequence[str]:
    return [sys.executable, "-m", "bench.yardstick", str(address[1])]


DTR: Final = Kind("dtr", _dtr, password_variable="DTR_ADMIN_PASSWORD", blob_folder="blobs")

DOCKER_REGISTRY: Final = Kind(
    "docker-registry",
    _docker_registry,
    blob_folder="docker/registry/v2/blobs",
    tag_folder="docker/registry/v2/repositories/{repository}/_manifests/tags",
)

YARDSTICK: Final = Kind("yardstick", _yardstick)
"""A server of constants: what the load generator reaches when the server hardly does anything."""
