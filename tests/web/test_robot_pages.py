"""The pages of robots: who sees and manages which, secrets that are shown once, rotation and deletion."""

import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.hostile import HOSTILE
from tests.support.html_pages import notices_in
from tests.support.people import make_organization, make_user
from tests.support.server import RunRegistry, ServerProcess

SECRET = re.compile(r"dtr_robot_[A-Za-z0-9_-]{43}")
ROBOTS = "/api/v0/robots"


@pytest.fixture(scope="module")
def registry(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry where olivia owns the organization acme and wendy belongs to it; once for each database."""
    with run_registry() as server, closing(ApiClient(server.url, "admin", server.admin_password)) as admin:
        make_user(admin, "olivia")
        make_user(admin, "wendy")
        make_user(admin, "audrey", isAuditor=True)
        make_organization(admin, "acme", olivia=True, wendy=False)
        yield server


@pytest.fixture
def admin(admin: ApiClient) -> Iterator[ApiClient]:
    """Give the administrator's client of the API; the robots that a test leaves are deleted."""
    yield admin
    for robot in admin.get(ROBOTS, params={"pageSize": 1000}).json():
        admin.delete(f"{ROBOTS}/{robot['name']}")


def make(admin: ApiClient, name: str = "ci", namespace: str = "acme", **fields: object) -> dict[str, object]:
    """Make a robot through the API; return it with its secret."""
    permits = [{"pattern": f"{namespace}/**" if namespace else "**", "actions": ["pull"]}]
    answer = admin.post(ROBOTS, {"name": name, "namespace": namespace, "permits": permits, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def secret_on(answer: httpx.Response) -> str:
    """Return the secret that an answer shows; fails unless nothing keeps it."""
    found = SECRET.search(answer.text)
    assert found is not None, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    return found[0]


def log_in(registry: ServerProcess, name: object, secret: object) -> int:
    """Return the status of a login for a token of the registry protocol."""
    auth = (str(name), str(secret))
    return httpx.get(f"{registry.url}/auth/token", params={"service": "dtr"}, auth=auth).status_code


def test_strangers_are_sent_to_sign_in(browser_of: BrowserOf) -> None:
    for path in ("/robots", "/robots/new", "/robots/robot+acme+ci"):
        assert browser_of().http.get(path).headers["location"].startswith("/sign-in?next=%2Frobots")


def test_an_owner_sees_the_robots_of_their_namespaces_only(admin: ApiClient, olivia: Browser) -> None:
    make(admin, description=HOSTILE)
    make(admin, "everywhere", "")
    own = olivia.see("/robots")
    assert "No robots here" in own
    assert '<option value="acme">' in own
    assert '<option value="*"' not in own
    page = olivia.see("/robots?namespace=acme")
    assert "robot+acme+ci" in page
    assert "<script>alert" not in page
    assert "robot+everywhere" not in page
    olivia.see("/robots?namespace=*", status=403)
    olivia.see("/robots?namespace=admin", status=403)
    olivia.see("/robots?namespace=nobody", status=404)


def test_a_mere_member_neither_sees_nor_makes_robots_of_the_organization(
    admin: ApiClient, wendy: Browser
) -> None:
    make(admin)
    assert '<option value="acme">' not in wendy.see("/robots")
    wendy.see("/robots?namespace=acme", status=403)
    wendy.see("/robots/robot+acme+ci", status=404)
    fields = {"name": "mine", "namespace": "acme", "pattern-0": "acme/**", "actions-0": "pull"}
    answer = wendy.send("/robots", **fields)
    assert answer.status_code == 403
    assert SECRET.search(answer.text) is None
    for action in ("", "/activity", "/secret", "/delete"):
        refused = wendy.send(f"/robots/robot+acme+ci{action}", name="robot+acme+ci", active="no", **{
            "pattern-0": "acme/**", "actions-0": "pull"})  # fmt: skip
        assert refused.status_code == 404, action
    (robot,) = admin.get(ROBOTS).json()
    assert robot["isActive"]


def test_an_administrator_sees_all_and_chooses(admin: ApiClient, root: Browser) -> None:
    make(admin)
    make(admin, "everywhere", "")
    page = root.see("/robots")
    assert "robot+acme+ci" in page
    assert "robot+everywhere" in page
    assert "robot+acme+ci" not in root.see("/robots?namespace=*")
    assert "robot+everywhere" not in root.see("/robots?namespace=acme")


def test_an_auditor_looks_and_is_offered_no_changes(browser_of: BrowserOf, admin: ApiClient) -> None:
    make(admin)
    audrey = browser_of("audrey")
    page = audrey.see("/robots/robot+acme+ci")
    assert "acme/**" in page
    assert "Delete the robot" not in page
    assert audrey.send("/robots/robot+acme+ci/secret").status_code == 403


def test_a_robot_is_made_and_its_secret_shown_once(
    registry: ServerProcess, admin: ApiClient, olivia: Browser
) -> None:
    permits: dict[str, str | list[str]] = {
        "pattern-0": "acme/web",
        "actions-0": ["pull", "delete"],
        "pattern-1": "acme/**",
        "actions-1": "push",
    }
    answer = olivia.send(
        "/robots", name="deploy", namespace="acme", description="Deploys", days="", **permits
    )
    assert answer.status_code == 201
    secret = secret_on(answer)
    address = registry.url.removeprefix("http://")
    assert f"docker login {address} -u &#39;robot+acme+deploy&#39; --password-stdin" in answer.text
    assert "kubectl create secret docker-registry robot-acme-deploy-pull" in answer.text
    assert log_in(registry, "robot+acme+deploy", secret) == 200
    assert secret not in olivia.see("/robots/robot+acme+deploy")
    robot = admin.get(f"{ROBOTS}/robot+acme+deploy").json()
    assert robot["expiresAt"] is None
    assert robot["permits"] == [
        {"pattern": "acme/web", "actions": ["delete", "pull"]},
        {"pattern": "acme/**", "actions": ["push"]},
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "X"}, 400),
        ({"name": ""}, 400),
        ({"name": "a" * 65}, 400),
        ({"name": "ci+evil"}, 400),
        ({"pattern-0": "other/**"}, 400),
        ({"pattern-0": "**"}, 400),
        ({"pattern-0": "", "actions-0": ""}, 400),
        ({"actions-0": "own"}, 400),
        ({"days": "0"}, 400),
        ({"days": "99999"}, 400),
        ({"days": "soon"}, 400),
        ({"namespace": "nobody", "pattern-0": "nobody/**"}, 404),
        ({"namespace": ""}, 403),
        ({"name": "taken"}, 409),
    ],
)
def test_a_robot_that_cannot_be_is_refused_and_the_form_is_kept(
    admin: ApiClient, olivia: Browser, fields: dict[str, str], status: int
) -> None:
    make(admin, "taken")
    good = {"name": "fine", "namespace": "acme", "description": "kept text", "days": "30",
            "pattern-0": "acme/**", "actions-0": "pull"}  # fmt: skip
    answer = olivia.send("/robots", **{**good, **fields})
    assert answer.status_code == status, answer.text
    assert notices_in(answer.text)
    assert "kept text" in answer.text
    assert SECRET.search(answer.text) is None
    assert [each["name"] for each in admin.get(ROBOTS).json()] == ["robot+acme+taken"]


