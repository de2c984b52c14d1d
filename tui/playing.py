"""Where the playback of a record stands and where a key takes it: all of it decided here, without a clock or a screen."""

from __future__ import annotations

from bisect import bisect_left

from tui.record import Mark, Record

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, float("inf"))
MOST = 500  # events that are played at once: so many are folded between two frames
HELD_S = 0.12  # between two presses of a key that is held; terminals repeat one 20 to 40 times a second
_DOUBLES_EVERY = 4  # presses of a held key
_LEAST_STEP = 25  # that a held key comes to at the most, however short the record is


class Playing:
    """The cursor is the number of the last event that is shown, from 0. Nothing of it is kept when it ends."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.cursor = 0
        self.is_on = False
        self.bookmarks: set[int] = set()
        self._speed = SPEEDS.index(1.0)
        self._played = 0.0  # microseconds of `record.played` that are over
        self._held = ("", 0.0, 0)  # the key, when it was pressed last, how often in a row

    @property
    def last(self) -> int:
        return len(self.record) - 1

    @property
    def speed(self) -> float:
        return SPEEDS[self._speed]

    def go(self, index: int) -> None:
        if not len(self.record):
            return
        self.cursor = min(max(index, 0), self.last)
        self._played = float(self.record.played[self.cursor])

    def toggle(self) -> None:
        """Play or pause; from the start again where the end is reached."""
        if not self.is_on and self.cursor == self.last:
            self.go(0)
        self.is_on = not self.is_on

    def faster(self, steps: int) -> None:
        self._speed = min(max(self._speed + steps, 0), len(SPEEDS) - 1)

    def advance(self, seconds: float) -> None:
        """Play for so long: events come when they came, but for times in which nothing happened. It ends with the record."""
        if not self.is_on:
            return
        played = self._played + seconds * 1e6 * self.speed
        due = self.record.until_played(played)
        if due > self.cursor + MOST or self.speed == SPEEDS[-1]:
            self.go(self.cursor + MOST)
        else:
            self.cursor, self._played = max(due, self.cursor), played
        self.is_on = self.cursor < self.last

    def step(self, steps: int, now: float) -> bool:
        """One event on or back; the longer the key is held, the more at once. Says whether it is held."""
        key = str(steps)
        before, at, times = self._held
        times = times + 1 if key == before and now - at <= HELD_S else 0
        self._held = key, now, times
        self.is_on = False
        most = max(_LEAST_STEP, len(self.record) // 100)
        self.go(self.cursor + steps * min(2 ** min(times // _DOUBLES_EVERY, 30), most))
        return times > 0

    def to_mark(self, steps: int) -> bool:
        """Go to the next mark or bookmark, with -1 to the one before; says whether there is one."""
        numbers = sorted({*(mark.index for mark in self.record.marks), *self.bookmarks})
        found = [number for number in numbers if (number > self.cursor if steps > 0 else number < self.cursor)]
        if found:
            self.is_on = False
            self.go(found[0] if steps > 0 else found[-1])
        return bool(found)

    def bookmark(self) -> None:
        """Set a bookmark here, or take it away."""
        self.bookmarks ^= {self.cursor}

    @property
    def mark(self) -> Mark | None:
        """What sticks out at the cursor."""
        marks = self.record.marks
        found = bisect_left(marks, self.cursor, key=lambda mark: mark.index)
        return marks[found] if found < len(marks) and marks[found].index == self.cursor else None

    @property
    def idle_us(self) -> int:
        """The time in which nothing happens that is being skipped here; 0 where it is played as it was."""
        return self.record.idle_us(self.cursor)
