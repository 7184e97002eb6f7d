"""Every setting of the registry: type, unit, default, meaning. One frozen tree, read once at start.

Rooms never see the tree: `dtr.wiring` hands them single values.
"""

# ruff: noqa: RUF009 - `setting` and `section` return `dataclasses.field`

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from dtr.settings import kinds
from dtr.settings.kinds import Kind, ListenAddress, Network

T = TypeVar("T")
S = TypeVar("S")

KIB = 1024
MIB = 1024 * KIB
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_LEAF = "leaf"
_SECTION = "section"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting: its place in the tree, how it is read, and what the reference says of it."""

    path: tuple[str, ...]
    kind: Kind[Any]
    default: Callable[[], object]
    default_text: str
    meaning: str

    @property
    def name(self) -> str:
        """The name with dots, as on the command line: `tokens.lifetime_seconds`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The name of the environment variable: `DTR_TOKENS_LIFETIME_SECONDS`."""
        return "DTR_" + "_".join(self.path).upper()


def setting(default: T, kind: Kind[T], meaning: str, *, default_text: str = "") -> T:
    """Declare a leaf. `default_text` replaces the default in the reference where it explains more."""
    return computed(lambda: default, kind, meaning, default_text=default_text)


def computed(default: Callable[[], T], kind: Kind[T], meaning: str, *, default_text: str) -> T:
    """Declare a leaf whose default depends on the machine."""
    return field(default_factory=default, metadata={_LEAF: (kind, default, default_text, meaning)})


def section(of: type[S]) -> S:
    """Declare a branch. Its meaning is the docstring of its class."""
    return field(default_factory=of, metadata={_SECTION: of})


def leaves(of: type[Any], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every leaf below a class of the tree, in the order of declaration."""
    for item in fields(of):
        place = (*path, item.name)
        if _SECTION in item.metadata:
            yield from leaves(item.metadata[_SECTION], place)
        else:
            kind, default, default_text, meaning = item.metadata[_LEAF]
            yield Leaf(place, kind, default, default_text, meaning)


def sections(of: type[Any]) -> Iterator[tuple[str, type[Any]]]:
    """Yield name and class of every branch of a class of the tree."""
    for item in fields(of):
        if _SECTION in item.metadata:
            yield item.name, item.metadata[_SECTION]


