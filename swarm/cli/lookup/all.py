"""All that the views look up, over one log."""

from __future__ import annotations

from events.log import EventLog
from swarm.settings.load import Settings
from tui.feed import Lookups


def lookups_of(log: EventLog, settings: Settings) -> Lookups:
    return Lookups()
