"""Tokens as only the registry itself can sign them, with claims of the tests' choice."""

import asyncio
import time
from typing import Any

from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.keyring import SigningKey
from dtr.settings.tree import Settings
from dtr.wiring.parts import build_parts, opened
from tests.support.server import ServerProcess


def signing_key(server: ServerProcess) -> SigningKey:
    """Read the key that a running registry signs with, from its database and its master key."""
    settings = Settings(data=server.data, database=server.database_url)

    async def read() -> SigningKey:
        async with opened(build_parts(settings, "tests.")) as parts:
            ring = await parts.keys.load()
            return ring.active

    return asyncio.run(read())


def claims_for(name: str, repository: str, *actions: str, seconds: int = 60, **other: Any) -> dict[str, Any]:
    """Make the claims of a token that is good from now on for some seconds; `other` ones replace them."""
    now = int(time.time())
    return {
        "iss": "dtr",
        "aud": "dtr",
        "sub": name,
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "jti": "of-a-test",
        "access": [{"type": "repository", "name": repository, "actions": list(actions)}],
        **other,
    }


def signed(claims: dict[str, Any], key: SigningKey) -> str:
    """Sign claims."""
    return tokens.sign(claims, key)
