"""The use cases of the repositories room.

| module | holds |
| --- | --- |
| `repositories` | looking at one, lists, the catalog |
| `management` | making, changing, deleting |
| `renaming` | other names, and what old ones are good for |
| `creation` | how a repository comes to be, by a push as well |
| `access`, `namespace_access` | who is granted which level, on a repository or a whole namespace |
| `explain` | why somebody may do something, and who may |
| `granting` | these three in one bundle |
| `guard`, `namespaces` | whether a caller may do something, for this room and all to its right |
"""

from dtr.features.repositories.service.management import Management
from dtr.features.repositories.service.renaming import Renaming
from dtr.features.repositories.service.repositories import Repositories, RepositoryView

__all__ = ["Management", "Renaming", "Repositories", "RepositoryView"]
