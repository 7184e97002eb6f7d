"""A client of the control plane for tests: sends exactly what it is told."""

from typing import Any

import httpx


class ApiClient:
    """A caller with a name and a password (or access token), or an anonymous one. Redirects are not followed."""

    def __init__(self, url: str, name: str | None = None, password: str = "") -> None:
        self.url = url
        auth = (name, password) if name is not None else None
        self.http = httpx.Client(base_url=url, auth=auth, timeout=30, verify=False)  # noqa: S501 - loopback

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        """GET; query parameters as keyword `params`."""
        return self.http.get(path, **arguments)

    def post(self, path: str, body: object = None, **arguments: Any) -> httpx.Response:
        """POST a JSON body."""
        return self.http.post(path, json=body, **arguments)

    def put(self, path: str, body: object = None, **arguments: Any) -> httpx.Response:
        """PUT a JSON body."""
        return self.http.put(path, json=body, **arguments)

    def patch(self, path: str, body: object = None, **arguments: Any) -> httpx.Response:
        """PATCH with a JSON body."""
        return self.http.patch(path, json=body, **arguments)

    def delete(self, path: str, **arguments: Any) -> httpx.Response:
        """DELETE."""
        return self.http.delete(path, **arguments)


def codes(answer: httpx.Response) -> list[str]:
    """Return the codes in an error answer; fails unless it is a well-formed error document."""
    assert answer.status_code >= 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert set(document) == {"errors"}, document
    assert all(
        set(entry) <= {"code", "message", "detail"} and entry["message"] for entry in document["errors"]
    )
    return [entry["code"] for entry in document["errors"]]
