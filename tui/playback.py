"""Feeds the screen of a replay: it folds what the scrubber stands at, and reads the events that are looked at."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from events.log import Entry, EventLog, LogError, LogLocked, LogLost
from events.presence import Present, always, reason
from tui.live import Cap, Live, Versions
from tui.past import Past
from tui.patient import WAITS, PatientLog
from tui.playing import Playing
from tui.reader import CapOf
from tui.record import Record
from tui.timeline import Timeline

ROWS = 200  # events that are read at once to be looked at
_HELD = 64  # such pages that are held


class Rows:
    """The events of a record by their number, read when they are looked at. Those looked at last are held."""

    def __init__(self, log: EventLog, record: Record) -> None:
        self._log, self._record = log, record
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._missing: set[int] = set()

    def get(self, index: int) -> Entry | None:
        """The event; None where it is not read yet, and will be by `read_missing`."""
        page, row = divmod(index, ROWS)
        if page not in self._pages:
            self._missing.add(page)
            return None
        self._pages.move_to_end(page)
        return self._pages[page][row] if row < len(self._pages[page]) else None

    @property
    def is_missing(self) -> bool:
        return bool(self._missing)

    async def read_missing(self) -> None:
        """Raises LogError."""
        while self._missing:
            page = self._missing.pop()
            first, last = page * ROWS, min((page + 1) * ROWS, len(self._record)) - 1
            if first > last:
                continue
            after, session = self._record.positions[first] - 1, self._record.session
            self._pages[page] = await self._log.read(after=after, limit=last - first + 1, session=session)
            while len(self._pages) > _HELD:
                self._pages.popitem(last=False)


class Playback:
    """Keeps `live` at the cursor of `playing`, once it is told that the cursor stays (`settle`)."""

    def __init__(
        self,
        log: EventLog,
        record: Record,
        *,
        cap_of: CapOf,
        trouble: str = "",
        timeline: Timeline | None = None,
        present: Present = always,
    ) -> None:
        """`trouble` is why the record ends before the log does. `present` sees whether the log is still where it was opened."""
        self._log, self._present = PatientLog(log), present
        self.live: Live = Past(record.session)
        self.playing = Playing(record)
        self.rows = Rows(self._log, record)
        self.timeline = timeline or Timeline(self._log, record)
        self.shown = -1  # the number of the last event that is folded into `live`; -1 = nothing is yet
        self._record, self._cap_of, self._trouble = record, cap_of, trouble
        self._caps: dict[tuple[int, str], Cap | None] = {}  # by where the settings stand
        self._wanted = asyncio.Event()
        self._folds = 0
        self._wanted.set()

    @property
    def trouble(self) -> str:
        return self._trouble or self.timeline.trouble

    @property
    def is_settled(self) -> bool:
        """Whether what is shown is what the cursor stands at."""
        return self.shown == self.playing.cursor and not self._wanted.is_set()

    def behind(self, now: int) -> str:
        if self._log.waits:
            return WAITS
        if not len(self._record):
            return ""
        built, wanted = self.timeline.built, self._record.positions[self.playing.cursor]
        if built < wanted:
            return f"reading {built:,} of {wanted:,}"
        return "" if self.shown >= 0 else "reading"

    def settle(self) -> None:
        """Fold what the cursor stands at now."""
        self._wanted.set()

    @property
    def until(self) -> int:
        """Where the scrubber stands, as far as that is folded."""
        return self.live.position

    def count(self) -> int:
        return self.shown + 1

    def dropped(self) -> int:
        return 0

    def event(self, index: int) -> Entry | None:
        entry = self.rows.get(index)
        if entry is None and not self.trouble:
            self._wanted.set()
        return entry

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._build())
            tasks.create_task(self._follow())

    async def _build(self) -> None:
        await self.timeline.build()
        if self.timeline.trouble:  # the record has become shorter
            await self._require_present()
            self.playing.go(self.playing.cursor)
            self.settle()

    async def _follow(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._show(self.playing.cursor)
        except LogError as error:
            self._trouble = await reason(error, self._present)

    async def _require_present(self) -> None:
        """That the file is another one says more than what was found in it."""
        try:
            await self._present()
        except LogLost as lost:
            self._trouble = str(lost)

    async def _show(self, index: int) -> None:
        if index != self.shown and len(self._record):
            near = self.live if isinstance(self.live, Past) and self.shown >= 0 else None
            past = await self.timeline.state_at(index, near)
            await self._look_up_caps(past)
            for each in range(max(0, index - ROWS), index + 1, ROWS):
                self.rows.get(each)
            self.rows.get(index)
            await self.rows.read_missing()
            await self._present()  # else it may be another log's
            self.live, self.shown = past, index
        await self.rows.read_missing()
        self._folds += 1
        self.live.versions = Versions(self._folds, self._folds, self._folds, self._folds)

    async def _look_up_caps(self, past: Past) -> None:
        """Look up the caps of the scopes that are shown, once for each of the settings that the session ran with."""
        settings = past.state.settings_at if past.state is not None else 0
        for scope, _ in past.scopes(past.at):
            if (settings, scope) not in self._caps:
                try:
                    self._caps[settings, scope] = await self._cap_of(scope, past)
                except LogLocked:
                    continue  # looked up with the next state
            past.set_cap(scope, self._caps[settings, scope])
