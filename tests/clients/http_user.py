"""A client that speaks plain HTTP to our registry, with tokens fetched as the challenge says."""

import json
import re
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import OCI_MANIFEST, digest_of


class ChallengeAuth(httpx.Auth):
    """Answers a Bearer challenge with a token for a user's name and password.

    Source: Docker registry v2 token authentication.
    """

    requires_response_body = True

    def __init__(self, user: str) -> None:
        self._basic = httpx.BasicAuth(user, PASSWORDS[user])

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        challenged = yield request
        if challenged.status_code != httpx.codes.UNAUTHORIZED:
            return
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenged.headers["WWW-Authenticate"]))
        url = httpx.URL(parameters["realm"], params=_without_realm(parameters))
        token_request = next(self._basic.auth_flow(httpx.Request("GET", url)))
        answer = yield token_request
        request.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield request


def _without_realm(parameters: dict[str, str]) -> dict[str, str]:
    return {name: parameters[name] for name in ("service", "scope") if name in parameters}


@dataclass(frozen=True)
class HttpUser:
    """One user's view of one repository."""

    http: httpx.Client
    repository: str

    def push_blob(self, content: bytes) -> None:
        """Upload a blob in the way of most artifact tools: a session, then one PUT."""
        session = self.http.post(f"/v2/{self.repository}/blobs/uploads/")
        assert session.status_code == httpx.codes.ACCEPTED, session.text
        location = httpx.URL(session.headers["Location"]).copy_merge_params({"digest": digest_of(content)})
        stored = self.http.put(location, content=content)
        assert stored.status_code == httpx.codes.CREATED, stored.text

    def push_manifest(self, reference: str, manifest: dict[str, object]) -> httpx.Response:
        """Upload a manifest, expect success, return the answer."""
        stored = self.http.put(
            f"/v2/{self.repository}/manifests/{reference}",
            content=json.dumps(manifest),
            headers={"Content-Type": OCI_MANIFEST},
        )
        assert stored.status_code == httpx.codes.CREATED, stored.text
        return stored

    def get(self, path: str, **parameters: str) -> Any:
        """Return a JSON document below the repository."""
        answer = self.http.get(f"/v2/{self.repository}/{path}", params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


@contextmanager
def http_user(registry: Registry, user: str, repository: str) -> Iterator[HttpUser]:
    """Connect to our registry as a user."""
    trusted = ssl.create_default_context(cafile=str(registry.ca_file))
    with httpx.Client(base_url=f"https://{registry.host}", auth=ChallengeAuth(user), verify=trusted) as http:
        yield HttpUser(http, repository)
