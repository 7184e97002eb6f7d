"""Hot reads straight from memory: manifests, blob existence, small blobs.

Runs inside the server protocol, before a request object or a task is made. It answers only what the ordinary way would
answer with 200 and the very same headers, made by the same functions; in every other case it steps aside.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from dtr.core.actions import Action
from dtr.core.principal import MAX_USER_AGENT
from dtr.doors.dataplane.blobs import whole_blob_headers
from dtr.doors.dataplane.manifests import manifest_headers
from dtr.features.images.model import StoredBlob, StoredManifest
from dtr.features.images.service import Images
from dtr.features.tokens.checker import TokenChecker
from dtr.oci.headers import parse_accept
from dtr.plumbing.cache import BoundedCache

Headers = list[tuple[bytes, bytes]]
Found = tuple[bytes, bytes, StoredManifest | None]

STEP_ASIDE = frozenset(
    (
        b"range",
        b"if-none-match",
        b"if-range",
        b"expect",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    )
)
ROUTES = {"manifests": "/v2/manifest", "blobs": "/v2/blob"}
HEADS_LIMIT_BYTES = 4 * 1024 * 1024


class FastObserver(Protocol):
    """Counts and logs an answer that never was a request object."""

    def observe_answer(  # noqa: PLR0913, PLR0917 - the fields of a log line; positional on the hottest path
        self,
        request_id: str,
        client: str,
        user: str,
        method: str,
        target: str,
        route: str,
        status: int,
        bytes_out: int,
        duration_seconds: float,
        user_agent: str,
    ) -> None:
        """Take note of one answer."""
        ...


class NextId(Protocol):
    """Where request identifiers come from."""

    def next(self) -> str:
        """Return the next one."""
        ...


class FastLane:
    """See `plumbing.asgi.connections.FastLane`."""

    def __init__(  # noqa: PLR0913 - its parts, all named
        self,
        images: Images,
        checker: TokenChecker,
        observer: FastObserver,
        ids: NextId,
        common_headers: Sequence[tuple[bytes, bytes]],
        *,
        generation: Callable[[], int | None],
        is_open: bool = True,
    ) -> None:
        """Take the parts. `common_headers` are those that the ordinary way adds to every answer of this door.

        `generation` is the database's: one look at it tells of the token and of the content whether they still count.
        A lane that is not open answers nothing: where requests are rationed, each must be counted.
        """
        self._is_open = is_open
        self._generation = generation
        self._images = images
        self._checker = checker
        self._observer = observer
        self._ids = ids
        self._common = _lines(common_headers)
        self._heads: BoundedCache[tuple[str, str, str], bytes] = BoundedCache(HEADS_LIMIT_BYTES)

    def answer(self, method: bytes, target: bytes, headers: Headers, client: str) -> bytes | None:
        """Return what follows the status line and the date of a 200, or `None`."""
        started = time.perf_counter()
        if not self._is_open or not _is_plain_read(method, target):
            return None
        asked = _relevant(headers)
        if asked is None:
            return None
        authorization, accepts, agent = asked
        text = target.decode("ascii", "replace")
        path, folder, reference = _split(text)
        generation = self._generation()
        grant = self._checker.peek(authorization, generation)
        if grant is None or not grant.allows("repository", path, Action.PULL.value):
            return None
        found = self._find(method, path, folder, reference, accepts, generation)
        if found is None:
            return None
        head, body, pulled = found
        user_agent = agent.decode("latin-1")
        if pulled is not None:
            tag = "" if ":" in reference else reference
            self._images.pulls.count(pulled, tag, grant.holder, client, user_agent[:MAX_USER_AGENT])
        request_id = self._ids.next()
        duration = time.perf_counter() - started
        self._observer.observe_answer(
            request_id,
            client,
            grant.subject,
            method.decode(),
            text,
            ROUTES[folder],
            200,
            len(body),
            duration,
            user_agent,
        )
        return b"%b%bx-request-id: %b\r\n\r\n%b" % (head, self._common, request_id.encode(), body)

    def _find(  # noqa: PLR0913, PLR0917 - what was asked; positional on the hottest path
        self,
        method: bytes,
        path: str,
        folder: str,
        reference: str,
        accepts: tuple[bytes, ...],
        generation: int | None,
    ) -> Found | None:
        """Return header lines, body and what counts as pulled, from memory."""
        wants_content = method == b"GET"
        if folder == "manifests":
            manifest = self._images.manifests.resolve_cached(path, reference, generation)
            if manifest is None:
                return None
            return self._manifest(manifest, reference, accepts, wants_content=wants_content)
        if folder == "blobs":
            blob = self._images.blobs.find_cached(path, reference, generation)
            return None if blob is None else self._blob(blob, reference, wants_content=wants_content)
        return None

    def _manifest(
        self, found: StoredManifest, reference: str, accepts: tuple[bytes, ...], *, wants_content: bool
    ) -> Found | None:
        by_digest = ":" in reference
        if not by_digest and not parse_accept(accepts).allows(found.media_type):
            return None
        key = ("digest" if by_digest else "tag", found.digest, found.media_type)
        head = self._heads.get(key)
        if head is None:
            head = _lines(manifest_headers(found, by_digest=by_digest))
            self._heads.put(key, head, len(head))
        return (head, found.content, found) if wants_content else (head, b"", None)

    def _blob(self, found: StoredBlob, digest: str, *, wants_content: bool) -> Found | None:
        content: bytes | None = b""
        if wants_content:
            content = (
                found.manifest
                if found.manifest is not None
                else self._images.blobs.small_content(found.digest)
            )
            if content is None:
                return None
        key = ("blob", digest, "")
        head = self._heads.get(key)
        if head is None:
            head = _lines(whole_blob_headers(found))
            self._heads.put(key, head, len(head))
        return head, content or b"", None


def _is_plain_read(method: bytes, target: bytes) -> bool:
    """Tell whether this is a read below `/v2/` without a query and without escapes."""
    if method not in (b"GET", b"HEAD") or not target.startswith(b"/v2/"):
        return False
    return b"?" not in target and b"%" not in target


def _relevant(headers: Headers) -> tuple[bytes, tuple[bytes, ...], bytes] | None:
    """Return authorization, accepted types and user agent; `None` if another header decides, or there is no token."""
    authorization, agent, accepts = b"", b"", []
    for name, value in headers:
        if name == b"authorization":
            authorization = value
        elif name == b"accept":
            accepts.append(value)
        elif name == b"user-agent":
            agent = value
        elif name in STEP_ASIDE:
            return None
    return (authorization, tuple(accepts), agent) if authorization else None


def _split(target: str) -> tuple[str, str, str]:
    """Return repository, folder and reference of `/v2/<repository>/<folder>/<reference>`."""
    rest, _, reference = target.rpartition("/")
    path, _, kind = rest.rpartition("/")
    return path[4:], kind, reference


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)
