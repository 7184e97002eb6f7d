"""What this replica says of itself, from its settings and its directory, and how it is."""

from ipaddress import ip_address
from socket import gethostname

from dtr import __version__
from dtr.features.configuration.model import Replica
from dtr.features.configuration.service import Status
from dtr.features.configuration.service.status import Check
from dtr.settings.tree import Settings
from dtr.wiring.parts import Parts

REPLICA_ID_FILE = "replica.id"


def status_of(settings: Settings, parts: Parts, health: Check) -> Status:
    """Return what tells how this replica is. `health` tells what is wrong with it."""
    return Status(parts.configuration, replica_of(settings), parts.clock, health, parts.audit.problem_at_end)


def replica_of(settings: Settings) -> Replica:
    """Return what this replica says of itself. It has started: its id is there."""
    tls = settings.tls.enabled
    return Replica(
        id=(settings.data / REPLICA_ID_FILE).read_text().strip(),
        node=gethostname(),
        http_port=0 if tls else settings.listen.port,
        https_port=settings.listen.port if tls else 0,
        log_level=settings.logs.level,
        storage_volume=str((settings.data / "storage").absolute()),
        version=__version__,
        database="PostgreSQL" if settings.database_url.startswith("postgresql") else "SQLite",
        is_open_plain_http=_is_open_plain_http(settings),
    )


def _is_open_plain_http(settings: Settings) -> bool:
    behind_proxy = bool(settings.network.trusted_proxies) or (settings.external_url or "").startswith(
        "https:"
    )
    return not settings.tls.enabled and not behind_proxy and not _is_loopback(settings.listen.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
