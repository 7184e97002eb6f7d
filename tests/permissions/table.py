"""The table: every endpoint with the profile of who may use it. An endpoint may have several rows.

A later feature adds its rows here; `test_permissions` fails until it has. Texts in braces are filled in; see
`test_permissions.Scene.values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.permissions import profiles as p
from tests.permissions.profiles import Profile


class Fresh(StrEnum):
    """What is made anew for each request, because the request might change or destroy it."""

    NOTHING = "nothing"
    REPOSITORY = "repository"
    ORGANIZATION = "organization"


@dataclass(frozen=True)
class Row:
    """One endpoint and who may use it."""

    method: str
    path: str
    profile: Profile
    body: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    """What to fill in, other than usual."""
    fresh: Fresh = Fresh.NOTHING
    past: tuple[str, ...] = ()
    """Codes of errors that say that the request came past the gate: what it is about is not there."""


NO_TAG = ("NO_SUCH_TAG", "NO_SUCH_REF")
REPOSITORY = "/api/v0/repositories/{namespace}/{reponame}"
SPACE = "/api/v0/repositoryNamespaces/{namespace}/teamAccess"
ENZI = "/enzi/v0/accounts"
ORG = "/enzi/v0/accounts/{orgname}"
TEAM = "/enzi/v0/accounts/{orgname}/teams/{teamname}"
USER = "/enzi/v0/accounts/{username}"
V2 = "/v2/{repository}"
MEMBER = {"username": "{member}"}
LEVEL = {"accessLevel": "read-only"}

OPEN_ROWS = [
    Row("GET", "/_ping", p.OPEN),
    Row("GET", "/health", p.OPEN),
    Row("GET", "/ca", p.OPEN, past=("NOT_FOUND",)),
    Row("GET", "/nginx_status", p.OPEN),
    Row("GET", "/metrics", p.OPEN),
    Row("GET", "/.well-known/jwks.json", p.OPEN),
    Row("GET", "/login", p.OPEN),
    Row("GET", "/favicon.ico", p.OPEN),
    Row("GET", "/robots.txt", p.OPEN),
    Row("POST", "/login", p.OPEN),
    Row("POST", "/auth/login", p.OPEN),
    Row("POST", "/logout", p.PUBLIC),
    Row("GET", "/basic_info", p.PUBLIC),
    Row("GET", "/auth/token", p.PUBLIC),
    Row("POST", "/auth/token", p.OPEN),
    Row("GET", "/api/v0/docs", p.PUBLIC),
    Row("GET", "/api/v0/docs.json", p.PUBLIC),
    Row("GET", "/api/v0/docs/{asset}", p.PUBLIC, past=("NOT_FOUND",)),
]

REGISTRY_ROWS = [
    Row("GET", "/api/v0/meta/settings", p.SYS_READ),
    Row("POST", "/api/v0/meta/settings", p.SYS, body={}),
    Row("GET", "/api/v0/meta/features", p.ANYBODY),
    Row("GET", "/api/v0/meta/alerts", p.SYS_READ),
    Row("GET", "/api/v0/meta/cluster_status", p.SYS_READ),
    Row("GET", "/api/v0/admin/version", p.SYS_READ),
    Row("GET", "/api/v0/meta/storage_use", p.SYS_READ),
    Row("GET", "/api/v0/audit", p.USER),
    Row("GET", "/api/v0/events", p.USER),
]

SEARCH_ROWS = [
    Row("GET", "/api/v0/index/autocomplete", p.PUBLIC, query={"query": "world"}),
    Row("GET", "/api/v0/index/dockersearch", p.PUBLIC, query={"q": "world"}),
    Row("GET", "/v1/search", p.PUBLIC, query={"q": "world"}),
    Row("GET", "/v1/_ping", p.OPEN),
]

ACCOUNT_ROWS = [
    Row("GET", "/api/v0/accounts/language", p.ANYBODY),
    Row("GET", "/api/v0/accounts/{username}/settings", p.SELF),
    Row("PATCH", "/api/v0/accounts/{username}/settings", p.SELF, body={"contentCacheUUID": ""}),
    Row("DELETE", "/api/v0/accounts/{namespace}", p.SYS, fresh=Fresh.ORGANIZATION),
    Row("DELETE", "/api/v0/accounts/{namespace}/repositories", p.NAMESPACE_OWNER, fresh=Fresh.ORGANIZATION),
    Row("GET", ENZI, p.USER),
    Row("POST", ENZI, p.SYS, body={"name": "{prefix}-made{number}", "isOrg": True}),
    Row("PATCH", ENZI, p.SYS, body={"operations": [{"op": "activate", "ref": "{victim}"}]}),
    Row("GET", f"{ENZI}/{{account}}", p.USER),
    Row("PATCH", f"{ENZI}/{{account}}", p.SELF, body={"fullName": "Somebody"}),
    Row(
        "PATCH",
        f"{ENZI}/{{account}}",
        p.ORGANIZATION_OWNER,
        body={"fullName": "An Organization"},
        values={"account": "{orgname}"},
    ),
    Row("PATCH", f"{ENZI}/{{account}}", p.SYS, body={"isAdmin": False}, values={"account": "{victim}"}),
    Row(
        "DELETE",
        f"{ENZI}/{{account}}",
        p.SYS,
        values={"account": "{orgname}"},
        fresh=Fresh.ORGANIZATION,
        past=("ACCOUNT_OWNS_REPOSITORIES",),
    ),
    Row(
        "POST",
        f"{USER}/changePassword",
        p.SELF,
        body={"oldPassword": "not the right one", "newPassword": "quite another one {number}"},
        past=("WRONG_PASSWORD",),
    ),
    Row("GET", f"{USER}/organizations", p.SELF_READ),
    Row("GET", f"{USER}/publicKeys", p.USER),
    Row("POST", f"{USER}/publicKeys", p.SELF, body={"publicKey": "none", "label": ""}),
    Row("PATCH", f"{USER}/publicKeys/{{key_id}}", p.SELF, body={"label": "x"}, past=("NO_SUCH_PUBLIC_KEY",)),
    Row("DELETE", f"{USER}/publicKeys/{{key_id}}", p.SELF, past=("NO_SUCH_PUBLIC_KEY",)),
]

ORGANIZATION_ROWS = [
    Row("GET", f"{ORG}/members", p.ORGANIZATION_MEMBER),
    Row("GET", f"{ORG}/members/{{username}}", p.ORGANIZATION_MEMBER, values=MEMBER),
    Row("GET", f"{ORG}/members/{{username}}/teams", p.ORGANIZATION_MEMBER, values=MEMBER),
    Row("PUT", f"{ORG}/members/{{username}}", p.ORGANIZATION_OWNER, body={}, fresh=Fresh.ORGANIZATION),
    Row(
        "DELETE",
        f"{ORG}/members/{{username}}",
        p.ORGANIZATION_OWNER,
        values={"username": "{victim}"},
        fresh=Fresh.ORGANIZATION,
    ),
    Row("GET", f"{ORG}/teams", p.ORGANIZATION_MEMBER),
    Row("POST", f"{ORG}/teams", p.ORGANIZATION_OWNER, body={"name": "made{number}"}),
    Row("GET", TEAM, p.ORGANIZATION_MEMBER),
    Row("PATCH", TEAM, p.ORGANIZATION_OWNER, body={"description": "x"}),
    Row("DELETE", TEAM, p.ORGANIZATION_OWNER, fresh=Fresh.ORGANIZATION),
    Row("GET", f"{TEAM}/members", p.ORGANIZATION_MEMBER),
    Row("GET", f"{TEAM}/members/{{username}}", p.ORGANIZATION_MEMBER, values={"username": "{team_member}"}),
    Row("PUT", f"{TEAM}/members/{{username}}", p.ORGANIZATION_OWNER, body={}, fresh=Fresh.ORGANIZATION),
    Row("DELETE", f"{TEAM}/members/{{username}}", p.ORGANIZATION_OWNER, fresh=Fresh.ORGANIZATION),
]

CREDENTIAL_ROWS = [
    Row("GET", "/api/v0/api_tokens", p.USER),
    Row("GET", "/api/v0/api_tokens", p.SELF_READ, query={"username": "{username}"}),
    Row("POST", "/api/v0/api_tokens", p.USER, body={"tokenLabel": "x"}),
    Row("POST", "/api/v0/api_tokens", p.SELF, body={"tokenLabel": "x"}, query={"username": "{username}"}),
    Row("DELETE", "/api/v0/api_tokens", p.SELF, query={"username": "{username}", "generatedby": "auto"}),
    Row("GET", "/api/v0/api_tokens/{hashedtoken}", p.OWN_TOKEN_READ),
    Row("PATCH", "/api/v0/api_tokens/{hashedtoken}", p.OWN_TOKEN, body={"tokenLabel": "y"}),
    Row("DELETE", "/api/v0/api_tokens/{hashedtoken}", p.OWN_TOKEN),
    Row("GET", "/api/v0/sessions", p.USER),
    Row("GET", "/api/v0/sessions", p.SELF_READ, query={"username": "{username}"}),
    Row("DELETE", "/api/v0/sessions/{sessionID}", p.on_registry({p.K.OWN}, others="403/404")),
    Row("DELETE", "/api/v0/sessions/{sessionID}", p.SELF, query={"username": "{own}"}),
    Row("GET", "/api/v0/robots", p.SYS_READ),
    Row("GET", "/api/v0/robots", p.NAMESPACE_ADMIN_READ, query={"namespace": "{namespace}"}),
    Row(
        "POST",
        "/api/v0/robots",
        p.NAMESPACE_ADMIN,
        body={
            "name": "made{number}",
            "namespace": "{namespace}",
            "permits": [{"pattern": "{namespace}/**", "actions": ["pull"]}],
        },
    ),
    Row(
        "POST",
        "/api/v0/robots",
        p.SYS,
        body={"name": "made{number}", "permits": [{"pattern": "**", "actions": ["pull"]}]},
    ),
    Row("GET", "/api/v0/robots/{name}", p.ROBOT_READ),
    Row("PATCH", "/api/v0/robots/{name}", p.ROBOT, body={"description": "x"}),
    Row("POST", "/api/v0/robots/{name}/secret", p.ROBOT, body={}),
    Row("DELETE", "/api/v0/robots/{name}", p.ROBOT, fresh=Fresh.ORGANIZATION),
]

REPOSITORY_ROWS = [
    Row("GET", "/api/v0/repositories", p.PUBLIC),
    Row("GET", "/api/v0/repositories/{namespace}", p.PUBLIC),
    Row("POST", "/api/v0/repositories/{namespace}", p.CREATE_REPOSITORY, body={"name": "made{number}"}),
    Row("GET", REPOSITORY, p.VISIBLE),
    Row("PATCH", REPOSITORY, p.REPOSITORY_ADMIN, body={"shortDescription": "x"}),
    Row("PATCH", REPOSITORY, p.REPOSITORY_ADMIN, body={"visibility": "private"}, fresh=Fresh.REPOSITORY),
    Row("DELETE", REPOSITORY, p.DELETE_REPOSITORY, fresh=Fresh.REPOSITORY),
    Row("POST", f"{REPOSITORY}/rename", p.RENAME, body={"name": "{namespace}/{reponame}"}),
    Row("GET", f"{REPOSITORY}/events", p.ACTIVITY),
    Row("GET", f"{REPOSITORY}/manifests", p.VISIBLE),
    Row("DELETE", f"{REPOSITORY}/manifests/{{digest}}", p.DELETE_TAGS, past=NO_TAG),
    Row("GET", f"{REPOSITORY}/tags", p.VISIBLE),
    Row("GET", f"{REPOSITORY}/tags/{{tag}}", p.VISIBLE, past=NO_TAG),
    Row("DELETE", f"{REPOSITORY}/tags/{{tag}}", p.DELETE_TAGS, past=NO_TAG),
    Row("POST", f"{REPOSITORY}/tags/delete", p.DELETE_TAGS, body={"tags": ["none"]}),
    Row("GET", f"{REPOSITORY}/tags/{{tag}}/history", p.ACTIVITY, past=NO_TAG),
    Row("GET", f"{REPOSITORY}/deletedTags", p.ACTIVITY),
    Row("POST", f"{REPOSITORY}/tags/{{tag}}/restore", p.PUSH, body={}, past=NO_TAG),
]

ACCESS_ROWS = [
    Row("GET", f"{REPOSITORY}/teamAccess", p.REPOSITORY_ADMIN_READ),
    Row("PUT", f"{REPOSITORY}/teamAccess/{{teamname}}", p.REPOSITORY_ADMIN, body=LEVEL),
    Row("DELETE", f"{REPOSITORY}/teamAccess/{{teamname}}", p.REPOSITORY_ADMIN, fresh=Fresh.REPOSITORY),
    Row("GET", f"{REPOSITORY}/userAccess", p.REPOSITORY_ADMIN_READ),
    Row(
        "PUT",
        f"{REPOSITORY}/userAccess/{{username}}",
        p.REPOSITORY_ADMIN,
        body=LEVEL,
        values={"username": "{victim}"},
    ),
    Row(
        "DELETE",
        f"{REPOSITORY}/userAccess/{{username}}",
        p.REPOSITORY_ADMIN,
        values={"username": "{victim}"},
    ),
    Row("GET", f"{REPOSITORY}/explain", p.VISIBLE),
    Row("GET", f"{REPOSITORY}/explain", p.REPOSITORY_ADMIN_READ, query={"account": "{victim}"}),
    Row("GET", f"{REPOSITORY}/access", p.REPOSITORY_ADMIN_READ),
    Row("GET", SPACE, p.NAMESPACE_MEMBER),
    Row("GET", f"{SPACE}/{{teamname}}", p.NAMESPACE_MEMBER, values={"teamname": "space_ro"}),
    Row("PUT", f"{SPACE}/{{teamname}}", p.NAMESPACE_ADMIN, body=LEVEL, values={"teamname": "space_ro"}),
    Row("DELETE", f"{SPACE}/{{teamname}}", p.NAMESPACE_ADMIN, fresh=Fresh.ORGANIZATION),
    Row(
        "GET",
        "/api/v0/accounts/{orgname}/teams/{teamname}/repositoryAccess",
        p.on_registry({p.K.TEAM_RO, p.K.SPACE_AD, p.K.OWNER, p.K.ADMIN, p.K.AUDITOR}),
    ),
    Row("GET", "/api/v0/accounts/{username}/repositoryAccess/{namespace}/{reponame}", p.SELF_READ),
]

DATA_PLANE_ROWS = [
    Row("GET", "/v2/", p.PUBLIC),
    Row("GET", "/v2/_oci/ext/discover", p.PUBLIC),
    Row("GET", "/v2/_catalog", p.ANYBODY),
    Row("GET", f"{V2}/manifests/{{reference}}", p.V2_PULL),
    Row("PUT", f"{V2}/manifests/{{reference}}", p.V2_PUSH, body={}),
    Row("DELETE", f"{V2}/manifests/{{reference}}", p.V2_DELETE),
    Row("GET", f"{V2}/blobs/{{digest}}", p.V2_PULL),
    Row("DELETE", f"{V2}/blobs/{{digest}}", p.V2_DELETE),
    Row("POST", f"{V2}/blobs/uploads/", p.V2_PUSH),
    Row("GET", f"{V2}/blobs/uploads/{{session}}", p.V2_PUSH),
    Row("PATCH", f"{V2}/blobs/uploads/{{session}}", p.V2_PUSH),
    Row("PUT", f"{V2}/blobs/uploads/{{session}}", p.V2_PUSH, query={"digest": "{digest}"}),
    Row("DELETE", f"{V2}/blobs/uploads/{{session}}", p.V2_PUSH),
    Row("GET", f"{V2}/tags/list", p.V2_PULL),
    Row("GET", f"{V2}/referrers/{{digest}}", p.V2_PULL),
]

TABLE = [
    *OPEN_ROWS,
    *REGISTRY_ROWS,
    *SEARCH_ROWS,
    *ACCOUNT_ROWS,
    *ORGANIZATION_ROWS,
    *CREDENTIAL_ROWS,
    *REPOSITORY_ROWS,
    *ACCESS_ROWS,
    *DATA_PLANE_ROWS,
]
