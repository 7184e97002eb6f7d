"""What rooms share when they declare control-plane routes in their `api.py`: callers, pages, shapes, documented errors.

The only place beside `doors/api` that knows FastAPI's ways; the data plane never imports it.
"""

from dtr.plumbing.api.callers import AnyCaller, SignedIn
from dtr.plumbing.api.errors import documented
from dtr.plumbing.api.pages import EnziPage, PagedList, paged
from dtr.plumbing.api.paths import RepositoryInPath
from dtr.plumbing.api.permits import PermitShape
from dtr.plumbing.api.shapes import Count, Flag, Moment, Shape

__all__ = [
    "AnyCaller",
    "Count",
    "EnziPage",
    "Flag",
    "Moment",
    "PagedList",
    "PermitShape",
    "RepositoryInPath",
    "Shape",
    "SignedIn",
    "documented",
    "paged",
]
