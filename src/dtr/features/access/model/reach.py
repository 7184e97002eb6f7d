"""What a caller may do beyond single repositories: in a namespace, and with the whole registry."""

from dtr.core.principal import Principal, PrincipalKind
from dtr.features.access.model.roles import LEAST_RANK, NamespaceOperation, NamespaceRank


def decide_namespace(
    principal: Principal, namespace: str, rank: NamespaceRank | None
) -> frozenset[NamespaceOperation]:
    """Decide what `principal`, who has `rank` as a member, may do in a namespace. Everybody owns the one of their name.

    A limited principal may do nothing there: permits are about repositories.
    """
    if principal.is_anonymous or principal.is_limited:
        return frozenset()
    if principal.is_admin:
        return frozenset(NamespaceOperation)
    own = (
        NamespaceRank.OWNER if principal.name == namespace and principal.kind is PrincipalKind.USER else rank
    )
    allowed = {each for each, least in LEAST_RANK.items() if own is not None and own.rank >= least.rank}
    return (
        frozenset(allowed | {NamespaceOperation.VIEW_MEMBERS}) if principal.is_auditor else frozenset(allowed)
    )


def may_list_catalog(principal: Principal) -> bool:
    """Tell whether the caller may ask for the catalog. It shows only what they may see."""
    return not principal.is_anonymous


def may_administer(principal: Principal) -> bool:
    """Tell whether the caller may change what concerns the whole registry."""
    return principal.is_admin and not principal.is_limited


def may_audit(principal: Principal) -> bool:
    """Tell whether the caller may read what concerns the whole registry: settings, logs, all accounts."""
    return (principal.is_admin or principal.is_auditor) and not principal.is_limited
