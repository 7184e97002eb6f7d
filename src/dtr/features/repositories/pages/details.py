"""What a repository is about, and its settings."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.core.errors import Conflict, Denied, Invalid, RegistryError
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.repositories.pages import reasons
from dtr.features.repositories.pages.addresses import REPOSITORY, address_of, present_address
from dtr.features.repositories.pages.fields import behaviour_changes, description_changes, filled
from dtr.features.repositories.pages.kit import Kit
from dtr.features.repositories.service import Management, Renaming, Repositories
from dtr.features.repositories.service.explain import Explanations
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.pages import Web, reader_of

SECTIONS = ("description", "behaviour", "rename", "delete")
"""The forms of the settings page."""


def info_pages(repositories: Repositories, explanations: Explanations, kit: Kit) -> APIRouter:
    """Return the route of the first page of a repository."""
    router = APIRouter(include_in_schema=False)

    @router.get(REPOSITORY)
    async def info(request: Request, name: RepositoryInPath) -> Response:
        caller = reader_of(request).caller
        view = await repositories.get(caller, name)
        moved = present_address(request, name, view)
        if moved is not None:
            return moved
        explained = await explanations.explain(caller, name, None, (Operation.VIEW,))
        held = await kit.sizes([view.repository.id])
        return kit.web.page(
            request,
            "repositories/info.html",
            view=view,
            shown=reasons.shown(explained[0].reasons),
            size=held[view.repository.id],
        )

    return router


def settings_pages(
    repositories: Repositories, management: Management, renaming: Renaming, web: Web
) -> APIRouter:
    """Return the routes of the settings of a repository: one address, four forms."""
    router = APIRouter(include_in_schema=False)
    forms = _Forms(management, renaming, web)

    async def show(
        request: Request, name: RepositoryName, form: Form | None = None, error: RegistryError | None = None
    ) -> Response:
        view = await repositories.get(reader_of(request).caller, name)
        moved = present_address(request, name, view)
        if moved is not None:
            return moved
        if Operation.EDIT_DESCRIPTION not in view.operations:
            raise Denied("only who administers a repository sees its settings", name=view.repository.path)
        section = "" if form is None else form.text("section")
        return web.page(
            request,
            "repositories/settings.html",
            status=200 if error is None else 400,
            error=error if section not in SECTIONS else None,
            trouble=(section, web.told(request, error)),
            view=view,
            form=filled(view.repository, section, form),
        )

    @router.get(f"{REPOSITORY}/settings")
    async def settings(request: Request, name: RepositoryInPath) -> Response:
        return await show(request, name)

    @router.post(f"{REPOSITORY}/settings")
    async def change(request: Request, name: RepositoryInPath, form: FormBody) -> Response:
        # To the service a repository that cannot be seen is one that is deleted already: nobody is to be told so.
        await repositories.get(reader_of(request).caller, name)
        try:
            return await forms.carry_out(request, name, form)
        except (Invalid, Conflict, NoSuchAccount) as error:
            return await show(request, name, form, error)

    return router


class _Forms:
    """What the forms of the settings page do."""

    def __init__(self, management: Management, renaming: Renaming, web: Web) -> None:
        self._management = management
        self._renaming = renaming
        self._web = web

    async def carry_out(self, request: Request, name: RepositoryName, form: Form) -> Response:
        """Do what a form asks for; return the way to what comes after it. Raises what the services raise."""
        caller = reader_of(request).caller
        translate, send_on = self._web.translate, self._web.send_on
        settings = f"{address_of(name.path)}/settings"
        match form.text("section"):
            case "description":
                await self._management.change(caller, name, description_changes(form))
                return send_on(request, settings, translate(request, "Saved the description"))
            case "behaviour":
                await self._management.change(caller, name, behaviour_changes(form))
                return send_on(request, settings, translate(request, "Saved the settings"))
            case "rename":
                new = await self._rename(caller, name, form.text("new_name"))
                text = translate(request, "The repository is now called %(name)s", name=new.path)
                return send_on(request, address_of(new.path), text)
            case "delete":
                await self._delete(caller, name, form.text("typed_name"))
                text = translate(request, "Deleted %(name)s", name=name.path)
                return send_on(request, f"/repositories?namespace={name.namespace}", text)
            case _:
                raise Invalid("the form is none of this page")

    async def _rename(self, caller: Caller, name: RepositoryName, typed: str) -> RepositoryName:
        new = RepositoryName.parse(typed)
        if new == name:
            raise Invalid("the repository has this name already")
        await self._renaming.rename(caller, name, new)
        return new

    async def _delete(self, caller: Caller, name: RepositoryName, typed: str) -> None:
        if typed != name.path:
            raise Invalid(said("to delete the repository, type its full name: %(name)s", name=name.path))
        await self._management.delete(caller, name)
