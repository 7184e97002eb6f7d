"""The pages about repositories.

| module | holds |
| --- | --- |
| `lists` | the list, and the form for a new one |
| `details` | what a repository is about, and its settings |
| `permissions` | who may do what with it |
| `fields` | the fields of the forms |
| `addresses` | where the pages are; the way from an old name to the present one |

The head that every page of a repository begins with is in `templates/head.html`, for other rooms as well.
"""

from fastapi import APIRouter

from dtr.features.repositories.pages import lists, permissions
from dtr.features.repositories.pages.addresses import REPOSITORY, address_of, present_address
from dtr.features.repositories.pages.details import info_pages, settings_pages
from dtr.features.repositories.service import Management, Renaming, Repositories
from dtr.features.repositories.service.granting import Granting
from dtr.plumbing.web.pages import Web

__all__ = ["REPOSITORY", "address_of", "pages", "present_address"]


def pages(
    repositories: Repositories, management: Management, renaming: Renaming, granting: Granting, web: Web
) -> APIRouter:
    """Return all routes of this room."""
    router = APIRouter(include_in_schema=False)
    for each in (
        lists.pages(repositories, management, web),
        info_pages(repositories, granting.explanations, web),
        settings_pages(repositories, management, renaming, web),
        permissions.pages(repositories, granting, web),
    ):
        router.include_router(each)
    return router
