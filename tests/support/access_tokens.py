"""Access tokens made and used through the API."""

from typing import Any

import httpx
import jwt

from tests.support.api import ApiClient

PATH = "/api/v0/api_tokens"
FIELDS = {
    "hashedToken",
    "tokenLabel",
    "isActive",
    "username",
    "generatedBy",
    "createdAt",
    "lastUsed",
    "lastUsedAddress",
    "creatorUa",
    "permits",
    "expiresAt",
}


def name_of(client: ApiClient) -> str:
    """Return the name of the user whose client it is."""
    user: dict[str, Any] = client.get("/basic_info").json()["User"]
    return str(user["name"])


def make(client: ApiClient, **wish: Any) -> dict[str, Any]:
    """Make a token; return it with its secret."""
    answer = client.post(PATH, wish)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def registry_token(url: str, name: str, secret: str, scope: str = "") -> httpx.Response:
    """Ask for a token of the registry protocol."""
    return httpx.get(f"{url}/auth/token", params={"scope": scope, "service": "dtr"}, auth=(name, secret))


def access_of(answer: httpx.Response) -> list[tuple[str, list[str]]]:
    """Return names and actions in a token of the registry protocol."""
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return [(entry["name"], entry["actions"]) for entry in claims["access"]]


def tokens_of(client: ApiClient, **parameters: Any) -> list[dict[str, Any]]:
    """Return the access tokens that the API lists."""
    answer = client.get(PATH, params={"pageSize": 10000, **parameters})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found
