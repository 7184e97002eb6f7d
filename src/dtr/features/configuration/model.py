"""Settings that administrators change while the registry runs: names, kinds, defaults."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

from dtr.core.errors import Invalid, NotFound
from dtr.core.messages import said

Value: TypeAlias = bool | int | str
T = TypeVar("T", bool, int, str)

MOST = 2**31 - 1
LONGEST_HOST: Final = 255
LONGEST_AGE: Final = 40
MOST_DAYS: Final = 36_500
"""A longer age is a mistake (days)."""

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?", re.ASCII)
_AGE_PART = re.compile(r"([0-9]{1,9})(s|m|h|d|w)", re.ASCII)
_AGE = re.compile(rf"(?:{_AGE_PART.pattern})+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class InvalidSettings(Invalid):
    """A setting cannot have the given value."""

    api_code: ClassVar[str] = "INVALID_SETTINGS"

    def __init__(self, key: str, problem: str) -> None:
        """Take the setting's name in the API, and what is wrong, said to people."""
        super().__init__(said("%(field)s: %(problem)s", field=key, problem=problem), field=key)
        self.problem = problem


class InvalidUserSettings(Invalid):
    """A setting of a user cannot have the given value."""

    api_code: ClassVar[str] = "INVALID_USER_SETTINGS"


class NoSuchUser(NotFound):
    """There is no user of that name, or the caller may not look at their settings."""

    api_code: ClassVar[str] = "NO_SUCH_USER"


def check_content_cache(content_cache_id: str) -> None:
    """Raise InvalidUserSettings unless it is empty or looks like the id of a content cache."""
    if content_cache_id and _UUID.fullmatch(content_cache_id) is None:
        raise InvalidUserSettings("contentCacheUUID: expected the id of a content cache, or an empty text")


def parse_age(text: str) -> timedelta | None:
    """Read a time such as `90d` or `720h30m`; None, no limit, for an empty text. Raises ValueError."""
    if not text:
        return None
    if len(text) > LONGEST_AGE or _AGE.fullmatch(text) is None:
        raise ValueError(said("expected a time such as 90d, 12h or 1h30m, or an empty text for no limit"))
    days = timedelta()
    try:
        for amount, unit in _AGE_PART.findall(text):
            days += timedelta(**{_UNITS[unit]: int(amount)})
    except OverflowError:
        days = timedelta.max
    if not timedelta() < days <= timedelta(days=MOST_DAYS):
        raise ValueError(said("expected a time from 1s to %(count)sd", count=MOST_DAYS))
    return days


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(said("expected true or false"))  # noqa: TRY004 - every check raises ValueError
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ValueError(said("expected a whole number from 0 to %(most)s", most=MOST))
    return value


