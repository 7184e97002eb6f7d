from urllib.parse import parse_qsl, urlsplit

import pytest

from dtr.oci.errors import RangeInvalid, RangeNotSatisfiable
from dtr.oci.headers import (
    MAX_ACCEPTED_TYPES,
    MAX_RANGES,
    MAX_WARNING_BYTES,
    etag_matches,
    fit_warnings,
    next_link,
    parse_accept,
    parse_byte_ranges,
    parse_upload_range,
    warning,
)
from dtr.oci.mediatypes import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

SIZE = 100
DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("bytes=0-9", (0, 9)),
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, 99)),
        ("bytes=99-", (99, 99)),
        ("bytes=-1", (99, 99)),
        ("bytes=-100", (0, 99)),
        ("bytes=-5000", (0, 99)),
        ("bytes=90-5000", (90, 99)),
        ("bytes=0-" + "9" * 99, (0, 99)),
        ("Bytes = 5-6 ", (5, 6)),
        (b"bytes=5-6", (5, 6)),
    ],
)
def test_single_range_is_clipped_to_the_blob(value: str | bytes, span: tuple[int, int]) -> None:
    assert parse_byte_ranges(value, SIZE) == [span]


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=5-4", "bytes=-0", "bytes=0-1,9-8"])
def test_range_outside_the_blob_or_backwards_is_not_satisfiable(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_byte_ranges(value, SIZE)
    assert caught.value.size_bytes == SIZE


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_every_range_of_an_empty_blob_is_not_satisfiable(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_byte_ranges(value, 0)


def test_several_ranges_keep_their_order_and_lose_those_outside() -> None:
    assert parse_byte_ranges("bytes=50-59, 0-9,,200-, -1", SIZE) == [(50, 59), (0, 9), (99, 99)]


def test_overlapping_ranges_are_merged_and_neighbours_are_not() -> None:
    assert parse_byte_ranges("bytes=50-70,0-9,60-80,55-56", SIZE) == [(0, 9), (50, 80)]
    assert parse_byte_ranges("bytes=0-9,10-19", SIZE) == [(0, 9), (10, 19)]


def test_more_ranges_than_the_limit_are_refused_even_if_they_overlap() -> None:
    assert parse_byte_ranges("bytes=" + ",".join(["0-"] * MAX_RANGES), SIZE) == [(0, 99)]
    with pytest.raises(RangeNotSatisfiable):
        parse_byte_ranges("bytes=" + ",".join(["0-"] * (MAX_RANGES + 1)), SIZE)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=1-2,x",
        "bytes=+1-2",
        "bytes=\u0661-\u0662",
        "items=0-1",
        "0-1",
        b"\xff\xfe",
    ],
)
def test_other_units_and_broken_syntax_are_ignored(value: str | bytes) -> None:
    assert parse_byte_ranges(value, SIZE) is None


@pytest.mark.item("43")
@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("0-1023", (0, 1023)),
        (" 5-5 ", (5, 5)),
        (b"7-9", (7, 9)),
        ("bytes 0-9/10", (0, 9)),
        ("bytes 0-9/*", (0, 9)),
        ("bytes 3-9", (3, 9)),
    ],
)
def test_upload_range_is_accepted_with_and_without_unit_and_total(
    value: str | bytes,
    span: tuple[int, int],
) -> None:
    assert parse_upload_range(value) == span


@pytest.mark.item("43")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "-",
        "0-",
        "-9",
        "9-0",
        "a-b",
        "0-9/9",
        "bytes 0-9/0",
        "0--1",
        "0-1,2-3",
        "items 0-1",
        "\u0661-\u0662",
        b"\xff",
    ],
)
def test_malformed_or_inconsistent_upload_range_is_refused(value: str | bytes) -> None:
    with pytest.raises(RangeInvalid):
        parse_upload_range(value)


