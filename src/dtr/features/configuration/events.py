"""The facts of the configuration room."""

from collections.abc import Mapping
from datetime import datetime

from dtr.core.facts import Fact, FactObject, Verb
from dtr.core.principal import Caller
from dtr.features.configuration.model import Value


def settings_changed(caller: Caller, changes: Mapping[str, Mapping[str, Value]], now: datetime) -> Fact:
    """Tell which settings an administrator changed, with their old and new values."""
    return Fact(
        name="SettingsChanged",
        at=now,
        caller=caller,
        verb=Verb.UPDATE,
        object=FactObject("settings", name=", ".join(sorted(changes))),
        is_security=True,
        details={"changes": {key: dict(change) for key, change in changes.items()}},
    )
