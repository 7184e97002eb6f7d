"""Every setting: `tree` declares them, `kinds` reads values, `sources` merges where they come from."""

from dtr.settings.errors import SettingsError
from dtr.settings.kinds import ListenAddress
from dtr.settings.reference import render_reference, shown
from dtr.settings.sources import load_settings
from dtr.settings.tree import Settings

__all__ = ["ListenAddress", "Settings", "SettingsError", "load_settings", "render_reference", "shown"]
