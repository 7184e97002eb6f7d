"""Pages of robots."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.core.clock import Clock
from dtr.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError
from dtr.features.access.model import may_administer, may_audit
from dtr.features.robots.model import (
    DEFAULT_LIFE_DAYS,
    DEFAULT_OVERLAP_HOURS,
    MAX_DESCRIPTION_LENGTH,
    MAX_LIFE_DAYS,
    Life,
    NewRobot,
    Robot,
    RobotChanges,
    ShownSecret,
)
from dtr.features.robots.service import Robots
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import ShownPage
from dtr.plumbing.web.pages import Web, reader_of, signed_in_reader
from dtr.plumbing.web.permit_rows import SPARE_ROWS, PermitRow, permits_in, rows_in, rows_of, with_spare

LIST: Final = "/robots"

REGISTRY_WIDE: Final = "*"
"""Stands for the robots of the whole registry in addresses: no account is called so."""

Namespace = Annotated[str, Query(max_length=255)]


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    robots: Robots
    web: Web
    clock: Clock


def pages(robots: Robots, web: Web, clock: Clock) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    room = _Room(robots, web, clock)
    _add_list(router, room)
    _add_making(router, room)
    _add_single(router, room)
    _add_actions(router, room)
    return router


def _add_list(router: APIRouter, room: _Room) -> None:
    @router.get(LIST)
    async def list_robots(request: Request, page: ShownPage, namespace: Namespace = "") -> Response:
        caller = reader_of(request).caller
        own = await room.robots.namespaces(caller)
        sees_all = may_audit(caller.principal)
        shown = namespace or ("" if sees_all else own[0])
        found = await room.robots.list_page(caller, _wanted(shown), page)
        return room.web.page(
            request,
            "robots/list.html",
            found=found,
            page=page,
            namespace=shown,
            namespaces=own if shown in (*own, "", REGISTRY_WIDE) else [*own, shown],
            sees_all=sees_all,
            may_make=not shown or await room.robots.may_manage(caller, _wanted(shown) or ""),
            now=room.clock.now(),
        )


def _add_making(router: APIRouter, room: _Room) -> None:
    @router.get("/robots/new")
    async def new_robot(request: Request, namespace: Namespace = "") -> Response:
        signed_in_reader(request)
        form = Form({"namespace": [namespace.strip(REGISTRY_WIDE)], "days": [str(DEFAULT_LIFE_DAYS)]})
        return await _new_page(room, request, form)

    @router.post(LIST)
    async def create_robot(request: Request, form: FormBody) -> Response:
        if form.checked("more"):
            return await _new_page(room, request, form, spare=len(rows_in(form)) + SPARE_ROWS)
        try:
            made = await room.robots.create(reader_of(request).caller, _new_robot(form))
        except (Invalid, Conflict, Denied, NotFound) as error:
            return await _new_page(room, request, form, error)
        return _secret_page(room, request, made, is_new=True)


def _add_single(router: APIRouter, room: _Room) -> None:
    @router.get("/robots/{name}")
    async def show_robot(request: Request, name: str) -> Response:
        robot = await room.robots.get(signed_in_reader(request), name)
        return await _robot_page(room, request, robot)

    @router.post("/robots/{name}")
    async def change_robot(request: Request, name: str, form: FormBody) -> Response:
        caller = reader_of(request).caller
        if form.checked("more"):
            robot = await room.robots.get(caller, name)
            return await _robot_page(room, request, robot, form=form, spare=len(rows_in(form)) + SPARE_ROWS)
        try:
            changed = await room.robots.change(caller, name, _changes(form))
        except Invalid as error:
            return await _robot_page(
                room, request, await room.robots.get(caller, name), form=form, error=error
            )
        text = room.web.translate(request, "The robot is saved.")
        return room.web.send_on(request, _robot_path(changed.name), text)


def _add_actions(router: APIRouter, room: _Room) -> None:
    @router.post("/robots/{name}/activity")
    async def set_active(request: Request, name: str, form: FormBody) -> Response:
        changes = RobotChanges(is_active=form.text("active") == "yes")
        changed = await room.robots.change(reader_of(request).caller, name, changes)
        text = (
            room.web.translate(request, "The robot works again.")
            if changed.is_active
            else room.web.translate(request, "The robot is disabled. It is refused from now on.")
        )
        return room.web.send_on(request, _robot_path(changed.name), text)

    @router.post("/robots/{name}/secret")
    async def rotate_secret(request: Request, name: str, form: FormBody) -> Response:
        caller = reader_of(request).caller
        try:
            hours = form.number("overlap_hours", DEFAULT_OVERLAP_HOURS)
            made = await room.robots.rotate(caller, name, overlap_hours=hours)
        except Invalid as error:
            return await _robot_page(room, request, await room.robots.get(caller, name), error=error)
        return _secret_page(room, request, made, is_new=False)

    @router.post("/robots/{name}/delete")
    async def delete_robot(request: Request, name: str, form: FormBody) -> Response:
        caller = reader_of(request).caller
        robot = await room.robots.get(caller, name)
        if form.text("name") != robot.name:
            error = Invalid("type the name of the robot to delete it")
            return await _robot_page(room, request, robot, error=error)
        await room.robots.delete(caller, name)
        text = room.web.translate(request, "The robot %(name)s is deleted.", name=robot.name)
        return room.web.send_on(request, f"{LIST}?namespace={quote(robot.namespace or REGISTRY_WIDE)}", text)


async def _new_page(
    room: _Room,
    request: Request,
    form: Form,
    error: RegistryError | None = None,
    spare: int = SPARE_ROWS,
) -> Response:
    caller = reader_of(request).caller
    own, chosen = await room.robots.namespaces(caller), form.text("namespace")
    return room.web.page(
        request,
        "robots/new.html",
        error=error,
        namespaces=own if chosen in (*own, "") else [*own, chosen],
        is_admin=may_administer(caller.principal),
        namespace=chosen,
        name=form.text("name"),
        description=form.text("description"),
        days=form.text("days"),
        rows=with_spare(rows_in(form), spare),
        longest_description=MAX_DESCRIPTION_LENGTH,
        most_days=MAX_LIFE_DAYS,
    )


async def _robot_page(  # noqa: PLR0913 - what one page shows
    room: _Room,
    request: Request,
    robot: Robot,
    *,
    form: Form | None = None,
    error: RegistryError | None = None,
    spare: int = SPARE_ROWS,
) -> Response:
    """Show a robot; `form` is what somebody typed and did not save yet."""
    now = room.clock.now()
    rows: list[PermitRow] = rows_of(robot.permits) if form is None else rows_in(form)
    overlap_ends_at = robot.previous_secret_expires_at
    return room.web.page(
        request,
        "robots/robot.html",
        error=error,
        robot=robot,
        description=robot.description if form is None else form.text("description"),
        life="keep" if form is None else form.text("life"),
        days=str(DEFAULT_LIFE_DAYS) if form is None else form.text("days"),
        rows=with_spare(rows, spare),
        has_expired=robot.has_expired(now),
        overlap_ends_at=overlap_ends_at if overlap_ends_at is not None and overlap_ends_at > now else None,
        may_change=await room.robots.may_manage(reader_of(request).caller, robot.namespace),
        longest_description=MAX_DESCRIPTION_LENGTH,
        overlap_hours=DEFAULT_OVERLAP_HOURS,
    )


def _secret_page(room: _Room, request: Request, made: ShownSecret, *, is_new: bool) -> Response:
    """Show a secret, as the answer to the form itself: it must not be in an address or a cookie."""
    return room.web.page(
        request,
        "robots/secret.html",
        status=201 if is_new else 200,
        robot=made.robot,
        secret=made.secret,
        secret_name=f"{made.robot.name.replace('+', '-').replace('_', '-').strip('.-')}-pull",
        is_new=is_new,
    )


def _new_robot(form: Form) -> NewRobot:
    """Return what the form asks for. Raises Invalid."""
    return NewRobot(
        name=form.text("name"),
        namespace=form.text("namespace"),
        description=form.raw("description"),
        permits=permits_in(rows_in(form)),
        life_days=form.number("days") if form.text("days") else None,
    )


def _changes(form: Form) -> RobotChanges:
    """Return what the form changes. Raises Invalid."""
    lives = {"never": Life(None), "days": Life(form.number("days"))}
    return RobotChanges(
        description=form.raw("description"),
        permits=permits_in(rows_in(form)),
        life=lives.get(form.text("life")),
    )


def _wanted(namespace: str) -> str | None:
    """Return whose robots to list, as the service takes it."""
    if not namespace:
        return None
    return "" if namespace == REGISTRY_WIDE else namespace


def _robot_path(name: str) -> str:
    """Return the address of a robot's page."""
    return f"{LIST}/{quote(name, safe='+')}"
