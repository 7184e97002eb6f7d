"""The services of a replica, built from settings."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from dtr.core.clock import Clock, SystemClock
from dtr.core.errors import Misconfigured
from dtr.features.accounts.password_policy import PasswordPolicy
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.sessions import SessionRules, Sessions
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.configuration.service import Configuration
from dtr.features.events.service import Activity, Audit
from dtr.features.images.model import ImmutableTags, PushGate
from dtr.features.images.service import Blobs, Images, Lists, Manifests, PullCounter, Uploads
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.service.history import TagHistory
from dtr.features.images.service.inspection import Inspection
from dtr.features.images.service.lists import PrincipalOf
from dtr.features.images.service.scrub import Scrub
from dtr.features.images.service.tags import Tags
from dtr.features.images.service.usage import StorageUsage
from dtr.features.images.store import uploads as upload_store
from dtr.features.repositories.service import Management, Renaming, Repositories
from dtr.features.repositories.service.access import RepositoryGrants
from dtr.features.repositories.service.explain import Explanations
from dtr.features.repositories.service.granting import Granting
from dtr.features.repositories.service.management import keep_owners
from dtr.features.repositories.service.namespace_access import AccessOverviews, NamespaceGrants
from dtr.features.robots.directory import Directory
from dtr.features.robots.service import Robots
from dtr.features.search.service import Search
from dtr.features.tokens.access_token_model import AccessTokenRules
from dtr.features.tokens.access_tokens import AccessTokens
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.revocations import Revocations
from dtr.features.tokens.service import TokenService
from dtr.features.tokens.sign_in import SignIn
from dtr.features.tokens.store import client_tokens as token_store
from dtr.plumbing.announcements import Announce
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.crypto.secretbox import SecretBox, load_or_create_key
from dtr.plumbing.db import Database, Transaction, open_database
from dtr.plumbing.db.migrate import migrate
from dtr.plumbing.telemetry.logs import configure_logs
from dtr.settings.tree import DAY, Settings
from dtr.wiring.database_note import refuse_other_database
from dtr.wiring.holders import principal_finder
from dtr.wiring.records import build_records

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
    repository_management: Management
    renaming: Renaming
    search: Search
    granting: Granting
    keys: KeyRingStore
    token_service: TokenService
    checker: TokenChecker
    sessions: Sessions
    access_tokens: AccessTokens
    robots: Robots
    sign_in: SignIn
    images: Images
    tags: Tags
    inspection: Inspection
    tag_history: TagHistory
    scrub: Scrub
    storage_usage: StorageUsage
    configuration: Configuration
    activity: Activity
    audit: Audit
    announce: Announce
    """Tells facts to the rooms that listen."""


def build_parts(settings: Settings, writer: str) -> Parts:
    """Build the parts of one process; nothing is opened yet. `writer` names the process in upload leases."""
    clock = SystemClock()
    database = open_database(settings.database_url)
    master_key = load_or_create_key(settings.data / MASTER_KEY_FILE)
    rules = TokenRules(
        issuer=settings.tokens.issuer,
        service=settings.tokens.service,
        lifetime_seconds=settings.tokens.lifetime_seconds,
        leeway_seconds=settings.tokens.leeway_seconds,
        rotate_seconds=settings.tokens.rotate_days * DAY,
    )
    revocations = Revocations(database, clock, rules)
    records = build_records(settings, database, clock, master_key, revocations.revoke_creation)
    announce = records.announce
    driver = _driver(settings, clock)
    gates = [ImmutableTags()]
    throttle = AddressThrottle(database, clock)
    robots = Robots(
        database,
        clock,
        hasher=PasswordHasher(),
        throttle=throttle,
        revoke=revocations.revoke_robots,
        announce=announce,
    )
    accounts = Accounts(
        database,
        PasswordHasher(),
        clock,
        _revoke_credentials(revocations, robots),
        revoke_access=revocations.revoke_accounts,
        announce=announce,
        deletion_guards=[keep_owners],
        deletion_steps=[robots.delete_of_account],
        policy=PasswordPolicy(settings.passwords.min_length, settings.passwords.check_common),
    )
    repositories = Repositories(database)
    keys = KeyRingStore(database, SecretBox(master_key), clock, rules)
    policy = records.configuration.access_policy
    token_service = TokenService(
        database, repositories, keys, clock, rules=rules, policy=policy, revocations=revocations
    )
    details = DetailsReader(database, driver)
    access_tokens = AccessTokens(
        database,
        clock,
        announce,
        revocations.revoke_client_tokens,
        AccessTokenRules(settings.tokens.max_access_token_days),
    )
    return Parts(
        clock=clock,
        database=database,
        driver=driver,
        accounts=accounts,
        repositories=repositories,
        repository_management=Management(
            database,
            clock,
            announce,
            revoke=revocations.revoke_repositories,
            drop_uploads=upload_store.delete_all_of,
            delete_account=accounts.users.delete_within,
        ),
        search=Search(database),
        renaming=Renaming(database, clock, announce, revocations.revoke_repositories),
        granting=_granting(database, clock, announce, revocations),
        keys=keys,
        token_service=token_service,
        checker=TokenChecker(keys, rules, clock, revocations),
        sessions=Sessions(database, clock, announce, _session_rules(settings)),
        access_tokens=access_tokens,
        robots=robots,
        sign_in=SignIn(accounts, access_tokens, token_service, throttle, robots),
        images=_images(
            settings,
            database=database,
            driver=driver,
            clock=clock,
            repositories=repositories,
            principal_of=principal_finder(accounts, robots, access_tokens),
            gates=gates,
            announce=announce,
            writer=writer,
        ),
        tags=Tags(database, clock, announce, details),
        inspection=Inspection(database, details),
        tag_history=TagHistory(
            database,
            clock,
            gates,
            announce,
            undelete_within=timedelta(days=settings.images.tag_undelete_days),
        ),
        scrub=Scrub(database, driver, clock),
        storage_usage=StorageUsage(database, clock),
        configuration=records.configuration,
        activity=records.activity,
        audit=records.audit,
        announce=announce,
    )


def _revoke_credentials(revocations: Revocations, robots: Robots) -> Callable[[Transaction, str], None]:
    """Return what voids all that was given to an account for its password, and to the robots of its namespace."""

    def revoke(tx: Transaction, account_id: str) -> None:
        token_store.revoke_refresh_tokens(tx, account_id)
        revocations.revoke_accounts(tx, [account_id])
        robots.void_tokens_of_account(tx, account_id)

    return revoke


def _granting(database: Database, clock: Clock, announce: Announce, revocations: Revocations) -> Granting:
    return Granting(
        repositories=RepositoryGrants(database, clock, announce, revocations.revoke_accounts),
        namespaces=NamespaceGrants(database, clock, announce, revocations.revoke_accounts),
        overviews=AccessOverviews(database),
        explanations=Explanations(database, Directory(clock)),
    )


def _session_rules(settings: Settings) -> SessionRules:
    return SessionRules(
        lifetime=timedelta(minutes=settings.sessions.lifetime_minutes),
        renewal_threshold=timedelta(minutes=settings.sessions.renewal_threshold_minutes),
        longest=timedelta(hours=settings.sessions.max_hours),
        per_user=settings.sessions.per_user_limit,
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
    principal_of: PrincipalOf,
    gates: Sequence[PushGate],
    announce: Announce,
    writer: str,
) -> Images:
    answers_bytes = settings.cache.answers_bytes // 2
    return Images(
        blobs=Blobs(
            database,
            driver,
            clock,
            announce,
            answers_bytes=answers_bytes,
            small_blob_bytes=settings.cache.small_blob_bytes,
        ),
        uploads=Uploads(
            database, driver, clock, announce, writer=writer, idle_seconds=settings.uploads.idle_seconds
        ),
        manifests=Manifests(database, clock, gates, announce, answers_bytes=answers_bytes),
        lists=Lists(database, repositories, principal_of),
        pulls=PullCounter(database, clock, announce, record_pulls=settings.events.record_pulls),
    )


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[Parts]:
    """Connect the database for a while, and release the driver at the end."""
    await parts.database.open()
    try:
        yield parts
    finally:
        parts.accounts.close()
        parts.robots.close()
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
    refuse_other_database(settings)
    migrate(settings.database_url)
    async with opened(build_parts(settings, OPERATOR_WRITER)) as parts:
        yield parts
