"""Access tokens in the API: `/api_tokens`. Source: DTR's API, "api_tokens"."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StrictBool, StrictInt

from dtr.core.errors import Invalid
from dtr.core.permits import MAX_PERMITS
from dtr.features.tokens.access_token_model import (
    MAX_LABEL_LENGTH,
    MAX_LIFE_DAYS,
    AccessToken,
    Wish,
    check_permits,
)
from dtr.features.tokens.access_tokens import AccessTokens
from dtr.features.tokens.model import GeneratedBy
from dtr.plumbing.api import Moment, PagedList, PermitShape, Shape, SignedIn, documented, paged

Label = Annotated[str, Field(max_length=MAX_LABEL_LENGTH)]
HashInPath = Annotated[
    str, Path(max_length=128, description="SHA-256 of the token, in hex: `hashedToken` of its document.")
]
Owner = Annotated[
    str, Query(alias="username", max_length=100, description="Whose tokens; without it one's own.")
]


class NewApiToken(Shape):
    """What a new token should be like."""

    token_label: Label | None = None
    permits: list[PermitShape] | None = Field(
        default=None,
        max_length=MAX_PERMITS,
        description="Its limits; without them it may do what its owner may.",
    )
    expires_at: datetime | None = Field(default=None, description="When it ends, with a time zone.")
    expires_in_days: Annotated[StrictInt, Field(ge=1, le=MAX_LIFE_DAYS)] | None = None

    def wish(self) -> Wish:
        """Return it for the service. Raises Invalid."""
        permits = None
        if self.permits is not None:
            permits = check_permits([(each.pattern, each.actions) for each in self.permits])
        expires_at = self.expires_at and _in_utc(self.expires_at)
        return Wish(self.token_label or "", permits, expires_at, self.expires_in_days)


class ApiTokenChanges(Shape):
    """What is to change of a token; what is left out stays."""

    token_label: Label | None = None
    is_active: StrictBool | None = None


class ApiToken(Shape):
    """A token as its owner sees it; the token itself was shown when it was made."""

    hashed_token: str
    token_label: str
    is_active: bool
    username: str = Field(description="Its owner.")
    generated_by: str = Field(description="`manual`: by a person; `auto`: by a login that asked for it.")
    created_at: Moment
    last_used: Moment | None = Field(description="To within a minute; null if it never was.")
    last_used_address: str
    creator_ua: str = Field(description="The program that it was made with.")
    permits: list[PermitShape] | None
    expires_at: Moment | None

    @staticmethod
    def of(token: AccessToken) -> "ApiToken":
        """Render a token."""
        return ApiToken(
            hashed_token=token.token_hash,
            token_label=token.label,
            is_active=token.is_active,
            username=token.owner,
            generated_by=str(token.generated_by),
            created_at=token.created_at,
            last_used=token.last_used_at,
            last_used_address=token.last_used_address,
            creator_ua=token.creator_user_agent,
            permits=_permits(token),
            expires_at=token.expires_at,
        )


class MadeApiToken(ApiToken):
    """A token that was just made."""

    token: str = Field(description="The token itself. It is not stored and cannot be shown again.")


def router(tokens: AccessTokens) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api_tokens", tags=["access tokens"])
    _add_lists(routes, tokens)
    _add_single(routes, tokens)
    return routes


def _add_lists(routes: APIRouter, tokens: AccessTokens) -> None:
    @routes.get("", operation_id="listApiTokens", responses=documented(404))
    async def list_tokens(
        caller: SignedIn, page: PagedList, response: Response, owner: Owner = ""
    ) -> list[ApiToken]:
        """List one's access tokens, and those made by logins; administrators see those of everybody."""
        found = await tokens.list(caller, owner, page)
        return [ApiToken.of(each) for each in paged(response, found)]

    @routes.post("", status_code=201, operation_id="createApiToken", responses=documented(404, 409))
    async def create_token(
        caller: SignedIn, wish: NewApiToken | None = None, owner: Owner = ""
    ) -> MadeApiToken:
        """Make an access token: for oneself, or as an administrator for somebody else. It is shown only now."""
        secret, token = await tokens.create(caller, owner, (wish or NewApiToken()).wish())
        return MadeApiToken(token=secret, **dict(ApiToken.of(token)))

    @routes.delete("", status_code=204, operation_id="cleanUpApiTokens", responses=documented(404))
    async def clean_up(
        caller: SignedIn,
        owner: Owner = "",
        used_before: Annotated[
            datetime | None, Query(alias="usedbefore", description="Only those last used before this moment.")
        ] = None,
        generated_by: Annotated[GeneratedBy, Query(alias="generatedby")] = GeneratedBy.AUTO,
    ) -> None:
        """Delete many tokens at once: as a rule those that logins made."""
        await tokens.clean_up(caller, owner, generated_by, used_before and _in_utc(used_before))


def _add_single(routes: APIRouter, tokens: AccessTokens) -> None:
    @routes.get("/{hashedtoken}", operation_id="getApiToken", responses=documented(404))
    async def get_token(caller: SignedIn, hashedtoken: HashInPath) -> ApiToken:
        """Show one token."""
        return ApiToken.of(await tokens.get(caller, hashedtoken))

    @routes.patch("/{hashedtoken}", operation_id="updateApiToken", responses=documented(404))
    async def change_token(caller: SignedIn, hashedtoken: HashInPath, changes: ApiTokenChanges) -> ApiToken:
        """Change a token's label, or disable or enable it. A disabled token is refused at once."""
        changed = await tokens.change(
            caller, hashedtoken, label=changes.token_label, is_active=changes.is_active
        )
        return ApiToken.of(changed)

    @routes.delete(
        "/{hashedtoken}", status_code=204, operation_id="deleteApiToken", responses=documented(404)
    )
    async def delete_token(caller: SignedIn, hashedtoken: HashInPath) -> None:
        """Delete a token. It is refused at once."""
        await tokens.delete(caller, hashedtoken)


def _permits(token: AccessToken) -> list[PermitShape] | None:
    if token.permits is None:
        return None
    return [PermitShape.of(each) for each in token.permits]


def _in_utc(moment: datetime) -> datetime:
    """Return a moment as a request gave it; one without a time zone is meant in UTC. Raises Invalid out of range."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise Invalid("a moment is out of range") from error
