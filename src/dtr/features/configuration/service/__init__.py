"""The use cases of the configuration room.

Settings (`settings`), what the registry says of itself (`status`), what of that stands on top of pages (`banners`), and
what users set for themselves (`preferences`).
"""

from dtr.features.configuration.service.banners import Banners
from dtr.features.configuration.service.preferences import Preferences
from dtr.features.configuration.service.settings import Configuration
from dtr.features.configuration.service.status import Status

__all__ = ["Banners", "Configuration", "Preferences", "Status"]
