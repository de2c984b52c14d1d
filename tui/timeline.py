"""The state of a session at each of its events: folded once from the beginning, found again from the points kept on the way."""

from __future__ import annotations

import asyncio
from bisect import bisect_right

from events.lineage import inherited, without_money
from events.log import Entry, EventLog, LogError
from events.types.session import SessionOpened
from events.views.base import begin
from events.views.money import MoneyView
from tui.past import Past, Point, past_of
from tui.record import PAGE, Record, pages

EVERY = 1_000  # events of the log from one kept point to the next: to fold so many on takes 10 to 30 ms
MOST = 512  # points; where there would be more, every other one goes, and those that come are twice as far apart


class Timeline:
    """The states of a session. A state that is not folded yet is waited for; nobody folds but `build`.

    What the points hold together is at most the states of the session's tasks and scopes as they were at each of them where
    they had moved: of a log whose tasks end as others begin it is about two copies of the last state, half a kilobyte an event.
    """

    def __init__(self, log: EventLog, record: Record, *, every: int = EVERY, most: int = MOST) -> None:
        self.built = 0  # everything up to this position is folded
        self.trouble = ""  # why it could not be folded to the end
        self._log, self._record, self._every, self._most = log, record, every, most
        self._points: list[Point] = []
        self._moved = asyncio.Event()
        self._is_whole = False

    @property
    def points(self) -> int:
        return len(self._points)

    async def build(self) -> None:
        """Fold the log up to the session's last event. Where that is damaged, the record ends before, and `trouble` says so."""
        last = self._record.positions[-1]
        try:
            past = await self._begun()
            since = 0
            async for entries in pages(self._log, after=past.position, until=last, page=min(PAGE, self._every)):
                await self.fold(past, entries)
                since += len(entries)
                if since >= self._every:
                    since = 0
                    self._keep(past)
                self._tell(past.position)
                await asyncio.sleep(0)
            self._tell(last)
        except LogError as error:
            self.trouble = str(error)
            self._record.end_at(self.built)
        finally:
            self._is_whole = True
            self._tell(self.built)

    async def state_at(self, index: int, near: Past | None = None) -> Past:
        """The state behind an event of the record, by its number. `near` is one that may be folded on for it, and so moves."""
        position = self._record.positions[index]
        while self.built < position and not self._is_whole:
            await self._moved.wait()
        position = min(position, self.built)  # less where the rest cannot be folded
        past = self._nearest(position, near)
        async for entries in pages(self._log, after=past.position, until=position):
            await self.fold(past, entries)
        past.at = self._record.times[index] if index < len(self._record) else past.at
        return past

    async def fold(self, past: Past, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.session == past.session and isinstance(entry.event, SessionOpened) and entry.event.parent:
                past.inherit(without_money(await inherited(self._log, past.session)))
        past.apply(entries)

    def _nearest(self, position: int, near: Past | None) -> Past:
        kept = bisect_right(self._points, position, key=lambda point: point.position)
        if near is not None and self._points[kept - 1].position <= near.position <= position:
            return near
        return past_of(self._record.session, self._points[:kept])

    async def _begun(self) -> Past:
        money, after = await begin(self._log, MoneyView())
        past = Past(self._record.session, money, after)
        self._keep(past)
        return past

    def _keep(self, past: Past) -> None:
        self._points.append(past.kept())
        if len(self._points) > self._most:
            self._every *= 2
            first, *others = self._points
            joined = [after.joined(before) for before, after in zip(others[::2], others[1::2], strict=False)]
            self._points = [first, *joined, *(others[-1:] if len(others) % 2 else [])]

    def _tell(self, position: int) -> None:
        self.built = position
        self._moved.set()
        self._moved = asyncio.Event()
