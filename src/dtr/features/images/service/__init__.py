"""The use cases of the images room: reading, uploading, pushing, listing."""

from dataclasses import dataclass

from dtr.features.images.service.blobs import Blobs
from dtr.features.images.service.lists import Lists
from dtr.features.images.service.manifests import Manifests
from dtr.features.images.service.pulls import PullCounter
from dtr.features.images.service.uploads import Uploads

__all__ = ["Blobs", "Images", "Lists", "Manifests", "PullCounter", "Uploads"]


@dataclass(frozen=True, slots=True)
class Images:
    """All services of the room."""

    blobs: Blobs
    uploads: Uploads
    manifests: Manifests
    lists: Lists
    pulls: PullCounter
