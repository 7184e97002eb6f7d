"""Who a token of the registry protocol was issued to, as the rooms know them now."""

from collections.abc import Awaitable, Callable

from dtr.core.principal import ANONYMOUS, Principal, PrincipalKind, TokenSubject
from dtr.features.accounts.service import Accounts
from dtr.features.robots.service import Robots
from dtr.features.tokens.access_tokens import AccessTokens


def principal_finder(
    accounts: Accounts, robots: Robots, access_tokens: AccessTokens
) -> Callable[[TokenSubject], Awaitable[Principal]]:
    """Return what finds the holder of a token with present rights; nobody in particular if they are gone."""

    async def find(holder: TokenSubject) -> Principal:
        if holder.kind is PrincipalKind.ROBOT:
            return await robots.principal_of(holder.account_id)
        principal = await accounts.principal_of(holder.name)
        if not holder.account_id or principal.account_id != holder.account_id:
            return ANONYMOUS  # another account may have the name by now
        return await access_tokens.limited(principal, holder.via) if holder.via else principal

    return find
