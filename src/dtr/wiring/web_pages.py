"""The web UI of a worker process: the rooms' pages in one FastAPI application. Imported when it is needed."""

from dtr.doors.web import sign_in
from dtr.doors.web.application import build_web, build_web_application
from dtr.doors.web.assets import Assets
from dtr.features.accounts import organization_pages as organizations
from dtr.features.accounts import profile_pages as profile
from dtr.features.accounts import user_pages as users
from dtr.features.configuration import pages as configuration
from dtr.features.configuration.service import Banners
from dtr.features.configuration.service.status import Check
from dtr.features.events import pages as events
from dtr.features.events.service import Actors
from dtr.features.images import pages as images
from dtr.features.images import storage_pages
from dtr.features.repositories import pages as repositories
from dtr.features.repositories import team_pages as teams
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
            sign_in.pages(web),
            repositories.pages(
                parts.repositories, parts.repository_management, parts.renaming, parts.granting, web
            ),
            images.pages(parts.repositories, parts.tags, parts.tag_history, parts.inspection, web),
            search.pages(parts.search, web),
            profile.pages(parts.accounts, parts.sessions, web, settings.passwords.min_length),
            organizations.pages(parts.accounts, web),
            teams.pages(parts.accounts, parts.granting, web),
            users.pages(parts.accounts, web, settings.passwords.min_length),
            tokens.pages(parts.access_tokens, web, parts.clock, settings.tokens.max_access_token_days),
            robots.pages(parts.robots, web, parts.clock),
            configuration.pages(parts.configuration, status, web),
            events.pages(parts.activity, parts.audit, Actors(parts.database), parts.repositories, web),
            storage_pages.pages(parts.storage_usage, web),
        ],
        Banners(status, parts.configuration, parts.clock).shown_to,
    )
