import json
import time
import tracemalloc

import pytest

from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestInvalid, ManifestTooLarge
from dtr.oci.manifest import (
    MAX_DEPTH,
    MAX_DESCRIPTORS,
    MAX_MANIFEST_BYTES,
    MAX_OPENINGS,
    Manifest,
    blobs_required,
    choose_child,
    parse_manifest,
)
from dtr.oci.mediatypes import (
    DOCKER_CONFIG,
    DOCKER_FOREIGN_LAYER,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    DOCKER_SCHEMA1,
    DOCKER_SCHEMA1_SIGNED,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    OCI_NON_DISTRIBUTABLE_LAYER,
    is_image,
    is_index,
    is_non_distributable,
    is_schema1,
)

Json = dict[str, object]


def descriptor(media_type: str, content: bytes = b"content", **extra: object) -> Json:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)} | extra


CONFIG = descriptor(OCI_CONFIG, b"{}")
LAYER = descriptor(OCI_LAYER, b"layer")
CHILD = descriptor(OCI_MANIFEST, b"child")
IMAGE: Json = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
INDEX: Json = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [CHILD]}


def without(document: Json, *keys: str) -> Json:
    return {key: value for key, value in document.items() if key not in keys}


def parse(document: object, content_type: str | None = None) -> Manifest:
    return parse_manifest(json.dumps(document).encode(), content_type)


def refusal(document: object, content_type: str | None = None) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        parse(document, content_type)
    return caught.value.message


def child_for(platform: str, content: bytes, media_type: str = OCI_MANIFEST) -> Json:
    os, architecture, *variant = platform.split("/")
    fields = {"os": os, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    return descriptor(media_type, content, platform=fields)


def test_image_manifest_is_read() -> None:
    manifest = parse(IMAGE | {"annotations": {"a": "b"}, "subject": CHILD}, OCI_MANIFEST)
    assert manifest.media_type == OCI_MANIFEST
    assert manifest.config is not None
    assert manifest.config.to_json() == CONFIG
    assert [layer.to_json() for layer in manifest.layers] == [LAYER]
    assert manifest.manifests == ()
    assert manifest.subject is not None
    assert manifest.subject.to_json() == CHILD
    assert manifest.annotations == {"a": "b"}


def test_index_is_read() -> None:
    manifest = parse(INDEX | {"artifactType": "application/vnd.example"}, OCI_INDEX)
    assert [child.to_json() for child in manifest.manifests] == [CHILD]
    assert manifest.config is None
    assert manifest.layers == ()
    assert manifest.artifact_type == "application/vnd.example"


def test_odd_white_space_and_duplicate_keys_are_accepted() -> None:
    content = json.dumps(IMAGE, indent=7).encode().replace(b"{", b'{"schemaVersion":1,\r\n\t', 1) + b"\n \n"
    assert parse_manifest(content, None).media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    "content_type",
    [f"{OCI_MANIFEST}; charset=utf-8", f" {OCI_MANIFEST} ;", OCI_MANIFEST.upper()],
)
def test_parameters_and_case_of_the_content_type_are_ignored(content_type: str) -> None:
    assert parse(IMAGE, content_type).media_type == OCI_MANIFEST


@pytest.mark.item("63")
@pytest.mark.parametrize("content_type", [None, "", " ", ";"])
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_without_content_type_the_field_in_the_document_counts(
    content_type: str | None,
    media_type: str,
) -> None:
    assert parse(IMAGE | {"mediaType": media_type}, content_type).media_type == media_type


@pytest.mark.item("63")
@pytest.mark.parametrize("content_type", [DOCKER_MANIFEST, OCI_INDEX, "application/json"])
def test_content_type_and_document_in_conflict_are_refused(content_type: str) -> None:
    assert "differ" in refusal(IMAGE, content_type)


@pytest.mark.item("63")
@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (without(IMAGE, "mediaType"), OCI_MANIFEST),
        (without(IMAGE, "mediaType", "layers"), OCI_MANIFEST),
        (IMAGE | {"mediaType": ""}, OCI_MANIFEST),
        (without(INDEX, "mediaType"), OCI_INDEX),
        ({"schemaVersion": 2, "manifests": []}, OCI_INDEX),
        ({"schemaVersion": 2, "config": descriptor(DOCKER_CONFIG), "layers": []}, DOCKER_MANIFEST),
        ({"schemaVersion": 2, "manifests": [descriptor(DOCKER_MANIFEST)]}, DOCKER_MANIFEST_LIST),
    ],
)
def test_without_any_type_the_shape_decides(document: Json, media_type: str) -> None:
    assert parse(document).media_type == media_type


