"""`dtr serve`: prepare once, then keep workers running."""

import resource
import time
from functools import partial
from socket import gethostname

import click

from dtr.plumbing.asgi.listening import bind_listening_socket
from dtr.plumbing.asgi.supervisor import supervise
from dtr.plumbing.telemetry.logs import configure_logs
from dtr.plumbing.telemetry.shared_counters import SharedCounters
from dtr.settings.tree import Settings
from dtr.wiring.startup import prepare, welcome
from dtr.wiring.worker import work

MOST_FILES = 1024 * 1024
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - recognized, to name the machine instead


def serve(settings: Settings) -> int:
    """Run the registry until it is told to stop; return the exit code."""
    started_at = time.time()
    configure_logs(settings.logs.level, settings.logs.format)
    _allow_many_files()
    listening = bind_listening_socket(settings.listen.host, settings.listen.port)
    preparation = prepare(settings)
    counters = SharedCounters(settings.run_directory / "metrics")
    counters.clear()
    host, port = listening.getsockname()[:2]
    if host in EVERY_ADDRESS:
        host = settings.tls.hosts[0] if settings.tls.enabled else gethostname()
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(welcome(settings, address, preparation.generated_password))
    return supervise(
        settings.workers, partial(work, settings, preparation, listening, started_at), counters.retire
    )


def _allow_many_files() -> None:
    """Take as many descriptors as the system lets us: each connection needs one, a download up to three."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
