"""What happens once, before the first worker: directory, schema, keys, certificate, first account."""

import asyncio
import fcntl
import os
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

from dtr.core.errors import Misconfigured
from dtr.plumbing.crypto.ca import CertificateAuthority, load_identity
from dtr.plumbing.crypto.files import create_private_file
from dtr.plumbing.db.migrate import migrate
from dtr.settings.tree import Settings
from dtr.wiring.database_note import refuse_new_sqlite, write_note
from dtr.wiring.parts import build_parts, opened
from dtr.wiring.replica import REPLICA_ID_FILE

ADMIN_PASSWORD_VARIABLE = "DTR_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
LOCK_FILE = "server.lock"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What the workers and the welcome text need."""

    replica_id: str
    generated_password: str | None
    ca_certificate: bytes | None
    tls: ssl.SSLContext | None
    lock: int
    """Descriptor of the lock on the data directory; held until the process ends."""


def prepare(settings: Settings) -> Preparation:
    """Bring the data directory and the database into shape. Leaves no thread behind, so that workers can fork.

    Raises a `RegistryError` with what to do about it.
    """
    _make_directory(settings.data)
    lock = _lock(settings.data)
    refuse_new_sqlite(settings)
    migrate(settings.database_url)
    write_note(settings)
    _close_database_to_others(settings.data)
    replica_id = _replica_id(settings.data)
    password = asyncio.run(_prepare_parts(settings, replica_id))
    authority, context = _identity(settings)
    return Preparation(
        replica_id, password, authority.certificate_pem if authority is not None else None, context, lock
    )


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"cannot create the data directory {data.absolute()}: {error.strerror}"
        ) from error


def _close_database_to_others(data: Path) -> None:
    """Password hashes and private manifests are in it; an older version or another umask may have left it open."""
    for file in data.glob("metadata.db*"):
        file.chmod(0o600)


def _lock(data: Path) -> int:
    """Make sure that only one server runs on a data directory; commands may run beside it."""
    try:
        lock = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(
            f"cannot write to the data directory {data.absolute()}: {error.strerror}"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        message = f"another registry runs on {data.absolute()}: stop it, or give this one its own --data"
        raise Misconfigured(message) from error
    return lock


def _replica_id(data: Path) -> str:
    """Return the twelve hex digits that tell this replica from others on the same database; made once."""
    path = data / REPLICA_ID_FILE
    create_private_file(path, secrets.token_hex(6).encode())
    return path.read_text().strip()


async def _prepare_parts(settings: Settings, replica_id: str) -> str | None:
    """Check the store, make the signing key and the first account; return a password that was generated.

    Uploads that the last run of this replica left in the middle of a request can be continued at once.
    """
    async with opened(build_parts(settings, f"{replica_id}.")) as parts:
        await parts.driver.start()
        await parts.keys.load()
        await parts.images.uploads.free_leases_of_predecessor()
        return await parts.accounts.ensure_admin(os.environ.get(ADMIN_PASSWORD_VARIABLE))


def _identity(settings: Settings) -> tuple[CertificateAuthority | None, ssl.SSLContext | None]:
    """Load the operator's certificate, or issue one by the registry's own authority."""
    tls = settings.tls
    if not tls.enabled:
        return None, None
    if tls.certificate is not None:
        if tls.key is None:
            raise Misconfigured(
                "tls.certificate needs tls.key: set both, or neither for an issued certificate"
            )
        return None, load_identity(tls.certificate, tls.key).context()
    directory = settings.data / "tls"
    authority = CertificateAuthority.load_or_create(directory)
    server = authority.server_identity(directory, list(tls.hosts))
    return authority, load_identity(server, server).context()


def welcome(settings: Settings, address: str, generated_password: str | None) -> str:
    """Write what the operator reads when the server is ready: where it is, who may enter, what to type next."""
    scheme = "https" if settings.tls.enabled else "http"
    url = settings.external_url or f"{scheme}://{address}"
    address = url.partition("://")[2]
    lines = ["", f"The Trusted Registry serves on {url}"]
    if generated_password is not None:
        lines += [
            "",
            f"  user      admin\n  password  {generated_password}",
            "",
            "This password is shown once. Change it with: dtr user password admin",
        ]
    lines += [
        "",
        "Next:",
        f"  docker login -u admin {address}",
        f"  docker tag my-image {address}/admin/my-image",
        f"  docker push {address}/admin/my-image",
        "",
    ]
    return "\n".join(lines)
