"""Reads a log on and folds it, for as long as somebody looks: it draws nothing, and never loses an entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from events.bus import POLL_S
from events.lineage import inherited, without_money
from events.log import Entry, EventLog, LogError, session_name
from events.types.session import SessionOpened
from tui.live import Cap, Live
from tui.words import span

PAGE = 1000  # entries that are read and folded at once; between two pages the screen can be drawn
_LATE_US = 1_000_000  # behind the newest entry, from which it is told

CapOf = Callable[[str, Live], Awaitable[Cap | None]]
"""Looks up the cap of a scope; None where it has none, or none that is known."""


class Reader:
    """Keeps `live` at the end of the log. `trouble` is the sentence for which it had to stop, empty while it reads."""

    def __init__(self, log: EventLog, live: Live, *, cap_of: CapOf, present: Callable[[], bool]) -> None:
        self.live = live
        self.trouble = ""
        self.caught_up = False
        self._log, self._cap_of, self._present = log, cap_of, present
        self._end = 0  # of the log when reading began

    async def run(self) -> None:
        """Read on until cancelled, or until the log is gone or damaged; then `trouble` says so."""
        try:
            self._end = (await self._log.head()).position
            while not self.trouble:
                await self._read_on()
        except LogError as error:
            self.trouble = str(error)

    def behind(self, now: int) -> str:
        """How far the fold is behind the log, in words; empty where it is at its end."""
        if self.caught_up:
            return ""
        if self.live.position < self._end:
            return f"reading {self.live.position:,} of {self._end:,}"
        late = now - self.live.at
        return f"behind {span(late)}" if self.live.at and late > _LATE_US else ""

    def count(self) -> int:
        return len(self.live.ring)

    def dropped(self) -> int:
        return self.live.ring.first

    def event(self, index: int) -> Entry | None:
        return self.live.ring[index]

    async def _read_on(self) -> None:
        after = self.live.position
        entries = self._log.since(after)
        if entries is None:
            entries = await self._log.read(after=after, limit=PAGE)
        for entry in entries[:PAGE]:
            if isinstance(entry.event, SessionOpened) and entry.event.parent:
                self.live.inherit(without_money(await inherited(self._log, entry.session)))
        self.live.apply(entries[:PAGE])
        await self._look_up_caps()
        self.caught_up = len(entries) < PAGE
        if entries:
            return
        if not self._present():
            self.trouble = f"the log {self._log.url} was moved or deleted; what was read of it stays on the screen"
            return
        await self._log.wait(after, timeout=POLL_S)

    async def _look_up_caps(self) -> None:
        own = session_name(self.live.session)
        for scope in [name for name in self.live.money.scopes if name not in self.live.asked]:
            mine = scope == own or scope.startswith((own + "/", "day:"))
            self.live.set_cap(scope, await self._cap_of(scope, self.live) if mine else None)
