"""What the pages show, put together from what the services return."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dtr.features.images.model import HistoryEntry, ListedManifest, ListedTag
from dtr.features.images.pages.kinds import (
    Kind,
    kind_of,
    kind_of_companion,
    platform_name,
    platforms_of,
)
from dtr.features.images.pages.texts import Budget, Excerpt, excerpt, pretty_json
from dtr.features.images.service.inspection import MOST_REFERRERS, MOST_TAGS, Inspected
from dtr.features.images.service.shown import ShownManifest
from dtr.features.images.service.tags import ShownTag
from dtr.oci.descriptor import Descriptor

MOST_STEPS: Final = 100
MOST_FILES: Final = 50
MOST_ANNOTATIONS: Final = 25
MOST_PLATFORMS: Final = 3
"""Platforms that a line of the list names."""

LINE_BYTES: Final = 2 * 1024
LINES_BYTES: Final = 20 * 1024
WORD_BYTES: Final = 120
PLATFORM_BYTES: Final = 48
TEXT_BYTES: Final = 400
ANNOTATIONS_BYTES: Final = 8 * 1024
DOCUMENT_BYTES: Final = 24 * 1024
"""Of a manifest, and of a configuration, so much is shown."""

TITLE_ANNOTATION: Final = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class TagRow:
    """A line of the list of tags."""

    tag: ListedTag
    kind: Kind
    platforms: Sequence[str]
    more_platforms: int
    image_count: int
    """Of an index: how many manifests it names."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """An instruction of a build, or a layer that none is known for."""

    line: Excerpt
    digest: str
    size_bytes: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of an artifact."""

    title: str
    media_type: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ChildRow:
    """A manifest of an index."""

    digest: str
    platform: str
    media_type: str
    stored: ListedManifest | None


@dataclass(frozen=True, slots=True)
class ReferrerRow:
    """Something that belongs to a manifest."""

    kind: Kind
    type: str
    digest: str
    tag: str
    """Set where it belongs to the manifest by the name of its tag."""
    manifest: ListedManifest | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A move of a tag; `back_to` is where a roll-back would take the tag, empty where there is none."""

    entry: HistoryEntry
    back_to: str


@dataclass(frozen=True, slots=True)
class ManifestView:
    """All about one manifest."""

    stored: ListedManifest
    kind: Kind
    platforms: Sequence[str]
    author: str
    os_version: str
    media_type: str
    artifact_type: str
    subject: str
    manifest: ShownManifest
    tags: Sequence[str]
    has_more_tags: bool
    steps: Sequence[StepRow]
    step_count: int
    largest_layer: int
    files: Sequence[FileRow]
    file_count: int
    children: Sequence[ChildRow]
    child_count: int
    referrers: Sequence[ReferrerRow]
    has_more_referrers: bool
    annotations: Sequence[tuple[str, str]]
    annotation_count: int


@dataclass(frozen=True, slots=True)
class Documents:
    """A manifest and its configuration, to read."""

    manifest: Excerpt
    config: Excerpt | None


def tag_row(shown: ShownTag) -> TagRow:
    """Return a line of the list."""
    details = shown.manifest.details if shown.manifest is not None else None
    platforms = [] if details is None else platforms_of(details)
    return TagRow(
        tag=shown.tag,
        kind=kind_of(shown.tag.manifest),
        platforms=[excerpt(each, PLATFORM_BYTES).text for each in platforms[:MOST_PLATFORMS]],
        more_platforms=max(len(platforms) - MOST_PLATFORMS, 0),
        image_count=0 if details is None else len(details.children),
    )


def manifest_view(inspected: Inspected) -> ManifestView:
    """Return all about a manifest, as far as it fits on a page."""
    details, parsed, kind = inspected.manifest.details, inspected.parsed, kind_of(inspected.stored)
    files = () if kind in {Kind.IMAGE, Kind.INDEX} else parsed.layers
    return ManifestView(
        stored=inspected.stored,
        kind=kind,
        platforms=[] if kind is Kind.INDEX else [_word(each) for each in platforms_of(details)],
        author=excerpt(details.author, TEXT_BYTES).text,
        os_version=_word(details.os_version),
        media_type=_word(inspected.stored.media_type),
        artifact_type=_word(inspected.stored.artifact_type or ""),
        subject=str(parsed.subject.digest) if parsed.subject else "",
        manifest=inspected.manifest,
        tags=inspected.tags[:MOST_TAGS],
        has_more_tags=len(inspected.tags) > MOST_TAGS,
        steps=_steps(inspected),
        step_count=len(details.steps),
        largest_layer=max((each.size_bytes for each in details.steps), default=0),
        files=[_file(each) for each in files[:MOST_FILES]],
        file_count=len(files),
        children=[_child(each) for each in inspected.children],
        child_count=len(parsed.manifests),
        referrers=_referrers(inspected),
        has_more_referrers=len(inspected.referrers) > MOST_REFERRERS,
        annotations=_annotations(inspected),
        annotation_count=len(parsed.annotations),
    )


async def documents(inspected: Inspected, config: bytes | None) -> Documents:
    """Return the documents behind a manifest, pretty-printed in a thread: they may be large."""
    manifest = await asyncio.to_thread(pretty_json, inspected.content, DOCUMENT_BYTES)
    if config is None:
        return Documents(manifest, None)
    return Documents(manifest, await asyncio.to_thread(pretty_json, config, DOCUMENT_BYTES))


def history_rows(entries: Sequence[HistoryEntry], current: str, present: set[str]) -> Sequence[HistoryRow]:
    """Return the moves of a tag, each manifest that it can go back to offered once: where it came to the tag last."""
    offered = {current}
    rows = []
    for entry in entries:
        target = entry.digest or entry.previous_digest or ""
        back_to = target if target in present and target not in offered else ""
        offered.add(target)
        rows.append(HistoryRow(entry, back_to))
    return rows


def _steps(inspected: Inspected) -> list[StepRow]:
    budget = Budget(LINES_BYTES)
    steps = inspected.manifest.details.steps[:MOST_STEPS]
    return [
        StepRow(budget.take(each.line, LINE_BYTES), each.layer_digest, each.size_bytes, each.is_empty)
        for each in steps
    ]


def _file(layer: Descriptor) -> FileRow:
    title = excerpt(layer.annotations.get(TITLE_ANNOTATION, ""), TEXT_BYTES).text
    return FileRow(title, _word(layer.media_type), str(layer.digest), layer.size_bytes)


def _child(shown: ShownManifest) -> ChildRow:
    platform = platform_name(shown.platform) if shown.platform is not None else ""
    media_type = shown.platform.media_type if shown.platform is not None else ""
    return ChildRow(shown.digest, _word(platform), _word(media_type), shown.stored)


def _referrers(inspected: Inspected) -> list[ReferrerRow]:
    named = [
        ReferrerRow(kind_of_companion(tag), "", digest, tag, None)
        for tag, digest in sorted(inspected.companions.items())
    ]
    found = inspected.referrers[:MOST_REFERRERS]
    return [
        *(
            ReferrerRow(kind_of(each), _word(each.artifact_type or each.media_type), each.digest, "", each)
            for each in found
        ),
        *named,
    ]


def _annotations(inspected: Inspected) -> list[tuple[str, str]]:
    budget = Budget(ANNOTATIONS_BYTES)
    wanted = sorted(inspected.parsed.annotations.items())[:MOST_ANNOTATIONS]
    return [
        (budget.take(name, WORD_BYTES).text, budget.take(value, TEXT_BYTES).text) for name, value in wanted
    ]


def _word(text: str) -> str:
    return excerpt(text, WORD_BYTES).text
