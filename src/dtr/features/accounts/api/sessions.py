"""Sessions in the API: where somebody is logged in."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from dtr.features.accounts.service.sessions import Sessions
from dtr.plumbing.api import Moment, Shape, SignedIn, documented

Owner = Annotated[
    str, Query(alias="username", max_length=100, description="Whose sessions; without it one's own.")
]


class SessionShape(Shape):
    """A browser or a program in which somebody is logged in."""

    id: str = Field(description="Names the session; it is not its secret.")
    username: str
    created_at: Moment
    last_used: Moment = Field(description="To within a minute.")
    expires_at: Moment = Field(description="When it ends unless it is used.")
    address: str
    user_agent: str
    is_current: bool = Field(description="Whether this request came in it.")


def router(sessions: Sessions) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/sessions", tags=["sessions"])

    @routes.get("", operation_id="listSessions", responses=documented(404))
    async def list_sessions(caller: SignedIn, owner: Owner = "") -> list[SessionShape]:
        """List where one is logged in, the latest login first; administrators may name a user."""
        return [
            SessionShape(
                id=each.id,
                username=each.name,
                created_at=each.created_at,
                last_used=each.last_used_at,
                expires_at=each.expires_at,
                address=each.address,
                user_agent=each.user_agent,
                is_current=each.id == caller.session_id,
            )
            for each in await sessions.list(caller, owner)
        ]

    @routes.delete("/{sessionID}", status_code=204, operation_id="endSession", responses=documented(404))
    async def end_session(
        caller: SignedIn,
        session_id: Annotated[str, Path(alias="sessionID", max_length=64)],
        owner: Owner = "",
    ) -> None:
        """End a session: whoever uses it has to log in again."""
        await sessions.end_by_id(caller, session_id, owner)

    return routes
