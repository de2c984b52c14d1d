"""The time of a task as lanes, one a role: when its calls and tools were under way, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.task import AttemptAbandoned, StepAccepted, StepRejected, TaskHalted
from events.types.tool import ApprovalAsked, ToolFinished, ToolStarted
from tui.rows import Row, fitted
from tui.words import Tone, cut, span

WORD = 10  # columns of a lane's name
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WORDS = {"explorer": "explore", "worker": "work", "validator": "validate"}


class Span(NamedTuple):
    """A stretch of time, in microseconds since 1970."""

    begin: int
    end: int


class Mark(NamedTuple):
    at: int
    glyph: str
    tone: Tone


class Lane(msgspec.Struct):
    word: str
    spans: list[Span] = []
    marks: list[Mark] = []


def lanes_of(entries: Iterable[Entry], now: int) -> list[Lane]:
    """The lanes of a task from its events, those of the three roles first. What has not ended lasts until now."""
    fold = _Fold()
    for entry in entries:
        fold.apply(entry)
    for lane, begun in fold.open.values():
        lane.spans.append(Span(begun, max(begun, now)))
    return [lane for lane in fold.lanes.values() if lane.spans or lane.marks]


class _Fold:
    def __init__(self) -> None:
        self.lanes = {word: Lane(word) for word in _WORDS.values()}
        self.open: dict[object, tuple[Lane, int]] = {}
        self._again: set[tuple[int, int]] = set()  # steps and attempts that were begun anew

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved(role=role):
                self.open[entry.position] = self._lane(role), entry.at
                if role == "worker" and entry.attempt > 1 and (entry.step, entry.attempt) not in self._again:
                    self._again.add((entry.step, entry.attempt))
                    self._mark(role, entry.at, "↻", "busy")
            case CallSettled() | CallFailed() | CallReleased() | CallUnknown():
                self._end(entry.event.reservation, entry.at)
            case ToolStarted() as use:
                self.open[_key(entry, use)] = self._lane(use.role), entry.at
            case ToolFinished() as use:
                if not self._end(_key(entry, use), entry.at):
                    self._lane(use.role).spans.append(Span(entry.at - 1_000 * use.duration_ms, entry.at))
            case _:
                self._stick_out(entry)

    def _stick_out(self, entry: Entry) -> None:
        match entry.event:
            case ApprovalAsked(role=role):
                self._mark(role, entry.at, "?", "warn")
            case StepAccepted():
                self._mark("validator", entry.at, "✔", "good")
            case StepRejected():
                self._mark("validator", entry.at, "✘", "bad")
            case AttemptAbandoned(role=role):
                self._mark(role, entry.at, "⊘", "warn")
            case TaskHalted():
                self._mark("worker", entry.at, "‖", "warn")
            case _:
                pass

    def _lane(self, role: str) -> Lane:
        word = _WORDS.get(role) or cut(role, WORD - 2)
        return self.lanes.setdefault(word, Lane(word))

    def _mark(self, role: str, at: int, glyph: str, tone: Tone) -> None:
        self._lane(role).marks.append(Mark(at, glyph, tone))

    def _end(self, key: object, at: int) -> bool:
        found = self.open.pop(key, None)
        if found is not None:
            found[0].spans.append(Span(found[1], max(found[1], at)))
        return found is not None


def _key(entry: Entry, use: ToolStarted | ToolFinished) -> object:
    return entry.step, entry.attempt, use.role, use.branch, use.ordinal


def axis_row(begin: int, end: int, width: int) -> Row:
    """The time that the lanes below share."""
    last = f" {span(end - begin)}"
    line = "─" * max(0, width - WORD - 3 - len(last))
    return fitted([(f"{'time':<{WORD}}0s {line}{last}", "faint")], width)


def lane_row(lane: Lane, begin: int, end: int, width: int) -> Row:
    """A lane over the time from `begin` to `end`: the height of a column is the share of its time that was worked in.

    A mark stands in the column of its moment, the last of several.
    """
    room = max(0, width - WORD)
    heights = shares(lane.spans, begin, end, room)
    cells: list[tuple[str, Tone]] = [(_EIGHTHS[height], "busy") for height in heights]
    for mark in lane.marks:
        if room and begin <= mark.at <= end:
            cells[min(room - 1, (mark.at - begin) * room // max(1, end - begin))] = mark.glyph, mark.tone
    row: Row = [(f"{lane.word:<{WORD}}", "faint")]
    for text, tone in cells:
        if row[-1][1] == tone and len(row) > 1:
            row[-1] = row[-1][0] + text, tone
        else:
            row.append((text, tone))
    return row


def shares(spans: Sequence[Span], begin: int, end: int, width: int) -> list[int]:
    """For each of so many equal parts of a time the share of it that the spans cover together, in eighths.

    8 is all of it and nothing less, 0 nothing and nothing more; a moment in which something was begun is 1.

    >>> shares([Span(0, 50), Span(25, 60)], 0, 100, 4)
    [8, 8, 3, 0]
    """
    whole = max(1, end - begin)
    covered = [0] * width  # in a unit of which a part has `whole` and the time `whole * width`
    touched = [False] * width
    reached = 0
    for span_ in sorted(spans):
        first, behind = max(span_.begin - begin, 0), min(span_.end - begin, whole)
        if first > behind or not width:
            continue
        touched[min(width - 1, first * width // whole)] = True
        first, behind = max(first * width, reached), behind * width
        if first >= behind:  # all of it was covered before
            continue
        for part in range(first // whole, min(width, -(-behind // whole))):
            covered[part] += min(behind, (part + 1) * whole) - max(first, part * whole)
        reached = max(reached, behind)
    return [_height(each, whole, is_touched) for each, is_touched in zip(covered, touched, strict=True)]


def _height(covered: int, whole: int, is_touched: bool) -> int:
    if covered >= whole:
        return 8
    return max(1, min(7, round(8 * covered / whole))) if covered > 0 or is_touched else 0
