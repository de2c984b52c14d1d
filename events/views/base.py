"""What a view is, and how one is folded from a log."""

from __future__ import annotations

from typing import Protocol, TypeVar

from events.bus import read_all
from events.log import Entry, EventLog


class View(Protocol):
    """A fold over entries in their order."""

    def apply(self, entry: Entry) -> None: ...


V = TypeVar("V", bound=View)


async def fold(log: EventLog, view: V, *, after: int = 0, until: int | None = None, session: int | None = None) -> V:
    """Apply to the view what stands in the log now behind `after`, up to `until`, of one session where it is named."""
    async for entries in read_all(log, after=after, until=until, session=session):
        for entry in entries:
            view.apply(entry)
    return view