def test_permits_description_and_life_are_changed(admin: ApiClient, olivia: Browser) -> None:
    before = make(admin)
    path = "/robots/robot+acme+ci"
    permits = {"pattern-0": "acme/app", "actions-0": "push"}
    answer = olivia.send(path, description=HOSTILE, life="keep", days="30", **permits)
    assert answer.headers["location"] == path
    page = olivia.see(path)
    assert "<script>alert" not in page
    robot = admin.get(f"{ROBOTS}/robot+acme+ci").json()
    assert robot["permits"] == [{"pattern": "acme/app", "actions": ["push"]}]
    assert robot["description"] == HOSTILE
    assert robot["expiresAt"] == before["expiresAt"]
    olivia.send(path, life="never", **permits)
    assert admin.get(f"{ROBOTS}/robot+acme+ci").json()["expiresAt"] is None
    olivia.send(path, life="days", days="7", **permits)
    assert admin.get(f"{ROBOTS}/robot+acme+ci").json()["expiresAt"] is not None


def test_permits_outside_of_the_namespace_are_refused_and_kept_in_the_form(
    admin: ApiClient, olivia: Browser
) -> None:
    make(admin)
    answer = olivia.send(
        "/robots/robot+acme+ci", life="keep", **{"pattern-0": "other/x", "actions-0": "pull"}
    )
    assert answer.status_code == 400
    assert "other/x" in answer.text
    assert admin.get(f"{ROBOTS}/robot+acme+ci").json()["permits"][0]["pattern"] == "acme/**"


