"""The operator's commands `dtr user`, `dtr tokens`, `dtr repository` and `dtr keys`, against a real database."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from dtr.core.clock import SystemClock
from dtr.core.errors import Conflict, Invalid, NotFound, RegistryError, TooManyRequests, Unauthorized
from dtr.features.access.model import AccessPolicy
from dtr.features.accounts import store as account_store
from dtr.features.accounts.commands import user
from dtr.features.accounts.model import LoginAttempt
from dtr.features.accounts.service import Accounts
from dtr.features.repositories import store as repository_store
from dtr.features.repositories.commands import repository
from dtr.features.repositories.service import Repositories
from dtr.features.tokens import store as token_store
from dtr.features.tokens.commands import keys, tokens
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.service import TokenService
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction, open_database

RULES = TokenRules("dtr", "dtr", lifetime_seconds=300, leeway_seconds=5, rotate_seconds=86400)


class Operator:
    """Stands in for the invocation of `dtr`: gives commands the parts that they ask for."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Any]:
        database = open_database(self._database_url)
        await database.open()
        try:
            yield self._parts(database)
        finally:
            await database.close()

    @staticmethod
    def _parts(database: Database) -> SimpleNamespace:
        clock, policy = SystemClock(), AccessPolicy(create_on_push=True)
        repositories = Repositories(database)
        keys = KeyRingStore(database, SecretBox(bytes(32)), clock, RULES)
        return SimpleNamespace(
            database=database,
            accounts=Accounts(database, PasswordHasher(), clock, token_store.revoke_refresh_tokens),
            repositories=repositories,
            keys=keys,
            token_service=TokenService(database, repositories, keys, clock, RULES, policy),
        )

    def run(self, command: click.Command, *arguments: str, stdin: str = "") -> Result:
        result = CliRunner().invoke(command, arguments, obj=self, input=stdin)
        if isinstance(result.exception, RegistryError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    def use(self, work: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            async with self.operator() as parts:
                return await work(parts)

        return asyncio.run(run())

    def can_log_in(self, name: str, password: str) -> bool:
        try:
            self.use(lambda parts: parts.accounts.authenticate(name, password, "192.0.2.1"))
        except Unauthorized:
            return False
        return True


@pytest.fixture
def operator(database_url: str) -> Operator:
    return Operator(database_url)


def test_a_generated_password_is_printed_once_and_alone(operator: Operator) -> None:
    added = operator.run(user, "add", "alice", "--full-name", "Alice A.")

    assert operator.can_log_in("alice", added.stdout.strip())
    assert added.stdout.strip() not in added.stderr


def test_a_password_from_standard_input_is_not_printed(operator: Operator) -> None:
    added = operator.run(user, "add", "root", "--admin", "--password-stdin", stdin="chosen by hand\n")

    assert added.stdout == ""
    assert operator.can_log_in("root", "chosen by hand")


def test_mistakes_are_told(operator: Operator) -> None:
    operator.run(user, "add", "alice")

    with pytest.raises(Conflict):
        operator.run(user, "add", "alice")
    with pytest.raises(Invalid):
        operator.run(user, "add", "bob", "--password-stdin", stdin="short\n")


def test_users_are_listed_for_people_and_for_programs(operator: Operator) -> None:
    operator.run(user, "add", "root", "--admin")
    operator.run(user, "add", "alice", "--full-name", "Alice A.")
    operator.run(user, "disable", "root")

    listed = json.loads(operator.run(user, "list", "--output", "json").stdout)

    assert [(each["name"], each["isAdmin"], each["isActive"]) for each in listed] == [
        ("alice", False, True),
        ("root", True, False),
    ]
    assert operator.run(user, "list").stdout == "alice\tuser\tAlice A.\nroot\tdisabled\n"


def test_a_user_is_locked_out_and_let_in_again(operator: Operator) -> None:
    password = operator.run(user, "add", "alice").stdout.strip()

    operator.run(user, "disable", "alice")
    assert not operator.can_log_in("alice", password)

    operator.run(user, "enable", "alice")
    assert operator.can_log_in("alice", password)


def test_a_new_password_replaces_the_old(operator: Operator) -> None:
    old = operator.run(user, "add", "alice").stdout.strip()

    new = operator.run(user, "password", "alice").stdout.strip()

    assert operator.can_log_in("alice", new)
    assert not operator.can_log_in("alice", old)


def test_an_unlocked_user_need_not_wait(operator: Operator) -> None:
    password = operator.run(user, "add", "alice").stdout.strip()
    attempt, now = LoginAttempt.of("alice", "192.0.2.1"), SystemClock().now()

    def fail_often(tx: Transaction) -> None:
        for _ in range(20):
            account_store.count_failure(tx, attempt, now)

    operator.use(lambda parts: parts.database.write(fail_often))
    with pytest.raises(TooManyRequests):
        operator.can_log_in("alice", password)

    operator.run(user, "unlock", "alice")

    assert operator.can_log_in("alice", password)


def test_refresh_tokens_are_listed_and_revoked(operator: Operator) -> None:
    password = operator.run(user, "add", "alice").stdout.strip()

    async def make_refresh_token(parts: Any) -> str:
        login = await parts.accounts.log_in("alice", password, "192.0.2.1")
        token: str = await parts.token_service.new_refresh_token(login, "docker")
        return token

    token = operator.use(make_refresh_token)

    [listed] = json.loads(operator.run(tokens, "list", "alice", "--output", "json").stdout)
    assert listed["label"] == "docker"
    text = operator.run(tokens, "list", "alice").stdout
    assert text.startswith("docker\tcreated ")
    assert token not in text

    operator.run(tokens, "revoke", "alice")

    assert operator.run(tokens, "list", "alice").stdout == ""
    with pytest.raises(Unauthorized):
        operator.use(lambda parts: parts.token_service.redeem(token))


def test_tokens_of_an_unknown_user_are_a_mistake(operator: Operator) -> None:
    for command in ("list", "revoke"):
        with pytest.raises(NotFound):
            operator.run(tokens, command, "bob")


def test_a_repository_is_shown_and_changed(operator: Operator) -> None:
    name, now = RepositoryName.parse("alice/app"), SystemClock().now()
    operator.use(lambda parts: parts.database.write(lambda tx: repository_store.ensure(tx, name, now)))

    operator.run(repository, "set", "alice/app", "--visibility", "public", "--immutable-tags")

    shown = json.loads(operator.run(repository, "show", "alice/app", "--output", "json").stdout)
    assert (shown["visibility"], shown["immutableTags"], shown["strictSizes"]) == ("public", True, False)
    assert "immutableTags: yes\n" in operator.run(repository, "show", "alice/app").stdout
    assert operator.run(repository, "list").stdout == "alice/app\tpublic\tpulls 0\tpushes 0\n"
    assert json.loads(operator.run(repository, "list", "--output", "json").stdout) == [shown]


def test_an_unknown_repository_is_told(operator: Operator) -> None:
    with pytest.raises(NameUnknown):
        operator.run(repository, "show", "alice/app")


def test_a_rotated_key_shows_beside_the_one_it_replaced(operator: Operator) -> None:
    operator.run(keys, "rotate")

    rotated = json.loads(operator.run(keys, "rotate", "--output", "json").stdout)

    assert [key["isActive"] for key in rotated] == [False, True]
    listed = operator.run(keys, "list").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == [key["kid"] for key in rotated]
