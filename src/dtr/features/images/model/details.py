"""What is worth knowing about an image, read off its manifest and configuration.

Both were written by clients: whatever is odd about them leaves fields empty and is never an error. Sources: OCI
image-spec, "Image Configuration"; Docker image specification v1.2 for the history that classic builds write.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from dtr.oci.descriptor import Descriptor
from dtr.oci.manifest import Manifest
from dtr.oci.mediatypes import DOCKER_CONFIG, OCI_CONFIG

MAX_CONFIG_BYTES: Final = 4 * 1024 * 1024
"""A larger configuration is not looked at."""

MAX_OPENINGS: Final = 100_000
"""Brackets and braces of a configuration; more are not looked at: parsing makes much memory out of each."""

MAX_STEPS: Final = 1_000
"""Steps of the history, and children of an index, that are kept."""

MAX_STEPS_TEXT: Final = 64 * 1024
"""Characters of all steps together that are kept."""

MAX_TEXT: Final = 255
"""Characters of a short text, like the name of an architecture."""

MAX_URLS: Final = 10

IMAGE_CONFIGS: Final = frozenset({DOCKER_CONFIG, OCI_CONFIG})
"""Types of configurations that are those of runnable images."""

VERSION: Final = 1
"""Of what is kept: rows of another version are made anew."""

CREATED_ANNOTATION: Final = "org.opencontainers.image.created"
AUTHORS_ANNOTATION: Final = "org.opencontainers.image.authors"

_SHELL = re.compile(r"(?:\|\d+ .*?)?(?:/bin/sh -c|cmd /S /C) ", re.DOTALL)
"""How an instruction begins that a shell ran, with the build arguments that were set for it."""
_NO_OPERATION = "#(nop)"
_BUILDKIT_COMMENT = "# buildkit"
_INSTRUCTION = re.compile(
    r"(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER"
    r"|VOLUME|WORKDIR)\s"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of the build, with the layer that it made, if it made one."""

    line: str
    layer_digest: str = ""
    size_bytes: int = 0
    is_empty: bool = False
    media_type: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """One manifest of an index, as the index describes it."""

    digest: str
    media_type: str
    size_bytes: int
    os: str = ""
    os_version: str = ""
    architecture: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """What is known about a manifest beyond its row; texts are empty where nothing is."""

    config_digest: str = ""
    config_media_type: str = ""
    os: str = ""
    os_version: str = ""
    architecture: str = ""
    variant: str = ""
    author: str = ""
    created_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    children: tuple[Child, ...] = ()

    def to_json(self) -> str:
        """Return the details as JSON."""
        return orjson.dumps({"version": VERSION, "details": self}).decode()

    @staticmethod
    def from_json(text: str) -> "Details | None":
        """Read what `to_json` wrote; None if that was another version."""
        document = orjson.loads(text)
        if document["version"] != VERSION:
            return None
        fields: dict[str, Any] = document["details"]
        created = fields["created_at"]
        return Details(
            **{
                **fields,
                "created_at": None if created is None else datetime.fromisoformat(created),
                "steps": tuple(Step(**{**each, "urls": tuple(each["urls"])}) for each in fields["steps"]),
                "children": tuple(Child(**each) for each in fields["children"]),
            }
        )


def image_config_of(manifest: Manifest) -> Descriptor | None:
    """Return the configuration that is worth reading: that of an image, of a bearable size."""
    config = manifest.config
    if config is None or config.media_type not in IMAGE_CONFIGS or config.size_bytes > MAX_CONFIG_BYTES:
        return None
    return config


