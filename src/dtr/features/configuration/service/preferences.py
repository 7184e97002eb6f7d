"""What users set for themselves."""

from dtr.core.errors import Denied
from dtr.core.principal import Caller, PrincipalKind
from dtr.features.access.model import may_administer
from dtr.features.configuration.model import NoSuchUser, check_content_cache
from dtr.features.configuration.store import preferences as store
from dtr.plumbing.db import Database, Transaction


class Preferences:
    """The settings of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def content_cache(self, caller: Caller, name_or_id: str) -> str:
        """Return the content cache that a user pulls through, empty for none. Raises NoSuchUser or Denied."""
        return await self._database.read(
            lambda tx: store.content_cache(tx, _require_user(tx, caller, name_or_id))
        )

    async def set_content_cache(self, caller: Caller, name_or_id: str, content_cache_id: str) -> None:
        """Set the content cache that a user pulls through. Raises InvalidUserSettings, NoSuchUser or Denied."""
        check_content_cache(content_cache_id)
        await self._database.write(
            lambda tx: store.set_content_cache(tx, _require_user(tx, caller, name_or_id), content_cache_id)
        )

    async def language(self, account_id: str) -> str:
        """Return the code of the language that a user reads pages in; empty if none was chosen."""
        return await self._database.read(lambda tx: store.language(tx, account_id))

    async def set_language(self, caller: Caller, code: str) -> None:
        """Set the language that the caller reads pages in. Does nothing for those without an account of their own."""
        principal = caller.principal
        account_id = principal.account_id
        if account_id and principal.kind is PrincipalKind.USER and not principal.is_limited:
            await self._database.write(lambda tx: store.set_language(tx, account_id, code))


def _require_user(tx: Transaction, caller: Caller, name_or_id: str) -> str:
    """Return the id of a user whose settings the caller may read and change: their own, or as administrator."""
    account_id = store.find_user(tx, name_or_id)
    principal = caller.principal
    if account_id is None:
        raise NoSuchUser("there is no such user")
    if not may_administer(principal) and (principal.is_limited or account_id != principal.account_id):
        raise Denied("only the user and administrators may do this")
    return account_id
