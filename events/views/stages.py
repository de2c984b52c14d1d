"""What the stages of the token pipeline came to: tokens before and after, what requests had less by it, and how the tasks went."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionClosed
from events.types.stage import How, StageApplied, StageUndone, StageWithdrawn
from events.types.task import StepRejected, TaskAccepted, TaskCancelled, TaskFailed, TaskReopened, TaskSubmitted
from events.views.cost import day_of
from events.views.kept import Kept, Start, fold_kept


class Kind(msgspec.Struct, frozen=True, gc=False):
    """Texts, or tasks, that are like one another."""

    stage: str
    how: How
    day: str  # the local day of the task's first call, as 2026-11-21
    type: str  # of the task


class Texts(msgspec.Struct):
    """Texts that passed a stage. `saved` counts each time that a request that was answered held one of them."""

    count: int = 0
    before: int = 0  # tokens, by our own count
    after: int = 0
    saved: int = 0  # tokens that requests had less, or would have had
    undone: int = 0  # attempts that were told them whole after all
    saved_nanos: int = 0  # what these had cost at the mean price of a token of the same requests


class Ended(msgspec.Struct):
    """Tasks that came to an end, of which a text passed a stage."""

    passed: int = 0  # accepted, and no draft was rejected
    failed: int = 0  # any other
    accepted: int = 0
    tokens: int = 0  # that their calls took, and the squares: for a mean and its interval
    tokens_squared: int = 0
    nanos: int = 0
    micros_squared: int = 0  # of millionths of a dollar: those of nano-dollars would pass 64 bits

    @property
    def count(self) -> int:
        return self.passed + self.failed


Where = tuple[int, int, str, str]
"""Step, attempt, role, branch."""


class _Task(msgspec.Struct):
    """A task that is under way."""

    type: str = ""
    day: str = ""  # "": it has made no call
    stages: dict[str, How] = {}
    early: list[StageApplied] = []  # before its first call
    saving: dict[
        Where, dict[tuple[str, How, str], int]
    ] = {}  # by attempt what each of its requests has less, those of the agent that is named, or all
    rejected: bool = False
    tokens: int = 0
    nanos: int = 0


class StagesView(msgspec.Struct):
    """Texts and tasks by kind, and which stages were withdrawn."""

    texts: dict[Kind, Texts] = {}
    ended: dict[Kind, Ended] = {}
    withdrawn: dict[str, StageWithdrawn] = {}
    _open: dict[int, dict[str, _Task]] = {}
    _calls: dict[int, tuple[int, str, dict[tuple[str, How], int]]] = {}  # by reservation, while it is open

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(type=type_):
                self._task(entry).type = type_
            case StageApplied() as event:
                self._pass(entry, event)
            case StageUndone() as event:
                self._undo(entry, event)
            case StageWithdrawn(stage=stage) as event:
                self.withdrawn[stage] = event
            case CallReserved() as call:
                self._reserve(entry, call)
            case CallSettled() as call:
                self._settle(call)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._calls.pop(position, None)
            case CallUnknown(reservation=position):
                self._calls.pop(position, None)
            case StepRejected():
                self._task(entry).rejected = True
            case TaskAccepted():
                self._end(entry, accepted=True)
            case TaskFailed():
                self._end(entry, accepted=False)
            case TaskCancelled() | TaskReopened():
                self._open.get(entry.session, {}).pop(entry.task, None)
            case SessionClosed(finished=True):
                self._open.pop(entry.session, None)
            case _:
                pass

    def _task(self, entry: Entry) -> _Task:
        return self._open.setdefault(entry.session, {}).setdefault(entry.task, _Task())

    def _pass(self, entry: Entry, event: StageApplied) -> None:
        task = self._task(entry)
        task.stages[event.stage] = event.how
        saving = task.saving.setdefault((entry.step, entry.attempt, event.role, event.branch), {})
        what = event.stage, event.how, event.agent
        saving[what] = saving.get(what, 0) + event.before - event.after
        if task.day:
            self._add(task, event)
        else:
            task.early.append(event)

    def _undo(self, entry: Entry, event: StageUndone) -> None:
        """The request that follows holds the whole texts, and the one before it was for nothing: it is charged with them."""
        task = self._task(entry)
        saving = task.saving.setdefault((entry.step, entry.attempt, event.role, event.branch), {})
        what: tuple[str, How, str] = event.stage, "used", ""
        saving[what] = saving.get(what, 0) - (event.before - event.after) - event.before
        if task.day:
            self._texts(task, event.stage, "used").undone += 1

    def _add(self, task: _Task, event: StageApplied) -> None:
        texts = self._texts(task, event.stage, event.how)
        texts.count += 1
        texts.before += event.before
        texts.after += event.after

    def _texts(self, task: _Task, stage: str, how: How) -> Texts:
        return self.texts.setdefault(Kind(stage, how, task.day, task.type), Texts())

    def _reserve(self, entry: Entry, call: CallReserved) -> None:
        task = self._task(entry)
        if not task.day:
            task.day = day_of(call.scopes)
            for event in task.early:
                self._add(task, event)
            task.early.clear()
        saving = task.saving.get((entry.step, entry.attempt, call.role, call.branch), {})
        mine: dict[tuple[str, How], int] = {}
        for (stage, how, agent), saved in saving.items():
            if agent in ("", call.agent):
                mine[stage, how] = mine.get((stage, how), 0) + saved
        self._calls[entry.position] = entry.session, entry.task, mine

    def _settle(self, call: CallSettled) -> None:
        session, name, saving = self._calls.pop(call.reservation, (0, "", {}))
        task = self._open.get(session, {}).get(name)
        if task is None:
            return
        tokens = call.input_tokens + call.output_tokens
        task.tokens += tokens
        task.nanos += call.cost_nanos
        for (stage, how), saved in saving.items():
            texts = self._texts(task, stage, how)
            texts.saved += saved
            texts.saved_nanos += saved * call.cost_nanos // tokens if tokens else 0

    def _end(self, entry: Entry, *, accepted: bool) -> None:
        task = self._open.get(entry.session, {}).pop(entry.task, None)
        for stage, how in task.stages.items() if task is not None else ():
            assert task is not None, "it has stages"
            ended = self.ended.setdefault(Kind(stage, how, task.day, task.type), Ended())
            passed = accepted and not task.rejected
            ended.passed += passed
            ended.failed += not passed
            ended.accepted += accepted
            ended.tokens += task.tokens
            ended.tokens_squared += task.tokens**2
            ended.nanos += task.nanos
            ended.micros_squared += (task.nanos // 1000) ** 2


STAGES = Kept("stages", 3, StagesView)


async def stages_past(log: EventLog) -> Start[StagesView]:
    """What the stages came to by now; see `fold_kept`."""
    return await fold_kept(log, STAGES)
