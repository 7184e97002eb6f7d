"""What goes wrong is said in the reader's language, with the values of this case."""
# ruff: noqa: RUF001 - Chinese has its own punctuation

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.browser import Browser
from tests.support.hostile import HOSTILE
from tests.support.server import ServerProcess
from tests.support.site import NAMES, Role, Site

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture
def chinese(web_server: Site) -> Iterator[dict[Role, Browser]]:
    """Give the administrator's, the writer's and a stranger's browser, which prefer Chinese."""
    opened = {
        role: Browser(web_server.url, language="zh-CN") for role in (Role.ADMIN, Role.WRITER, Role.ANONYMOUS)
    }
    for role in (Role.ADMIN, Role.WRITER):
        opened[role].log_in(NAMES[role], web_server.password(role))
    yield opened
    for browser in opened.values():
        browser.close()


@pytest.mark.parametrize(
    ("path", "fields", "status", "text"),
    [
        (
            "/users/new",
            {"name": "nina", "choice": "type", "password": "short", "again": "short"},
            400,
            "密码至少要有 12 个字符",
        ),
        ("/users/new", {"name": "rita", "choice": "generate"}, 409, "账号 rita 已存在"),
        (
            "/users/new",
            {"name": "Nina", "choice": "generate"},
            400,
            "账号名称由 1 到 100 个小写字母和数字组成",
        ),
        ("/users/new", {"name": "nina", "full_name": "n" * 129, "choice": "generate"}, 400, "全名只能有一行"),
        ("/organizations/new", {"name": "acme"}, 409, "账号 acme 已存在"),
        ("/organizations/acme", {"action": "add", "who": "nobody"}, 404, "没有用户 nobody"),
        ("/organizations/acme/teams", {"name": "readers"}, 409, "组织 acme 已有团队 readers"),
        (
            "/repositories/new",
            {"namespace": "acme", "name": "app", "visibility": "private"},
            400,
            "仓库 acme/app 已存在",
        ),
        (
            "/repositories/new",
            {"namespace": "none", "name": "app", "visibility": "private"},
            400,
            "没有账号 none",
        ),
        (
            "/repositories/acme/app/settings",
            {"section": "delete", "typed_name": "acme"},
            400,
            "要删除该仓库，请输入其完整名称：acme/app",
        ),
        (
            "/repositories/acme/app/settings",
            {"section": "description", "short_description": "x" * 1000},
            400,
            "简短描述最多",
        ),
        (
            "/repositories/acme/app/permissions",
            {"action": "set-user", "who": "acme", "level": "read-only"},
            400,
            "acme 是组织：请给它的团队授权",
        ),
        (
            "/repositories/acme/app/tags/delete",
            {"tag": [f"t{i}" for i in range(101)]},
            400,
            "一次最多删除 100 个标签",
        ),
        ("/system", {"repoEventHistoryToKeep": "many"}, 400, "字段 repoEventHistoryToKeep 必须是整数"),
        (
            "/system",
            {"repoEventHistoryToKeep": "1", "repoEventHistoryMaxAge": "soon"},
            400,
            "没有保存任何内容：应为时长",
        ),
        ("/profile/keys", {"key": "none", "label": ""}, 400, "publicKey 不是 PEM 格式的公钥"),
    ],
)
def test_a_refused_form_says_why(
    chinese: dict[Role, Browser], path: str, fields: dict[str, str | list[str]], status: int, text: str
) -> None:
    answer = chinese[Role.ADMIN].send(path, **fields)

    assert text in answer.text, answer.text
    assert answer.status_code == status


def test_a_refusal_says_what_is_missing_for_it(chinese: dict[Role, Browser]) -> None:
    answer = chinese[Role.WRITER].send(
        "/repositories/acme/app/settings", section="delete", typed_name="acme/app"
    )

    assert answer.status_code == 403
    assert (
        "wendy 无权对 acme/app 执行“删除仓库”：属于团队 writers，该团队对此仓库的级别为读写，但不足以删除仓库"
        in answer.text
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/repositories/acme/none", "没有仓库 acme/none"),
        ("/users/nobody", "没有账号 nobody"),
        ("/organizations/nobody", "没有组织 nobody"),
        (f"/repositories/acme/app/manifests/{DIGEST}", f"acme/app 中没有清单 {DIGEST}"),
        ("/repositories/acme/app/tags/none", "acme/app 中没有标签 none"),
        ("/nothing/here", "此地址没有内容"),
    ],
)
def test_what_is_missing_is_named(chinese: dict[Role, Browser], path: str, text: str) -> None:
    assert text in chinese[Role.ADMIN].see(path, 404)


def test_the_way_in_says_why_it_is_closed(own_server: ServerProcess) -> None:
    with closing(Browser(own_server.url, language="zh-CN")) as stranger:
        stranger.log_in("admin", "wrong")
        assert "用户名或密码不正确" in stranger.see("/sign-in")
        for _ in range(15):
            stranger.log_in("admin", "wrong")
        page = stranger.see("/sign-in")

    assert re.search("登录失败次数过多，请稍后再试（[0-9]+ 秒）", page), page


def test_an_explanation_of_access_is_in_chinese(chinese: dict[Role, Browser]) -> None:
    page = chinese[Role.ADMIN].see("/repositories/acme/app/permissions?account=wendy&operation=manage-access")

    assert "属于团队 writers，该团队对此仓库的级别为读写，但权限不够" in page
    assert "没有账号 nobody" in chinese[Role.ADMIN].see(
        "/repositories/acme/app/permissions?account=nobody&operation=pull"
    )


def test_values_are_shown_as_they_were_typed(chinese: dict[Role, Browser]) -> None:
    answer = chinese[Role.ADMIN].send("/organizations/acme", action="add", who=f"{HOSTILE[:60]}%(x)s")

    assert "没有用户 " in answer.text
    assert "<script>alert" not in answer.text
    assert "%(x)s" in answer.text


def test_the_api_says_it_in_english(web_server: Site) -> None:
    with closing(web_server.api(Role.ADMIN)) as admin:
        admin.http.headers["accept-language"] = "zh-CN"
        refused = admin.post("/enzi/v0/accounts", {"name": "nina", "password": "short", "again": "short"})

    assert refused.json()["errors"][0]["message"] == "a password has 12 or more characters"
