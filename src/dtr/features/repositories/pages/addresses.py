"""Where the pages of a repository are."""

from fastapi import Request
from fastapi.responses import RedirectResponse

from dtr.features.repositories.service import RepositoryView
from dtr.oci.names import RepositoryName
from dtr.plumbing.api.paths import ESCAPED_SLASH

REPOSITORY = "/repositories/{namespace}/{reponame}"
"""The route of a repository's first page; those of its other pages begin so."""


def address_of(path: str) -> str:
    """Return the address of the first page of the repository at a path."""
    namespace, _, name = path.partition("/")
    return f"/repositories/{namespace}/{name.replace('/', ESCAPED_SLASH)}"


def present_address(
    request: Request, asked: RepositoryName, found: RepositoryView
) -> RedirectResponse | None:
    """Return the way to the same page under the repository's present name, if it was asked for by an old one.

    For now only: the old name may become another repository's.
    """
    if found.repository.path == asked.path:
        return None
    rest = request.url.path.removeprefix(address_of(asked.path))
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{address_of(found.repository.path)}{rest}{query}", 303)
