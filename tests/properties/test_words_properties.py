"""What must hold for every word of the protocol, whatever strangers send."""

import json
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtr.core.actions import Scope, parse_scopes
from dtr.core.clock import from_micros, to_micros
from dtr.core.errors import RegistryError
from dtr.core.paging import PAGE_CAP, parse_page
from dtr.oci.descriptor import Descriptor, Platform
from dtr.oci.digest import ALGORITHMS, Digest
from dtr.oci.errors import RangeNotSatisfiable, error_body
from dtr.oci.headers import (
    MAX_WARNING_BYTES,
    etag_matches,
    fit_warnings,
    parse_accept,
    parse_byte_ranges,
    parse_upload_range,
    warning,
)
from dtr.oci.manifest import blobs_required, choose_child, parse_manifest
from dtr.oci.mediatypes import MANIFEST_TYPES, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, is_image, is_index
from dtr.oci.names import RepositoryName, parse_reference, parse_tag

# Any characters at all, also halves of surrogate pairs.
any_text = st.text(st.characters(), max_size=300)
# Text made of the pieces that parsers look for.
near_misses = st.lists(
    st.sampled_from([*'aZ09._-/:;,=*" \n\0\u0661\ud800', "sha256:", "bytes", "q=0", "pull", "W/", "0" * 64]),
    max_size=20,
).map("".join)
hostile_text = any_text | near_misses
hostile_header = hostile_text | st.binary(max_size=100)

digests = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(sorted(ALGORITHMS)))
components = st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|__?|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
repository_paths = st.lists(components, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
scopes = st.builds(
    Scope,
    st.sampled_from(["repository", "repository(plugin)", "registry"]),
    st.from_regex(r"[!-~]{1,30}", fullmatch=True),
    st.frozensets(st.sampled_from(["pull", "push", "delete", "*"])),
)
media_types = st.from_regex(r"[ -~]{1,255}", fullmatch=True)
texts = st.text(max_size=20)
platforms = st.builds(Platform, texts, texts, texts, texts, st.lists(texts, max_size=2).map(tuple))
descriptors = st.builds(
    Descriptor,
    media_type=media_types,
    digest=digests,
    size_bytes=st.integers(0, 2**63 - 1),
    annotations=st.dictionaries(texts, texts, max_size=3),
    urls=st.lists(texts, max_size=2).map(tuple),
    artifact_type=st.none() | media_types,
    platform=st.none() | platforms,
)

field_names = st.sampled_from(
    [
        *(
            "schemaVersion",
            "mediaType",
            "config",
            "layers",
            "manifests",
            "subject",
            "artifactType",
            "annotations",
        ),
        *("digest", "size", "urls", "platform", "os", "os.features", "fsLayers"),
    ],
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2, OCI_MANIFEST, OCI_CONFIG, OCI_LAYER, *sorted(MANIFEST_TYPES)])
    | digests.map(str)
    | texts
)
plausible_descriptors = descriptors.map(Descriptor.to_json)
hostile_json = st.recursive(
    scalars | plausible_descriptors,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(field_names, inner, max_size=6),
    max_leaves=20,
)
# Documents that are right but for some fields, so that both answers of the parser are seen often.
right_documents = st.one_of(
    st.fixed_dictionaries(
        {"config": plausible_descriptors, "layers": st.lists(plausible_descriptors, max_size=3)}
    ),
    st.fixed_dictionaries({"manifests": st.lists(plausible_descriptors, max_size=3)}),
)
hostile_documents = st.builds(
    lambda right, wrong: {"schemaVersion": 2} | right | wrong,
    right_documents,
    st.dictionaries(field_names, hostile_json, max_size=2),
)


@given(digests)
def test_digest_survives_its_text_form(digest: Digest) -> None:
    assert Digest.parse(str(digest)) == digest
    assert parse_reference(str(digest)) == digest


@given(repository_paths)
def test_repository_name_survives_its_text_form(path: str) -> None:
    name = RepositoryName.parse(path)
    assert RepositoryName.parse(str(name)) == name
    assert path == name.namespace or path.startswith(name.namespace + "/")


@given(tags)
def test_every_tag_of_the_grammar_is_a_reference(tag: str) -> None:
    assert parse_reference(tag) == parse_tag(tag) == tag


@given(scopes)
def test_scope_survives_its_text_form(scope: Scope) -> None:
    assert Scope.parse(str(scope)) == scope
    assert parse_scopes([f"{scope} {scope}"]) == [scope, scope]


