"""Anything at all may be asked: never a 500, always a well-formed answer, never a header that we did not write."""

import re
import string
import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.raw_http import Answer, Closed, Wire, head
from tests.support.registry import (
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.support.server import ServerProcess

EXAMPLES = 150
CHALLENGE = re.compile(r'realm="(?:[^"\\]|\\.)*",service="dtr"')
CANARY = "x-injected"
ALLOWED_HEADERS = frozenset(
    {
        "accept-ranges",
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-range",
        "content-security-policy",
        "content-type",
        "cross-origin-opener-policy",
        "date",
        "docker-content-digest",
        "docker-distribution-api-version",
        "docker-upload-uuid",
        "etag",
        "link",
        "location",
        "oci-filters-applied",
        "oci-subject",
        "oci-tag",
        "permissions-policy",
        "range",
        "referrer-policy",
        "retry-after",
        "transfer-encoding",
        "vary",
        "warning",
        "www-authenticate",
        "x-content-type-options",
        "x-frame-options",
        "x-request-id",
    }
)
"""Every header that the registry may send without TLS; any other was smuggled in."""

fuzzing = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"]
)

PIECES = st.sampled_from(
    [
        "v2", "alice", "fuzz", "manifests", "blobs", "uploads", "tags", "list", "referrers", "_catalog", "_oci",
        "ext", "discover", "auth", "token", "metrics", "health", "_ping", "ca", "nginx_status", ".well-known",
        "jwks.json", "latest", sha256(b""), "sha256:short", "sha512:" + "0" * 128, "", ".", "..", "%2e%2e", "%2f",
        "%00", "%0d%0a", "%ff", "%", "%zz", "a" * 200, "A", "~", "@", ":", "*",
    ]
)  # fmt: skip
SEGMENT = st.one_of(PIECES, st.text(string.ascii_letters + string.digits + "._-:%~@+*'", max_size=12))
PATH = st.one_of(
    st.lists(SEGMENT, max_size=7).map(lambda parts: "/" + "/".join(parts)),
    st.lists(SEGMENT, max_size=3).map(lambda parts: "/v2/alice/fuzz/" + "/".join(parts)),
    st.sampled_from(
        ["*", "http://a/v2/", "http://[::1]:5/_ping", "/?", "//", "/v2?", "/v2//", "/v2%2f", "/#"]
    ),
)
NAME = st.one_of(
    st.sampled_from(
        ["n", "last", "digest", "mount", "from", "artifactType", "tag", "scope", "service", "account", "ns"]
    ),
    st.text(max_size=5),
)
VALUE = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["\0", "\r\n", "-1", "0", "9" * 30, sha256(b""), "alice/fuzz", "\ud7ff", "repository:a:pull"]
    ),
)
RAW_QUERY = st.sampled_from(
    ["%", "%ff=%fe", "&&==&", "n=%00", "last=%00", "digest=%00", "?", "a" * 3000, ";"]
)
QUERY = st.one_of(st.lists(st.tuples(NAME, VALUE), max_size=4).map(urllib.parse.urlencode), RAW_QUERY)

HEADER_NAMES = st.sampled_from(
    [
        "Accept", "Accept-Encoding", "Content-Type", "Content-Range", "Range", "If-Range", "If-Match",
        "If-None-Match", "Authorization", "Expect", "Connection", "User-Agent", "X-Forwarded-For",
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id", "Upgrade", "Cookie", "TE", "Origin",
    ]
)  # fmt: skip
HEADER_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
)
HEADER_VALUES = st.one_of(
    HEADER_TEXT,
    st.sampled_from(
        ["*/*", "bytes=0-", "bytes=-0", "bytes=5-1", "0-5", "5-0", "bytes 0-5/6", "*", '"', "W/", "Basic", "Bearer",
         "Basic !!!", "Basic OjpA", "Basic AAAA", "Bearer a.b.c", "100-continue", "close", ",", ";q=", "a/b;q=0"]
    ),
)  # fmt: skip
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES).map(": ".join), max_size=4)
BODY = st.one_of(
    st.just(b""),
    st.binary(max_size=200),
    st.sampled_from(
        [b"{}", b"grant_type=password&username=a&password=b", b'{"schemaVersion":2,"manifests":[]}']
    ),
)


@pytest.fixture(scope="module")
def bearer(server: ServerProcess) -> str:
    """Give an Authorization line that opens `alice/fuzz`, in which there is an image, and the catalog."""
    client = RegistryClient(server.url, "admin", server.admin_password)
    client.push_image("alice/fuzz")
    token = client.token("repository:alice/fuzz:pull,push,delete", "registry:catalog:*")
    client.close()
    return f"Authorization: Bearer {token}"


