"""What caps led to in a session: tasks that were stopped, cheaper arms that went first, conversations that were compacted."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.choice import ChoiceMade, ChoiceStopped
from events.types.stage import StageApplied
from events.types.task import TaskFailed, TaskHalted, TaskReopened

FOR_A_CAP = ("cap", "half of the cap")
"""Of the reasons for which a conversation is compacted those that are about what is left of a cap."""


class Led(msgspec.Struct):
    """What the cap of one scope and unit led to."""

    stopped: dict[str, bool] = {}  # tasks that are not taken up again; whether they handed over what was done
    failed: set[str] = set()  # tasks that were to fail at it
    cheaper: int = 0  # choices in which cheaper arms went first
    percent: int = 0  # that was spent at the last of them


class Compacted(msgspec.Struct):
    """What conversations of a task had when too little was left of a cap for them, and as they were compacted, in tokens."""

    times: int = 0
    before: int = 0
    after: int = 0


class CappedView(msgspec.Struct):
    """For one session, from its own entries. By scope and unit what its cap led to, by task what was compacted."""

    led: dict[tuple[str, str], Led] = {}
    compacted: dict[str, Compacted] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskHalted(scope=scope, unit=unit) as halted if scope:
                self._of(scope, unit).stopped[entry.task] = halted.summary is not None
            case TaskFailed(scope=scope, unit=unit) if scope:
                self._of(scope, unit).failed.add(entry.task)
            case TaskReopened():
                for led in self.led.values():
                    led.stopped.pop(entry.task, None)
                    led.failed.discard(entry.task)
            case (
                ChoiceMade(spent_scope=scope, spent_percent=percent)
                | ChoiceStopped(spent_scope=scope, spent_percent=percent)
            ) if scope:
                led = self._of(scope, "nanos")
                led.cheaper, led.percent = led.cheaper + 1, percent
            case StageApplied(stage="history", how="used", on=reason) as stage if reason in FOR_A_CAP:
                task = self.compacted.setdefault(entry.task, Compacted())
                task.times, task.before, task.after = (
                    task.times + 1,
                    task.before + stage.before,
                    task.after + stage.after,
                )
            case _:
                pass

    def _of(self, scope: str, unit: str) -> Led:
        return self.led.setdefault((scope, unit), Led())
