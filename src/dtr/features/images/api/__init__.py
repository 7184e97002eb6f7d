"""The room's routes of the control plane."""

from dtr.features.images.api.history import router as history_router
from dtr.features.images.api.storage import router as storage_router
from dtr.features.images.api.tags import router as tags_router

__all__ = ["history_router", "storage_router", "tags_router"]
