"""The form that a route was sent, as a parameter of it."""

from typing import Annotated

from fastapi import Depends, Request

from dtr.plumbing.web.forms import Form


async def _form_body(request: Request) -> Form:
    return Form.parse(await request.body())


FormBody = Annotated[Form, Depends(_form_body)]
"""The form that a POST route was sent."""
