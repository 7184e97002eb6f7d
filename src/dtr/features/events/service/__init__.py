"""What can be done with the activity log (`activity`) and the audit chain (`audit`), and who acts (`actors`)."""

from dtr.features.events.service.activity import Activity
from dtr.features.events.service.actors import Actors
from dtr.features.events.service.audit import Audit, ChainState, Report

__all__ = ["Activity", "Actors", "Audit", "ChainState", "Report"]
