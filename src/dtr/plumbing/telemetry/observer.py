"""Where every answered request is noted: one line in the access log, one step of the counters."""

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.telemetry.access import AccessLog
from dtr.plumbing.telemetry.metrics import Metrics

MANIFEST_ROUTE = "/v2/manifest"

EVENTS = {
    ("GET", MANIFEST_ROUTE, 200): "manifest_pulled",
    ("PUT", MANIFEST_ROUTE, 201): "manifest_pushed",
    ("PUT", "/v2/upload", 201): "blob_uploaded",
    ("POST", "/v2/uploads", 201): "blob_uploaded",
    ("GET", "/auth/token", 401): "login_failed",
    ("POST", "/auth/token", 401): "login_failed",
}
"""What a method, a route and a status mean together."""


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
        self._count_event(request, route, status)
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

    def _count_event(self, request: Request, route: str, status: int) -> None:
        """Count what the request achieved, beyond that it was answered."""
        event = EVENTS.get((request.method, route, status))
        if event == "manifest_pulled":
            self._metrics.manifest_pulled()
        elif event == "manifest_pushed":
            self._metrics.manifest_pushed()
        elif event == "login_failed":
            self._metrics.login_failed()
        elif event == "blob_uploaded" and b"mount=" not in request.scope["query_string"]:
            self._metrics.blob_uploaded()

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
