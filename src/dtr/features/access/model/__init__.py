"""The table of roles: a caller, what they were granted, the operations that follow.

Grants only add. What nothing grants is not allowed.

| module | holds |
| --- | --- |
| `roles` | operations, levels, ranks, and which of them needs which |
| `decisions` | one repository: grants, the decision, its reasons |
| `reach` | namespaces, and the whole registry |
"""

from dtr.features.access.model.decisions import (
    CREATING_SOURCES,
    AccessPolicy,
    Decision,
    Grant,
    Reason,
    RepositoryFacts,
    Situation,
    Source,
    decide,
    operations_permitted,
)
from dtr.features.access.model.reach import (
    decide_namespace,
    may_administer,
    may_audit,
    may_list_catalog,
)
from dtr.features.access.model.roles import (
    AUDITOR_OPERATIONS,
    LEAST_LEVEL,
    LEAST_RANK,
    MOVED_OPERATIONS,
    PERMIT_OF,
    PUBLIC_OPERATIONS,
    Level,
    NamespaceOperation,
    NamespaceRank,
    Operation,
    operations_of,
)

__all__ = [
    "AUDITOR_OPERATIONS",
    "CREATING_SOURCES",
    "LEAST_LEVEL",
    "LEAST_RANK",
    "MOVED_OPERATIONS",
    "PERMIT_OF",
    "PUBLIC_OPERATIONS",
    "AccessPolicy",
    "Decision",
    "Grant",
    "Level",
    "NamespaceOperation",
    "NamespaceRank",
    "Operation",
    "Reason",
    "RepositoryFacts",
    "Situation",
    "Source",
    "decide",
    "decide_namespace",
    "may_administer",
    "may_audit",
    "may_list_catalog",
    "operations_of",
    "operations_permitted",
]
