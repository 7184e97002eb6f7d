"""Read the settings: defaults, a YAML file, the environment, the command line; the later wins."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dtr.settings.errors import SettingsError
from dtr.settings.tree import Leaf, Settings, leaves, sections

CONFIG_VARIABLE = "DTR_CONFIG"
"""Names the YAML file when the command line does not."""

NOT_SETTINGS = frozenset({CONFIG_VARIABLE, "DTR_ADMIN_PASSWORD"})
"""Variables of the registry that are read elsewhere: the file's name, and a secret of the first start."""

_SERVICE_LINK = re.compile(r"DTR_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
"""What Kubernetes adds to every container once a service is named `dtr` or `dtr-...`: not meant for us."""

S = TypeVar("S")
Given = Iterator[tuple[str, object, str]]
"""Settings of one source: name with dots, value as found, words that name the source in an error."""


def load_settings(
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    command_line: Mapping[str, object] | None = None,
) -> Settings:
    """Return the effective settings.

    `environment` holds the process's variables (`os.environ`), `command_line` values by name with dots
    (`{"tls.enabled": True}`); values on it that are `None` count as not given.
    Raises `SettingsError` for an unknown name, a value of the wrong kind, an unreadable file, or values that
    do not go together.
    """
    variables = environment or {}
    file = config_file or (Path(variables[CONFIG_VARIABLE]) if variables.get(CONFIG_VARIABLE) else None)
    known = {leaf.name: leaf for leaf in leaves(Settings)}
    values: dict[str, object] = {}
    for source in (_from_file(file), _from_environment(variables), _from_command_line(command_line or {})):
        values.update(_parsed(source, known))
    settings = _build(Settings, values)
    _check_together(settings)
    return settings


def _parsed(source: Given, known: Mapping[str, Leaf]) -> Iterator[tuple[str, object]]:
    for name, value, origin in source:
        leaf = known.get(name)
        if leaf is None:
            raise SettingsError(f"unknown setting {name!r} ({origin})", _near_miss(name, known))
        try:
            yield name, leaf.kind.parse(value)
        except ValueError as error:
            raise SettingsError(f"{name} ({origin}): {error}", leaf.meaning) from error


def _near_miss(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only needed to explain a mistake

    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else "`dtr settings show` lists every setting"


def _from_command_line(command_line: Mapping[str, object]) -> Given:
    for name, value in command_line.items():
        if value is not None:
            yield name, value, "command line"


def _from_environment(variables: Mapping[str, str]) -> Given:
    names = {leaf.variable: leaf.name for leaf in leaves(Settings)}
    for variable, value in variables.items():
        if not variable.startswith("DTR_") or variable in NOT_SETTINGS or _SERVICE_LINK.fullmatch(variable):
            continue
        if variable not in names:
            raise SettingsError(f"unknown environment variable {variable}", _near_miss(variable, names))
        yield names[variable], value, f"environment variable {variable}"


def _from_file(file: Path | None) -> Given:
    if file is None:
        return
    document = _read_yaml(file)
    origin = f"file {file}"
    branches = {name for name, _ in sections(Settings)}
    for key, value in _mapping(document, "the file", origin).items():
        if key not in branches:
            yield str(key), value, origin
            continue
        for leaf, inner in _mapping(value, f"section {key!r}", origin).items():
            yield f"{key}.{leaf}", inner, origin


def _mapping(value: object, what: str, origin: str) -> dict[object, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError(f"{what} must hold `name: value` lines ({origin})")
    return value


def _read_yaml(file: Path) -> object:
    import yaml  # noqa: PLC0415 - most starts have no file

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from error


def _build(of: type[S], values: Mapping[str, object], prefix: str = "") -> S:
    """Make the tree's class from the values below `prefix`; a leaf that no source names keeps its default."""
    own: dict[str, Any] = {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }
    for name, inner in sections(of):
        own[name] = _build(inner, values, f"{prefix}{name}.")
    return of(**own)


def _check_together(settings: Settings) -> None:
    """Refuse values that are fine alone but not together."""
    if (settings.tls.certificate is None) != (settings.tls.key is None):
        raise SettingsError("tls.certificate and tls.key belong together", "set both, or none")
    if settings.storage.driver == "memory" and settings.workers > 1:
        raise SettingsError(
            "storage.driver memory works with one worker only: processes do not share it",
            "set workers to 1, or storage.driver to filesystem",
        )
