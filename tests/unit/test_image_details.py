"""What is read off an image's configuration: the Dockerfile as far as the history tells it, and nothing that lies."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dtr.features.images.model.details import (
    MAX_OPENINGS,
    MAX_STEPS,
    MAX_STEPS_TEXT,
    MAX_TEXT,
    Details,
    instruction,
    read_details,
)
from dtr.oci.manifest import Manifest, parse_manifest
from tests.support.registry import OCI_LAYER, OCI_MANIFEST, descriptor, image_index, image_manifest

CLASSIC = {
    "created": "2023-05-01T10:00:00.123456789Z",
    "author": "somebody@example.org",
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "os.version": "1.2",
    "history": [
        {"created_by": "/bin/sh -c #(nop) ADD file:4d28 in / "},
        {"created_by": '/bin/sh -c #(nop)  CMD ["bash"]', "empty_layer": True},
        {"created_by": "/bin/sh -c apt-get update && apt-get install -y curl"},
        {"created_by": "|2 A=1 B=two words /bin/sh -c make"},
    ],
}
LAYERS = [b"base", b"curl", b"made"]


def manifest_with(layers: list[bytes], **extra: Any) -> Manifest:
    return parse_manifest(image_manifest(b"{}", *layers, **extra), None)


def details_of(config: object, layers: list[bytes] | None = None) -> Details:
    content = config if isinstance(config, bytes) else json.dumps(config).encode()
    return read_details(manifest_with(LAYERS if layers is None else layers), content)


@pytest.mark.parametrize(
    ("created_by", "line"),
    [
        ("/bin/sh -c #(nop)  ENV PATH=/usr/bin", "ENV PATH=/usr/bin"),
        ("/bin/sh -c echo hello", "RUN echo hello"),
        ("RUN /bin/sh -c echo hello # buildkit", "RUN echo hello"),
        ("RUN |1 VERSION=3 /bin/sh -c make $VERSION # buildkit", "RUN make $VERSION"),
        ("COPY . /app # buildkit", "COPY . /app"),
        ('CMD ["sh"]', 'CMD ["sh"]'),
        ("cmd /S /C #(nop) WORKDIR C:\\app", "WORKDIR C:\\app"),
        ("cmd /S /C dir", "RUN dir"),
        ("RUN make", "RUN make"),
        ("bazel build :image", "RUN bazel build :image"),
        ("CMDLINE something", "RUN CMDLINE something"),
        ("/bin/sh -c set -e;\n  make", "RUN set -e;\n  make"),
        ("", ""),
        ("   ", ""),
        ("|x /bin/sh -c make", "RUN |x /bin/sh -c make"),
        ("/bin/sh -c #(nop)", ""),
    ],
)
def test_an_instruction_is_read_as_it_stood_in_the_dockerfile(created_by: str, line: str) -> None:
    assert instruction(created_by) == line


def test_the_fields_of_a_configuration_are_shown() -> None:
    found = details_of(CLASSIC)

    assert (found.os, found.os_version, found.architecture, found.variant) == ("linux", "1.2", "arm64", "v8")
    assert found.author == "somebody@example.org"
    assert found.created_at == datetime(2023, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)


def test_the_history_is_joined_with_the_layers() -> None:
    steps = details_of(CLASSIC).steps

    assert [(step.line, step.is_empty) for step in steps] == [
        ("ADD file:4d28 in /", False),
        ('CMD ["bash"]', True),
        ("RUN apt-get update && apt-get install -y curl", False),
        ("RUN make", False),
    ]
    expected = [descriptor(layer, OCI_LAYER) for layer in LAYERS]
    assert [(step.layer_digest, step.size_bytes, step.media_type) for step in steps if not step.is_empty] == [
        (each["digest"], each["size"], each["mediaType"]) for each in expected
    ]
    assert (steps[1].layer_digest, steps[1].size_bytes) == ("", 0)


def test_a_history_that_claims_more_layers_than_there_are_gets_none_for_them() -> None:
    steps = details_of(CLASSIC, [b"base"]).steps

    assert [bool(step.layer_digest) for step in steps] == [True, False, False, False]


@pytest.mark.parametrize("history", [[], None, "text", {"a": 1}, [1, "x", None, []], [{"empty_layer": True}]])
def test_layers_that_the_history_does_not_tell_of_are_listed_all_the_same(history: object) -> None:
    steps = details_of({"os": "linux", "history": history}).steps

    assert sum(bool(step.layer_digest) for step in steps) == len(LAYERS)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"os":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"[" * (MAX_OPENINGS + 1),
        b'{"os": ["linux"], "architecture": 5, "author": null, "created": 7, "history": {}}',
        b'{"created": "yesterday"}',
        b'{"created": "9999-12-31T23:59:59-23:00"}',
        b'{"created": "0001-01-01T00:00:00+23:00"}',
    ],
)
def test_an_odd_configuration_leaves_fields_empty(config: bytes) -> None:
    found = details_of(config)

    assert (found.os, found.architecture, found.author, found.created_at) == ("", "", "", None)
    assert len(found.steps) == len(LAYERS)


def test_long_texts_and_histories_are_cut() -> None:
    history = [{"created_by": f"RUN {'x' * 1000}", "empty_layer": True}] * (2 * MAX_STEPS)

    found = details_of({"os": "o" * 5000, "author": "a" * 5000, "history": history})

    assert (len(found.os), len(found.author)) == (MAX_TEXT, MAX_TEXT)
    assert len(found.steps) == MAX_STEPS
    assert sum(len(step.line) for step in found.steps) == MAX_STEPS_TEXT


def test_an_index_tells_the_platforms_of_its_manifests() -> None:
    image = image_manifest(b"{}")
    platform = {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}
    child = descriptor(image, OCI_MANIFEST, platform=platform)
    index = {**json.loads(image_index()), "manifests": [child, descriptor(b"other", OCI_MANIFEST)]}

    found = read_details(parse_manifest(json.dumps(index).encode(), None), None)

    assert [(each.os, each.architecture, each.variant, each.os_version) for each in found.children] == [
        ("linux", "arm", "v7", "1"),
        ("", "", "", ""),
    ]


def test_what_is_no_image_has_neither_platform_nor_dockerfile() -> None:
    config = descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json")
    document = {**json.loads(image_manifest(b"{}", b"chart")), "config": config}

    found = read_details(parse_manifest(json.dumps(document).encode(), None), None)

    assert (found.os, found.architecture, found.steps) == ("", "", ())
    assert found.config_media_type == "application/vnd.cncf.helm.config.v1+json"


def test_annotations_stand_in_for_what_the_configuration_does_not_say() -> None:
    annotations = {
        "org.opencontainers.image.created": "2024-01-02T03:04:05Z",
        "org.opencontainers.image.authors": "us",
    }

    found = read_details(manifest_with([], annotations=annotations), b"{}")

    assert (found.author, found.created_at) == ("us", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_details_survive_being_kept() -> None:
    found = details_of({**CLASSIC, "author": 'nul \x00, quote ", snow ☃'})

    assert Details.from_json(found.to_json()) == found


def test_details_of_another_version_are_read_anew() -> None:
    text = details_of(CLASSIC).to_json().replace('"version":1', '"version":0')

    assert Details.from_json(text) is None
