"""What can be done with robots, and the one place where their secrets are checked."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

from dtr.core.clock import Clock, rfc3339
from dtr.core.errors import Denied, Invalid, Unauthorized
from dtr.core.ids import new_id
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import ANONYMOUS, Caller, Principal
from dtr.features.access.model import NamespaceOperation, decide_namespace, may_administer, may_audit
from dtr.features.accounts.model import Account
from dtr.features.accounts.password_policy import is_common
from dtr.features.accounts.passwords import CONCURRENT_CHECKS, PasswordChecks
from dtr.features.accounts.service import guard
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.repositories.service.creation import hold_namespace
from dtr.features.repositories.service.namespaces import rank_in, require_namespace
from dtr.features.repositories.store import creatable
from dtr.features.robots import events, store
from dtr.features.robots.model import (
    DEFAULT_OVERLAP_HOURS,
    MAX_ROBOTS,
    MAX_SECRET_LENGTH,
    MIN_SECRET_LENGTH,
    Life,
    NewRobot,
    NoSuchRobot,
    Robot,
    RobotChanges,
    RobotExists,
    SecretSlots,
    ShownSecret,
    TooManyRobots,
    check_description,
    check_permits,
    fast_hash,
    full_name,
    is_robot_name,
    lost_rights,
    matches_fast_hash,
    new_robot_secret,
    overlap,
    slow_hashes,
)
from dtr.plumbing.announcements import Announce
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.db import Database, Transaction

RevokeRobots = Callable[[Transaction, Sequence[str]], None]
"""Voids, in the given transaction, every token that was issued to the robots with these ids."""


NO_HASH: Final[Sequence[None]] = (None,)
"""Takes as long to check as one that is there."""


class Robots:
    """The robots of the registry."""

    def __init__(  # noqa: PLR0913 - its parts, all named
        self,
        database: Database,
        clock: Clock,
        *,
        hasher: PasswordHasher,
        throttle: AddressThrottle,
        revoke: RevokeRobots,
        announce: Announce,
        per_namespace: int = MAX_ROBOTS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = PasswordChecks(hasher, clock)
        self._throttle = throttle
        self._revoke = revoke
        self._announce = announce
        self._per_namespace = per_namespace
        self._slots = asyncio.Semaphore(CONCURRENT_CHECKS)

    def close(self) -> None:
        """End the threads that check secrets."""
        self._passwords.close()

    async def create(self, caller: Caller, wanted: NewRobot) -> ShownSecret:
        """Make a robot. Its secret is returned in clear, for the only time.

        Raises Invalid for a name, permits, life or secret that none can have, RobotExists for a taken name,
        TooManyRobots, and Denied or NoSuchAccount where the caller may not manage robots.
        """
        wanted.check()
        check_description(wanted.description)
        secret = _secret(wanted.secret)
        now = self._clock.now()
        robot = Robot(
            id=new_id(),
            name=full_name(wanted.namespace, wanted.name),
            namespace=wanted.namespace,
            description=wanted.description,
            permits=wanted.permits,
            is_active=True,
            created_at=now,
            created_by=caller.principal.name or "",
            expires_at=Life(wanted.life_days).ends_at(now),
            secret_set_at=now,
            previous_secret_expires_at=None,
        )
        secret_hash = await self._hash(wanted.secret, secret)

        def write(tx: Transaction) -> Robot:
            _require(tx, caller.principal, robot.namespace)
            if robot.namespace:  # it does not go meanwhile, and leave a robot to whoever has its name next
                hold_namespace(tx, robot.namespace)
            if store.count(tx, robot.namespace) >= self._per_namespace:
                raise TooManyRobots(
                    said(
                        "a namespace has at most %(count)s robots; delete one first",
                        count=self._per_namespace,
                    )
                )
            inserted = store.insert(tx, robot, secret_hash)
            if inserted is None:
                raise RobotExists(said("there is already a robot %(name)s", name=robot.name), name=robot.name)
            self._announce(tx, events.robot_created(caller, inserted, now))
            return inserted

        return ShownSecret(await self._database.write(write), secret)

    async def get(self, caller: Caller, name: str) -> Robot:
        """Return the robot with a full name or id. Raises NoSuchRobot also where the caller may not manage it."""

        def read(tx: Transaction) -> Robot:
            found = store.find(tx, name)
            return _visible(tx, caller.principal, name, None if found is None else found[0])

        return await self._database.quick_read(read)

    async def list_page(self, caller: Caller, namespace: str | None, page: ListPage) -> Page[Robot]:
        """Return a page of the robots of a namespace, of the registry itself (empty name), or of all (None).

        Raises Denied or NoSuchAccount where the caller may not manage them. Auditors see all.
        """

        def read(tx: Transaction) -> Page[Robot]:
            if not may_audit(caller.principal):
                if not namespace:
                    raise Denied("only administrators list robots beyond one namespace; name a namespace")
                _require(tx, caller.principal, namespace)
            return store.list_page(tx, namespace, page)

        return await self._database.read(read)

    async def namespaces(self, caller: Caller) -> list[str]:
        """Return where the caller may manage robots, to choose from: their own name first, then organizations by name.

        Who may create repositories in a namespace manages its robots. Of hundreds of organizations only some are named;
        administrators may manage robots everywhere else, too. Raises Unauthorized for strangers, Denied for robots and
        limited access tokens.
        """

        def read(tx: Transaction) -> list[str]:
            principal = guard.user_of(tx, caller)
            return [principal.name or "", *creatable.of_member(tx, principal.account_id or "")]

        return await self._database.read(read)

    async def may_manage(self, caller: Caller, namespace: str) -> bool:
        """Tell whether the caller may manage the robots of a namespace, or of the registry if it is empty."""
        principal = caller.principal
        if not namespace or may_administer(principal):
            return may_administer(principal)
        return await self._database.read(lambda tx: _may_manage(tx, principal, namespace))

    async def change(self, caller: Caller, name: str, changes: RobotChanges) -> Robot:
        """Set what `changes` names. What the robot was issued is void if it may have lost a right.

        Raises NoSuchRobot, or Invalid for what no robot can be.
        """
        now = self._clock.now()
        check_description(changes.description or "")

        def write(tx: Transaction) -> Robot:
            before = _managed(tx, caller.principal, name)
            wanted = _changed(before, changes, now)
            check_permits(wanted.permits, wanted.namespace)
            after = store.change(tx, wanted)
            if lost_rights(before, after):
                self._revoke(tx, [after.id])
            fact = events.robot_changed(caller, before, after, now)
            if fact is not None:
                self._announce(tx, fact)
            return after

        return await self._database.write(write)

    async def rotate(
        self, caller: Caller, name: str, secret: str | None = None, overlap_hours: int = DEFAULT_OVERLAP_HOURS
    ) -> ShownSecret:
        """Give a robot a new secret, made here unless `secret` is one; the old one counts for `overlap_hours` more.

        Without an overlap all that was issued for the old secret is void at once.
        Raises NoSuchRobot, or Invalid for a secret or an overlap that is not allowed.
        """
        chosen, kept_for = _secret(secret), overlap(overlap_hours)
        secret_hash = await self._hash(secret, chosen)
        now = self._clock.now()

        def write(tx: Transaction) -> Robot:
            robot = _managed(tx, caller.principal, name)
            rotated = store.rotate(tx, robot.id, secret_hash, now, now + kept_for)
            if kept_for == timedelta():
                self._revoke(tx, [robot.id])
            self._announce(tx, events.robot_secret_rotated(caller, rotated, now))
            return rotated

        return ShownSecret(await self._database.write(write), chosen)

    async def delete(self, caller: Caller, name: str) -> None:
        """Delete a robot; all that was issued to it is void at once. Raises NoSuchRobot."""
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            robot = _managed(tx, caller.principal, name)
            store.delete(tx, robot.id)
            self._revoke(tx, [robot.id])
            self._announce(tx, events.robot_deleted(caller, robot, now))

        await self._database.write(write)

    def delete_of_account(self, tx: Transaction, caller: Caller, account: Account) -> None:
        """Delete the robots of the namespace of an account that the caller is deleting."""
        dropped = store.delete_of_namespace(tx, account.name)
        if dropped:
            self._revoke(tx, [each.id for each in dropped])
        now = self._clock.now()
        for robot in dropped:
            self._announce(tx, events.robot_deleted(caller, robot, now))

    def void_tokens_of_account(self, tx: Transaction, account_id: str) -> None:
        """Void what was issued to the robots in the namespace of an account: of a disabled user none may go on."""
        self._revoke(tx, store.ids_of_account(tx, account_id))

    async def principal_of(self, robot_id: str) -> Principal:
        """Return a robot as a caller with its present rights; anonymous if it is gone, disabled or expired."""
        found = await self._database.quick_read(lambda tx: store.find_login(tx, robot_id))
        if found is None or not found[0].is_active or found[0].has_expired(self._clock.now()):
            return ANONYMOUS
        return found[0].principal

    @staticmethod
    def is_robot_name(name: str) -> bool:
        """Tell whether somebody who logs in under this name claims to be a robot."""
        return is_robot_name(name)

    async def authenticate(self, name: str, secret: str, caller: Caller) -> Principal:
        """Return the robot that proves to be `name`. `caller` tells the circumstances: the address.

        Raises Unauthorized: saying so if it has expired, and without saying which for an unknown or disabled robot, one
        of a disabled user, and a wrong secret. TooManyRequests when too many attempts from the address failed before.
        """
        found = await self._database.quick_read(lambda tx: store.find_login(tx, name))
        # A right secret of 256 random bits is let in however many failed before at the address: it was not guessed.
        if found is None or not matches_fast_hash(found[1].accepted(self._clock.now()), secret):
            found = await self._check_slowly(found, secret, caller)
        robot, now = found[0], self._clock.now()
        if not robot.is_active or robot.name != name:
            await self._fail(robot, caller)
        if robot.expires_at is not None and now >= robot.expires_at:
            raise Unauthorized(
                said(
                    "the robot %(name)s expired at %(moment)s; give it more time",
                    name=name,
                    moment=rfc3339(robot.expires_at),
                )
            )
        if robot.is_use_due(now):
            await self._note_use(robot, replace(caller, principal=robot.principal), now)
        return robot.principal

    async def _note_use(self, robot: Robot, caller: Caller, now: datetime) -> None:
        def write(tx: Transaction) -> None:
            store.note_use(tx, robot.id, now, caller.address)
            if robot.is_telling_due(now, caller.address):
                self._announce(tx, events.robot_logged_in(caller, robot, now))

        await self._database.write(write, durable=False)

    async def _check_slowly(
        self, found: tuple[Robot, SecretSlots] | None, secret: str, caller: Caller
    ) -> tuple[Robot, SecretSlots]:
        """Check a secret that somebody chose. Unknown robots take as long. Raises Unauthorized and TooManyRequests."""
        await self._throttle.admit(caller.address)
        hashes = [] if found is None else slow_hashes(found[1].accepted(self._clock.now()))
        if found is not None and any(self._passwords.remembers(each, secret) for each in hashes):
            return found
        async with self._slots:
            await self._throttle.admit(caller.address)  # many may have failed while this one waited
            matches = [await self._passwords.matches(each, secret) for each in hashes or NO_HASH]
        if found is None or not any(matches):
            await self._fail(None if found is None else found[0], caller)
        return found

    async def _fail(self, robot: Robot | None, caller: Caller) -> NoReturn:
        fact = events.robot_login_failed(caller, robot, self._clock.now())
        await self._throttle.count_wrong_secret(caller.address, lambda tx: self._announce(tx, fact))
        raise Unauthorized("the user name or the password is wrong")

    async def _hash(self, supplied: str | None, secret: str) -> str:
        """Return what to store: argon2id for a secret that somebody chose, SHA-256 for 256 random bits."""
        return fast_hash(secret) if supplied is None else await self._passwords.hash(secret)


def _secret(supplied: str | None) -> str:
    """Return the secret to use. Raises Invalid for a supplied one that is too short, too long or too common."""
    if supplied is None:
        return new_robot_secret()
    if not MIN_SECRET_LENGTH <= len(supplied) <= MAX_SECRET_LENGTH:
        raise Invalid(
            said(
                "a secret has %(least)s to %(most)s characters",
                least=MIN_SECRET_LENGTH,
                most=MAX_SECRET_LENGTH,
            )
        )
    if is_common(supplied):
        raise Invalid(
            "many people use this as a password, or something almost the same; choose another secret"
        )
    return supplied


def _require(tx: Transaction, principal: Principal, namespace: str) -> None:
    """Make sure that the caller may manage the robots of a namespace, or of the registry if it is empty.

    Raises Denied, Unauthorized or NoSuchAccount.
    """
    if namespace:
        require_namespace(tx, principal, namespace, NamespaceOperation.MANAGE_ROBOTS)
    elif principal.is_anonymous:
        raise Unauthorized("log in first: with a password or access token, or in the browser")
    elif not may_administer(principal):
        raise Denied("only administrators manage robots of the whole registry")


def _may_manage(tx: Transaction, principal: Principal, namespace: str) -> bool:
    rank = rank_in(tx, principal, namespace)
    return NamespaceOperation.MANAGE_ROBOTS in decide_namespace(principal, namespace, rank)


def _managed(tx: Transaction, principal: Principal, name: str) -> Robot:
    """Return a robot that the caller may change, locked. Raises like `_visible`, and Denied for auditors."""
    robot = _visible(tx, principal, name, store.lock(tx, name))
    _require(tx, principal, robot.namespace)
    return robot


def _visible(tx: Transaction, principal: Principal, name: str, robot: Robot | None) -> Robot:
    """Return the robot if the caller may know of it. Raises NoSuchRobot otherwise."""
    unknown = NoSuchRobot(said("there is no robot %(name)s", name=name), name=name[:300])
    if robot is None:
        raise unknown
    if not may_audit(principal):
        try:
            _require(tx, principal, robot.namespace)
        except Denied as error:
            raise unknown from error
    return robot


def _changed(robot: Robot, changes: RobotChanges, now: datetime) -> Robot:
    return replace(
        robot,
        description=robot.description if changes.description is None else changes.description,
        permits=robot.permits if changes.permits is None else changes.permits,
        is_active=robot.is_active if changes.is_active is None else changes.is_active,
        expires_at=robot.expires_at if changes.life is None else changes.life.ends_at(now),
    )