def read_details(manifest: Manifest, config: bytes | None) -> Details:
    """Return what a manifest and the bytes of its configuration tell; None where there is none to be read."""
    found = _decoded(config)
    annotations = manifest.annotations
    return Details(
        config_digest=str(manifest.config.digest) if manifest.config else "",
        config_media_type=manifest.config.media_type if manifest.config else "",
        os=_text(found, "os"),
        os_version=_text(found, "os.version"),
        architecture=_text(found, "architecture"),
        variant=_text(found, "variant"),
        author=_text(found, "author") or annotations.get(AUTHORS_ANNOTATION, "")[:MAX_TEXT],
        created_at=_moment(found.get("created")) or _moment(annotations.get(CREATED_ANNOTATION)),
        steps=tuple(_bounded(_steps(found, manifest.layers))) if image_config_of(manifest) else (),
        children=tuple(_child(each) for each in manifest.manifests[:MAX_STEPS]),
    )


def instruction(created_by: str) -> str:
    """Return the line of a Dockerfile that made an entry of the history.

    A classic build writes `/bin/sh -c #(nop) CMD ["sh"]` or `/bin/sh -c make`; BuildKit writes the instruction, with
    the shell in it and a comment behind: `RUN /bin/sh -c make # buildkit`.
    """
    text = created_by.strip()
    if text.endswith(_BUILDKIT_COMMENT):
        text = text.removesuffix(_BUILDKIT_COMMENT).rstrip()
    shell = _SHELL.match(text)
    if shell is not None:
        rest = text[shell.end() :].lstrip()
        if rest.startswith(_NO_OPERATION):
            return rest.removeprefix(_NO_OPERATION).strip()
        return f"RUN {rest}"
    if text.startswith("RUN "):
        command = text.removeprefix("RUN ").lstrip()
        shell = _SHELL.match(command)
        return f"RUN {command[shell.end() :].lstrip()}" if shell is not None else f"RUN {command}"
    return text if not text or _INSTRUCTION.match(text) else f"RUN {text}"


def _decoded(config: bytes | None) -> Mapping[str, Any]:
    if config is None or len(config) > MAX_CONFIG_BYTES:
        return {}
    if config.count(b"[") + config.count(b"{") > MAX_OPENINGS:
        return {}
    try:
        document = orjson.loads(config)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """Read RFC 3339, as far as a moment can be told from it."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _steps(config: Mapping[str, Any], layers: Sequence[Descriptor]) -> Iterator[Step]:
    """Join the history, oldest first, with the layers. A history that lies loses: all layers are listed."""
    remaining = iter(layers)
    history = config.get("history")
    for entry in history if isinstance(history, list) else ():
        if not isinstance(entry, dict):
            continue
        created_by = entry.get("created_by")
        line = instruction(created_by) if isinstance(created_by, str) else ""
        if entry.get("empty_layer") is True:
            yield Step(line, is_empty=True)
            continue
        layer = next(remaining, None)
        yield Step(line) if layer is None else _step(line, layer)
    for layer in remaining:
        yield _step("", layer)


def _step(line: str, layer: Descriptor) -> Step:
    urls = tuple(url for url in layer.urls[:MAX_URLS] if len(url) <= MAX_STEPS_TEXT // MAX_URLS)
    return Step(line, str(layer.digest), layer.size_bytes, media_type=layer.media_type, urls=urls)


def _bounded(steps: Iterable[Step]) -> Iterator[Step]:
    """Keep so many steps and so much of their text as fits."""
    left = MAX_STEPS_TEXT
    for number, step in enumerate(steps):
        if number == MAX_STEPS:
            return
        line = step.line[:left]
        left -= len(line)
        urls = step.urls if sum(map(len, step.urls)) <= left else ()
        left -= sum(map(len, urls))
        yield Step(line, step.layer_digest, step.size_bytes, step.is_empty, step.media_type[:MAX_TEXT], urls)


def _child(descriptor: Descriptor) -> Child:
    platform = descriptor.platform
    digest, media_type = str(descriptor.digest), descriptor.media_type[:MAX_TEXT]
    if platform is None:
        return Child(digest, media_type, descriptor.size_bytes)
    return Child(
        digest,
        media_type,
        descriptor.size_bytes,
        platform.os[:MAX_TEXT],
        platform.os_version[:MAX_TEXT],
        platform.architecture[:MAX_TEXT],
        platform.variant[:MAX_TEXT],
    )
