"""The doors of a worker process as one ASGI application, and the fast lane beside it."""

from dataclasses import dataclass

from dtr.core.addresses import address_group
from dtr.core.errors import Denied, RegistryError, Unauthorized
from dtr.core.ids import new_id
from dtr.core.messages import said
from dtr.doors.api.door import API_PREFIXES, ApiDoor, Loaded
from dtr.doors.dataplane.authorization import Authorizer
from dtr.doors.dataplane.blobs import Redirects
from dtr.doors.dataplane.door import DataPlane
from dtr.doors.dataplane.fastlane import FastLane
from dtr.doors.health import Health, HealthDoor
from dtr.doors.identity import Identity
from dtr.doors.login import LoginDoor
from dtr.doors.search import SearchDoor
from dtr.doors.tokenservice import TokenDoor
from dtr.doors.web.assets import Assets
from dtr.doors.web.door import WebDoor
from dtr.features.access.model import may_administer
from dtr.features.configuration.service import Preferences
from dtr.oci.errors import answer_for, error_body
from dtr.plumbing.asgi.application import Application, RequestIds
from dtr.plumbing.asgi.limits import BodyPace, ProxyTrust, RateLimiter
from dtr.plumbing.asgi.mount import AsgiApplication
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.routing import Router
from dtr.plumbing.telemetry.counters import BLOB_UPLOADED, LOGIN_FAILED, MANIFEST_PULLED, MANIFEST_PUSHED
from dtr.plumbing.telemetry.logs import bind_request_id
from dtr.plumbing.telemetry.metrics import Metrics
from dtr.plumbing.telemetry.observer import RequestObserver
from dtr.settings.tree import Settings
from dtr.wiring.holders import principal_finder
from dtr.wiring.parts import Parts

EVENTS = {
    ("GET", "/v2/manifest", 200): MANIFEST_PULLED,
    ("PUT", "/v2/manifest", 201): MANIFEST_PUSHED,
    ("PUT", "/v2/upload", 201): BLOB_UPLOADED,
    ("POST", "/v2/uploads", 201): BLOB_UPLOADED,
    ("GET", "/auth/token", 401): LOGIN_FAILED,
    ("POST", "/auth/token", 401): LOGIN_FAILED,
    ("POST", "/login", 401): LOGIN_FAILED,
    ("POST", "/auth/login", 401): LOGIN_FAILED,
}
"""What answers mean for the metrics, beyond that they were given."""


