"""Where every answered request is noted: one line in the access log, one step of the counters."""

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.telemetry.access import AccessLog
from dtr.plumbing.telemetry.metrics import Metrics

MANIFEST_ROUTE = "/v2/manifest"


class RequestObserver:
    """Feeds the access log (which may be off) and the metrics."""

    def __init__(self, access_log: AccessLog | None, metrics: Metrics) -> None:
        self._access_log = access_log
        self._metrics = metrics

    def observe(self, request: Request, status: int, bytes_out: int, duration_seconds: float) -> None:
        """Note a request that went the ordinary way."""
        route = request.route or "other"
        self._metrics.count_request(
            request.method, route, status, duration_seconds, request.bytes_in, bytes_out
        )
        if route == MANIFEST_ROUTE and request.method == "GET" and status == 200:  # noqa: PLR2004 - OK
            self._metrics.manifest_pulled()
        if self._access_log is None:
            return
        query: bytes = request.scope["query_string"]
        target = request.raw_path + (b"?" + query if query else b"")
        agent = request.header(b"user-agent") or b""
        self._access_log.record(
            request.request_id,
            request.client_host,
            request.user or None,
            request.method,
            target.decode("latin-1"),
            status,
            bytes_out,
            duration_seconds,
            agent.decode("latin-1"),
        )

    def observe_fast(  # noqa: PLR0913, PLR0917 - the fields of a log line; positional on the hottest path
        self,
        request_id: str,
        client: str,
        user: str,
        method: str,
        target: str,
        route: str,
        bytes_out: int,
        duration_seconds: float,
        user_agent: str,
    ) -> None:
        """Note a 200 answer from memory."""
        self._metrics.count_request(method, route, 200, duration_seconds, 0, bytes_out)
        if route == MANIFEST_ROUTE and method == "GET":
            self._metrics.manifest_pulled()
        if self._access_log is not None:
            self._access_log.record(
                request_id, client, user or None, method, target, 200, bytes_out, duration_seconds, user_agent
            )
