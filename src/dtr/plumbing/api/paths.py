"""Names in the paths of routes."""

from typing import Annotated

from fastapi import Depends, Path

from dtr.oci.errors import NameInvalid, NameUnknown
from dtr.oci.names import RepositoryName

ESCAPED_SLASH = "%2F"
"""How a slash inside one component arrives at a route: the door decodes everything else."""


def unescaped(component: str) -> str:
    """Return a component of the path with the slashes that were escaped in it."""
    return component.replace(ESCAPED_SLASH, "/")


def _repository_in_path(
    namespace: Annotated[str, Path(description="The account that the repository belongs to.")],
    reponame: Annotated[
        str, Path(description="The rest of the name; slashes in it are written as %2F.", examples=["app"])
    ],
) -> RepositoryName:
    try:
        return RepositoryName.parse(f"{unescaped(namespace)}/{unescaped(reponame)}")
    except NameInvalid as error:
        raise NameUnknown("there is no repository of such a name") from error


RepositoryInPath = Annotated[RepositoryName, Depends(_repository_in_path)]
"""The repository of a route below `/repositories/{namespace}/{reponame}`. Names that none can have are unknown."""