@given(descriptors)
def test_descriptor_survives_its_json_form(descriptor: Descriptor) -> None:
    assert Descriptor.parse(json.loads(json.dumps(descriptor.to_json()))) == descriptor


@given(st.datetimes(timezones=st.just(UTC)))
def test_moment_survives_its_number_form(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@pytest.mark.parametrize(
    "parser",
    [
        Digest.parse,
        RepositoryName.parse,
        parse_tag,
        parse_reference,
        Scope.parse,
        lambda text: parse_scopes([text]),
    ],
)
@given(text=hostile_text)
def test_text_parsers_raise_nothing_but_registry_errors(parser: Callable[[str], object], text: str) -> None:
    try:
        parsed = parser(text)
    except RegistryError as error:
        json.loads(error_body(error))
    else:
        assert isinstance(parsed, list) or str(parsed) == text or isinstance(parsed, Scope)


@given(hostile_header, st.integers(0, 2**63 - 1))
def test_header_parsers_raise_nothing_but_registry_errors(value: str | bytes, size_bytes: int) -> None:
    with suppress(RegistryError):
        parse_byte_ranges(value, size_bytes)
    with suppress(RegistryError):
        first, last = parse_upload_range(value)
        assert 0 <= first <= last
    etag_matches(value, str(Digest.of(b"")))
    parse_accept((value, value)).allows(OCI_MANIFEST)


@given(st.none() | hostile_text, st.none() | hostile_text)
def test_page_parser_raises_nothing_but_registry_errors(n: str | None, last: str | None) -> None:
    with suppress(RegistryError):
        page = parse_page(n, last)
        assert page.limit is None or 0 <= page.limit <= PAGE_CAP
        assert (page.last or "").encode("utf-8").find(b"\x00") == -1


@given(st.binary(max_size=200) | hostile_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_manifest_parser_survives_arbitrary_bytes(content: bytes) -> None:
    with pytest.raises(RegistryError):
        parse_manifest(content, None)


@given(hostile_documents, st.none() | st.sampled_from(sorted(MANIFEST_TYPES)) | hostile_text)
def test_manifest_parser_answers_every_document(document: object, content_type: str | None) -> None:
    try:
        manifest = parse_manifest(json.dumps(document).encode(), content_type)
    except RegistryError as error:
        json.loads(error_body(error))
    else:
        assert is_image(manifest.media_type) != is_index(manifest.media_type)
        assert (manifest.config is not None) == is_image(manifest.media_type)
        assert not (manifest.layers and manifest.manifests)
        assert set(blobs_required(manifest)) <= {manifest.config, *manifest.layers}
        assert choose_child(manifest, "linux", "amd64") in {None, *manifest.manifests}


spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: (min(ends), max(ends)))


@given(st.lists(spans, min_size=1, max_size=10), st.integers(0, 50))
def test_parsed_ranges_cover_exactly_the_bytes_asked_for(
    asked: list[tuple[int, int]],
    size_bytes: int,
) -> None:
    wanted = {offset for first, last in asked for offset in range(first, last + 1) if offset < size_bytes}
    value = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    try:
        parsed = parse_byte_ranges(value, size_bytes)
    except RangeNotSatisfiable:
        assert not wanted
    else:
        assert parsed is not None
        offsets = [offset for first, last in parsed for offset in range(first, last + 1)]
        assert sorted(offsets) == sorted(wanted)


@given(st.sets(tags, max_size=30), st.integers(1, 7))
def test_pages_joined_are_the_whole_list(names: set[str], size: int) -> None:
    ordered = sorted(names)
    joined: list[str] = []
    for _ in range(len(ordered) + 1):
        page = parse_page(str(size), joined[-1] if joined else None)
        start = bisect_right(ordered, page.last) if page.last else 0
        joined += ordered[start : start + (page.limit or 0)]
    assert joined == ordered


@given(st.lists(hostile_text | st.text(min_size=1500, max_size=5000), max_size=4))
def test_warnings_are_quoted_ascii_and_fit_together(all_texts: list[str]) -> None:
    values = [warning(text) for text in all_texts]
    for value in values:
        assert value.isascii()
        assert value.isprintable()
        inner = value.removeprefix('299 - "').removesuffix('"')
        assert '"' not in inner.replace("\\\\", "").replace('\\"', "")
    assert sum(map(len, fit_warnings(values))) <= MAX_WARNING_BYTES