@pytest.mark.item("63")
@pytest.mark.parametrize("media_type", [DOCKER_MANIFEST, OCI_MANIFEST])
def test_content_type_is_enough_for_a_document_without_type(media_type: str) -> None:
    assert parse(without(IMAGE, "mediaType"), media_type).media_type == media_type


@pytest.mark.item("63")
@pytest.mark.parametrize("document", [{"schemaVersion": 2}, {"schemaVersion": 2, "blobs": []}])
def test_document_of_no_known_shape_is_refused(document: Json) -> None:
    assert "names no media type" in refusal(document)


@pytest.mark.parametrize(
    "media_type", ["application/vnd.oci.artifact.manifest.v1+json", "text/plain", OCI_LAYER]
)
def test_types_that_are_not_of_manifests_are_refused(media_type: str) -> None:
    refusal(without(IMAGE, "mediaType"), media_type)
    refusal(IMAGE | {"mediaType": media_type})


@pytest.mark.item("64")
@pytest.mark.parametrize("content_type", [None, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST])
@pytest.mark.parametrize("half", [{"config": CONFIG}, {"layers": [LAYER]}, {"layers": []}])
def test_document_with_children_and_layers_or_config_is_refused(half: Json, content_type: str | None) -> None:
    assert "not both" in refusal(without(INDEX, "mediaType") | half, content_type)


@pytest.mark.item("64")
def test_document_of_the_other_shape_than_its_type_is_refused() -> None:
    assert "index has no config" in refusal(IMAGE | {"mediaType": OCI_INDEX})
    assert "no list of manifests" in refusal(INDEX | {"mediaType": OCI_MANIFEST})


@pytest.mark.item("65")
@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": []}, None),
        ({"schemaVersion": 1}, DOCKER_SCHEMA1),
        ({"schemaVersion": 2, "mediaType": DOCKER_SCHEMA1}, None),
        (IMAGE | {"schemaVersion": 1}, OCI_MANIFEST),
        (IMAGE | {"fsLayers": []}, OCI_MANIFEST),
        (without(IMAGE, "mediaType"), DOCKER_SCHEMA1_SIGNED),
    ],
)
def test_schema_1_is_refused(document: Json, content_type: str | None) -> None:
    assert "schema 1" in refusal(document, content_type)


@pytest.mark.parametrize("version", [None, 0, 3, "2", 2.0, True, [2]])
def test_schema_version_other_than_2_is_refused(version: object) -> None:
    refusal(IMAGE | {"schemaVersion": version})
    refusal(without(IMAGE, "schemaVersion"))


def test_size_limit_is_inclusive() -> None:
    content = json.dumps(IMAGE).encode().ljust(MAX_MANIFEST_BYTES)
    assert parse_manifest(content, None).media_type == OCI_MANIFEST
    with pytest.raises(ManifestTooLarge):
        parse_manifest(content + b" ", None)


def test_depth_limit_is_inclusive() -> None:
    def nested(depth: int) -> bytes:
        # The document itself is the first level.
        return (
            json.dumps(IMAGE)
            .encode()
            .replace(b"{", b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b",", 1)
        )

    assert parse_manifest(nested(MAX_DEPTH), None).media_type == OCI_MANIFEST
    with pytest.raises(ManifestInvalid, match="deeper"):
        parse_manifest(nested(MAX_DEPTH + 1), None)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("count", [500, 1_000, 100_000])
def test_very_deep_nesting_is_refused_and_breaks_nothing(opening: bytes, count: int) -> None:
    closing = {b"[": b"]", b'{"a":': b"1}"}.get(opening, b"1}]")
    for content in (opening * count, b'{"x":' + opening * count + closing * count + b"}"):
        with pytest.raises((ManifestInvalid, ManifestTooLarge)):
            parse_manifest(content, OCI_MANIFEST)


