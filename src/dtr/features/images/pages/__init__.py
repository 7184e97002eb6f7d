"""The pages about tags and images.

| module | holds |
| --- | --- |
| `lists` | the tags of a repository, and those that can be brought back |
| `single` | one tag or manifest from all sides |
| `actions` | deletion, undelete, roll-back |
| `storage` | what the stored blobs take |
| `views` | what the pages show, bounded |
| `kinds` | what manifests are |
| `texts` | texts that clients wrote, made fit for a page |
"""

from fastapi import APIRouter

from dtr.features.images.pages import lists, single
from dtr.features.images.pages.actions import actions
from dtr.features.images.pages.room import Room
from dtr.features.images.service.history import TagHistory
from dtr.features.images.service.inspection import Inspection
from dtr.features.images.service.tags import Tags
from dtr.features.repositories.service import Repositories
from dtr.plumbing.web.pages import Web

__all__ = ["pages"]


def pages(
    repositories: Repositories, tags: Tags, history: TagHistory, inspection: Inspection, web: Web
) -> APIRouter:
    """Return all routes of this room."""
    room = Room(repositories, tags, history, inspection, web)
    router = APIRouter(include_in_schema=False)
    for each in (lists.pages(room), single.pages(room), actions(room)):
        router.include_router(each)
    return router
