"""Tokens, refresh tokens and signing keys, on both databases."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from dtr.core.actions import Scope, parse_scopes
from dtr.core.clock import FakeClock
from dtr.core.errors import Unauthorized
from dtr.core.principal import ANONYMOUS, Principal
from dtr.doors.tokenservice import MAX_SCOPE_CHARACTERS
from dtr.features.accounts.model import Account, ProvenLogin
from dtr.features.accounts.model.accounts import AccountChanges
from dtr.features.accounts.store import accounts as account_store
from dtr.features.repositories.model import RepositoryChanges, Visibility
from dtr.features.repositories.store import repositories as repository_store
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import IssuedToken, TokenGrant, TokenRules, hash_of_token
from dtr.features.tokens.store import client_tokens as store
from dtr.features.tokens.store import signing_keys
from dtr.oci.names import RepositoryName
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction
from tests.support.tokens import TokensRoom

DAY = 24 * 3600
RULES = TokenRules(
    issuer="dtr", service="dtr", lifetime_seconds=300, leeway_seconds=5, rotate_seconds=30 * DAY
)
ADMIN = Principal("1", "admin", is_admin=True)
ALICE = Principal("2", "alice")


class Process:
    """The tokens room of one worker process."""

    def __init__(self, database: Database, clock: FakeClock, secret: bytes) -> None:
        self.keys = KeyRingStore(database, SecretBox(secret), clock, RULES)
        room = TokensRoom(database, self.keys, clock, RULES)
        self.database, self.revocations = database, room.revocations
        self.checker, self.tokens = room.checker, room.service

    async def issue(self, principal: Principal, *scopes: str) -> IssuedToken:
        return await self.tokens.issue(principal, parse_scopes(scopes))

    async def check(self, issued: IssuedToken) -> TokenGrant:
        return await self.checker.check(b"Bearer " + issued.token.encode())

    def peek(self, authorization: bytes) -> TokenGrant | None:
        return self.checker.peek(authorization, self.database.generation())

    async def grant(self, principal: Principal, *scopes: str) -> TokenGrant:
        return await self.check(await self.issue(principal, *scopes))


class Registry:
    """A database with one user, and processes that share it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self._secret = secrets.token_bytes(32)

    def process(self) -> Process:
        return Process(self.database, self.clock, self._secret)

    def login(self, principal: Principal) -> ProvenLogin:
        """Return the login of a user whose password never changed."""
        account = Account(
            principal.account_id or "",
            principal.name or "",
            full_name="",
            is_admin=principal.is_admin,
            is_active=True,
            created_at=self.clock.now(),
        )
        return ProvenLogin(account, credentials_version=1)

    async def make_accounts(self) -> None:
        def write(tx: Transaction) -> None:
            for principal in (ADMIN, ALICE):
                account_store.insert(tx, self.login(principal).account, "hash")

        await self.database.write(write)

    async def make_repositories(self, *paths: str, public: Sequence[str] = ()) -> None:
        def write(tx: Transaction) -> None:
            for path in (*paths, *public):
                repository_store.insert(tx, RepositoryName.parse(path), self.clock.now())
            for path in public:
                repository_store.change(tx, path, RepositoryChanges(visibility=Visibility.PUBLIC))

        await self.database.write(write)

    async def revoke(self, principal: Principal) -> None:
        account_id = principal.account_id or ""
        await self.database.write(lambda tx: store.revoke_refresh_tokens(tx, account_id))


def untokened(principal: Principal) -> Principal:
    """Return the caller without the token that proved them."""
    assert principal.token_id
    return replace(principal, token_id=None)


@pytest.fixture
async def registry(database: Database) -> Registry:
    registry = Registry(database)
    await registry.make_accounts()
    return registry


def granted(issued: IssuedToken) -> list[str]:
    return [str(scope) for scope in issued.granted]