class Refusals:
    """Notes what the server refuses before it is a request; see `plumbing.asgi.connections.Refusals`."""

    def __init__(self, ids: RequestIds, observer: RequestObserver) -> None:
        self._ids = ids
        self._observer = observer

    def refused(self, client: str, status: int, bytes_out: int) -> str:
        """Log and count the refusal; return a request id for the answer."""
        request_id = self._ids.next()
        self._observer.observe_answer(request_id, client, "", "-", "-", "refused", status, bytes_out, 0.0, "")
        return request_id


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where requests come in."""

    application: Application
    lane: FastLane
    refusals: Refusals
    late: tuple[Loaded, ...]
    """The parts that take longest to make, API and pages: to be called once the server answers."""


def build_entrance(
    settings: Settings,
    parts: Parts,
    metrics: Metrics,
    observer: RequestObserver,
    ca_certificate: bytes | None,
) -> Entrance:
    """Build the application that serves everything, and the lane for what memory can answer."""
    authorizer = Authorizer(parts.checker, settings.tokens.service, settings.external_url)
    data_plane = DataPlane(
        parts.images,
        authorizer,
        redirects=Redirects(
            settings.storage.redirect_above_bytes, settings.storage.redirect_lifetime_seconds
        ),
        chunk_limit_bytes=settings.uploads.chunk_limit_bytes,
        base_url=settings.external_url or "",
        is_read_only=parts.configuration.is_read_only,
    )
    tokens = TokenDoor(parts.sign_in, parts.token_service, parts.keys, settings.tokens.service)
    identity = Identity(parts.sign_in, parts.sessions, settings.external_url)
    holder = principal_finder(parts.accounts, parts.robots, parts.access_tokens)
    search = SearchDoor(parts.search, identity, parts.checker, holder)
    login = LoginDoor(
        identity, parts.sign_in, parts.sessions, parts.accounts, Preferences(parts.database).language
    )
    health = _health(parts)
    health_door = _health_door(settings, health, identity, metrics, ca_certificate)
    control_plane = Loaded(lambda: _control_plane(settings, parts, health))
    api = [ApiDoor(prefix, identity, control_plane) for prefix in API_PREFIXES]
    assets = Assets()
    web_pages = Loaded(lambda: _web_pages(settings, parts, assets, health))
    web = WebDoor(identity, web_pages, settings.external_url)
    ids = RequestIds()
    rates = RateLimiter(settings.limits.request_rate, settings.limits.request_burst)
    application = Application(
        Router(
            [*tokens.routes(), *login.routes(), *search.routes(), *health_door.routes(), *assets.routes()],
            [data_plane, tokens, *api, web],
        ),
        render=_render,
        observer=observer,
        ids=ids,
        pace=BodyPace(settings.limits.body_idle_seconds, settings.limits.min_body_rate_bytes),
        proxies=ProxyTrust(tuple(map(str, settings.network.trusted_proxies))),
        rates=rates,
        caller_of=lambda request: _caller(parts, request),
        bind_log_context=bind_request_id,
    )
    common = application.fixed_headers("https" if settings.tls.enabled else "http", data_plane)
    lane = FastLane(
        parts.images,
        parts.checker,
        observer,
        ids,
        common,
        generation=parts.database.generation,
        is_open=not rates.enabled,
    )
    return Entrance(application, lane, Refusals(ids, observer), (control_plane, web_pages))


def _control_plane(settings: Settings, parts: Parts, health: Health) -> AsgiApplication:
    from dtr.wiring.control_plane import build_control_plane  # noqa: PLC0415 - takes longer than all the rest

    return build_control_plane(settings, parts, health.problem)


def _web_pages(settings: Settings, parts: Parts, assets: Assets, health: Health) -> AsgiApplication:
    from dtr.wiring.web_pages import build_web_pages  # noqa: PLC0415 - takes longer than all the rest

    return build_web_pages(settings, parts, assets, health.problem)


def _render(error: RegistryError) -> tuple[int, bytes]:
    return answer_for(error)[0], error_body(error)


async def _caller(parts: Parts, request: Request) -> str:
    """Whom a request counts for: the account that its token proves, else the address."""
    header = request.header(b"authorization")
    if header is None:
        return request.client_host
    try:
        grant = await parts.checker.check(header)
    except Unauthorized:
        return request.client_host
    return f"account {grant.subject}" if grant.subject else address_group(request.client_host)


def _health(parts: Parts) -> Health:
    async def database_answers() -> None:
        await parts.database.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one())

    async def storage_takes_writes() -> None:
        probe = new_id()
        await parts.driver.create_upload(probe)
        await parts.driver.discard_upload(probe)

    async def keys_open() -> None:
        await parts.keys.ring()

    return Health(
        {
            said("database"): database_answers,
            said("storage"): storage_takes_writes,
            said("signing keys"): keys_open,
        }
    )


def _health_door(
    settings: Settings, health: Health, identity: Identity, metrics: Metrics, ca_certificate: bytes | None
) -> HealthDoor:
    async def only_admins(request: Request) -> None:
        principal = (await identity.caller(request)).principal
        if principal.is_anonymous:
            raise Unauthorized("metrics are for administrators here: log in first")
        if not may_administer(principal):
            raise Denied("metrics are for administrators here")

    return HealthDoor(
        health,
        metrics,
        ca_certificate,
        only_admins if settings.metrics.require_admin else None,
        metrics_enabled=settings.metrics.enabled,
    )
