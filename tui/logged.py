"""What the view of the log looks up: events by their position, and all that is known of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from events.log import Entry
from tui.document import Document
from tui.wanted import Wanted
from tui.window import Stretch


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to see of the log. Without words it is all of it, or of one session."""

    text: str = ""
    wanted: Wanted = Wanted()
    since: str = ""  # a time such as 2h or a position, from which on
    notes: tuple[str, ...] = ()  # what is doubtful in it, a sentence each


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event is there: what led to it, and what it led to."""

    document: Document
    cause: int = 0  # position of the event that led to it; 0: none, or none that is known
    led_to: int = 0  # of the first that it led to


class LogLookup(Protocol):
    """Reads events, never more at once than are looked at. All raise LogError but `sought` and `as_json`."""

    def sought(self, text: str, session: int | None, shown: int) -> Sought:
        """Understand what was typed: in all of the log, or in one session. A task without one is of the session that is shown.

        Raises NotWanted.
        """
        ...

    async def begins(self, sought: Sought, now: int) -> int:
        """The position behind which it begins."""
        ...

    async def before(self, wanted: Wanted, position: int, floor: int) -> Stretch:
        """Look some way back from a position, that included, and at most behind `floor`; what fits may be nothing."""
        ...

    async def behind(self, wanted: Wanted, position: int, until: int) -> Stretch:
        """Look some way on from behind a position, and at most up to `until`."""
        ...

    async def event(self, position: int) -> Entry | None:
        """The event at a position; None where there is none."""
        ...

    async def content(self, entry: Entry) -> tuple[Document, str]:
        """All that an event says, with the texts that it refers to: to read, and as JSON."""
        ...

    async def explained(self, entry: Entry, until: int) -> Explained:
        """Why it is there, from what stands in the log up to a position."""
        ...

    def as_json(self, entries: Sequence[Entry]) -> str:
        """The events as `swarm log --json` has them, a line each."""
        ...