def ask(server: ServerProcess, request: bytes, method: str) -> Answer | None:
    """Send one request; return its well-formed answer, or `None` when it waits for more or was cut off."""
    with Wire(server.url) as wire:
        try:
            return wire.ask(request, method=method)
        except Closed:
            return None


def assert_harmless(answer: Answer) -> None:
    assert answer.status != 500, answer
    assert set(answer.names) <= ALLOWED_HEADERS, answer
    assert len(set(answer.names) - {"oci-tag"}) == len([name for name in answer.names if name != "oci-tag"])


class Probe(NamedTuple):
    """A request to try."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[str] = ()
    body: bytes = b""
    signed_in: bool = True

    def to_bytes(self, bearer: str) -> bytes:
        lines = [*([bearer] if self.signed_in else []), *self.headers, "Connection: close"]
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(self.body)}")
        target = f"{self.path}?{self.query}" if self.query else self.path
        return head(self.method, target, *lines) + self.body


FORM = ["Content-Type: application/x-www-form-urlencoded"]
REFERRERS = f"/v2/alice/fuzz/referrers/{sha256(b'')}"

KNOWN_TO_BE_NASTY = [
    Probe("GET", "/v2/alice/fuzz/tags/list", "last=%00"),
    Probe("GET", "/v2/alice/fuzz/tags/list", "last=%ff%fe"),
    Probe("GET", "/v2/alice/fuzz/tags/list", "last=%ed%a0%80"),
    Probe("GET", "/v2/_catalog", "last=%00"),
    Probe("GET", REFERRERS, "artifactType=%00"),
    Probe("GET", REFERRERS, f"last=999999999999999999_{sha256(b'')}"),
    Probe("GET", "/v2/alice/fuzz/blobs/uploads/%00"),
    Probe("PATCH", "/v2/alice/fuzz/blobs/uploads/%ff", body=b"x"),
    Probe("PUT", "/v2/alice/fuzz/blobs/uploads/%00", f"digest={sha256(b'x')}", body=b"x"),
    Probe("DELETE", "/v2/alice/fuzz/blobs/uploads/.."),
    Probe("GET", "/v2/alice/fuzz/manifests/%00"),
    Probe("POST", "/v2/alice/fuzz/blobs/uploads/", f"mount={sha256(b'')}&from=%00"),
    Probe(
        "GET",
        "/auth/token",
        "client_id=%00&offline_token=true",
        ["Authorization: Basic AGE6AGI="],
        signed_in=False,
    ),
    Probe("GET", "/auth/token", "", ["Authorization: Basic YToAYg=="], signed_in=False),
    Probe("GET", "/auth/token", "scope=repository:a%00b:pull", signed_in=False),
    Probe("GET", "/auth/token", "scope=%00", signed_in=False),
    Probe("POST", "/auth/token", "", FORM, b"grant_type=password&username=%00&password=%00", signed_in=False),
    Probe("POST", "/auth/token", "", FORM, b"grant_type=password&username=%ff&password=%ff", signed_in=False),
    Probe("POST", "/auth/token", "", FORM, b"grant_type=refresh_token&refresh_token=%00", signed_in=False),
    Probe("POST", "/auth/token", "", FORM, b"=&=&;", signed_in=False),
]


@pytest.mark.item("10", "97")
@pytest.mark.parametrize("probe", KNOWN_TO_BE_NASTY, ids=lambda probe: repr(probe)[:90])
def test_nasty_requests_do_not_make_the_registry_fail(
    server: ServerProcess, bearer: str, probe: Probe
) -> None:
    answer = ask(server, probe.to_bytes(bearer), probe.method)

    assert answer is not None
    assert_harmless(answer)


@pytest.mark.item("10", "97")
@given(probe=st.builds(Probe, METHODS, PATH, QUERY, HEADERS, BODY, st.booleans()))
@fuzzing
def test_no_request_makes_the_registry_fail(server: ServerProcess, bearer: str, probe: Probe) -> None:
    answer = ask(server, probe.to_bytes(bearer), probe.method)

    assert answer is not None
    assert_harmless(answer)


@pytest.mark.item("97")
@given(request=st.binary(min_size=1, max_size=300))
@example(b"GET / HTTP/1.1\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
@fuzzing
def test_no_bytes_make_the_registry_fail(server: ServerProcess, request: bytes) -> None:
    answer = ask(server, request + b"\r\n\r\n\0\r\n\r\n", "GET")

    if answer is not None:
        assert_harmless(answer)


# -- response splitting

BREAKS = ["\r\n", "\n", "\r", "%0d%0a", "%0a", "%0d", "%250d%250a", "\u010d\u010a", "\u2028", "\x85", "\0"]
every_break = pytest.mark.parametrize("line_break", BREAKS, ids=ascii)

REFLECTING = [
    "/v2/alice/fuzz/manifests/{}",
    "/v2/alice/fuzz/blobs/{}",
    "/v2/alice/fuzz/blobs/uploads/{}",
    "/v2/alice/fuzz/blobs/uploads/?mount={}",
    "/v2/alice/fuzz/blobs/uploads/?digest-algorithm={}",
    "/v2/alice/fuzz/referrers/{}",
    "/v2/alice/fuzz{}/manifests/latest",
    "/v2/alice/{}/tags/list",
    "/v2/alice/fuzz/tags/list?n=1&last={}",
    "/v2/_catalog?n=1&last={}",
    "/v2/alice/fuzz/referrers/" + sha256(b"") + "?artifactType={}",
    "/auth/token?service={}",
    "/auth/token?scope=repository:{}:pull",
    "/{}",
]


@pytest.mark.item("93", "97")
@pytest.mark.parametrize("target", REFLECTING)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_part_of_an_address_starts_a_header(
    server: ServerProcess, bearer: str, method: str, target: str
) -> None:
    for line_break in BREAKS:
        hostile = f"a{line_break}{CANARY}:%201"
        encoded = hostile if line_break.startswith("%") else urllib.parse.quote(hostile, safe="%:")
        request = head(method, target.format(encoded), bearer, "Content-Length: 0", "Connection: close")

        answer = ask(server, request, method)

        assert answer is not None
        assert_harmless(answer)


@pytest.mark.item("83", "97")
def test_a_link_keeps_hostile_filters_encoded(server: ServerProcess, bearer: str) -> None:
    subject = sha256(b"a subject")
    hostile = urllib.parse.quote(f'a>; rel="x"\r\n{CANARY}: 1')

    listed = ask(server, head("GET", f"/v2/alice/fuzz/tags/list?n=0&last={hostile}", bearer), "GET")
    filtered = ask(
        server, head("GET", f"/v2/alice/fuzz/referrers/{subject}?artifactType={hostile}", bearer), "GET"
    )

    for answer in (listed, filtered):
        assert answer is not None
        assert_harmless(answer)


@pytest.mark.item("69", "97")
@every_break
@pytest.mark.parametrize("field", ["mediaType", "artifactType", "subject", "tag", "content-type"])
def test_no_field_of_a_manifest_starts_a_header(
    server: ServerProcess, bearer: str, field: str, line_break: str
) -> None:
    hostile = f"a/b{urllib.parse.unquote(line_break)}{CANARY}: 1"
    config = b"{}"
    extra: dict[str, object] = {"mediaType": hostile} if field == "mediaType" else {}
    if field == "artifactType":
        extra["artifactType"] = hostile
    if field == "subject":
        extra["subject"] = descriptor(config, OCI_MANIFEST) | {"digest": f"{sha256(b'')}{hostile}"}
    content = image_manifest(config, **extra)
    query = f"?{urllib.parse.urlencode({'tag': hostile})}" if field == "tag" else ""
    content_type = (
        f"{OCI_MANIFEST};{urllib.parse.quote(hostile)}" if field == "content-type" else OCI_MANIFEST
    )

    answer = ask(
        server,
        head(
            "PUT",
            f"/v2/alice/fuzz/manifests/{sha256(content)}{query}",
            bearer,
            f"Content-Type: {content_type}",
            f"Content-Length: {len(content)}",
        )
        + content,
        "PUT",
    )

    assert answer is not None
    assert answer.status == 400
    assert_harmless(answer)


@pytest.mark.item("97")
@pytest.mark.parametrize(
    "host", ['a",error="x', "a\\", "a b", "a,b", "<a>", "a\xff", "a\tb", "a/b", "u:p@a"], ids=ascii
)
def test_a_hostile_host_adds_nothing_to_the_challenge(server: ServerProcess, host: str) -> None:
    answer = ask(server, head("GET", "/v2/", host=host), "GET")

    assert answer is not None
    assert_harmless(answer)
    assert answer.status in {400, 401}
    if answer.status == 401:
        challenge = str(answer.header("www-authenticate")).removeprefix("Bearer ")
        assert CHALLENGE.fullmatch(challenge), challenge
