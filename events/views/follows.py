"""What was read after what: files and skills in the order in which attempts read them, counted for each project."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.types.task import AttemptAbandoned, StepDrafted
from events.types.tool import ToolFinished
from events.views.kept import Kept, Start, fold_kept

READING = ("read", "read_skill")
"""Tools whose uses are counted; what they are used on is what was read."""

MOST = 20_000
"""Transitions that are remembered; the one that was seen first goes first."""

FIRST = ""
"""Stands before what an attempt reads first."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """A file or a skill of a project."""

    tool: str
    name: str


class FollowsView(msgspec.Struct):
    """How often what was read after what, and how often the commonest of it had been the next."""

    counts: dict[str, dict[Read, dict[Read, int]]] = {}  # by project, what was read, and what then
    guessed: int = 0  # transitions of which something was known
    hits: int = 0  # of these, those where the commonest came
    _last: dict[tuple[int, str, int, int, str], Read] = {}
    _size: int = 0

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ToolFinished(tool=tool, failed=False, refused="") as used if tool in READING and (
                used.skill or used.on
            ):
                place = (entry.session, entry.task, entry.step, entry.attempt, used.branch)
                self._count(entry.project, place, Read(tool, used.skill or used.on))
            case StepDrafted() | AttemptAbandoned():
                over = (entry.session, entry.task, entry.step, entry.attempt)
                for place in [place for place in self._last if place[:4] == over]:
                    del self._last[place]
            case _:
                pass

    def _count(self, project: str, place: tuple[int, str, int, int, str], now: Read) -> None:
        before = self._last.get(place, Read(FIRST, FIRST))
        self._last[place] = now
        if before == now:
            return
        of_project = self.counts.setdefault(project, {})
        then = of_project.setdefault(before, {})
        if then:
            self.guessed += 1
            self.hits += max(then, key=then.__getitem__) == now
        self._size += now not in then
        then[now] = then.get(now, 0) + 1
        while self._size > MOST:
            oldest = next(iter(self.counts))
            first = next(iter(self.counts[oldest]))
            self._size -= len(self.counts[oldest].pop(first))
            if not self.counts[oldest]:
                del self.counts[oldest]


FOLLOWS = Kept("follows", 1, FollowsView)


async def follows(log: EventLog) -> Start[FollowsView]:
    """What was read after what by now; see `fold_kept`."""
    return await fold_kept(log, FOLLOWS)
