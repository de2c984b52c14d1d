"""Reads a log on and folds it, for as long as somebody looks: it draws nothing, and never loses an entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from events.bus import POLL_S
from events.lineage import inherited, without_money
from events.log import Entry, EventLog, LogError, LogLocked, session_name
from events.onward import read_on
from events.presence import Present, always, reason
from events.types.session import SessionOpened
from events.views.base import begin
from events.views.money import MoneyView
from tui.live import Cap, Live
from tui.patient import WAITS, PatientLog
from tui.words import span

PAGE = 1000  # entries that are read and folded at once; between two pages the screen can be drawn
_LATE_US = 1_000_000  # behind the newest entry, from which it is told

CapOf = Callable[[str, Live], Awaitable[Cap | None]]
"""Looks up the cap of a scope; None where it has none, or none that is known."""


class Reader:
    """Keeps `live` at the end of the log. `trouble` is the sentence for which it had to stop, empty while it reads."""

    def __init__(self, log: EventLog, live: Live, *, cap_of: CapOf, present: Present = always) -> None:
        self.live = live
        self.trouble = ""
        self.caught_up = False  # with the caps of all that is shown
        self._at_end = False
        self._log, self._cap_of, self._present = PatientLog(log), cap_of, present
        self._end = 0  # of the log when reading began
        self._newest: Entry | None = None  # that is folded

    async def run(self) -> None:
        """Read on until cancelled, or until the log is gone, another one or damaged; then `trouble` says so."""
        try:
            self._end = (await self._log.head()).position
            await self._begin()
            while True:
                if not await self._read_on():
                    while not await self._come_more():
                        pass
        except LogError as error:
            self.trouble = await reason(error, self._present)

    def behind(self, now: int) -> str:
        """How far the fold is behind the log, in words; empty where it is at its end."""
        if self._log.waits:
            return WAITS
        if self._at_end:
            return ""
        if self.live.position < self._end:
            return f"reading {self.live.position:,} of {self._end:,}"
        late = now - self.live.at
        return f"behind {span(late)}" if self.live.at and late > _LATE_US else ""

    @property
    def until(self) -> int:
        """The end of the log as far as it is known."""
        return max(self._end, self.live.position)

    def count(self) -> int:
        return len(self.live.ring)

    def dropped(self) -> int:
        return self.live.ring.first

    def event(self, index: int) -> Entry | None:
        return self.live.ring[index]

    async def _begin(self) -> None:
        """Stand where the log begins. What it carries on of an archived beginning is spent money, too."""
        money, self.live.position = await begin(self._log, MoneyView())
        if self.live.position:
            self.live.money = money
        self._newest = None

    async def _read_on(self) -> bool:
        """Fold the next page; False where there is none."""
        after = self.live.position
        entries = self._log.since(after)
        if entries is None:
            entries = await read_on(self._log, after=after, newest=self._newest, limit=PAGE)
        if entries is None:
            await self._begin()
            return True
        page = entries[:PAGE]
        forks = [entry.session for entry in page if isinstance(entry.event, SessionOpened) and entry.event.parent]
        for past in [await inherited(self._log, session) for session in forks]:
            self.live.inherit(without_money(past))
        self.live.apply(page)
        self._newest = page[-1] if page else self._newest
        self._at_end = len(entries) < PAGE
        await self._look_up_caps()
        self.caught_up = self._at_end
        return bool(entries)

    async def _come_more(self) -> bool:
        """Wait a moment for what comes; say whether something has. Raises LogLost where nothing can come any more."""
        await self._present()
        return await self._log.wait(self.live.position, timeout=POLL_S)

    async def _look_up_caps(self) -> None:
        own = session_name(self.live.session)
        for scope in [name for name in self.live.money.scopes if name not in self.live.asked]:
            mine = scope == own or scope.startswith((own + "/", "day:"))
            try:
                self.live.set_cap(scope, await self._cap_of(scope, self.live) if mine else None)
            except LogLocked:
                return  # asked again with the next page