@pytest.mark.item("7")
async def test_a_token_carries_the_granted_part_of_what_was_asked(registry: Registry) -> None:
    await registry.make_repositories("bob/secret", public=["bob/site"])

    grant = await registry.process().grant(
        ALICE, "repository:alice/app:pull,push repository:bob/site:pull,push", "repository:bob/secret:pull"
    )

    assert grant.subject == "alice"
    assert grant.allows("repository", "alice/app", "push")
    assert grant.allows("repository", "bob/site", "pull")
    assert not grant.allows("repository", "bob/site", "push")
    assert not grant.allows("repository", "bob/secret", "pull")


@pytest.mark.item("5")
async def test_a_token_remembers_what_was_asked_in_vain(registry: Registry) -> None:
    await registry.make_repositories(public=["bob/site"])

    grant = await registry.process().grant(ALICE, "repository:bob/site:pull,push")

    assert grant.was_denied("repository", "bob/site", "push")
    assert not grant.was_denied("repository", "bob/site", "pull"), "it was granted"
    assert not grant.was_denied("repository", "bob/site", "delete"), "it was not asked for"
    assert not grant.was_denied("repository", "bob/other", "push")


async def test_asking_for_everything_gets_everything_that_is_allowed(registry: Registry) -> None:
    await registry.make_repositories("alice/app", public=["bob/site"])
    process = registry.process()

    own = await process.issue(ALICE, "repository:alice/app:*")
    others = await process.grant(ALICE, "repository:bob/site:*")
    admin = await process.grant(ADMIN, "repository:bob/site:*")

    assert granted(own) == ["repository:alice/app:delete,pull,push"]
    assert others.allows("repository", "bob/site", "pull")
    assert others.was_denied("repository", "bob/site", "push")
    assert admin.allows("repository", "bob/site", "delete")


@pytest.mark.item("7")
@pytest.mark.parametrize(
    "scope",
    [
        "repository:Alice/App:pull",
        "repository:alice//app:push",
        "repository:../etc:pull",
        "repository:alice/app:fly",
        "registry:everything:*",
        "nonsense:alice/app:pull",
        "not a scope at all",
        "repository:alice/app:",
    ],
)
async def test_an_unknown_or_malformed_scope_is_no_error_and_gives_nothing(
    registry: Registry, scope: str
) -> None:
    issued = await registry.process().issue(ALICE, scope)

    assert issued.granted == ()


async def test_a_token_for_the_longest_request_still_fits_into_a_header(registry: Registry) -> None:
    scopes = [f"repository:alice/{number:06}:pull,push,delete" for number in range(100)]
    assert sum(map(len, scopes)) >= MAX_SCOPE_CHARACTERS - 100

    issued = await registry.process().issue(ALICE, *scopes)

    assert len(issued.granted) == 100
    assert len(issued.token) < 14 * 1024


async def test_scopes_of_one_repository_are_joined(registry: Registry) -> None:
    issued = await registry.process().issue(
        ALICE, "repository:alice/app:pull", "repository:alice/b:pull", "repository:alice/app:push,pull"
    )

    assert granted(issued) == ["repository:alice/app:pull,push", "repository:alice/b:pull"]


async def test_a_plugin_is_a_repository_of_another_class(registry: Registry) -> None:
    issued = await registry.process().issue(ALICE, "repository(plugin):alice/app:pull,push")

    assert granted(issued) == ["repository(plugin):alice/app:pull,push"]
    assert (await registry.process().check(issued)).allows("repository", "alice/app", "push")


@pytest.mark.item("85")
async def test_the_catalog_scope_is_for_callers_with_a_name(registry: Registry) -> None:
    process = registry.process()

    alice = await process.grant(ALICE, "registry:catalog:*")
    nobody = await process.grant(ANONYMOUS, "registry:catalog:*")

    assert alice.allows("registry", "catalog", "*")
    assert not nobody.allows("registry", "catalog", "*")


async def test_the_anonymous_caller_gets_a_token_without_a_name(registry: Registry) -> None:
    await registry.make_repositories("alice/app", public=["bob/site"])

    grant = await registry.process().grant(
        ANONYMOUS, "repository:bob/site:pull,push repository:alice/app:pull"
    )

    assert grant.subject == ""
    assert grant.allows("repository", "bob/site", "pull")
    assert not grant.allows("repository", "bob/site", "push")
    assert not grant.allows("repository", "alice/app", "pull")


