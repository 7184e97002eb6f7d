"""The web UI of a worker process: the rooms' pages in one FastAPI application. Imported when it is needed."""

from dtr.doors.web import sign_in
from dtr.doors.web.application import build_web, build_web_application
from dtr.doors.web.assets import Assets
from dtr.features.accounts import pages as accounts
from dtr.features.configuration import pages as configuration
from dtr.features.configuration.service import Banners, Preferences
from dtr.features.configuration.service.status import Check
from dtr.features.events import pages as events
from dtr.features.events.service import Actors
from dtr.features.images import pages as images
from dtr.features.images.pages import storage
from dtr.features.repositories import pages as repositories
from dtr.features.repositories.pages import teams
from dtr.features.robots import pages as robots
from dtr.features.search import pages as search
from dtr.features.tokens import pages as tokens
from dtr.plumbing.asgi.mount import AsgiApplication
from dtr.settings.tree import Settings
from dtr.wiring.parts import Parts
from dtr.wiring.replica import status_of


def build_web_pages(settings: Settings, parts: Parts, assets: Assets, health: Check) -> AsgiApplication:
    """Build what answers everywhere but below the paths of other doors. `health` tells what is wrong here."""
    status = status_of(settings, parts, health)
    web = build_web(parts.clock, assets)
    return build_web_application(
        web,
        [
            sign_in.pages(web, Preferences(parts.database).set_language),
            repositories.pages(
                parts.repositories,
                parts.repository_management,
                parts.renaming,
                parts.granting,
                repositories.Kit(web, parts.storage_usage.held_sizes),
            ),
            images.pages(parts.repositories, parts.tags, parts.tag_history, parts.inspection, web),
            search.pages(parts.search, web),
            accounts.pages(parts.accounts, parts.sessions, web, settings.passwords.min_length),
            teams.pages(parts.accounts, parts.granting, web),
            tokens.pages(parts.access_tokens, web, parts.clock, settings.tokens.max_access_token_days),
            robots.pages(parts.robots, web, parts.clock),
            configuration.pages(parts.configuration, status, web),
            events.pages(parts.activity, parts.audit, Actors(parts.database), parts.repositories, web),
            storage.pages(parts.storage_usage, web),
        ],
        Banners(status, parts.configuration, parts.clock).shown_to,
    )
