"""The routes of settings, of what the registry says of itself, and of users' own settings."""

from dataclasses import fields
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, Field

from dtr.features.configuration.model import Replica, RuntimeSettings
from dtr.features.configuration.service import Configuration, Preferences, Status
from dtr.plumbing.api import Moment, Shape, SignedIn, documented

OK: Final = "OK"
"""What DTR calls the health of a replica that is well."""

_TYPES: Final = {bool: "boolean", int: "integer", str: "string"}

SETTINGS_SCHEMA: Final = {
    "type": "object",
    "properties": {
        item.metadata["key"]: {"type": _TYPES[type(item.default)]} for item in fields(RuntimeSettings)
    },
}
"""The body that changes settings: any of them. Values are checked by the room, which knows DTR's error code."""


class ReplicaShape(BaseModel):
    """Where a replica listens."""

    HTTPPort: int
    HTTPSPort: int
    node: str


class SettingsDocument(Shape):
    """The settings. Those from `clientCertAuthEnabled` on can only be read here."""

    dtr_host: str
    sso: bool
    create_repository_on_push: bool
    read_only_registry: bool
    disable_upgrades: bool
    report_analytics: bool
    anonymize_analytics: bool
    disable_backup_warning: bool
    scanning_enabled: bool
    scanning_sync_online: bool
    scanning_deadline: int = Field(description="Minutes.")
    scanning_enable_auto_recheck: bool
    job_history_compaction_enabled: bool
    job_history_to_keep: int
    job_history_max_age: str = Field(examples=["90d"])
    repo_event_history_compaction_enabled: bool
    repo_event_history_to_keep: int
    repo_event_history_max_age: str = Field(examples=["400d"])
    audit_auth_logs_enabled: bool
    disable_persistent_cookies: bool
    client_cert_auth_enabled: bool = False
    web_tls_cert: str = Field(default="", serialization_alias="webTLSCert")
    web_tls_ca: str = Field(default="", serialization_alias="webTLSCA")
    web_tls_client_ca: str = Field(default="", serialization_alias="webTLSClientCA")
    replica_id: str = Field(serialization_alias="replicaID", description="Of the replica that answered.")
    replica_settings: dict[str, ReplicaShape]
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    log_protocol: str = ""
    log_host: str = ""
    log_level: str
    storage_volume: str
    nfs_host: str = ""
    nfs_path: str = ""


class FeaturesDocument(Shape):
    """What this registry can do. Names as DTR wrote them."""

    scanning_enabled: bool
    scanning_licensed: bool
    promotion_licensed: bool
    mirroring_licensed: bool
    metadata_store_opted_in: bool
    online_gc_enabled: bool = Field(serialization_alias="onlineGCEnabled")
    db_version: int = Field(
        serialization_alias="db_version", description="Of the scanner's database; 0 for none."
    )
    ucp_host: str


class AlertShape(BaseModel):
    """Something that administrators should know."""

    id: str = Field(examples=["no-backup"])
    severity: str = Field(serialization_alias="class", examples=["warning"])
    message: str
    url: str = ""
    img: str = ""


class IssueShape(BaseModel):
    """Something wrong with the cluster."""

    critical: bool
    description: str


class SystemTables(BaseModel):
    """What DTR copied from its database; here only what is wrong."""

    current_issues: list[IssueShape]


class ClusterStatus(BaseModel):
    """How the replicas are, by their ids."""

    rethink_system_tables: SystemTables
    replica_health: dict[str, str]
    replica_timestamp: dict[str, Moment]
    replica_readonly: dict[str, bool]
    gc_lock_holder: str


class VersionDocument(Shape):
    """The version of the registry."""

    version: str


class LanguageDocument(Shape):
    """The language of the web UI."""

    language: str


class PreferencesDocument(BaseModel):
    """What a user set; the name is DTR's own."""

    ContentCacheUUID: str


class PreferencesChange(Shape):
    """What a user sets."""

    content_cache_uuid: str | None = Field(
        default=None, alias="contentCacheUUID", max_length=100, description="Empty for none."
    )


Username = Annotated[str, Path(max_length=100, description="The name or id of a user.")]


