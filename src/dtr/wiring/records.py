"""What is written down about the registry: its settings, the activity log, the audit chain. Facts end up here."""

from dataclasses import dataclass
from datetime import timedelta

from dtr.core.clock import Clock
from dtr.features.configuration.model import RuntimeSettings, parse_age
from dtr.features.configuration.service import Configuration
from dtr.features.configuration.service.settings import RevokeCreation
from dtr.features.events.model import ChainKey, Retention
from dtr.features.events.service import Activity, Audit
from dtr.plumbing.announcements import Announce, announce_to
from dtr.plumbing.crypto.secretbox import derived_key
from dtr.plumbing.db import Database
from dtr.settings.tree import Settings

AUDIT_KEY_LABEL = "audit chain"


@dataclass(frozen=True, slots=True)
class Records:
    """The parts that facts are told to, and the settings that they go by."""

    configuration: Configuration
    activity: Activity
    audit: Audit
    announce: Announce


def build_records(
    settings: Settings,
    database: Database,
    clock: Clock,
    master_key: bytes,
    revoke_creation: RevokeCreation,
) -> Records:
    """Build them around one list of listeners: the settings tell facts as well as they say which are wanted."""
    listeners: list[Announce] = []
    announce = announce_to(listeners)
    configuration = Configuration(database, clock, announce, revoke_creation, _defaults(settings))

    async def retention() -> Retention:
        current = await configuration.current()
        return Retention(
            is_enabled=current.repo_event_history_compaction_enabled,
            age=parse_age(current.repo_event_history_max_age),
            pull_age=timedelta(days=settings.events.keep_pulls_days),
            rows=current.repo_event_history_to_keep or None,
        )

    activity = Activity(database, clock, retention, record_pulls=settings.events.record_pulls)
    audit = Audit(
        database,
        clock,
        ChainKey(derived_key(master_key, AUDIT_KEY_LABEL)),
        lambda tx: configuration.current_in(tx).audit_auth_logs_enabled,
        keep_days=settings.events.keep_audit_days,
    )
    # The audit chain last: it locks the head of the chain until the transaction ends.
    listeners += [activity.record, audit.append]
    return Records(configuration, activity, audit, announce)


def _defaults(settings: Settings) -> RuntimeSettings:
    """Return what the registry was started with."""
    return RuntimeSettings(
        dtr_host=(settings.external_url or "").partition("://")[2],
        create_repository_on_push=settings.create_repository_on_push,
        read_only_registry=settings.read_only,
        repo_event_history_to_keep=settings.events.keep_rows,
        repo_event_history_max_age=f"{settings.events.keep_days}d",
    )