def _host(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_HOST or (value and not _HOST.fullmatch(value)):
        raise ValueError("expected a host such as registry.example.com or registry.example.com:5000")
    return value


def _age(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(said("expected a time as text, such as 90d"))  # noqa: TRY004 - see above
    parse_age(value)
    return value


def _off(why: str) -> Callable[[object], bool]:
    """Accept only `false`, for what is not there to be turned on."""

    def check(value: object) -> bool:
        if _flag(value):
            raise ValueError(said("cannot be turned on: %(reason)s", reason=why))
        return False

    return check


def _setting(default: T, key: str, check: Callable[[object], T]) -> T:
    return field(default=default, metadata={"key": key, "check": check})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """What administrators can set. The names in the API are those that DTR gave them."""

    dtr_host: str = _setting("", "dtrHost", _host)
    sso: bool = _setting(default=False, key="sso", check=_off(said("there is no single sign-on")))
    create_repository_on_push: bool = _setting(default=True, key="createRepositoryOnPush", check=_flag)
    read_only_registry: bool = _setting(default=False, key="readOnlyRegistry", check=_flag)
    disable_upgrades: bool = _setting(default=False, key="disableUpgrades", check=_flag)
    report_analytics: bool = _setting(
        default=False, key="reportAnalytics", check=_off(said("the registry sends nothing to its makers"))
    )
    anonymize_analytics: bool = _setting(default=True, key="anonymizeAnalytics", check=_flag)
    disable_backup_warning: bool = _setting(default=False, key="disableBackupWarning", check=_flag)
    scanning_enabled: bool = _setting(
        default=False, key="scanningEnabled", check=_off(said("there is no scanner"))
    )
    scanning_sync_online: bool = _setting(default=False, key="scanningSyncOnline", check=_flag)
    scanning_deadline: int = _setting(60, "scanningDeadline", _count)
    """How long the scan of an image may take, in minutes."""
    scanning_enable_auto_recheck: bool = _setting(default=True, key="scanningEnableAutoRecheck", check=_flag)
    job_history_compaction_enabled: bool = _setting(
        default=True, key="jobHistoryCompactionEnabled", check=_flag
    )
    job_history_to_keep: int = _setting(10_000, "jobHistoryToKeep", _count)
    job_history_max_age: str = _setting("90d", "jobHistoryMaxAge", _age)
    repo_event_history_compaction_enabled: bool = _setting(
        default=True, key="repoEventHistoryCompactionEnabled", check=_flag
    )
    repo_event_history_to_keep: int = _setting(1_000_000, "repoEventHistoryToKeep", _count)
    """Events that are kept in all; 0 keeps all."""
    repo_event_history_max_age: str = _setting("400d", "repoEventHistoryMaxAge", _age)
    audit_auth_logs_enabled: bool = _setting(default=True, key="auditAuthLogsEnabled", check=_flag)
    """Whether logins go into the audit chain."""
    disable_persistent_cookies: bool = _setting(default=False, key="disablePersistentCookies", check=_flag)

    def document(self) -> dict[str, Value]:
        """Return the values by their names in the API."""
        values = asdict(self)
        return {item.metadata["key"]: values[item.name] for item in fields(self)}

    def changed_by(self, given: Mapping[str, Any]) -> "RuntimeSettings":
        """Return the settings with other values for the names that `given` holds.

        Names that are no setting are ignored: the web UI and other programs post back everything that they have read.
        Raises InvalidSettings that names the first field that cannot have its value.
        """
        changes: dict[str, Any] = {}
        for item in fields(self):
            key = item.metadata["key"]
            if key not in given:
                continue
            try:
                changes[item.name] = item.metadata["check"](given[key])
            except ValueError as error:
                raise InvalidSettings(key, error.args[0]) from error
        return replace(self, **changes)

    def with_stored(self, stored: Mapping[str, Any]) -> "RuntimeSettings":
        """Return the settings with the stored values. What another version wrote and this refuses does not count."""
        changes: dict[str, Any] = {}
        for item in fields(self):
            with suppress(KeyError, ValueError):
                changes[item.name] = item.metadata["check"](stored[item.metadata["key"]])
        return replace(self, **changes)


KEYS: Final = tuple(item.metadata["key"] for item in fields(RuntimeSettings))
"""The names of all settings in the API."""


def differences(before: RuntimeSettings, after: RuntimeSettings) -> dict[str, dict[str, Value]]:
    """Return old and new value of each setting that differs, by its name in the API."""
    old, new = before.document(), after.document()
    return {key: {"old": old[key], "new": new[key]} for key in KEYS if old[key] != new[key]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What the answering replica says of itself."""

    id: str
    node: str
    """The name of the machine."""
    http_port: int
    https_port: int
    """0 where it does not listen."""
    log_level: str
    storage_volume: str
    version: str
    database: str
    """The kind of the database: SQLite or PostgreSQL."""
    is_open_plain_http: bool
    """It listens beyond its own machine, unencrypted, and no proxy stands in front."""


class Severity:
    """The classes of alerts."""

    ERROR: Final = "error"
    WARNING: Final = "warning"
    INFO: Final = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that administrators should know."""

    id: str
    severity: str
    message: str
    detail: str = ""
    """What was found, where the message has a place for it."""
