"""How many tasks stand where: counted on as they move, so that those that rest cost a frame nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from events.types.choice import FREE_TIERS
from events.views.tasks import TaskState
from tui.moved import Moved
from tui.words import PAUSED, WAITING, status_of

EXPLORATIONS = 2  # attempts to plan a task; after that it is done as one step, which nobody has to plan

TIERS = ("free", "cheap", "paid")
"""What an accepted task was done with: the dearest that was billed for it."""


def next_role(task: TaskState, others: Mapping[str, TaskState]) -> str:
    """The role whose work comes next in a task; "" where none has to do anything now.

    None has, where it waits for another task, for its condition or for its items, where only its end is left to be recorded,
    and where it is over. A result that is to be audited waits for a validator. It is the work that the engine would open
    for the same state.
    """
    if task.status == "accepted":
        return "validator" if any(step.audit for step in task.steps) else ""
    if task.status != "open" or task.children is not None:
        return ""
    if not task.total:
        may = task.explore and task.explorations < EXPLORATIONS and not task.gated
        return "explorer" if may and _is_let(task, others) else ""
    step = task.step
    if task.abandoned or step is None:
        return ""
    if step.stage == "drafted":
        return "validator"
    return "worker" if step.tried <= task.attempts else ""


def _is_let(task: TaskState, others: Mapping[str, TaskState]) -> bool:
    """Whether no other task stands in its way."""
    for need in task.needs:
        found = others.get(need)
        if found is None or found.status in ("open", "halted"):
            return False
        if found.status != "accepted" and need not in task.ruled:
            return False
    return True


class _Standing(NamedTuple):
    """What is counted of one task."""

    glyph: str
    role: str  # whose work it waits for, "" = nobody's
    tier: str  # one of TIERS where it is accepted


class Census:
    """The counts of one session's tasks.

    `glyphs` counts tasks by the glyph of their state. `queued` counts by role the tasks whose next work is of that role
    (`next_role`), for which nobody works (no call of theirs is open, no tool is in use), and that are not paused. `tiers` counts
    accepted tasks by what they were done with: free where nothing was billed, else the dearest tier that was.
    """

    def __init__(self) -> None:
        self.glyphs: Counter[str] = Counter()
        self.queued: Counter[str] = Counter()
        self.tiers: Counter[str] = Counter()
        self._standing: dict[str, _Standing] = {}
        self._needed_by: dict[str, list[str]] = {}
        self._seen = -1

    def take(self, tasks: Mapping[str, TaskState], moved: Moved, at_work: Mapping[str, object]) -> None:
        """Count anew what moved; at first everything. `at_work` holds the tasks that use a tool now."""
        if self._seen == moved.count:
            return
        names = list(tasks) if self._seen < 0 else moved.since(self._seen)
        self._seen = moved.count
        again: set[str] = set()
        for name in names:
            if name in tasks and self._count(name, tasks, at_work):
                again.update(self._needed_by.get(name, ()))
        for name in again:  # those that waited for one that has come to an end, or has been opened again
            self._count(name, tasks, at_work)

    def _count(self, name: str, tasks: Mapping[str, TaskState], at_work: Mapping[str, object]) -> bool:
        """Say whether its state is another than before."""
        task, before = tasks[name], self._standing.get(name)
        if before is None:
            for need in task.needs:
                self._needed_by.setdefault(need, []).append(name)
        status = status_of(task)
        rests = bool(task.open_calls) or name in at_work or task.own.paused is not None
        now = _Standing(
            WAITING.glyph
            if status is PAUSED
            else status.glyph,  # by its own glyph it would count as one that was halted
            "" if rests else next_role(task, tasks),
            _tier_of(task) if task.status == "accepted" else "",
        )
        if now == before:
            return False
        self._standing[name] = now
        for counter, old, new in zip((self.glyphs, self.queued, self.tiers), before or _NOWHERE, now, strict=True):
            if old:
                counter[old] -= 1
            if new:
                counter[new] += 1
        return before is None or before.glyph != now.glyph


_NOWHERE = _Standing("", "", "")


def _tier_of(task: TaskState) -> str:
    if task.was_free:
        return "free"
    paid = [tier for tier in task.billed if tier not in FREE_TIERS]
    return "paid" if "paid" in paid else "cheap"
