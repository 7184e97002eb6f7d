"""The services about who may do what with repositories, in one bundle."""

from dataclasses import dataclass

from dtr.features.repositories.service.access import RepositoryGrants
from dtr.features.repositories.service.explain import Explanations
from dtr.features.repositories.service.namespace_access import AccessOverviews, NamespaceGrants


@dataclass(frozen=True, slots=True)
class Granting:
    """Granting access, and telling who has which."""

    repositories: RepositoryGrants
    namespaces: NamespaceGrants
    overviews: AccessOverviews
    explanations: Explanations
