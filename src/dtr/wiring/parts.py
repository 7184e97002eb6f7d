"""The services of a replica, built from settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dtr.core.clock import Clock, SystemClock
from dtr.core.errors import Misconfigured
from dtr.features.access.model import AccessPolicy
from dtr.features.accounts.service import Accounts
from dtr.features.images.model import ImmutableTags
from dtr.features.images.service import Blobs, Images, Lists, Manifests, PullCounter, Uploads
from dtr.features.images.service.scrub import Scrub
from dtr.features.repositories.service import Repositories
from dtr.features.tokens import store as token_store
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.service import TokenService
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.crypto.secretbox import SecretBox, load_or_create_key
from dtr.plumbing.db import Database, open_database
from dtr.plumbing.db.migrate import migrate
from dtr.plumbing.telemetry.logs import configure_logs
from dtr.settings.tree import DAY, Settings

MASTER_KEY_FILE = "master.key"
OPERATOR_WRITER = "operator."


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the doors and the commands work with."""

    clock: Clock
    database: Database
    driver: BlobDriver
    accounts: Accounts
    repositories: Repositories
    keys: KeyRingStore
    token_service: TokenService
    checker: TokenChecker
    images: Images
    scrub: Scrub


def build_parts(settings: Settings, writer: str) -> Parts:
    """Build the parts of one process; nothing is opened yet. `writer` names the process in upload leases."""
    clock = SystemClock()
    database = open_database(settings.database_url)
    driver = _driver(settings, clock)
    rules = TokenRules(
        issuer=settings.tokens.issuer,
        service=settings.tokens.service,
        lifetime_seconds=settings.tokens.lifetime_seconds,
        leeway_seconds=settings.tokens.leeway_seconds,
        rotate_seconds=settings.tokens.rotate_days * DAY,
    )
    accounts = Accounts(database, PasswordHasher(), clock, token_store.revoke_refresh_tokens)
    repositories = Repositories(database)
    box = SecretBox(load_or_create_key(settings.data / MASTER_KEY_FILE))
    keys = KeyRingStore(database, box, clock, rules)
    policy = AccessPolicy(create_on_push=settings.create_repository_on_push)
    return Parts(
        clock=clock,
        database=database,
        driver=driver,
        accounts=accounts,
        repositories=repositories,
        keys=keys,
        token_service=TokenService(database, repositories, keys, clock, rules=rules, policy=policy),
        checker=TokenChecker(keys, rules, clock),
        images=_images(
            settings,
            database=database,
            driver=driver,
            clock=clock,
            repositories=repositories,
            accounts=accounts,
            writer=writer,
        ),
        scrub=Scrub(database, driver, clock),
    )


def _driver(settings: Settings, clock: Clock) -> BlobDriver:
    if settings.storage.driver == "memory":
        return MemoryDriver(clock)
    return FilesystemDriver(settings.data / "storage")


def _images(  # noqa: PLR0913 - one room's parts
    settings: Settings,
    *,
    database: Database,
    driver: BlobDriver,
    clock: Clock,
    repositories: Repositories,
    accounts: Accounts,
    writer: str,
) -> Images:
    answers_bytes = settings.cache.answers_bytes // 2
    return Images(
        blobs=Blobs(
            database,
            driver,
            clock,
            answers_bytes=answers_bytes,
            small_blob_bytes=settings.cache.small_blob_bytes,
        ),
        uploads=Uploads(database, driver, clock, writer=writer, idle_seconds=settings.uploads.idle_seconds),
        manifests=Manifests(database, clock, [ImmutableTags()], answers_bytes=answers_bytes),
        lists=Lists(database, repositories, accounts.principal_of),
        pulls=PullCounter(database, clock),
    )


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[Parts]:
    """Connect the database for a while, and release the driver at the end."""
    await parts.database.open()
    try:
        yield parts
    finally:
        parts.accounts.close()
        await parts.driver.close()
        await parts.database.close()


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Parts]:
    """Give an operator's command the parts, beside a running server or without one.

    Raises Misconfigured where there is no registry: a mistyped directory must not become a new one.
    """
    if not (settings.data / MASTER_KEY_FILE).exists():
        message = (
            f"there is no registry in {settings.data.absolute()}: name its directory with --data or DTR_DATA"
        )
        raise Misconfigured(message)
    configure_logs(
        settings.logs.level, settings.logs.format
    )  # standard output belongs to the command's report
    migrate(settings.database_url)
    async with opened(build_parts(settings, OPERATOR_WRITER)) as parts:
        yield parts
