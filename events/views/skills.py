"""What skills were for: how often each was told or read, what that took of requests, and how first drafts went with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import msgspec

from events.log import Entry, EventLog
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled
from events.types.session import SessionClaimed, SessionClosed
from events.types.task import StepAccepted, StepDrafted, StepRejected, TaskSubmitted
from events.types.tool import ToolFinished
from events.views.cost import day_of
from events.views.kept import Kept, Start, fold_kept

KEPT = 100
"""Finished sessions whose steps are remembered: a person who judges one of them otherwise is heard."""


class Kind(msgspec.Struct, frozen=True, gc=False):
    """Steps that are like one another."""

    day: str  # the local day of the step's first call, as 2026-11-21
    type: str  # of the task
    tools: bool  # whether the worker had any


class Carried(msgspec.Struct, frozen=True, gc=False):
    """A skill in steps of a kind."""

    skill: str
    kind: Kind


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Two skills that a step of a kind had for one draft; the names in their order."""

    one: str
    other: str
    kind: Kind


class Verdicts(msgspec.Struct):
    """First drafts of steps, by their last verdict. One that nobody could judge is in neither."""

    accepted: int = 0
    rejected: int = 0


class Use(msgspec.Struct):
    """What a skill was used for, and how that went."""

    loads: int = 0  # attempts that were told its text
    reads: int = 0  # times that a model read it, or a file of it, by itself
    calls: int = 0  # requests that held its text
    tokens: int = 0  # that its text took of them, about
    first: Verdicts = msgspec.field(default_factory=Verdicts)  # on first drafts of steps that had it, told or read
    last: int = 0  # when it was last told or read, in microseconds since 1970


class _Step(msgspec.Struct):
    """A step of which it may still be said how its first draft is."""

    kind: Kind
    had: dict[int, dict[str, bool]] = {}  # by attempt the skills, and whether they were told
    first: int = 0  # the attempt of its first draft
    verdict: int = 0  # on that: 1 accepted, -1 rejected


class _Task(msgspec.Struct):
    type: str = ""
    steps: dict[int, _Step] = {}


class SkillsView(msgspec.Struct):
    """Uses by skill and kind, verdicts on all first drafts by kind, and how often two skills went together."""

    uses: dict[Carried, Use] = {}
    all: dict[Kind, Verdicts] = {}
    together: dict[Pair, int] = {}
    _sessions: dict[int, dict[str, _Task]] = {}
    _finished: dict[int, bool] = {}  # those of them that are, the longest ago first
    _calls: dict[int, tuple[Kind, tuple[tuple[str, int], ...]]] = {}  # by reservation what the call carries

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(type=type_):
                self._task(entry).type = type_
            case CallReserved() as call:
                self._reserve(entry, call)
            case CallSettled(reservation=position):
                self._calls.pop(position, None)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._take_back(position)
            case ToolFinished(skill=skill) if skill:
                self._read(entry, skill)
            case StepDrafted():
                self._draft(entry)
            case StepAccepted(unjudged=False):
                self._judge(entry, 1)
            case StepRejected():
                self._judge(entry, -1)
            case SessionClaimed():
                self._finished.pop(entry.session, None)
            case SessionClosed(finished=True):
                self._finish(entry.session)
            case _:
                pass

    def used(self) -> dict[str, int]:
        """By skill how often it was told or read."""
        found: dict[str, int] = {}
        for carried, use in self.uses.items():
            found[carried.skill] = found.get(carried.skill, 0) + use.loads + use.reads
        return found

    def _task(self, entry: Entry) -> _Task:
        return self._sessions.setdefault(entry.session, {}).setdefault(entry.task, _Task())

    def _step(self, entry: Entry) -> _Step | None:
        task = self._sessions.get(entry.session, {}).get(entry.task)
        return task.steps.get(entry.step) if task is not None else None

    def _use(self, skill: str, kind: Kind) -> Use:
        return self.uses.setdefault(Carried(skill, kind), Use())

    def _reserve(self, entry: Entry, call: CallReserved) -> None:
        if not entry.step or (call.role != "worker" and not call.skills):
            return
        task = self._task(entry)
        step = task.steps.get(entry.step)
        if step is None:
            step = task.steps[entry.step] = _Step(Kind(day_of(call.scopes), task.type, call.tools is not None))
        had = step.had.setdefault(entry.attempt, {})
        sizes = (*call.skill_tokens, *(0,) * len(call.skills))  # a log from before they were recorded has none
        carried = tuple(zip(call.skills, sizes, strict=False))
        for skill, tokens in carried:
            use = self._use(skill, step.kind)
            use.loads += not had.get(skill, False)
            use.calls += 1
            use.tokens += tokens
            use.last = entry.at
            had[skill] = True
        if carried:
            self._calls[entry.position] = (step.kind, carried)

    def _take_back(self, reservation: int) -> None:
        """A request that came to nothing and is not billed carried nothing."""
        kind, carried = self._calls.pop(reservation, (None, ()))
        for skill, tokens in carried:
            assert kind is not None, "it is kept with what the call carries"
            use = self._use(skill, kind)
            use.calls -= 1
            use.tokens -= tokens

    def _read(self, entry: Entry, skill: str) -> None:
        step = self._step(entry)
        if step is not None:
            use = self._use(skill, step.kind)
            use.reads += 1
            use.last = entry.at
            step.had.setdefault(entry.attempt, {}).setdefault(skill, False)

    def _draft(self, entry: Entry) -> None:
        step = self._step(entry)
        if step is None or step.first:
            return
        step.first = entry.attempt
        for one, other in combinations(sorted(step.had.get(entry.attempt, {})), 2):
            pair = Pair(one, other, step.kind)
            self.together[pair] = self.together.get(pair, 0) + 1

    def _judge(self, entry: Entry, verdict: int) -> None:
        """Count a verdict on a first draft in the place of the one before: a person may judge otherwise later."""
        step = self._step(entry)
        if step is None or not step.first or entry.attempt != step.first:
            return
        of = [self._use(skill, step.kind).first for skill in step.had.get(step.first, {})]
        for counted in (self.all.setdefault(step.kind, Verdicts()), *of):
            counted.accepted += (verdict > 0) - (step.verdict > 0)
            counted.rejected += (verdict < 0) - (step.verdict < 0)
        step.verdict = verdict

    def _finish(self, session: int) -> None:
        self._finished[session] = True
        while len(self._finished) > KEPT:
            oldest = next(iter(self._finished))
            del self._finished[oldest]
            self._sessions.pop(oldest, None)


SKILLS = Kept("skills", 1, SkillsView)


async def skills_past(log: EventLog) -> Start[SkillsView]:
    """What skills were for by now; see `fold_kept`."""
    return await fold_kept(log, SKILLS)


async def skills_used(log: EventLog) -> Mapping[str, int]:
    """By skill how often it was told or read."""
    return (await skills_past(log)).view.used()