def settings_router(configuration: Configuration, status: Status) -> APIRouter:
    """Return the routes of the settings."""
    router = APIRouter(tags=["settings"])

    @router.get("/meta/settings", operation_id="getSettings", responses=documented())
    async def get_settings(caller: SignedIn) -> SettingsDocument:
        """Show the settings, to administrators and auditors."""
        return _settings(await configuration.read(caller), status.replica)

    @router.post(
        "/meta/settings",
        operation_id="changeSettings",
        status_code=202,
        responses=documented(),
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": SETTINGS_SCHEMA}}}},
    )
    async def change_settings(
        caller: SignedIn, changes: Annotated[dict[str, Any], Body()]
    ) -> SettingsDocument:
        """Change those settings that the body names. What is no setting, or can only be read, is ignored."""
        return _settings(await configuration.change(caller, changes), status.replica)

    return router


def status_router(configuration: Configuration, status: Status) -> APIRouter:
    """Return the routes of what the registry says of itself."""
    router = APIRouter(tags=["meta"])

    @router.get("/meta/features", operation_id="getFeatures", responses=documented())
    async def get_features(_caller: SignedIn) -> FeaturesDocument:
        """Show what this registry can do."""
        settings = await configuration.current()
        return FeaturesDocument(
            scanning_enabled=settings.scanning_enabled,
            scanning_licensed=True,
            promotion_licensed=True,
            mirroring_licensed=True,
            metadata_store_opted_in=False,
            online_gc_enabled=False,
            db_version=0,
            ucp_host="",
        )

    @router.get("/meta/alerts", operation_id="listAlerts", responses=documented())
    async def list_alerts(caller: SignedIn) -> list[AlertShape]:
        """Show what administrators should look at, the gravest first."""
        found = await status.alerts(caller)
        return [AlertShape(id=each.id, severity=each.severity, message=each.message) for each in found]

    @router.get("/meta/cluster_status", operation_id="getClusterStatus", responses=documented())
    async def get_cluster_status(caller: SignedIn) -> ClusterStatus:
        """Show how the answering replica is, to administrators and auditors."""
        found = await status.of_replica(caller)
        issues = [IssueShape(critical=True, description=found.problem)] if found.problem else []
        return ClusterStatus(
            rethink_system_tables=SystemTables(current_issues=issues),
            replica_health={found.replica.id: found.problem or OK},
            replica_timestamp={found.replica.id: found.reported_at},
            replica_readonly={found.replica.id: found.is_read_only},
            gc_lock_holder="",
        )

    @router.get("/admin/version", operation_id="getVersion", responses=documented())
    async def get_version(caller: SignedIn) -> VersionDocument:
        """Show the version of the registry, to administrators and auditors."""
        return VersionDocument(version=status.version(caller))

    return router


def preferences_router(preferences: Preferences) -> APIRouter:
    """Return the routes of what users set for themselves."""
    router = APIRouter(tags=["accounts"])

    @router.get("/accounts/language", operation_id="getLanguage", responses=documented())
    async def get_language(_caller: SignedIn) -> LanguageDocument:
        """Show the language of the web UI."""
        return LanguageDocument(language="en")

    @router.get("/accounts/{username}/settings", operation_id="getUserSettings", responses=documented(404))
    async def get_user_settings(caller: SignedIn, username: Username) -> PreferencesDocument:
        """Show what a user set, to that user and administrators."""
        return PreferencesDocument(ContentCacheUUID=await preferences.content_cache(caller, username))

    @router.patch(
        "/accounts/{username}/settings", operation_id="changeUserSettings", responses=documented(404)
    )
    async def change_user_settings(
        caller: SignedIn, username: Username, change: PreferencesChange
    ) -> PreferencesDocument:
        """Change what a user set. Omitted fields stay."""
        if change.content_cache_uuid is not None:
            await preferences.set_content_cache(caller, username, change.content_cache_uuid)
        return PreferencesDocument(ContentCacheUUID=await preferences.content_cache(caller, username))

    return router


def _settings(settings: RuntimeSettings, replica: Replica) -> SettingsDocument:
    ports = ReplicaShape(HTTPPort=replica.http_port, HTTPSPort=replica.https_port, node=replica.node)
    return SettingsDocument(
        **{item.name: getattr(settings, item.name) for item in fields(settings)},
        replica_id=replica.id,
        replica_settings={replica.id: ports},
        log_level=replica.log_level,
        storage_volume=replica.storage_volume,
    )