def _own_hosts() -> tuple[str, ...]:
    return tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", socket.gethostname())))


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Encryption of the listening address."""

    enabled: bool = setting(
        default=False,
        kind=kinds.flag(),
        meaning="Serve HTTPS. Without `tls.certificate`, the registry makes an authority and issues one.",
    )
    hosts: tuple[str, ...] = computed(
        _own_hosts,
        kinds.several(kinds.text()),
        "Names and addresses that the issued certificate is valid for.",
        default_text="localhost, 127.0.0.1, ::1 and the name of the machine",
    )
    certificate: Path | None = setting(
        None,
        kinds.optional(kinds.path()),
        "PEM file: the server's certificate, then its intermediate authorities.",
    )
    key: Path | None = setting(
        None, kinds.optional(kinds.path()), "PEM file: the private key of `tls.certificate`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """Tokens that clients get from `/auth/token`, and the keys that sign them."""

    lifetime_seconds: int = setting(
        300, kinds.duration(at_least=60), "How long a token is good for. Clients expect at least 60 seconds."
    )
    issuer: str = setting("dtr", kinds.text(), "The `iss` claim. The same on every replica.")
    service: str = setting("dtr", kinds.text(), "The service that clients ask tokens for: the `aud` claim.")
    rotate_days: int = setting(30, kinds.days(), "A new signing key takes over after this long.")
    leeway_seconds: int = setting(5, kinds.duration(), "How far the clocks of two replicas may differ.")
    max_access_token_days: int | None = setting(
        None,
        kinds.optional(kinds.days()),
        "Longest life of an access token that a user makes, and the life of those made without an end.",
        default_text="none: access tokens need not end",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSettings:
    """What new passwords must be; those that are set already stay good."""

    min_length: int = setting(
        12, kinds.whole_number(at_least=1, at_most=256), "The fewest characters of a password."
    )
    check_common: bool = setting(
        default=True,
        kind=kinds.flag(),
        meaning="Refuse passwords that many people use, from a list that comes with the registry.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """Logins in the browser, and session tokens from `/auth/login`."""

    lifetime_minutes: int = setting(
        60, kinds.whole_number(at_least=10), "A session that nobody uses ends after this long."
    )
    renewal_threshold_minutes: int = setting(
        20, kinds.whole_number(), "Use within this long of a session's end puts that off by a whole lifetime."
    )
    max_hours: int = setting(
        24, kinds.whole_number(at_least=1), "A session ends after this long, however much it is used."
    )
    per_user_limit: int = setting(
        10,
        kinds.whole_number(at_least=1, at_most=1000),
        "Sessions that a user may have at once; a new one ends the oldest.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    """Blob uploads."""

    idle_seconds: int = setting(
        DAY, kinds.duration(at_least=MINUTE), "An upload that nobody continues for this long is dropped."
    )
    chunk_limit_bytes: int | None = setting(
        None,
        kinds.optional(kinds.size(at_least=1)),
        "Largest body of one PATCH or PUT; a larger one gets 413.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Tags and manifests."""

    tag_undelete_days: int = setting(
        14, kinds.days(at_least=0), "For so long a deleted tag can be brought back, if its manifest is there."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """The activity log and the audit chain. What administrators set while the registry runs counts before this."""

    record_pulls: bool = setting(
        default=True, kind=kinds.flag(), meaning="Write pulls into the activity log as well."
    )
    keep_days: int = setting(400, kinds.days(), "The activity log goes back this long.")
    keep_pulls_days: int = setting(30, kinds.days(), "Pulls in the activity log are kept this long.")
    keep_rows: int = setting(
        1_000_000, kinds.whole_number(), "The activity log keeps this many of the latest events. 0: no limit."
    )
    keep_audit_days: int = setting(400, kinds.days(), "Entries of the audit chain are kept this long.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What one client may take. A limit that is exceeded ends the request or the connection."""

    header_bytes: int = setting(
        16 * KIB,
        kinds.size(at_least=KIB),
        "Largest head of a request, all header fields together; more gets 431.",
    )
    request_rate: float = setting(
        0.0,
        kinds.number(),
        "Requests a second that one caller may send on average; more gets 429. 0: no limit.",
    )
    request_burst: int = setting(
        100,
        kinds.whole_number(at_least=1),
        "Requests that one caller may send at once before `limits.request_rate` counts.",
    )
    min_body_rate_bytes: int = setting(
        KIB, kinds.size(), "Bytes a second below which a body that is being sent is given up. 0: no limit."
    )
    body_idle_seconds: float = setting(
        60.0, kinds.fine_duration(at_least=0.1), "A body of which nothing arrives for this long is given up."
    )
    header_seconds: float = setting(
        30.0, kinds.fine_duration(at_least=0.1), "The head of a request must arrive within this time."
    )
    keep_alive_seconds: float = setting(
        75.0, kinds.fine_duration(), "A connection without a request is closed after this long."
    )
    max_connections: int = setting(
        10_000, kinds.whole_number(at_least=1), "Open connections that one worker process accepts."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """What stands between the clients and the registry."""

    trusted_proxies: tuple[Network, ...] = setting(
        (),
        kinds.several(kinds.network()),
        "Proxies whose `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` headers are believed.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Where blobs are kept."""

    driver: str = setting(
        "filesystem",
        kinds.choice("filesystem", "memory"),
        "`filesystem` keeps blobs under `data`; `memory` forgets them.",
    )
    redirect_above_bytes: int | None = setting(
        None,
        kinds.optional(kinds.size()),
        "Clients fetch blobs of at least this size from the object store, if the driver can sign.",
        default_text="none: the registry sends every blob itself",
    )
    redirect_lifetime_seconds: int = setting(
        20 * MINUTE, kinds.duration(at_least=1), "How long a signed address of the object store is good for."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Memory that each worker process uses to answer faster."""

    answers_bytes: int = setting(64 * MIB, kinds.size(), "Ready answers, mostly manifests. 0: none are kept.")
    small_blob_bytes: int = setting(
        64 * MIB, kinds.size(), "Small blobs, mostly image configurations. 0: none are kept."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is written to standard error."""

    level: str = setting(
        "info", kinds.choice("debug", "info", "warning", "error"), "The least severe event that is written."
    )
    format: str = setting(
        "auto",
        kinds.choice("auto", "json", "console"),
        "JSON lines or text for people; `auto` is text on a terminal.",
    )
    access: bool = setting(default=True, kind=kinds.flag(), meaning="Write one line for every request.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """The Prometheus endpoint `/metrics`."""

    enabled: bool = setting(
        default=True, kind=kinds.flag(), meaning="Serve `/metrics`; otherwise it answers 404."
    )
    require_admin: bool = setting(
        default=False,
        kind=kinds.flag(),
        meaning="Only an administrator (with name and password) may read `/metrics`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one replica."""

    data: Path = setting(
        Path("data"), kinds.path(), "Directory of everything the registry keeps; created if absent."
    )
    listen: ListenAddress = setting(
        ListenAddress("127.0.0.1", 5000),
        kinds.address(),
        "Where to listen. `:5000` means every address of the machine.",
    )
    workers: int = setting(
        1, kinds.whole_number(at_least=1, at_most=512), "Worker processes. About one per core."
    )
    database: str | None = setting(
        None,
        kinds.optional(kinds.database_address()),
        "The metadata database. Several replicas need PostgreSQL.",
        default_text="none: SQLite in the file `metadata.db` under `data`",
    )
    external_url: str | None = setting(
        None,
        kinds.optional(kinds.web_address()),
        "The address that clients use, when a proxy in front hides it.",
        default_text="none: redirects are relative",
    )
    read_only: bool = setting(default=False, kind=kinds.flag(), meaning="Refuse every change; pulls go on.")
    create_repository_on_push: bool = setting(
        default=True,
        kind=kinds.flag(),
        meaning="A push to `<own name>/<repository>` makes the repository, private.",
    )
    tls: TlsSettings = section(TlsSettings)
    passwords: PasswordSettings = section(PasswordSettings)
    tokens: TokenSettings = section(TokenSettings)
    sessions: SessionSettings = section(SessionSettings)
    uploads: UploadSettings = section(UploadSettings)
    images: ImageSettings = section(ImageSettings)
    events: EventSettings = section(EventSettings)
    limits: LimitSettings = section(LimitSettings)
    network: NetworkSettings = section(NetworkSettings)
    storage: StorageSettings = section(StorageSettings)
    cache: CacheSettings = section(CacheSettings)
    logs: LogSettings = section(LogSettings)
    metrics: MetricSettings = section(MetricSettings)

    @property
    def database_url(self) -> str:
        """The address of the metadata database, whether given or not."""
        return self.database or f"sqlite:///{self.data.absolute() / 'metadata.db'}"

    @property
    def run_directory(self) -> Path:
        """Directory for what only running processes need: emptied at every start."""
        return self.data / "run"
