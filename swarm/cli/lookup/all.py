"""All that the views look up, over one log."""

from __future__ import annotations

from events.log import EventLog
from swarm.cli.lookup.day_end import day_end_of
from swarm.cli.lookup.events import events_of
from swarm.cli.lookup.means import means_of
from swarm.cli.recorded import zone_of
from swarm.settings.load import Settings
from tui.feed import Lookups


def lookups_of(log: EventLog, settings: Settings) -> Lookups:
    return Lookups(
        events=events_of(log),
        means=means_of(log),
        day_end=day_end_of(settings.log, zone_of(settings)),
    )
