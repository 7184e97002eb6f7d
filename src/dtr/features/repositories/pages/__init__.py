"""The pages about repositories.

| module | holds |
| --- | --- |
| `lists` | the list, and the form for a new one |
| `details` | what a repository is about, and its settings |
| `permissions` | who may do what with it |
| `teams` | one team: members, levels |
| `fields` | the fields of the forms |
| `reasons` | reasons for access, as many as fit on a page |
| `kit` | what they are rendered with |
| `addresses` | where the pages are; the way from an old name to the present one |

The head that every page of a repository begins with is in `templates/head.html`, for other rooms as well.
"""

from fastapi import APIRouter

from dtr.features.repositories.pages import lists, permissions
from dtr.features.repositories.pages.addresses import REPOSITORY, address_of, present_address
from dtr.features.repositories.pages.details import info_pages, settings_pages
from dtr.features.repositories.pages.kit import Kit
from dtr.features.repositories.service import Management, Renaming, Repositories
from dtr.features.repositories.service.granting import Granting

__all__ = ["REPOSITORY", "Kit", "address_of", "pages", "present_address"]


def pages(
    repositories: Repositories, management: Management, renaming: Renaming, granting: Granting, kit: Kit
) -> APIRouter:
    """Return all routes of this room."""
    router = APIRouter(include_in_schema=False)
    for each in (
        lists.pages(repositories, management, kit),
        info_pages(repositories, granting.explanations, kit),
        settings_pages(repositories, management, renaming, kit.web),
        permissions.pages(repositories, granting, kit.web),
    ):
        router.include_router(each)
    return router
