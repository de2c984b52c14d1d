"""What is expected of each agent on each model, for the first view: as `swarm trail` tells it, as of a place in the log."""

from __future__ import annotations

import asyncio
from copy import deepcopy

from events.log import EventLog
from events.views.base import begin
from swarm.insight.arms import ArmsView, known_arms
from tui.feed import Mean, MeansOf
from tui.live import Live
from tui.record import pages


class _Fold:
    """A fold that is taken on from where it stands; where somebody goes back it begins anew."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._view: ArmsView | None = None
        self._at = 0

    async def at(self, position: int) -> ArmsView:
        """The view as of a position. Raises LogError."""
        if self._view is None or position < self._at:
            self._view, self._at = await begin(self._log, ArmsView())
        view = await self._on(self._view, position)
        while view.outdated:  # a period was excluded of which verdicts were taken in before that was known
            again, self._at = await begin(self._log, ArmsView())
            again.learn_from(deepcopy(view))
            view = await self._on(again, position)
        return view

    async def _on(self, view: ArmsView, position: int) -> ArmsView:
        self._view = view
        async for entries in pages(self._log, after=self._at, until=position):
            for entry in entries:
                view.apply(entry)
            self._at = entries[-1].position
            await asyncio.sleep(0)
        return view


def means_of(log: EventLog) -> MeansOf:
    fold = _Fold(log)

    async def look_up(live: Live, now: int) -> list[Mean]:
        known = known_arms(await fold.at(live.position), now)
        return [
            Mean(context=each.context, agent=each.agent, model=each.model, tier=each.tier, mean=each.mean)
            for each in known
        ]

    return look_up