def test_a_robot_is_disabled_and_enabled(registry: ServerProcess, admin: ApiClient, olivia: Browser) -> None:
    made = make(admin)
    olivia.send("/robots/robot+acme+ci/activity", active="no")
    assert log_in(registry, made["name"], made["secret"]) == 401
    assert "Enable the robot" in olivia.see("/robots/robot+acme+ci")
    olivia.send("/robots/robot+acme+ci/activity", active="yes")
    assert log_in(registry, made["name"], made["secret"]) == 200


def test_a_secret_is_rotated_with_and_without_an_overlap(
    registry: ServerProcess, admin: ApiClient, olivia: Browser
) -> None:
    made = make(admin)
    second = secret_on(olivia.send("/robots/robot+acme+ci/secret", overlap_hours="2"))
    assert log_in(registry, made["name"], made["secret"]) == 200
    assert log_in(registry, made["name"], second) == 200
    assert "The one before still counts" in olivia.see("/robots/robot+acme+ci")
    third = secret_on(olivia.send("/robots/robot+acme+ci/secret", overlap_hours="0"))
    assert log_in(registry, made["name"], second) == 401
    assert log_in(registry, made["name"], third) == 200
    for hours in ("-1", "99999", "x"):
        refused = olivia.send("/robots/robot+acme+ci/secret", overlap_hours=hours)
        assert refused.status_code == 400
        assert SECRET.search(refused.text) is None
    assert log_in(registry, made["name"], third) == 200


def test_a_robot_is_deleted_by_typing_its_name(admin: ApiClient, olivia: Browser) -> None:
    make(admin)
    for typed in ("", "ci", "robot+acme+CI"):
        refused = olivia.send("/robots/robot+acme+ci/delete", name=typed)
        assert refused.status_code == 400
    assert admin.get(f"{ROBOTS}/robot+acme+ci").status_code == 200
    answer = olivia.send("/robots/robot+acme+ci/delete", name="robot+acme+ci")
    assert answer.headers["location"] == "/robots?namespace=acme"
    assert notices_in(olivia.see("/robots?namespace=acme")) == ["The robot robot+acme+ci is deleted."]
    olivia.see("/robots/robot+acme+ci", status=404)


def test_more_rows_come_without_scripts_and_change_nothing(admin: ApiClient, olivia: Browser) -> None:
    make(admin)
    draft = {"more": "1", "pattern-0": "acme/draft", "actions-0": "admin"}
    for path, name in (("/robots", "draft"), ("/robots/robot+acme+ci", "")):
        answer = olivia.send(path, name=name, namespace="acme", **draft)
        assert answer.status_code == 200
        assert "acme/draft" in answer.text
    (robot,) = admin.get(ROBOTS).json()
    assert robot["permits"][0]["pattern"] == "acme/**"


def test_a_form_without_the_token_of_the_page_changes_nothing(admin: ApiClient, olivia: Browser) -> None:
    make(admin)
    for action in ("", "/activity", "/secret", "/delete"):
        answer = olivia.http.post(f"/robots/robot+acme+ci{action}", data={"name": "robot+acme+ci"})
        assert answer.status_code == 403
        assert SECRET.search(answer.text) is None
    assert admin.get(f"{ROBOTS}/robot+acme+ci").json()["isActive"]


def test_long_lists_come_in_pages(admin: ApiClient, root: Browser) -> None:
    for number in range(4):
        make(admin, f"r{number}")
    first = root.see("/robots?namespace=acme&size=3")
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found is not None
    second = root.see(found[1].replace("&amp;", "&"))
    assert "robot+acme+r3" in second
    assert "robot+acme+r2" not in second
    assert 'href="/robots?namespace=acme&amp;size=3"' in second
