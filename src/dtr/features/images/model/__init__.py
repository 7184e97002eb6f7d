"""What blobs, manifests and tags are, and what is told of them.

| module | holds |
| --- | --- |
| `images` | stored blobs and manifests, uploads, tags, gates of a push |
| `details` | what is worth knowing about an image, read off its documents |
| `usage` | what the stored blobs take, and whose they are |
"""

from dtr.features.images.model.images import (
    DEFAULT_PLATFORM,
    Cause,
    Change,
    DeletedTag,
    HistoryEntry,
    ImmutableTags,
    ListedManifest,
    ListedTag,
    ManifestGone,
    ManifestPush,
    NoSuchTag,
    Place,
    Preconditions,
    PushedManifest,
    PushGate,
    Referrer,
    StoredBlob,
    StoredManifest,
    TagExists,
    TagFilter,
    TagMove,
    TagOrder,
    TagRemoval,
    UploadSession,
    WantedReferrers,
    immutable,
    no_such_manifest,
    no_such_tag,
)

__all__ = [
    "DEFAULT_PLATFORM",
    "Cause",
    "Change",
    "DeletedTag",
    "HistoryEntry",
    "ImmutableTags",
    "ListedManifest",
    "ListedTag",
    "ManifestGone",
    "ManifestPush",
    "NoSuchTag",
    "Place",
    "Preconditions",
    "PushGate",
    "PushedManifest",
    "Referrer",
    "StoredBlob",
    "StoredManifest",
    "TagExists",
    "TagFilter",
    "TagMove",
    "TagOrder",
    "TagRemoval",
    "UploadSession",
    "WantedReferrers",
    "immutable",
    "no_such_manifest",
    "no_such_tag",
]