@pytest.mark.parametrize(
    "value",
    [
        f'"{DIGEST}"',
        DIGEST,
        f'W/"{DIGEST}"',
        f'"other", "{DIGEST}"',
        f'"other",W/"{DIGEST}" ',
        "*",
        f'"{DIGEST}"'.encode(),
    ],
)
def test_etag_is_found_in_every_form_clients_send(value: str | bytes) -> None:
    assert etag_matches(value, f'"{DIGEST}"')
    assert etag_matches(value, DIGEST)


@pytest.mark.parametrize("value", ["", '""', '"other"', f'"{DIGEST[:-1]}"', f'"{DIGEST}0"', ","])
def test_other_etags_do_not_match(value: str) -> None:
    assert not etag_matches(value, f'"{DIGEST}"')


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        ("nonsense",),
        ("*/*",),
        ("application/*",),
        (OCI_MANIFEST,),
        (OCI_MANIFEST.upper(),),
        (DOCKER_MANIFEST, OCI_MANIFEST),
        (DOCKER_MANIFEST.encode(), OCI_MANIFEST.encode()),
        (f"{DOCKER_MANIFEST}, {OCI_MANIFEST}",),
        (f"{OCI_MANIFEST};q=0.1",),
        (f"{OCI_MANIFEST}; charset=utf-8",),
        (f"{OCI_MANIFEST};q=nonsense",),
        ("text/html, */*;q=0.1",),
        (f"*/*;q=0, {OCI_MANIFEST}",),
        (f"{OCI_MANIFEST};q=0, {OCI_MANIFEST}",),
    ],
)
def test_type_is_acceptable(values: tuple[str | bytes, ...]) -> None:
    assert parse_accept(values).allows(OCI_MANIFEST)


@pytest.mark.parametrize(
    "values",
    [
        (DOCKER_MANIFEST,),
        ("text/*",),
        (OCI_INDEX, DOCKER_MANIFEST),
        (f"{OCI_MANIFEST};q=0, */*",),
        (f"{OCI_MANIFEST}; Q = 0.000 ",),
        (f"{OCI_MANIFEST}; v=1; q=0",),
        ("application/*;q=0, */*",),
        ("*/*;q=0",),
    ],
)
def test_type_is_not_acceptable(values: tuple[str, ...]) -> None:
    assert not parse_accept(values).allows(OCI_MANIFEST)


def test_a_long_list_of_accepted_types_is_read_up_to_the_limit() -> None:
    others = tuple(f"application/x-{number}" for number in range(MAX_ACCEPTED_TYPES - 1))
    assert parse_accept((*others, OCI_MANIFEST)).allows(OCI_MANIFEST)
    assert not parse_accept((*others, "text/plain", OCI_MANIFEST)).allows(OCI_MANIFEST)


def test_link_to_the_next_page_is_relative_encoded_and_keeps_parameters() -> None:
    parameters = [("n", "2"), ("last", "a/b+c&d"), ("artifactType", "application/x+json")]
    link = next_link("/v2/_catalog", parameters)
    assert link == ('</v2/_catalog?n=2&last=a%2Fb%2Bc%26d&artifactType=application%2Fx%2Bjson>; rel="next"')
    target = urlsplit(link.partition(">")[0].removeprefix("<"))
    assert parse_qsl(target.query) == parameters


def test_warning_has_its_quotes_escaped_and_stays_on_one_line() -> None:
    assert warning('say "hi" \\ twice\r\nX: y \u00e9') == '299 - "say \\"hi\\" \\\\ twice??X: y ?"'


@pytest.mark.parametrize("text", ["x" * 10_000, '"' * 10_000, "x" + '"' * 10_000, "\\" * 10_001])
def test_long_warning_is_cut_within_the_limit_and_still_closed(text: str) -> None:
    value = warning(text)
    assert len(value) <= MAX_WARNING_BYTES
    assert value.endswith('..."')


def test_warnings_beyond_the_limit_are_dropped() -> None:
    warnings = [warning("x" * 1500) for _ in range(4)]
    assert fit_warnings(warnings) == warnings[:2]
    assert fit_warnings([warning("x" * 9000)]) != []
    assert fit_warnings([]) == []
