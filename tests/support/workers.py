"""Clients whose connections end at different worker processes of one server."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

MAX_CONNECTIONS = 200


@contextmanager
def client_of_each_worker(
    server: ServerProcess, name: str, password: str, workers: int = 2
) -> Iterator[list[RegistryClient]]:
    """Give one client for each worker. The first part of a request id names the process that made it."""
    with ExitStack() as stack:
        found: dict[str, RegistryClient] = {}
        for _ in range(MAX_CONNECTIONS):
            client = stack.enter_context(closing(RegistryClient(server.url, name, password)))
            worker = client.http.get("/v2/").headers["x-request-id"].partition("-")[0]
            found.setdefault(worker, client)
            if len(found) == workers:
                break
        assert len(found) == workers, "some worker accepts no connection"
        yield list(found.values())
