"""What the options before the command's name say; commands get it as click's `obj`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from dtr.settings import Settings
    from dtr.wiring import Parts


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of `dtr`."""

    config_file: Path | None = None
    command_line: Mapping[str, object] = field(default_factory=dict)
    """Settings given as options, by name with dots."""

    def settings(self, options: Mapping[str, object] | None = None) -> "Settings":
        """Return the effective settings; the command's own `options` win, if they are not `None`.

        Raises `SettingsError`.
        """
        from dtr.settings import load_settings  # noqa: PLC0415 - help does not need settings

        own = {name: value for name, value in (options or {}).items() if value is not None}
        return load_settings(self.config_file, os.environ, {**self.command_line, **own})

    def operator(self) -> "AbstractAsyncContextManager[Parts]":
        """Return the parts of the registry that the settings describe, to be entered with `async with`.

        Raises `SettingsError`; entering raises `Unavailable` where there is no registry. Rooms reach
        the parts through this object, because no room may import the roof.
        """
        from dtr.wiring import operator  # noqa: PLC0415 - imports the whole server

        return operator(self.settings())
