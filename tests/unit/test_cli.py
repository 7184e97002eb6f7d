import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from dtr.cli import exits, main
from dtr.cli.explain import explain
from dtr.core.errors import Denied, NotFound, StorageFull, Unavailable
from dtr.plumbing.asgi.listening import ListenError

DTR = str(Path(sys.executable).parent / "dtr")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("DTR_")]:
        monkeypatch.delenv(variable)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.main, arguments)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """A `version` command that raises what the test puts into the list."""
    errors: list[Exception] = []

    @click.command()
    def fail() -> None:
        raise errors[0]

    monkeypatch.setattr("dtr.cli.version.version", fail)
    return errors


@pytest.mark.serial
def test_help_is_there_in_a_moment() -> None:
    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        subprocess.run([DTR, "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - before)

    assert min(seconds) < 0.15


def test_help_imports_no_command() -> None:
    script = (
        "import sys; from dtr.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'structlog', 'cryptography', 'uvicorn', 'yaml', 'dtr.settings', 'asyncio'}\n"
        "sys.stderr.write(','.join(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_help_lists_every_command_with_what_it_does() -> None:
    output = run("--help").output

    for name, entry in main.COMMANDS.items():
        assert name in output
        assert entry.summary in output


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_listed_command_exists(name: str) -> None:
    context = click.Context(main.main)

    assert isinstance(main.main.get_command(context, name), click.Command)


@pytest.mark.parametrize("name", ["serve", "database", "settings", "version"])
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    command = main.main.get_command(click.Context(main.main), name)

    assert command is not None
    summary = main.COMMANDS[name].summary.removesuffix(".")
    assert command.get_short_help_str(200).removesuffix(".").startswith(summary)


def test_an_unknown_command_is_a_usage_error() -> None:
    result = run("fly")

    assert result.exit_code == exits.USAGE
    assert "No such command 'fly'" in result.stderr


def test_settings_are_shown_as_yaml_and_as_json() -> None:
    arguments = ("--set", "logs.level=debug", "--data", "/srv/dtr", "settings", "show")

    from_yaml = yaml.safe_load(run(*arguments).stdout)
    from_json = json.loads(run(*arguments, "--output", "json").stdout)

    assert from_yaml == from_json
    assert from_json["logs"]["level"] == "debug"
    assert from_json["data"] == "/srv/dtr"


def test_settings_come_from_file_environment_and_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "registry.yaml"
    file.write_text("workers: 2\ntokens: {issuer: file, service: file}\n")
    monkeypatch.setenv("DTR_TOKENS_SERVICE", "environment")

    arguments = ("--config", str(file), "--set", "workers=3", "settings", "show", "--output", "json")
    shown = json.loads(run(*arguments).stdout)

    assert shown["workers"] == 3
    assert (shown["tokens"]["issuer"], shown["tokens"]["service"]) == ("file", "environment")


def test_a_password_is_masked_when_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTR_ADMIN_PASSWORD", "canary")
    monkeypatch.setenv("DTR_DATABASE", "postgresql://dtr:canary@db/dtr")

    result = run("settings", "show")

    assert result.exit_code == exits.OK
    assert "canary" not in result.output
    assert "postgresql://dtr:********@db/dtr" in result.output


@pytest.mark.parametrize("text", ["workers", "=3", ""])
def test_an_assignment_that_is_none_is_a_usage_error(text: str) -> None:
    result = run("--set", text, "settings", "show")

    assert result.exit_code == exits.USAGE
    assert "NAME=VALUE" in result.stderr


def test_a_mistake_in_the_settings_is_one_line_with_what_to_do_next() -> None:
    result = run("--set", "wokers=2", "settings", "show")

    assert result.exit_code == exits.SETTINGS
    assert result.stdout == ""
    assert result.stderr == "dtr: unknown setting 'wokers' (command line); did you mean 'workers'?\n"


def test_a_bad_option_of_serve_is_told_the_same_way() -> None:
    result = run("serve", "--workers", "0")

    assert result.exit_code == exits.SETTINGS
    assert result.stderr.startswith("dtr: workers (command line): expected at least 1")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFound("there is no user bob"), exits.FAILURE, "dtr: there is no user bob\n"),
        (Denied("not you"), exits.FAILURE, "dtr: not you; ask an administrator\n"),
        (StorageFull("disk full"), exits.FAILURE, "dtr: disk full; make room"),
        (Unavailable("no database"), exits.FAILURE, "dtr: no database; check the database"),
        (ListenError("cannot listen", "use another"), exits.LISTEN, "dtr: cannot listen; use another\n"),
        (
            PermissionError(13, "Permission denied", "/srv"),
            exits.FAILURE,
            "dtr: /srv: Permission denied; check",
        ),
    ],
)
def test_errors_that_an_operator_can_mend_are_one_line_without_traceback(
    failing: list[Exception], error: Exception, code: int, said: str
) -> None:
    failing.append(error)

    result = run("version")

    assert result.exit_code == code
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_mistake_of_ours_keeps_its_traceback(failing: list[Exception]) -> None:
    failing.append(ZeroDivisionError("bug"))

    assert isinstance(run("version").exception, ZeroDivisionError)
    assert explain(ZeroDivisionError("bug")) is None


def test_the_version_is_printed_for_people_and_for_scripts() -> None:
    assert run("version").stdout.startswith("dtr ")
    assert set(json.loads(run("version", "--output", "json").stdout)) == {"version"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tls", "--workers", "3"], {"tls": True, "workers": 3}),
        (["--no-tls"], {"tls": False, "workers": 1}),
        ([], {"tls": False, "workers": 1}),
    ],
)
def test_serve_hands_the_effective_settings_on_and_exits_as_told(
    monkeypatch: pytest.MonkeyPatch, options: list[str], expected: dict[str, object]
) -> None:
    seen: list[dict[str, object]] = []

    class Wiring:
        @staticmethod
        def serve(settings: object) -> int:
            tls, workers = settings.tls.enabled, settings.workers  # type: ignore[attr-defined]
            seen.append({"tls": tls, "workers": workers})
            return exits.WORKERS_KILLED

    monkeypatch.setattr("dtr.wiring", Wiring, raising=False)
    monkeypatch.setitem(sys.modules, "dtr.wiring", Wiring)

    assert run("serve", *options).exit_code == exits.WORKERS_KILLED
    assert seen == [expected]


def test_migrate_makes_the_database_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"

    first, second = (
        run("--data", str(data), "database", "migrate"),
        run("--data", str(data), "database", "migrate"),
    )

    assert (first.exit_code, second.exit_code) == (exits.OK, exits.OK), first.output + second.output
    assert "upgraded" in first.stdout
    assert "up to date" in second.stdout
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_command_for_a_directory_without_a_registry_is_one_line(tmp_path: Path) -> None:
    result = run("--data", str(tmp_path), "keys", "list")

    assert result.exit_code == exits.FAILURE
    assert "there is no registry in" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
