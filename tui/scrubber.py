"""The scrubber as two lines: how many events fell into each stretch of the playing time, what sticks out, where it stands."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, tzinfo
from itertools import pairwise

from rich.cells import cell_len

from tui.playing import SPEEDS, Playing
from tui.record import KINDS, Kind, Record
from tui.rows import Piece, Row
from tui.words import Tone, span

BANNER = "from the log: no model is called"

_BARS = "▁▂▃▄▅▆▇█"
_GLYPHS: dict[Kind, tuple[str, Tone]] = {
    "fail": ("✘", "bad"),
    "budget": ("!", "warn"),
    "person": ("?", "warn"),
    "retry": ("↻", "busy"),
}
_HERE: Piece = ("┃", "busy")
_BOOKMARK: Piece = ("⚑", "good")
_LEAST = 10  # columns of the bar
_WIDE = 90  # columns from which the time has milliseconds


class Density:
    """The bar of a record at a width; it is worked out once, and only the cursor and bookmarks move over it."""

    def __init__(self) -> None:
        self._of: tuple[int, int, int] | None = None
        self._bar: list[Piece] = []

    def bar(self, record: Record, width: int) -> list[Piece]:
        now = (id(record), len(record), width)
        if now != self._of:
            self._of, self._bar = now, _bar(record, width)
        return self._bar


def _bar(record: Record, width: int) -> list[Piece]:
    edges = [bisect_left(record.played, -(-column * _length(record) // (width - 1))) for column in range(width)]
    counts = [after - before for before, after in pairwise([*edges, len(record)])]
    marked: dict[int, Kind] = {}
    for mark in record.marks:
        column = column_of(record, mark.index, width)
        kinds: tuple[Kind, Kind] = (marked.get(column, mark.kind), mark.kind)
        marked[column] = min(kinds, key=KINDS.index)
    most = max(counts)
    return [
        _GLYPHS[marked[column]] if column in marked else (_height(count, most), "faint")
        for column, count in enumerate(counts)
    ]


def column_of(record: Record, index: int, width: int) -> int:
    """The column of an event, by the time of playing."""
    return record.played[index] * (width - 1) // _length(record)


def _length(record: Record) -> int:
    return record.played[-1] or 1


def _height(count: int, most: int) -> str:
    return _BARS[(count * len(_BARS) - 1) // most] if count else "·"


def bar_row(playing: Playing, density: Density, width: int, zone: tzinfo | None) -> Row:
    """`▶ 4x`, the bar, the position in the log, the recorded time, and how many bookmarks there are."""
    record = playing.record
    left = f" {'▶' if playing.is_on else '‖'} {speed_said(playing.speed)} "
    right = _right(playing, width, zone)
    room = max(_LEAST, width - cell_len(left) - cell_len(right))
    pieces = list(density.bar(record, room))
    for index in playing.bookmarks:
        pieces[column_of(record, index, room)] = _BOOKMARK
    pieces[column_of(record, playing.cursor, room)] = _HERE
    return [(left, "busy" if playing.is_on else "warn"), *pieces, (right, "")]


def _right(playing: Playing, width: int, zone: tzinfo | None) -> str:
    record = playing.record
    at = record.times[playing.cursor]
    moment = datetime.fromtimestamp(at // 1_000_000, zone)
    time = f"{moment:%H:%M:%S}" + (f".{at % 1_000_000 // 1000:03}" if width >= _WIDE else "")
    flags = f" {_BOOKMARK[0]}{len(playing.bookmarks)}" if playing.bookmarks else ""
    return f" #{record.positions[playing.cursor]:,}/{record.positions[-1]:,}  {time}{flags} "


def note_row(playing: Playing, width: int, zone: tzinfo | None) -> Row:
    """What sticks out here, what time is skipped, and that nothing is called."""
    row: Row = [(" ", "")]
    if (mark := playing.mark) is not None:
        glyph, tone = _GLYPHS[mark.kind]
        row.append((f"{glyph} {mark.said}   ", tone))
    if idle := playing.idle_us:
        row.append((f"≫ {span(idle)} idle   ", "faint"))
    moment = datetime.fromtimestamp(playing.record.times[playing.cursor] // 1_000_000, zone)
    return [*row, (f"{BANNER}   {moment:%Y-%m-%d}", "faint")]


def speed_said(speed: float) -> str:
    """
    >>> speed_said(0.5), speed_said(16), speed_said(float("inf"))
    ('0.5x', '16x', 'max')
    """
    return "max" if speed == SPEEDS[-1] else f"{speed:g}x"
