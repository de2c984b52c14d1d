"""All that the views look up, over one log."""

from __future__ import annotations

from collections.abc import Mapping

from events.log import EventLog
from swarm.cli.lookup.budget import BudgetLookup
from swarm.cli.lookup.cost import LogCosts
from swarm.cli.lookup.day_end import day_end_of
from swarm.cli.lookup.events import events_of
from swarm.cli.lookup.means import means_of
from swarm.cli.lookup.task import TaskLookup
from swarm.cli.recorded import NO_ORIGINS, zone_of
from swarm.settings.layers import Origin
from swarm.settings.load import Loaded, Settings
from swarm.settings.tomlfile import KeyPath
from tui.feed import Lookups


def lookups_of(
    log: EventLog, settings: Settings, *, origins: Mapping[KeyPath, Origin] = NO_ORIGINS, is_past: bool = False
) -> Lookups:
    """`origins` tell where settings are from, `is_past` that it is for a replay, in which every owner still lived."""
    loaded = Loaded(settings, dict(origins))
    return Lookups(
        budgets=BudgetLookup(log, loaded, is_past=is_past).sheet,
        costs=LogCosts(log, loaded, is_past=is_past),
        task=TaskLookup(log),
        events=events_of(log),
        means=means_of(log),
        day_end=day_end_of(settings.log, zone_of(settings)),
    )
