"""The list of repositories, and the form for a new one."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from dtr.core.errors import Conflict, Invalid, RegistryError, Unauthorized
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.repositories.model import RepositoryExists, RepositoryFilter, Visibility
from dtr.features.repositories.pages.addresses import address_of
from dtr.features.repositories.pages.fields import new_repository_settings
from dtr.features.repositories.pages.kit import Kit
from dtr.features.repositories.service import Management, Repositories
from dtr.oci.errors import NameInvalid
from dtr.oci.names import RepositoryName
from dtr.plumbing.api.paths import unescaped
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import ShownPage
from dtr.plumbing.web.pages import Web, reader_of

MAX_FILTER_LENGTH = 255
NEW = "/repositories/new"


def pages(repositories: Repositories, management: Management, kit: Kit) -> APIRouter:
    """Return the routes of this module."""
    router = APIRouter(include_in_schema=False)
    _add_list(router, repositories, kit)
    _add_new(router, repositories, management, kit.web)
    return router


def _add_list(router: APIRouter, repositories: Repositories, kit: Kit) -> None:
    @router.get("/repositories")
    async def list_repositories(
        request: Request,
        page: ShownPage,
        namespace: Annotated[str, Query(max_length=MAX_FILTER_LENGTH)] = "",
        q: Annotated[str, Query(max_length=MAX_FILTER_LENGTH)] = "",
        visibility: str = "",
    ) -> Response:
        caller = reader_of(request).caller
        wanted = RepositoryFilter(
            namespace=namespace.strip().lower(),
            text=q.strip(),
            visibility=Visibility(visibility) if visibility in set(Visibility) else None,
        )
        found = await repositories.list_filtered(caller, wanted, page)
        return kit.web.page(
            request,
            "repositories/list.html",
            found=found,
            sizes=await kit.sizes([view.repository.id for view in found.items]),
            wanted=wanted,
            page=page,
            creatable=await repositories.creatable_namespaces(caller),
        )


def _add_new(router: APIRouter, repositories: Repositories, management: Management, web: Web) -> None:
    async def show(request: Request, form: Form, error: RegistryError | None = None) -> Response:
        caller = reader_of(request).caller
        if caller.principal.is_anonymous:
            raise Unauthorized("sign in to make a repository")
        is_about_name = isinstance(error, RepositoryExists | NameInvalid)
        text = web.told(request, error)
        return web.page(
            request,
            "repositories/new.html",
            status=200 if error is None else 400,
            form=form,
            name_error=text if is_about_name else "",
            other_error="" if is_about_name else text,
            creatable=await repositories.creatable_namespaces(caller),
        )

    @router.get(NEW)
    async def new(request: Request, namespace: str = "", name: str = "") -> Response:
        return await show(
            request, Form({"namespace": [namespace], "name": [name], "visibility": [Visibility.PRIVATE]})
        )

    @router.post(NEW)
    async def create(request: Request, form: FormBody) -> Response:
        try:
            name = RepositoryName.parse(f"{form.text('namespace')}/{form.text('name')}")
            made = await management.create(reader_of(request).caller, name, new_repository_settings(form))
        except (Invalid, Conflict, NoSuchAccount) as error:
            return await show(request, form, error)
        text = web.translate(request, "Created %(name)s", name=made.repository.path)
        return web.send_on(request, address_of(made.repository.path), text)

    @router.get("/repositories/{namespace}")
    async def of_namespace(namespace: str) -> Response:
        return RedirectResponse(f"/repositories?{urlencode({'namespace': unescaped(namespace)})}", 303)
