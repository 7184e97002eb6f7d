"""What tests of the pages about images push and read."""

import json
import re
from typing import Any

from tests.support.api import ApiClient
from tests.support.registry import (
    OCI_MANIFEST,
    RegistryClient,
    descriptor,
    image_manifest,
    sha256,
)
from tests.support.site import REPOSITORIES

MAX_PAGE_BYTES = 200 * 1024
ABSENT = f"sha256:{0:064x}"
SBOM = "application/spdx+json"


def at(name: str, rest: str) -> str:
    """Return the address of a page about a repository."""
    namespace, _, short = name.partition("/")
    return f"/repositories/{namespace}/{short.replace('/', '%2F')}/{rest}"


def tags_of(admin: ApiClient, name: str) -> dict[str, str]:
    """Return the tags that the API knows, with their digests."""
    namespace, _, short = name.partition("/")
    found = admin.get(f"{REPOSITORIES}/{namespace}/{short.replace('/', '%2F')}/tags")
    return {each["name"]: each["digest"] for each in found.json()}


def make_immutable(admin: ApiClient, name: str) -> None:
    """Let the tags of a repository stay where they are."""
    namespace, _, short = name.partition("/")
    changed = admin.patch(f"{REPOSITORIES}/{namespace}/{short.replace('/', '%2F')}", {"immutableTags": True})
    assert changed.is_success, changed.text


def push(
    client: RegistryClient, name: str, tag: str, config: dict[str, Any], *layers: bytes, **extra: Any
) -> bytes:
    """Push an image with a configuration of one's own; return its manifest."""
    content = json.dumps(config).encode()
    for blob in (content, *layers):
        client.push_blob(name, blob)
    manifest = image_manifest(content, *layers, **extra)
    assert client.push_manifest(name, tag, manifest).status_code == 201
    return manifest


def attach(client: RegistryClient, name: str, subject: bytes, type_: str, content: bytes) -> str:
    """Push an artifact about another manifest; return its digest."""
    for blob in (b"{}", content):
        client.push_blob(name, blob)
    layer = descriptor(content, type_, annotations={"org.opencontainers.image.title": "found.json"})
    artifact = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": type_,
        "config": descriptor(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [layer],
        "subject": descriptor(subject, OCI_MANIFEST),
    }
    document = json.dumps(artifact).encode()
    assert client.push_manifest(name, sha256(document), document).status_code == 201
    return sha256(document)


def shown_tags(page: str) -> list[str]:
    """Return the tags that a list links to, in its order."""
    return re.findall(r'main-cell break"><a href="[^"]*/tags/([^"]*)"', page)


def forms_in(page: str) -> list[str]:
    """Return where the forms of a page send to, but for those of every page."""
    found = re.findall(r'<form method="post" action="([^"]*)"', page)
    return [each for each in found if each.startswith("/repositories/")]
