"""What is told about tokens."""

from datetime import datetime
from typing import Any

from dtr.core.clock import rfc3339
from dtr.core.facts import Fact, FactObject, Verb
from dtr.core.principal import Caller
from dtr.features.tokens.access_token_model import AccessToken
from dtr.features.tokens.model import GeneratedBy


def access_token_created(caller: Caller, token: AccessToken) -> Fact:
    """Tell that somebody made an access token, for themselves or as an administrator for somebody else."""
    details = {
        "label": token.label,
        "expiresAt": None if token.expires_at is None else rfc3339(token.expires_at),
        "permits": None if token.permits is None else [each.document() for each in token.permits],
    }
    return _fact("AccessTokenCreated", Verb.CREATE, caller, token, token.created_at, details)


def access_token_changed(caller: Caller, before: AccessToken, after: AccessToken, now: datetime) -> Fact:
    """Tell that a token got another label, was disabled, or enabled again."""
    details = {
        "before": {"label": before.label, "isActive": before.is_active},
        "after": {"label": after.label, "isActive": after.is_active},
    }
    return _fact("AccessTokenChanged", Verb.UPDATE, caller, after, now, details)


def access_token_deleted(caller: Caller, token: AccessToken, now: datetime) -> Fact:
    """Tell that a token was deleted."""
    return _fact("AccessTokenDeleted", Verb.DELETE, caller, token, now, {"label": token.label})


def access_tokens_cleaned_up(
    caller: Caller, owner: str, generated_by: GeneratedBy, count: int, now: datetime
) -> Fact:
    """Tell that many tokens of a user were deleted at once."""
    return Fact(
        name="AccessTokenDeleted",
        at=now,
        caller=caller,
        verb=Verb.DELETE,
        object=FactObject("access-token", owner),
        namespace=owner,
        count=count,
        is_security=True,
        details={"generatedBy": str(generated_by)},
    )


def access_token_used(caller: Caller, token_id: str, now: datetime) -> Fact:
    """Tell that an access token was used from an address. The caller is the one that the token proved."""
    return Fact(
        name="AccessTokenUsed",
        at=now,
        caller=caller,
        verb=Verb.GET,
        object=FactObject("access-token", caller.principal.name or "", token_id),
        namespace=caller.principal.name or "",
        is_security=True,
    )


def _fact(  # noqa: PLR0913, PLR0917 - the fields of a fact
    name: str, verb: Verb, caller: Caller, token: AccessToken, now: datetime, details: dict[str, Any]
) -> Fact:
    return Fact(
        name=name,
        at=now,
        caller=caller,
        verb=verb,
        object=FactObject("access-token", token.owner, token.id),
        namespace=token.owner,
        is_security=True,
        details={**details, "generatedBy": str(token.generated_by)},
    )
