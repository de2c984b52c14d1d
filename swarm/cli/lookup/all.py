"""All that the views look up, over one log."""

from __future__ import annotations

from pathlib import Path

from events.log import EventLog
from swarm.cli.lookup.log import LogReading
from swarm.cli.lookup.skills import SkillsReading
from swarm.cli.recorded import zone_of
from swarm.settings.load import Settings
from tui.feed import Lookups


def lookups_of(log: EventLog, settings: Settings) -> Lookups:
    return Lookups(
        skills=SkillsReading(log, Path.cwd()),
        log=LogReading(log, zone_of(settings)),
    )
