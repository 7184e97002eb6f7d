"""A small registry client for tests: sends exactly what it is told, with tokens fetched on the way."""

import hashlib
import http.client
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

import httpx

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(content: bytes) -> str:
    """Return the digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha512(content: bytes) -> str:
    """Return the SHA-512 digest of some bytes."""
    return f"sha512:{hashlib.sha512(content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **extra: Any) -> dict[str, Any]:
    """Describe content as a manifest does."""
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **extra}


def image_manifest(config: bytes, *layers: bytes, **extra: Any) -> bytes:
    """Make an OCI image manifest; `extra` fields (subject, annotations, artifactType) go to its top."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, OCI_CONFIG),
            "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
            **extra,
        }
    ).encode()


def image_index(*manifests: bytes, media_type: str = OCI_MANIFEST, **extra: Any) -> bytes:
    """Make an OCI index of manifests."""
    children = [descriptor(manifest, media_type) for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children, **extra}).encode()


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An HTTP answer without any interpretation."""

    status: int
    headers: dict[str, str]
    body: bytes


class RegistryClient:
    """A caller with a name and a password, or an anonymous one.

    Every request carries a token with `pull,push,delete` on the repository in its path, as far as granted.
    """

    def __init__(self, url: str, name: str | None = None, password: str | None = None) -> None:
        self.url = url
        self._credentials = (name, password or "") if name is not None else None
        self._tokens: dict[str, str] = {}
        self.http = httpx.Client(base_url=url, timeout=30, verify=False)  # noqa: S501 - loopback

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def token(self, *scopes: str, fresh: bool = False) -> str:
        """Return a token for scopes; the same one again unless a fresh one is asked for."""
        key = " ".join(scopes)
        if fresh or key not in self._tokens:
            parameters = {"service": "dtr", "scope": scopes}
            answer = self.http.get("/auth/token", params=parameters, auth=self._credentials)
            assert answer.status_code == 200, answer.text
            self._tokens[key] = answer.json()["token"]
        return self._tokens[key]

    def repository_token(self, name: str, actions: str = "pull,push,delete", *, fresh: bool = False) -> str:
        """Return a token for one repository."""
        return self.token(f"repository:{name}:{actions}", fresh=fresh)

    def request(
        self, method: str, name: str, rest: str, *, extra_scopes: tuple[str, ...] = (), **arguments: Any
    ) -> httpx.Response:
        """Send a request to `/v2/<name>/<rest>` with a token for `name`. Redirects are not followed."""
        token = self.token(f"repository:{name}:pull,push,delete", *extra_scopes)
        headers = {"authorization": f"Bearer {token}", **arguments.pop("headers", {})}
        return self.http.request(method, f"/v2/{name}/{rest}", headers=headers, **arguments)

    def session(self, method: str, name: str, location: str, **arguments: Any) -> httpx.Response:
        """Send a request to an upload's Location (path with optional query), with a token for `name`."""
        headers = {
            "authorization": f"Bearer {self.repository_token(name)}",
            **arguments.pop("headers", {}),
        }
        return self.http.request(method, location, headers=headers, **arguments)

    def raw(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        name: str | None = None,
    ) -> RawAnswer:
        """Send a request target untouched (dots, encoded slashes, anything). `name`: add a token for it."""
        parts = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(str(parts.hostname), parts.port, timeout=30)
        wanted = dict(headers or {})
        if name is not None:
            wanted.setdefault("authorization", f"Bearer {self.repository_token(name)}")
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            for key, value in wanted.items():
                connection.putheader(key, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            found = {key.lower(): value for key, value in answer.getheaders()}
            return RawAnswer(answer.status, found, answer.read())
        finally:
            connection.close()

    def push_blob(self, name: str, content: bytes, digest: str | None = None) -> str:
        """Push a blob in one request; return its digest."""
        wanted = digest or sha256(content)
        answer = self.request("POST", name, "blobs/uploads/", params={"digest": wanted}, content=content)
        assert answer.status_code == 201, answer.text
        return wanted

    def start_upload(self, name: str) -> str:
        """Begin an upload session; return its Location."""
        answer = self.request("POST", name, "blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"])

    def push_manifest(
        self, name: str, reference: str, content: bytes, media_type: str = OCI_MANIFEST
    ) -> httpx.Response:
        """PUT a manifest; return the answer."""
        headers = {"content-type": media_type}
        return self.request("PUT", name, f"manifests/{reference}", content=content, headers=headers)

    def push_image(self, name: str, reference: str = "latest", *layers: bytes, **extra: Any) -> bytes:
        """Push config, layers and manifest; return the manifest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "for": f"{name}:{reference}"}).encode()
        contents = layers or (f"a layer of {name}".encode(),)
        for content in (config, *contents):
            self.push_blob(name, content)
        manifest = image_manifest(config, *contents, **extra)
        answer = self.push_manifest(name, reference, manifest)
        assert answer.status_code == 201, answer.text
        return manifest


def error_codes(answer: httpx.Response) -> list[str]:
    """Return the codes in an error answer; fails unless it is a well-formed error document."""
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert set(document) == {"errors"}
    return [entry["code"] for entry in document["errors"]]