async def test_a_token_ends_when_it_says(registry: Registry) -> None:
    process = registry.process()
    issued = await process.issue(ALICE)
    header = b"Bearer " + issued.token.encode()
    await process.check(issued)

    registry.clock.advance(issued.expires_in_seconds + RULES.leeway_seconds - 1)
    assert await process.check(issued) == process.peek(header)

    registry.clock.advance(2)
    assert process.peek(header) is None
    with pytest.raises(Unauthorized) as refused:
        await process.check(issued)
    assert refused.value.detail["reason"] == "invalid_token"


async def test_only_a_token_that_was_verified_before_is_known_at_a_glance(registry: Registry) -> None:
    process = registry.process()
    issued = await process.issue(ALICE)
    header = b"Bearer " + issued.token.encode()

    assert process.peek(header) is None
    assert await process.check(issued) == process.peek(header)


@pytest.mark.parametrize("header", [b"Basic YWxpY2U6c2VjcmV0", b"", b"Bearer", b"Negotiate abc"])
async def test_a_header_without_a_bearer_token_is_no_invalid_token(registry: Registry, header: bytes) -> None:
    with pytest.raises(Unauthorized) as refused:
        await registry.process().checker.check(header)

    assert "reason" not in refused.value.detail


@pytest.mark.parametrize("token", [b"", b"x", b"a.b.c", b"\xff\xfe", b"..", b"e30.e30.e30"])
async def test_rubbish_is_an_invalid_token(registry: Registry, token: bytes) -> None:
    with pytest.raises(Unauthorized) as refused:
        await registry.process().checker.check(b"Bearer " + token)

    assert refused.value.detail["reason"] == "invalid_token"


async def test_a_changed_token_is_refused(registry: Registry) -> None:
    process = registry.process()
    issued = await process.issue(ALICE)
    head, claims, signature = issued.token.split(".")
    forged = ".".join((head, claims, ("A" if signature[0] != "A" else "B") + signature[1:]))

    with pytest.raises(Unauthorized):
        await process.checker.check(f"Bearer {forged}".encode())


async def test_every_process_takes_the_tokens_of_every_other(registry: Registry) -> None:
    first, second = registry.process(), registry.process()

    assert (await second.check(await first.issue(ALICE))).subject == "alice"
    assert (await first.check(await second.issue(ALICE))).subject == "alice"
    assert len(await first.keys.list_all()) == 1


async def test_a_rotated_key_is_used_at_once_and_the_old_tokens_stay_good(registry: Registry) -> None:
    first, second = registry.process(), registry.process()
    before = await first.issue(ALICE)
    await second.check(before)
    registry.clock.advance(1)

    await first.keys.rotate()
    after = await first.issue(ALICE)

    assert (await second.check(after)).subject == "alice", (
        "an unknown key makes the process read the keys again"
    )
    assert (await registry.process().check(before)).subject == "alice"


async def test_unknown_keys_make_a_process_read_the_keys_at_most_once_a_second(registry: Registry) -> None:
    first, second = registry.process(), registry.process()
    await second.issue(ALICE)
    await first.keys.rotate()
    unknown = await first.issue(ALICE)

    with pytest.raises(Unauthorized):
        await second.check(unknown)

    registry.clock.advance(1)
    assert (await second.check(unknown)).subject == "alice"


async def test_a_key_is_replaced_when_it_is_old_enough(registry: Registry) -> None:
    process = registry.process()
    first = (await process.keys.load()).active.kid

    registry.clock.advance(30 * DAY - 61)
    assert (await process.keys.ring()).active.kid == first

    registry.clock.advance(61)
    assert (await process.keys.ring()).active.kid != first


async def test_a_retired_key_is_dropped_after_its_last_token_has_expired(registry: Registry) -> None:
    process = registry.process()
    await process.keys.load()
    await process.keys.rotate()
    registry.clock.advance(3600)

    await process.keys.rotate()

    retired = [key.retired_at is not None for key in await process.keys.list_all()]
    assert retired == [True, False], "the first of three is gone"


