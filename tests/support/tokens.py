"""The tokens room, put together as wiring does it."""

from dtr.core.clock import Clock
from dtr.features.access.model import AccessPolicy
from dtr.features.repositories.service import Repositories
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.revocations import Revocations
from dtr.features.tokens.service import TokenService
from dtr.plumbing.db import Database


class TokensRoom:
    """What issues and checks tokens in one process."""

    def __init__(self, database: Database, keys: KeyRingStore, clock: Clock, rules: TokenRules) -> None:
        self.revocations = Revocations(database, clock, rules)
        self.checker = TokenChecker(keys, rules, clock, self.revocations)
        self.service = TokenService(
            database, Repositories(database), keys, clock, rules, _create_on_push, self.revocations
        )


async def _create_on_push() -> AccessPolicy:
    return AccessPolicy(create_on_push=True)
