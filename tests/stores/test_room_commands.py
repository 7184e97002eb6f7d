"""The operator's commands on accounts, tokens, repositories and keys, against a real database."""

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
from dtr.features.accounts.commands import organization, user
from dtr.features.accounts.model import LoginAttempt, NoSuchAccount
from dtr.features.accounts.model.accounts import LastAdmin
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.store import login as login_store
from dtr.features.images.store import uploads
from dtr.features.repositories.commands import repository
from dtr.features.repositories.model import RepositoryExists
from dtr.features.repositories.service import Management, Renaming, Repositories
from dtr.features.tokens.commands import keys, tokens
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.store import client_tokens as token_store
from dtr.oci.errors import NameUnknown
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction, open_database
from tests.support.tokens import TokensRoom

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
        clock = SystemClock()
        keys = KeyRingStore(database, SecretBox(bytes(32)), clock, RULES)
        accounts = Accounts(database, PasswordHasher(), clock, token_store.revoke_refresh_tokens)
        return SimpleNamespace(
            database=database,
            accounts=accounts,
            repositories=Repositories(database),
            repository_management=Management(
                database,
                clock,
                announce_to_nobody,
                revoke=lambda _tx, _names: None,
                drop_uploads=uploads.delete_all_of,
                delete_account=accounts.users.delete_within,
            ),
            renaming=Renaming(database, clock, announce_to_nobody, lambda _tx, _names: None),
            keys=keys,
            token_service=TokensRoom(database, keys, clock, RULES).service,
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
    operator.run(user, "add", "second", "--admin")
    operator.run(user, "disable", "root")

    listed = json.loads(operator.run(user, "list", "--output", "json").stdout)

    assert [(each["name"], each["isAdmin"], each["isActive"]) for each in listed] == [
        ("alice", False, True),
        ("root", True, False),
        ("second", True, True),
    ]
    assert (
        operator.run(user, "list").stdout == "alice\tuser\tAlice A.\nroot\tdisabled\nsecond\tadministrator\n"
    )


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


def test_ranks_are_given_shown_and_taken(operator: Operator) -> None:
    operator.run(user, "add", "alice", "--auditor")
    operator.run(user, "add", "root", "--admin")
    assert operator.run(user, "list").stdout == "alice\tauditor\nroot\tadministrator\n"

    operator.run(user, "set", "alice", "--admin", "--no-auditor", "--full-name", "Alice A.")
    operator.run(user, "set", "root", "--no-admin")

    assert operator.run(user, "list").stdout == "alice\tadministrator\tAlice A.\nroot\tuser\n"
    with pytest.raises(LastAdmin):
        operator.run(user, "set", "alice", "--no-admin")


def test_a_user_is_deleted_and_the_last_administrator_is_not(operator: Operator) -> None:
    operator.run(user, "add", "alice")
    operator.run(user, "add", "root", "--admin")
    operator.run(organization, "add", "acme")

    operator.run(user, "delete", "alice")

    assert operator.run(user, "list").stdout == "root\tadministrator\n"
    with pytest.raises(LastAdmin):
        operator.run(user, "delete", "root")
    for name in ("alice", "acme"):
        with pytest.raises(NotFound):
            operator.run(user, "delete", name)


def test_organizations_and_their_members_are_listed(operator: Operator) -> None:
    operator.run(user, "add", "alice")
    operator.run(organization, "add", "acme", "--full-name", "Acme Inc.", "--owner", "alice")
    with pytest.raises(NotFound):
        operator.run(organization, "add", "other", "--owner", "nobody")
    with pytest.raises(Conflict):
        operator.run(organization, "add", "alice")

    assert operator.run(organization, "list").stdout == "acme\tAcme Inc.\n"
    [listed] = json.loads(operator.run(organization, "list", "--output", "json").stdout)
    assert (listed["name"], listed["fullName"]) == ("acme", "Acme Inc.")
    assert operator.run(organization, "members", "acme").stdout == "alice\towner\n"
    shown = json.loads(operator.run(organization, "members", "acme", "--output", "json").stdout)
    assert shown == [{"name": "alice", "isAdmin": True}]
    with pytest.raises(NotFound):
        operator.run(organization, "members", "alice")


def test_an_unlocked_user_need_not_wait(operator: Operator) -> None:
    password = operator.run(user, "add", "alice").stdout.strip()
    attempt, now = LoginAttempt.of("alice", "192.0.2.1"), SystemClock().now()

    def fail_often(tx: Transaction) -> None:
        for _ in range(20):
            login_store.count_failure(tx, attempt, now)

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
    operator.run(user, "add", "alice")
    operator.run(repository, "create", "alice/app")

    operator.run(repository, "set", "alice/app", "--visibility", "public", "--immutable-tags")

    shown = json.loads(operator.run(repository, "show", "alice/app", "--output", "json").stdout)
    assert (shown["visibility"], shown["immutableTags"], shown["strictSizes"]) == ("public", True, False)
    assert "immutableTags: yes\n" in operator.run(repository, "show", "alice/app").stdout
    assert operator.run(repository, "list").stdout == "alice/app\tpublic\tpulls 0\tpushes 0\n"
    assert json.loads(operator.run(repository, "list", "--output", "json").stdout) == [shown]


def test_a_repository_is_made_renamed_and_deleted(operator: Operator) -> None:
    operator.run(user, "add", "alice")
    made = json.loads(
        operator.run(repository, "create", "alice/app", "--visibility", "public", "--output", "json").stdout
    )
    assert (made["name"], made["visibility"], made["tagLimit"]) == ("alice/app", "public", 0)

    operator.run(repository, "set", "alice/app", "--tag-limit", "3")
    renamed = json.loads(
        operator.run(repository, "rename", "alice/app", "alice/web/app", "--output", "json").stdout
    )
    assert renamed == {**made, "name": "alice/web/app", "tagLimit": 3}
    with pytest.raises(RepositoryExists):
        operator.run(repository, "create", "alice/web/app")
    with pytest.raises(Invalid):
        operator.run(repository, "set", "alice/web/app", "--immutable-tags")
    with pytest.raises(NoSuchAccount):
        operator.run(repository, "create", "nobody/app")

    operator.run(repository, "delete", "alice/web/app")

    assert operator.run(repository, "list").stdout == ""
    with pytest.raises(NameUnknown):
        operator.run(repository, "delete", "alice/web/app")


def test_an_unknown_repository_is_told(operator: Operator) -> None:
    with pytest.raises(NameUnknown):
        operator.run(repository, "show", "alice/app")


def test_a_rotated_key_shows_beside_the_one_it_replaced(operator: Operator) -> None:
    operator.run(keys, "rotate")

    rotated = json.loads(operator.run(keys, "rotate", "--output", "json").stdout)

    assert [key["isActive"] for key in rotated] == [False, True]
    listed = operator.run(keys, "list").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == [key["kid"] for key in rotated]