async def test_a_token_made_with_a_stolen_old_key_is_refused_soon_after_the_rotation(
    registry: Registry,
) -> None:
    process = registry.process()
    stolen = (await process.keys.load()).active
    issued = await process.issue(ALICE)
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    forged = tokens.sign({**claims, "exp": claims["exp"] + 365 * DAY}, stolen)
    await process.checker.check(b"Bearer " + forged.encode())

    await process.keys.rotate()
    registry.clock.advance(2 * RULES.lifetime_seconds)

    for checker in (process.checker, registry.process().checker):
        with pytest.raises(Unauthorized):
            await checker.check(b"Bearer " + forged.encode())
    assert [key.retired_at for key in await process.keys.list_all()] == [None]


async def test_private_keys_do_not_lie_open_in_the_database(registry: Registry) -> None:
    await registry.process().keys.load()

    [stored] = await registry.database.read(signing_keys.list_keys)

    assert b"PRIVATE KEY" not in stored.sealed_key


async def test_a_refresh_token_stands_for_its_user(registry: Registry) -> None:
    process = registry.process()

    token = await process.tokens.new_refresh_token(registry.login(ALICE), "docker")

    assert untokened(await registry.process().tokens.redeem(token)) == ALICE


async def test_only_the_hash_of_a_refresh_token_is_stored(registry: Registry) -> None:
    token = await registry.process().tokens.new_refresh_token(registry.login(ALICE), "docker\0\n" + "x" * 500)
    now = registry.clock.now()

    assert await registry.database.read(lambda tx: store.find_token(tx, token, now)) is None
    assert (
        await registry.database.read(lambda tx: store.find_token(tx, hash_of_token(token), now)) is not None
    )


async def test_revoked_refresh_tokens_are_refused_and_those_of_others_stay(registry: Registry) -> None:
    tokens = registry.process().tokens
    mine = await tokens.new_refresh_token(registry.login(ALICE), "")
    others = await tokens.new_refresh_token(registry.login(ADMIN), "")

    await registry.revoke(ALICE)

    with pytest.raises(Unauthorized):
        await tokens.redeem(mine)
    assert untokened(await tokens.redeem(others)) == ADMIN


async def test_a_refresh_token_of_a_disabled_user_is_refused(registry: Registry) -> None:
    tokens = registry.process().tokens
    token = await tokens.new_refresh_token(registry.login(ALICE), "")

    disabled = AccountChanges(is_active=False)
    await registry.database.write(lambda tx: account_store.change(tx, ALICE.account_id or "", disabled))

    with pytest.raises(Unauthorized):
        await tokens.redeem(token)


async def test_a_refresh_token_lives_as_long_as_it_is_used(registry: Registry) -> None:
    tokens = registry.process().tokens
    token = await tokens.new_refresh_token(registry.login(ALICE), "")

    for _ in range(3):
        registry.clock.advance(timedelta(days=80).total_seconds())
        assert untokened(await tokens.redeem(token)) == ALICE
    registry.clock.advance(timedelta(days=90).total_seconds())

    with pytest.raises(Unauthorized):
        await tokens.redeem(token)


async def test_an_account_keeps_a_bounded_number_of_refresh_tokens(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REFRESH_KEPT", 3)
    tokens = registry.process().tokens
    made = []
    for _ in range(5):
        made.append(await tokens.new_refresh_token(registry.login(ALICE), ""))
        registry.clock.advance(1)

    for token in made[:2]:
        with pytest.raises(Unauthorized):
            await tokens.redeem(token)
    for token in made[2:]:
        assert untokened(await tokens.redeem(token)) == ALICE


@pytest.mark.parametrize("token", ["", "dtr_refresh_guess", "nul\0"])
async def test_a_guessed_refresh_token_is_refused(registry: Registry, token: str) -> None:
    with pytest.raises(Unauthorized):
        await registry.process().tokens.redeem(token)


def test_scopes_read_as_clients_write_them() -> None:
    assert parse_scopes(["repository:a/b:pull,push"]) == [
        Scope("repository", "a/b", frozenset({"pull", "push"}))
    ]
