"""From an exception to the one line that an operator sees, and the exit code."""

from dataclasses import dataclass

from dtr.cli import exits
from dtr.core.errors import Denied, Misconfigured, RegistryError, StorageFull, Unauthorized, Unavailable

_NEXT: dict[type[RegistryError], str] = {
    Misconfigured: "",
    Unavailable: "check the database and the storage that `dtr settings show` names, then try again",
    StorageFull: "make room on the disk or in the database, then try again",
    Denied: "ask an administrator",
    Unauthorized: "check name and password",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What to print, and how to exit."""

    line: str
    exit_code: int


def explain(error: Exception) -> Explanation | None:
    """Return the explanation of an error that an operator can mend; `None` for a mistake of ours."""
    from dtr.plumbing.asgi.listening import ListenError  # noqa: PLC0415 - only after something went wrong
    from dtr.settings import SettingsError  # noqa: PLC0415

    if isinstance(error, SettingsError):
        return Explanation(_line(error.message, error.hint), exits.SETTINGS)
    if isinstance(error, ListenError):
        return Explanation(_line(error.message, error.hint), exits.LISTEN)
    if isinstance(error, RegistryError):
        hints = (hint for kind, hint in _NEXT.items() if isinstance(error, kind))
        return Explanation(_line(error.message, next(hints, "")), exits.FAILURE)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"
        return Explanation(_line(message, "check that it exists and that you may use it"), exits.FAILURE)
    return None


def _line(message: str, hint: str) -> str:
    line = f"dtr: {message}; {hint}" if hint else f"dtr: {message}"
    return " ".join(line.split())
