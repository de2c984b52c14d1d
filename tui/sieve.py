"""The events that pass a filter, by their number: looked for from where one stands, a part with each frame."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from tui.filter import Filter
from tui.older import Numbered, row_of, value_of

AT_ONCE = 2_000  # events that are looked at between two frames
_AHEAD = 3_200  # events that are asked for before they are looked at, where they have to be read


class Sieve:
    """`matches` are the numbers of those that pass, of all that were looked at; the newest are looked at first."""

    def __init__(self, filter: Filter, events: Numbered) -> None:
        self.filter = filter
        self.matches: list[int] = []
        self._events = events
        self._low = self._high = events.count()  # from which on, and up to which, all were looked at

    @property
    def version(self) -> tuple[int, int, int]:
        return self._low, self._high, self.shown()

    @property
    def since(self) -> int:
        """The number of the first event that was looked at."""
        return self._low

    @property
    def is_done(self) -> bool:
        return self._low <= self._events.held() and self._high >= self._events.count()

    def shown(self) -> int:
        """How many of the matches there are at the place that is looked at: in a replay there are later ones."""
        return bisect_left(self.matches, self._events.count())

    def advance(self, at_most: int = AT_ONCE) -> None:
        """Look at so many more: those that came, then those before."""
        count = self._events.count()
        if count - self._high > 10 * AT_ONCE:  # somebody went far on: begin from there
            self.matches, self._low, self._high = [], count, count
        while self._high < count and at_most > 0:
            passes = self._passes(self._high, 1)
            if passes is None:
                return
            if passes:
                self.matches.append(self._high)
            self._high += 1
            at_most -= 1
        found: list[int] = []
        while self._low > self._events.held() and at_most > 0:
            passes = self._passes(self._low - 1, -1)
            if passes is None:
                break
            self._low -= 1
            at_most -= 1
            if passes:
                found.append(self._low)
        if found:
            self.matches[:0] = reversed(found)

    def beside(self, number: int, way: int) -> int | None:
        """The match next to a number, forward or back; None where there is none."""
        at = bisect_right(self.matches, number) if way > 0 else bisect_left(self.matches, number) - 1
        return self.matches[at] if 0 <= at < self.shown() else None

    def _passes(self, number: int, way: int) -> bool | None:
        """None where the event has to be read first; then those behind it in that way are asked for, too."""
        entry = self._events.get(number)
        if entry is None:
            for each in range(number, number + way * _AHEAD, way * 200):
                if self._events.held() <= each < self._events.count():
                    self._events.get(each)
            return None
        return self.filter.passes(value_of(entry), row_of(entry))
