"""Pages of settings and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.core.errors import Invalid
from dtr.features.access.model import may_administer
from dtr.features.configuration.model import InvalidSettings, Value
from dtr.features.configuration.service import Configuration, Status
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.pages import Web, reader_of

SYSTEM: Final = "/system"

SWITCHES: Final = (
    "createRepositoryOnPush",
    "readOnlyRegistry",
    "auditAuthLogsEnabled",
    "repoEventHistoryCompactionEnabled",
    "disableBackupWarning",
)
"""Settings that are on or off; their fields are called as they are in the API."""

KEPT_EVENTS: Final = "repoEventHistoryToKeep"
EVENTS_AGE: Final = "repoEventHistoryMaxAge"


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is wrong with a field of the form."""

    field: str = ""
    text: str = ""


def pages(configuration: Configuration, status: Status, web: Web) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)

    async def show(
        request: Request, form: Form | None = None, trouble: _Trouble = _Trouble(), code: int = 200
    ) -> Response:
        caller = reader_of(request).caller
        settings = await configuration.read(caller)
        return web.page(
            request,
            "configuration/settings.html",
            status=code,
            values=settings.document() if form is None else _typed(form),
            trouble=trouble,
            state=await status.of_replica(caller),
            may_change=may_administer(caller.principal),
        )

    @router.get(SYSTEM)
    async def settings(request: Request) -> Response:
        return await show(request)

    @router.post(SYSTEM)
    async def change(request: Request, form: FormBody) -> Response:
        try:
            await configuration.change(reader_of(request).caller, _wanted(form))
        except Invalid as error:
            field = str(error.detail.get("field", ""))
            problem = error.problem if isinstance(error, InvalidSettings) else error.message
            text = web.translate(request, problem)
            return await show(request, form, _Trouble(field, text), 400)
        return web.send_on(request, SYSTEM, web.translate(request, "The settings are saved."))

    @router.get(f"{SYSTEM}/alerts")
    async def alerts(request: Request) -> Response:
        caller = reader_of(request).caller
        return web.page(
            request,
            "configuration/alerts.html",
            alerts=await status.alerts(caller),
            may_change=may_administer(caller.principal),
        )

    return router


def _wanted(form: Form) -> dict[str, Value]:
    """Return the settings that the form asks for. Raises Invalid."""
    return {
        **{name: form.checked(name) for name in SWITCHES},
        KEPT_EVENTS: form.number(KEPT_EVENTS),
        EVENTS_AGE: form.text(EVENTS_AGE),
    }


def _typed(form: Form) -> Mapping[str, Value]:
    """Return the fields as they were sent, to be shown again."""
    return {
        **{name: form.checked(name) for name in SWITCHES},
        KEPT_EVENTS: form.text(KEPT_EVENTS),
        EVENTS_AGE: form.text(EVENTS_AGE),
    }
