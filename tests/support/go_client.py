"""Clients written in Go: what they send unasked, and what they can decode.

Unknown fields are ignored, a missing one is empty, and a wrong type fails the whole call.
"""

import base64
from typing import Any

import httpx

GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
ACCOUNT = {
    "name": str,
    "id": str,
    "fullName": str,
    "isOrg": bool,
    "isAdmin": bool,
    "isActive": bool,
    "isImported": bool,
    "onDemand": bool,
    "otpEnabled": bool,
    "membersCount": int,
    "teamsCount": int,
}
REPOSITORY = {
    "id": str,
    "namespace": str,
    "namespaceType": str,
    "name": str,
    "shortDescription": str,
    "longDescription": str,
    "visibility": str,
    "scanOnPush": bool,
    "immutableTags": bool,
    "enableManifestLists": bool,
    "tagLimit": int,
    "pulls": int,
    "pushes": int,
}
TAG = {
    "name": str,
    "digest": str,
    "author": str,
    "createdAt": str,
    "updatedAt": str,
    "hashMismatch": bool,
    "inNotary": bool,
}
TEAM = {"id": str, "orgID": str, "name": str, "description": str, "membersCount": int}


def fits(value: dict[str, Any], struct: dict[str, type]) -> bool:
    """Tell whether Go could decode an object: no field of the struct has another type; null and absent are fine."""
    for name, kind in struct.items():
        found = value.get(name)
        assert found is None or type(found) is kind, f"{name} is {found!r}, not a {kind.__name__}"
    return True


class GoClient:
    """Sends as Go's HTTP client does: no Accept, Basic without being asked, JSON with its type, no redirects."""

    def __init__(self, url: str, name: str, password: str) -> None:
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {pair}"}
        self.http = httpx.Client(base_url=url, timeout=30)
        self.http.headers.clear()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request with a JSON body, if any."""
        wanted = {**GO, **self._authorization, **(headers or {})}
        return self.http.request(method, path, json=body, headers=wanted)

    def get(self, path: str) -> Any:
        """Return what is read from a GET that must succeed."""
        answer = self.send("GET", path)
        assert 200 <= answer.status_code < 300, answer.text
        return answer.json()
