"""What Harbor's replication adapter sends, request by request, and what it reads in the answers."""

import hashlib
import urllib.parse
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.support.go_client import ACCOUNT, REPOSITORY, TAG, GoClient, fits
from tests.support.registry import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, RegistryClient, image_manifest, sha256
from tests.support.server import ServerProcess

HARBOR = {"User-Agent": "harbor-registry-client"}
MANIFEST_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
]


class HarborRegistry:
    """Harbor's way through `/v2`: a token for each set of scopes, asked for with Basic, kept while it lives."""

    def __init__(self, server: ServerProcess) -> None:
        self.http = httpx.Client(base_url=server.url, headers=HARBOR, timeout=30)
        self._auth = ("admin", server.admin_password)

    def token(self, *scopes: str) -> str:
        parameters = {"service": "dtr", "scope": list(scopes)}
        answer = self.http.get("/auth/token", params=parameters, auth=self._auth)
        assert answer.status_code == 200, answer.text
        assert type(answer.json()["expires_in"]) is int
        assert datetime.fromisoformat(answer.json()["issued_at"]).tzinfo is not None
        return str(answer.json()["token"])

    def send(self, method: str, path: str, *scopes: str, **arguments: Any) -> httpx.Response:
        headers = [("Authorization", f"Bearer {self.token(*scopes)}"), *arguments.pop("headers", [])]
        return self.http.request(method, path, headers=headers, **arguments)


@pytest.fixture
def harbor(server: ServerProcess) -> Iterator[HarborRegistry]:
    client = HarborRegistry(server)
    yield client
    client.http.close()


def pages_by_header(go: GoClient, path: str, marker: str, key: str) -> list[dict[str, Any]]:
    """Follow `X-Next-Page-Start` as Harbor does, with the marker alone put in place of the last one."""
    found: list[dict[str, Any]] = []
    start = ""
    for _ in range(500):
        more = f"&{marker}={urllib.parse.quote_plus(start)}" if start else ""
        answer = go.send("GET", path + more)
        assert answer.status_code == 200, answer.text
        content = answer.json()
        found += content[key] if key else content
        start = answer.headers.get("x-next-page-start", "")
        if not start:
            return found
    raise AssertionError("the list never ends")


def test_harbor_finds_the_registry_healthy(server: ServerProcess) -> None:
    with httpx.Client(base_url=server.url, headers=HARBOR) as http:
        challenge = http.get("/v2/")
        assert challenge.status_code == 401
        fields = dict(
            pair.split("=", 1)
            for pair in challenge.headers["www-authenticate"].removeprefix("Bearer ").split(",")
        )
        realm, service = fields["realm"].strip('"'), fields["service"].strip('"')
        assert realm.startswith("http")

        token = http.get(realm, params={"service": service}, auth=("admin", server.admin_password))
        assert token.status_code == 200
        assert datetime.fromisoformat(token.json()["issued_at"]).tzinfo is not None
        assert type(token.json()["expires_in"]) is int

        ping = http.get("/v2/", headers={"Authorization": f"Bearer {token.json()['token']}"})
        assert 200 <= ping.status_code < 300


def test_harbor_lists_what_it_can_replicate(go: GoClient, server: ServerProcess, number: int) -> None:
    organization = f"harbor-from-{number}"
    assert go.send("POST", "/enzi/v0/accounts", {"name": organization, "isOrg": True}).status_code == 201
    for name in ("empty", "full"):
        body = {"name": name, "visibility": "private", "enableManifestLists": True}
        assert go.send("POST", f"/api/v0/repositories/{organization}", body).status_code == 201
    registry = RegistryClient(server.url, "admin", server.admin_password)
    for tag in ("1.0", "2.0"):
        registry.push_image(f"{organization}/full", tag)
    registry.close()

    found = pages_by_header(go, "/api/v0/repositories?pageSize=1", "pageStart", "repositories")
    ours = [each for each in found if each["namespace"] == organization]
    assert [each["name"] for each in ours] == ["empty", "full"]
    assert all(fits(each, REPOSITORY) for each in found)
    assert len({each["id"] for each in found}) == len(found)

    assert go.get(f"/api/v0/repositories/{organization}/empty/tags?pageSize=100") == []
    tags = pages_by_header(go, f"/api/v0/repositories/{organization}/full/tags?pageSize=1", "pageStart", "")
    assert [tag["name"] for tag in tags] == ["1.0", "2.0"]
    assert all(fits(tag, TAG) for tag in tags)


def test_harbor_prepares_a_push(go: GoClient, number: int) -> None:
    wanted = f"harbor-to-{number}"
    before = pages_by_header(go, "/enzi/v0/accounts?limit=1", "start", "accounts")
    assert all(fits(each, ACCOUNT) for each in before)
    assert wanted not in {each["name"] for each in before}

    made = go.send("POST", "/enzi/v0/accounts", {"fullName": wanted, "isOrg": True, "name": wanted})
    assert made.status_code == 201
    after = pages_by_header(go, "/enzi/v0/accounts?limit=1", "start", "accounts")
    assert {each["name"] for each in after} == {each["name"] for each in before} | {wanted}

    body = {"enableManifestLists": True, "name": "app", "visibility": "private"}
    assert go.send("POST", f"/api/v0/repositories/{wanted}", body).status_code == 201
    found = pages_by_header(go, "/api/v0/repositories?pageSize=100", "pageStart", "repositories")
    assert (wanted, "app") in {(each["namespace"], each["name"]) for each in found}


def test_harbor_copies_an_image(go: GoClient, harbor: HarborRegistry, number: int) -> None:
    organization = f"harbor-copy-{number}"
    go.send("POST", "/enzi/v0/accounts", {"fullName": organization, "isOrg": True, "name": organization})
    body = {"enableManifestLists": True, "name": "app", "visibility": "private"}
    assert go.send("POST", f"/api/v0/repositories/{organization}", body).status_code == 201
    name = f"{organization}/app"
    pull, push = f"repository:{name}:pull", f"repository:{name}:pull,push"
    accept = [("Accept", each) for each in MANIFEST_TYPES]

    absent = harbor.send("HEAD", f"/v2/{name}/manifests/1.0", pull, headers=accept)
    assert absent.status_code == 404
    config, layer = b"{}", b"a layer to copy"
    for content in (config, layer):
        digest = sha256(content)
        assert harbor.send("HEAD", f"/v2/{name}/blobs/{digest}", pull).status_code == 404
        started = harbor.send("POST", f"/v2/{name}/blobs/uploads/", push, headers=[("Content-Length", "0")])
        assert started.status_code == 202
        location = httpx.URL(started.headers["location"]).copy_merge_params({"digest": digest})
        assert harbor.send("PUT", str(location), push, content=content).status_code == 201
    manifest = image_manifest(config, layer)
    assert OCI_CONFIG.encode() in manifest
    assert OCI_LAYER.encode() in manifest
    stored = harbor.send(
        "PUT", f"/v2/{name}/manifests/1.0", push, content=manifest, headers=[("Content-Type", OCI_MANIFEST)]
    )
    assert stored.status_code == 201

    head = harbor.send("HEAD", f"/v2/{name}/manifests/1.0", pull, headers=accept)
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert (head.status_code, head.headers["docker-content-digest"]) == (200, digest)
    assert head.headers["content-length"] == str(len(manifest))
    deleted = harbor.send("DELETE", f"/v2/{name}/manifests/{digest}", f"repository:{name}:*")
    assert 200 <= deleted.status_code < 300
    assert go.get(f"/api/v0/repositories/{name}/tags?pageSize=100") == []
