"""Requests made up from the OpenAPI document: whatever is sent, answers are as documented and never a server error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import ApiClient
from tests.support.server import RunRegistry, ServerProcess

pytestmark = pytest.mark.slow

SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
RUN_SECONDS = 300
PASSWORD = "a password of a user"

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]

NEVER = {
    "deleteAccount": "it would delete the accounts that ask",
    "deleteAccountWithRepositories": "the same",
    "changeAccount": "it would disable the accounts that ask, or make users of administrators",
    "changeAccounts": "the same, for all accounts at once",
    "changePassword": "it would change the password that the requests are sent with",
    "changeSettings": "it would make the registry read-only, and later requests meaningless",
}

NOT_ON_WHAT_IS_THERE = {
    "deleteRepository": "later requests would find nothing",
    "deleteRepositoriesOfAccount": "the same",
    "renameRepository": "the same",
    "deleteTeam": "the same",
    "changeTeam": "the same, when it gets another name",
    "deleteRobot": "the same",
    "removeMember": "the same",
}

EXISTING = {
    "namespace": "alice",
    "reponame": "app",
    "orgname": "acme",
    "teamname": "devs",
    "username": "bob",
    "accountNameOrID": "acme",
    "name": "robot+alice+builder",
}


@pytest.fixture(scope="module")
def fuzzed(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry of its own, with something of everything in it: what is made up here would disturb others."""
    with run_registry(workers=2) as process:
        furnish(process)
        yield process


def furnish(server: ServerProcess) -> None:
    admin = ApiClient(server.url, "admin", server.admin_password)
    for name in ("alice", "bob"):
        server.add_user(name, PASSWORD)
    made = [
        admin.post("/enzi/v0/accounts", {"name": "acme", "isOrg": True}),
        admin.post("/enzi/v0/accounts/acme/teams", {"name": "devs"}),
        admin.put("/enzi/v0/accounts/acme/members/alice", {"isAdmin": True}),
        admin.put("/enzi/v0/accounts/acme/teams/devs/members/bob", {}),
        admin.post("/api/v0/repositories/alice", {"name": "app"}),
    ]
    admin.close()
    assert all(answer.is_success for answer in made), [answer.text for answer in made]


def run(
    server: ServerProcess,
    caller: str | None,
    phase: str,
    excluded: set[str],
    parameters: dict[str, str],
    folder: Path,
) -> None:
    """Run the program; fails with what it found."""
    document = folder / "docs.json"
    client = ApiClient(server.url)
    document.write_bytes(client.get("/api/v0/docs.json").content)
    client.close()
    config = folder / "schemathesis.toml"
    config.write_text(
        "\n".join(
            ["[parameters]", *(f"{name} = {json.dumps(value)}" for name, value in parameters.items()), ""]
        )
    )
    password = server.admin_password if caller == "admin" else PASSWORD
    argv = [
        SCHEMATHESIS,
        *("--config-file", str(config), "run", str(document), "--url", server.url),
        *(["--auth", f"{caller}:{password}"] if caller else []),
        *(
            "--phases",
            phase,
            "--max-examples",
            "3",
            "--seed",
            "1",
            "--no-shrink",
            "--generation-database",
            "none",
        ),
        *("--checks", ",".join(CHECKS), "--warnings", "off", "--continue-on-failure"),
        *("--exclude-operation-id-regex", f"^({'|'.join(sorted(excluded))})$"),
    ]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    said = "\n".join(line[:400] for line in (done.stdout + done.stderr).splitlines())

    assert done.returncode == 0, said[-12_000:]


@pytest.mark.timeout(RUN_SECONDS)
@pytest.mark.parametrize("caller", ["admin", "alice", None], ids=["administrator", "user", "stranger"])
def test_every_bound_of_every_parameter_is_answered_as_documented(
    fuzzed: ServerProcess, caller: str | None, tmp_path: Path
) -> None:
    run(fuzzed, caller, "coverage", set(NEVER), {}, tmp_path)
    assert no_tracebacks(fuzzed)


@pytest.mark.timeout(RUN_SECONDS)
@pytest.mark.parametrize("caller", ["admin", "alice"], ids=["administrator", "user"])
def test_made_up_requests_about_what_exists_are_answered_as_documented(
    fuzzed: ServerProcess, caller: str, tmp_path: Path
) -> None:
    run(fuzzed, caller, "fuzzing", {*NEVER, *NOT_ON_WHAT_IS_THERE}, EXISTING, tmp_path)
    assert no_tracebacks(fuzzed)


def no_tracebacks(server: ServerProcess) -> bool:
    """Tell whether nothing went wrong that nobody foresaw."""
    log = server.log.read_text()
    return "request.failed" not in log and "response.broken" not in log
