"""Where every answered request is noted: one line in the access log, one step of the counters."""

from collections.abc import Mapping

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.telemetry.access import AccessLog
from dtr.plumbing.telemetry.metrics import Metrics

Achievement = tuple[str, str, int]
"""A method, a route and a status: together they tell what a request achieved."""


class RequestObserver:
    """Feeds the access log (which may be off) and the metrics."""

    def __init__(
        self, access_log: AccessLog | None, metrics: Metrics, events: Mapping[Achievement, str]
    ) -> None:
        """Take the parts. `events` names what to count for an achievement; see `counters`."""
        self._access_log = access_log
        self._metrics = metrics
        self._events = events

    def observe(self, request: Request, status: int, bytes_out: int, duration_seconds: float) -> None:
        """Note a request that went the ordinary way."""
        query: bytes = request.scope["query_string"]
        target = request.raw_path + (b"?" + query if query else b"")
        agent = request.header(b"user-agent") or b""
        self.observe_answer(
            request.request_id,
            request.client_host,
            request.user,
            request.method,
            target.decode("latin-1"),
            request.route or "other",
            status,
            bytes_out,
            duration_seconds,
            agent.decode("latin-1"),
            request.bytes_in,
        )

    def observe_answer(  # noqa: PLR0913, PLR0917 - the fields of a log line; positional on the hottest path
        self,
        request_id: str,
        client: str,
        user: str,
        method: str,
        target: str,
        route: str,
        status: int,
        bytes_out: int,
        duration_seconds: float,
        user_agent: str,
        bytes_in: int = 0,
    ) -> None:
        """Note an answer, also one that never was a request object."""
        self._metrics.count_request(method, route, status, duration_seconds, bytes_in, bytes_out)
        event = self._events.get((method, route, status))
        if event is not None:
            self._metrics.count_event(event)
        if self._access_log is not None:
            self._access_log.record(
                request_id,
                client,
                user or None,
                method,
                target,
                status,
                bytes_out,
                duration_seconds,
                user_agent,
            )
