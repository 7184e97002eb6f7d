"""The use cases of the configuration room.

Settings (`settings`), what the registry says of itself (`status`), and what users set for themselves (`preferences`).
"""

from dtr.features.configuration.service.preferences import Preferences
from dtr.features.configuration.service.settings import Configuration
from dtr.features.configuration.service.status import Status

__all__ = ["Configuration", "Preferences", "Status"]