@pytest.mark.parametrize(("document", "key"), [(IMAGE, "layers"), (INDEX, "manifests")])
def test_more_descriptors_than_the_limit_are_refused(document: Json, key: str) -> None:
    small = {"mediaType": "a/b", "digest": str(Digest.of(b"")), "size": 0}
    assert "at most" in refusal(document | {key: [small] * (MAX_DESCRIPTORS + 1)})


def with_openings(number: int, filler: bytes) -> bytes:
    """Make an index with so many arrays and objects in all; `filler` holds one."""
    start, end = b'{"schemaVersion":2,"manifests":[],"x":[', b"0]}"
    return start + (filler + b",") * (number - 3) + end


@pytest.mark.item("66")
@pytest.mark.parametrize("filler", [b"[]", b"{}", b'"["'])
def test_the_limit_of_arrays_and_objects_is_inclusive_and_counts_texts_too(filler: bytes) -> None:
    assert parse_manifest(with_openings(MAX_OPENINGS, filler), None).media_type == OCI_INDEX
    with pytest.raises(ManifestInvalid, match="arrays and objects"):
        parse_manifest(with_openings(MAX_OPENINGS + 1, filler), None)


@pytest.mark.item("66")
@pytest.mark.parametrize("filler", [b"[]", b"{}", b'{"":[]}', b"[[],[]]"])
def test_a_manifest_of_nothing_but_brackets_is_refused_without_taking_memory(filler: bytes) -> None:
    bomb = (b"[" + (filler + b",") * MAX_MANIFEST_BYTES)[: MAX_MANIFEST_BYTES - 3] + b"[]]"
    tracemalloc.start()
    try:
        with pytest.raises(ManifestInvalid):
            parse_manifest(bomb, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_ten_thousand_children_are_read_in_linear_time() -> None:
    children = [descriptor(OCI_MANIFEST, str(number).encode()) for number in range(10_000)]
    content = json.dumps(INDEX | {"manifests": children}).encode()
    started = time.process_time()
    assert len(parse_manifest(content, OCI_INDEX).manifests) == 10_000
    assert time.process_time() - started < 2


def test_duplicate_children_are_kept() -> None:
    assert len(parse(INDEX | {"manifests": [CHILD, CHILD]}).manifests) == 2


@pytest.mark.parametrize(
    "document",
    [
        without(IMAGE, "layers"),
        IMAGE | {"layers": []},
        IMAGE | {"layers": None},
        IMAGE
        | {"config": descriptor(OCI_EMPTY, b"{}", data="e30="), "artifactType": "application/vnd.example"},
        IMAGE | {"config": descriptor("application/vnd.cncf.helm.config.v1+json")},
        IMAGE | {"layers": [descriptor("application/wasm")], "org.example.unknown": {"a": [1.5, None, True]}},
        IMAGE | {"annotations": None, "subject": None, "artifactType": None, "manifests": None},
        INDEX | {"manifests": None},
        INDEX | {"manifests": [descriptor(OCI_INDEX)]},
        INDEX | {"config": None, "layers": None},
    ],
)
def test_artifacts_of_every_kind_are_accepted(document: Json) -> None:
    assert parse(document, str(document["mediaType"])).media_type == document["mediaType"]


def test_malformed_subject_is_refused() -> None:
    assert "subject.digest" in refusal(IMAGE | {"subject": CHILD | {"digest": "sha256:nope"}})
    assert "subject" in refusal(INDEX | {"subject": "sha256:nope"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"schemaVersion":NaN}', "not JSON"),
        (b'{"schemaVersion":2,"x":1e999}', "not JSON"),
        (b'{"schemaVersion":2,"x":' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"schemaVersion":2,"x":"\\ud800"}', "not JSON"),
        (b'{"schemaVersion":' + b"9" * 30 + b"}", "schemaVersion"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"text"', "object"),
        (b"2", "object"),
    ],
)
def test_content_that_is_no_json_object_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        parse_manifest(content, OCI_MANIFEST)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (without(IMAGE, "config"), "needs a config"),
        (IMAGE | {"config": None}, "needs a config"),
        (IMAGE | {"config": []}, "config must be an object"),
        (IMAGE | {"config": "sha256"}, "config must be an object"),
        (IMAGE | {"layers": {}}, "layers must be an array"),
        (IMAGE | {"layers": [LAYER, 7]}, r"layers[1] must be an object"),
        (IMAGE | {"layers": [LAYER | {"digest": "x"}]}, "layers[0].digest"),
        (IMAGE | {"mediaType": 7}, "mediaType must be text"),
        (IMAGE | {"mediaType": [OCI_MANIFEST]}, "mediaType must be text"),
        (IMAGE | {"annotations": {"a": {}}}, "annotations"),
        (IMAGE | {"artifactType": 1}, "artifactType must be text"),
        (IMAGE | {"artifactType": "a\nb"}, "artifactType must be"),
        (without(INDEX, "manifests"), "needs a list"),
        (INDEX | {"manifests": CHILD}, "manifests must be an array"),
        (INDEX | {"manifests": [None]}, "manifests[0] must be an object"),
        ({"schemaVersion": 2, "manifests": 3}, "manifests must be an array"),
    ],
)
def test_wrong_types_are_refused_with_their_place(document: Json, words: str) -> None:
    assert words in refusal(document)


