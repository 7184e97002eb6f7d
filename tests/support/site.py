"""A registry with somebody in every role, and something to see on every page."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.api import ApiClient
from tests.support.people import ACCOUNTS, PASSWORD, make_organization, make_user
from tests.support.registry import OCI_INDEX, RegistryClient, image_index, image_manifest, sha256
from tests.support.server import ServerProcess

REPOSITORIES = "/api/v0/repositories"
ORG = "acme"
PRIVATE = "app"
PUBLIC = "tools/cli"
EMPTY = "empty"


class Role(StrEnum):
    """What somebody is to the organization `acme` and to the registry."""

    ANONYMOUS = "anonymous"
    USER = "user"
    """Has an account and is no member."""
    MEMBER = "member"
    """Of the organization, in no team."""
    READER = "reader"
    WRITER = "writer"
    MAINTAINER = "maintainer"
    """In a team with the level admin on the private repositories."""
    OWNER = "owner"
    """Of the organization."""
    AUDITOR = "auditor"
    ADMIN = "admin"


NAMES = {
    Role.USER: "ursula",
    Role.MEMBER: "mia",
    Role.READER: "rita",
    Role.WRITER: "wendy",
    Role.MAINTAINER: "mark",
    Role.OWNER: "olivia",
    Role.AUDITOR: "audrey",
    Role.ADMIN: "admin",
}

TEAMS = {
    "readers": (Role.READER, "read-only"),
    "writers": (Role.WRITER, "read-write"),
    "maintainers": (Role.MAINTAINER, "admin"),
}


@dataclass
class Site:
    """The running registry and what is in it."""

    server: ServerProcess
    digests: dict[str, str] = field(default_factory=dict)
    """Of manifests, by tag of `acme/app`."""
    token_ids: dict[Role, str] = field(default_factory=dict)
    """One access token of everybody, as addresses name it."""
    key_ids: dict[Role, str] = field(default_factory=dict)
    """One public key of everybody."""
    robot: str = ""

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    def password(self, role: Role) -> str:
        """Return the password of whoever has a role."""
        return self.server.admin_password if role is Role.ADMIN else PASSWORD

    def api(self, role: Role) -> ApiClient:
        """Return a client of the API."""
        return ApiClient(self.url, NAMES.get(role), self.password(role))

    def registry(self, role: Role) -> RegistryClient:
        """Return a client that pushes and pulls."""
        return RegistryClient(self.url, NAMES.get(role), self.password(role))


def furnish(server: ServerProcess) -> Site:
    """Fill a fresh registry, through the API and by pushing images."""
    site = Site(server)
    admin = site.api(Role.ADMIN)
    for role, name in NAMES.items():
        if role is not Role.ADMIN:
            make_user(admin, name, fullName=f"{name.title()} Example", isAuditor=role is Role.AUDITOR)
    _organization(admin)
    _images(site)
    _robots_and_tokens(site, admin)
    admin.close()
    return site


def _organization(admin: ApiClient) -> None:
    members = {NAMES[role]: role is Role.OWNER for role in (Role.OWNER, Role.MEMBER)}
    make_organization(admin, ORG, **members)
    for name, fields in (
        (PRIVATE, {"shortDescription": "The application itself", "longDescription": README}),
        (PUBLIC, {"visibility": "public", "shortDescription": "Tools for everybody"}),
        (EMPTY, {}),
    ):
        _ok(admin.post(f"{REPOSITORIES}/{ORG}", {"name": name, **fields}))
    for team, (role, level) in TEAMS.items():
        _ok(admin.put(f"{ACCOUNTS}/{ORG}/members/{NAMES[role]}", {}))
        _ok(admin.post(f"{ACCOUNTS}/{ORG}/teams", {"name": team, "description": f"All {team}"}))
        _ok(admin.put(f"{ACCOUNTS}/{ORG}/teams/{team}/members/{NAMES[role]}", {}))
        for repository in (PRIVATE, EMPTY):
            _ok(admin.put(f"{REPOSITORIES}/{ORG}/{repository}/teamAccess/{team}", {"accessLevel": level}))


def _images(site: Site) -> None:
    """Push tags, move one of them, and push an index of two platforms."""
    owner = site.registry(Role.OWNER)
    name = f"{ORG}/{PRIVATE}"
    for version in ("1.0", "1.1", "2.0"):
        config = json.dumps(_config(version)).encode()
        manifest = push_image(owner, name, version, config, f"layer of {version}".encode(), b"base layer")
        site.digests[version] = sha256(manifest)
        assert owner.push_manifest(name, "latest", manifest).status_code == 201
    images = [
        push_image(owner, name, f"multi-{cpu}", json.dumps(_config("multi", cpu)).encode(), cpu.encode())
        for cpu in ("amd64", "arm64")
    ]
    index = image_index(*images, annotations={"org.opencontainers.image.title": "both platforms"})
    assert owner.push_manifest(name, "multi", index, OCI_INDEX).status_code == 201
    site.digests["multi"] = sha256(index)
    owner.push_image(f"{ORG}/{PUBLIC}", "latest")
    owner.close()
    user = site.registry(Role.USER)
    user.push_image(f"{NAMES[Role.USER]}/own", "latest")
    user.close()


def push_image(
    client: RegistryClient, name: str, tag: str, config: bytes, *layers: bytes, **extra: Any
) -> bytes:
    """Push an image with a config of one's own; return the manifest."""
    for content in (config, *layers):
        client.push_blob(name, content)
    manifest = image_manifest(config, *layers, **extra)
    answer = client.push_manifest(name, tag, manifest)
    assert answer.status_code == 201, answer.text
    return manifest


def _config(version: str, architecture: str = "amd64") -> dict[str, Any]:
    """Return what the builder of an image writes down about it."""
    return {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "author": "Somebody <somebody@example.org>",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin", f"VERSION={version}"],
            "Cmd": ["/bin/app", "--serve"],
            "Entrypoint": ["/bin/sh", "-c"],
            "WorkingDir": "/srv",
            "User": "app",
            "ExposedPorts": {"8080/tcp": {}},
            "Labels": {"org.opencontainers.image.version": version},
        },
        "rootfs": {"type": "layers", "diff_ids": [sha256(version.encode()), sha256(b"base")]},
        "history": [
            {"created": "2026-01-01T00:00:00Z", "created_by": "COPY base /", "comment": "buildkit"},
            {"created": "2026-01-02T00:00:00Z", "created_by": f"RUN make VERSION={version}"},
            {"created": "2026-01-02T00:00:01Z", "created_by": "ENV VERSION", "empty_layer": True},
        ],
    }


def _robots_and_tokens(site: Site, admin: ApiClient) -> None:
    permits = [{"pattern": f"{ORG}/**", "actions": ["pull"]}]
    robot = admin.post("/api/v0/robots", {"name": "ci", "namespace": ORG, "permits": permits})
    site.robot = _ok(robot)["name"]
    for role, name in NAMES.items():
        client = site.api(role)
        made = _ok(client.post("/api/v0/api_tokens", {"tokenLabel": f"laptop of {name}"}))
        site.token_ids[role] = made["hashedToken"]
        key = _ok(
            client.post(f"{ACCOUNTS}/{name}/publicKeys", {"publicKey": _public_key(), "label": "laptop"})
        )
        site.key_ids[role] = key["id"]
        client.close()


def _public_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _ok(answer: Any) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


README = """# The application

Run it with `docker run`:

```console
docker run -p 8080:8080 acme/app
```

| option | means |
| :-- | --: |
| `--serve` | answer requests |

* first
* second, see [the handbook](https://example.org/)
"""
