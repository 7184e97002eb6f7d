"""The control plane of a worker process: the rooms' routers in one FastAPI application. Imported when it is needed."""

from dtr.core.errors import RegistryError
from dtr.doors.api.application import build_application
from dtr.doors.api.errors import api_answer_for
from dtr.features.accounts import api as accounts
from dtr.features.accounts.api import sessions
from dtr.features.configuration import api as configuration
from dtr.features.configuration.service import Preferences
from dtr.features.configuration.service.status import Check
from dtr.features.events import api as events
from dtr.features.images import api as images
from dtr.features.repositories import api as repositories
from dtr.features.robots import api as robots
from dtr.features.search import api as search
from dtr.features.tokens import api as tokens
from dtr.plumbing.asgi.mount import AsgiApplication
from dtr.settings.tree import Settings
from dtr.wiring.parts import Parts
from dtr.wiring.replica import status_of


def build_control_plane(settings: Settings, parts: Parts, health: Check) -> AsgiApplication:
    """Build what answers below `/api/v0` and `/enzi/v0`. `health` tells what is wrong with this replica."""
    status = status_of(settings, parts, health)
    return build_application(
        api=[
            configuration.settings_router(parts.configuration, status),
            configuration.status_router(parts.configuration, status),
            configuration.preferences_router(Preferences(parts.database)),
            events.activity_router(parts.activity),
            events.audit_router(parts.audit),
            repositories.reading_router(parts.repositories),
            repositories.writing_router(parts.repository_management, parts.renaming),
            repositories.accounts_router(parts.repository_management),
            search.router(parts.search),
            repositories.repository_router(parts.granting),
            repositories.namespace_router(parts.granting),
            repositories.overview_router(parts.granting),
            repositories.explanation_router(parts.granting),
            robots.router(parts.robots),
            sessions.router(parts.sessions),
            tokens.router(parts.access_tokens),
            images.tags_router(parts.tags, _code_of),
            images.history_router(parts.tag_history),
            images.storage_router(parts.storage_usage),
        ],
        enzi=accounts.routers(parts.accounts, _code_of),
    )


def _code_of(error: RegistryError) -> str:
    return api_answer_for(error)[1]