@pytest.mark.parametrize(
    ("document", "artifact_type"),
    [
        (IMAGE, OCI_CONFIG),
        (IMAGE | {"artifactType": ""}, OCI_CONFIG),
        (IMAGE | {"artifactType": "application/vnd.example"}, "application/vnd.example"),
        (INDEX, None),
        (INDEX | {"artifactType": "application/vnd.example"}, "application/vnd.example"),
    ],
)
def test_artifact_type_is_the_own_one_or_that_of_the_config(
    document: Json, artifact_type: str | None
) -> None:
    assert parse(document).artifact_type == artifact_type


@pytest.mark.item("68")
def test_foreign_and_non_distributable_layers_are_not_required() -> None:
    elsewhere = [DOCKER_FOREIGN_LAYER, OCI_NON_DISTRIBUTABLE_LAYER, f"{OCI_NON_DISTRIBUTABLE_LAYER}+gzip"]
    layers = [descriptor(media_type, media_type.encode()) for media_type in elsewhere]
    required = blobs_required(parse(IMAGE | {"layers": [*layers, LAYER]}))
    assert [blob.to_json() for blob in required] == [CONFIG, LAYER]


def test_required_blobs_are_named_once_each_and_an_index_requires_none() -> None:
    required = blobs_required(parse(IMAGE | {"layers": [LAYER, LAYER, LAYER | {"size": 9}]}))
    assert [blob.to_json() for blob in required] == [CONFIG, LAYER, LAYER | {"size": 9}]
    assert blobs_required(parse(INDEX)) == ()


def test_child_for_a_platform_is_chosen_and_one_without_variant_is_preferred() -> None:
    children = [
        child_for("linux/arm64", b"1"),
        child_for("unknown/unknown", b"2"),
        child_for("linux/amd64", b"3", OCI_INDEX),
        child_for("linux/amd64/v3", b"4"),
        child_for("linux/amd64", b"5"),
        child_for("linux/amd64", b"6"),
        CHILD,
    ]
    index = parse(INDEX | {"manifests": children})
    chosen = choose_child(index, "linux", "amd64")
    assert chosen is not None
    assert chosen.digest == Digest.of(b"5")


def test_no_child_is_chosen_when_none_fits() -> None:
    index = parse(INDEX | {"manifests": [CHILD, child_for("windows/amd64", b"1")]})
    assert choose_child(index, "linux", "amd64") is None
    assert choose_child(parse(IMAGE), "linux", "amd64") is None


def test_media_types_are_told_apart() -> None:
    assert is_image(OCI_MANIFEST)
    assert is_image(DOCKER_MANIFEST)
    assert is_index(OCI_INDEX)
    assert is_index(DOCKER_MANIFEST_LIST)
    assert not is_image(OCI_INDEX)
    assert not is_index(DOCKER_MANIFEST)
    assert is_schema1(DOCKER_SCHEMA1)
    assert not is_schema1(DOCKER_MANIFEST)
    assert is_non_distributable(DOCKER_FOREIGN_LAYER)
    assert not is_non_distributable(DOCKER_LAYER)
