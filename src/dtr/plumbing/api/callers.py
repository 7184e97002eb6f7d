"""Who calls a route: put into the request by the door, which has checked it."""

from typing import Annotated

from fastapi import Depends, Request

from dtr.core.errors import Unauthorized
from dtr.core.principal import Caller

SCOPE_KEY = "dtr.caller"
"""Where the door leaves the caller in the ASGI scope."""


def _any_caller(request: Request) -> Caller:
    caller: Caller = request.scope[SCOPE_KEY]
    return caller


def _signed_in(request: Request) -> Caller:
    caller = _any_caller(request)
    if caller.principal.is_anonymous:
        raise Unauthorized("log in first: with a password or access token, or in the browser")
    return caller


def is_for_signed_in(dependency: object) -> bool:
    """Tell whether a dependency of a route is the one that turns strangers away."""
    return dependency is _signed_in


AnyCaller = Annotated[Caller, Depends(_any_caller)]
"""The caller of a route that also strangers may call."""

SignedIn = Annotated[Caller, Depends(_signed_in)]
"""The caller of a route for those who said who they are; others get 401."""
