"""A stretch of a log of any length: what is looked at of it is held, and nothing else. Pure; reading it is somebody else's."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from events.log import Entry

MOST = 4_000
"""Events that are held. Of more those go that stand farthest from where it grows."""


class Stretch(msgspec.Struct, frozen=True):
    """All events that are wanted behind position `low` up to `high`, in their order."""

    entries: Sequence[Entry]
    low: int
    high: int


class Window:
    """All events that are wanted behind position `low` up to `high`. It grows at both ends, one stretch at a time."""

    def __init__(self, at: int, *, most: int = MOST) -> None:
        """It begins with nothing, at a position."""
        self.entries: list[Entry] = []
        self.low = self.high = at
        self.gone = 0  # how many rows have gone from the start, less those that came there
        self._most = most

    def __len__(self) -> int:
        return len(self.entries)

    def row_of(self, position: int) -> int:
        """The row of the event at a position, or of the first behind it."""
        return bisect_left(self.entries, position, key=lambda entry: entry.position)

    def add(self, stretch: Stretch) -> None:
        """Take in the stretch that ends where this begins, or begins where this ends."""
        if stretch.high == self.low and stretch.low < self.low:
            self._add_before(stretch)
        elif stretch.low == self.high:
            self._add_behind(stretch)

    def end_at(self, position: int) -> None:
        """Forget what stands behind a position that it holds."""
        del self.entries[bisect_right(self.entries, position, key=lambda entry: entry.position) :]
        self.high = position

    def _add_before(self, stretch: Stretch) -> None:
        self.entries[:0] = stretch.entries
        self.low = stretch.low
        self.gone -= len(stretch.entries)
        if len(self.entries) > self._most:
            self.high = self.entries[self._most].position - 1
            del self.entries[self._most :]

    def _add_behind(self, stretch: Stretch) -> None:
        self.entries.extend(stretch.entries)
        self.high = stretch.high
        if (too_many := len(self.entries) - self._most) > 0:
            self.low = self.entries[too_many - 1].position
            self.gone += too_many
            del self.entries[:too_many]
