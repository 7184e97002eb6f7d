"""The room's routes of the control plane.

| module | holds |
| --- | --- |
| `repositories` | lists, making, changing, renaming, deleting |
| `access` | who was granted what, and why somebody may do what |
| `access_shapes` | what requests and answers about access look like |
"""

from dtr.features.repositories.api.access import (
    explanation_router,
    namespace_router,
    overview_router,
    repository_router,
)
from dtr.features.repositories.api.repositories import (
    RepositoryShape,
    accounts_router,
    reading_router,
    repository_shape,
    writing_router,
)

__all__ = [
    "RepositoryShape",
    "accounts_router",
    "explanation_router",
    "namespace_router",
    "overview_router",
    "reading_router",
    "repository_router",
    "repository_shape",
    "writing_router",
]
