"""The events of a session by their number, from 0 for its first: those that are held, and those that have to be read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from events.log import Entry, LogError
from tui.feed import Sight
from tui.filter import Kind, Value
from tui.lines import essence, id_of
from tui.live import EACH

_HELD = 64  # pages of older events that are held

EVENT_FIELDS: dict[str, Kind] = {
    "kind": "word",
    "task": "word",
    "role": "word",
    "agent": "word",
    "model": "word",
    "tier": "word",
    "tool": "word",
    "scope": "word",
    "cost": "dollars",
    "tokens": "number",
    "step": "number",
    "attempt": "number",
}
"""What a filter of events can speak of. An event that has no such field is no word and nought."""


def value_of(entry: Entry) -> Callable[[str], Value]:
    """What a filter looks at in an event."""

    def value(field: str) -> Value:
        match field:
            case "kind":
                return entry.kind
            case "task":
                return entry.task
            case "step" | "attempt":
                return entry.step if field == "step" else entry.attempt
            case "cost":
                return getattr(entry.event, "cost_nanos", 0) / 1e9
            case _:
                found = getattr(entry.event, field, "")
                return found if isinstance(found, str | int | float) else ""

    return value


def row_of(entry: Entry) -> Callable[[], str]:
    return lambda: f"{entry.position} {entry.kind} {id_of(entry)} {essence(entry)}"


class Numbered:
    """What the feed holds, and what stood before that, by pages that are read when they are looked at."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._missing: set[int] = set()
        self.trouble = ""  # why the last that was wanted could not be read
        self.reads = 0

    def count(self) -> int:
        """How many events there have been."""
        return self._sight.feed.dropped() + self._sight.feed.count()

    def first(self) -> int:
        """The number of the first that can be looked at."""
        return 0 if self._sight.lookups.events is not None else self._sight.feed.dropped()

    def held(self) -> int:
        """The number of the first that nobody has to read again."""
        return self._sight.feed.dropped()

    def get(self, number: int) -> Entry | None:
        """The event; None where it is being read, or will be by `read_missing`."""
        if number >= self.held():
            return self._sight.feed.event(number - self.held())
        page, row = divmod(number, EACH)
        if page not in self._pages:
            self._missing.add(page)
            return None
        self._pages.move_to_end(page)
        return self._pages[page][row] if row < len(self._pages[page]) else None

    @property
    def is_missing(self) -> bool:
        return bool(self._missing)

    async def read_missing(self) -> None:
        look_up, live = self._sight.lookups.events, self._sight.live
        while self._missing and look_up is not None:
            page = max(self._missing)
            try:
                entries = await look_up(live.session, live.ring.marks[page] - 1, EACH)
            except LogError as error:
                self._missing.clear()
                self.trouble = str(error)
            else:
                self._pages[page] = entries
                self._missing.discard(page)
            while len(self._pages) > _HELD:
                self._pages.popitem(last=False)
            self.reads += 1
        self._missing.clear()
