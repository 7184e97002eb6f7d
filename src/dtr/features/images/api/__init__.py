"""The room's routes of the control plane."""

from dtr.features.images.api.history import router as history_router
from dtr.features.images.api.tags import router as tags_router

__all__ = ["history_router", "tags_router"]
