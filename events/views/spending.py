"""What was spent on, beyond whose it was: on drafts that were rejected, on tasks that were accepted, at what time of a day."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import FREE_TIERS
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSkipped,
)
from events.views.cost import CostView, day_of


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Of which time it is asked: days as 2026-11-21, moments in microseconds since 1970. Empty days are all."""

    first: str = ""  # the first day
    last: str = ""
    begins: int = 0  # the moment at which the first day begins: an end of a task has a moment and no day
    ends: int = 1 << 62
    later: Mapping[str, int] = {}  # of past days: the moment behind which their spending is wanted

    def holds(self, day: str) -> bool:
        return not self.first or (bool(day) and self.first <= day <= self.last)


class Findings(msgspec.Struct, kw_only=True):
    """What was found of the time that was asked of. Amounts are nano-dollars."""

    wasted: int = 0  # by attempts whose draft was rejected, or that were abandoned
    accepted: int = 0  # tasks
    free: int = 0  # those of them for which no call of a paid tier was billed, nor any other
    later: dict[str, int] = {}  # by past day what was spent behind the moment


class _Paid(msgspec.Struct, frozen=True):
    attempt: tuple[int, str, int, int]
    day: str
    at: int
    tier: str
    nanos: int  # reserved


class SpendingView(msgspec.Struct):
    """Keeps every call, so it is for a log that is short; over a long one columns say the same."""

    cost: CostView = msgspec.field(default_factory=CostView)
    _open: dict[int, _Paid] = {}
    _unknown: dict[int, _Paid] = {}
    _paid: list[_Paid] = []
    _rejected: dict[tuple[int, str, int, int], bool] = {}
    _ended: dict[tuple[int, str], tuple[bool, int]] = {}  # by task whether it is accepted, and when it ended

    def apply(self, entry: Entry) -> None:
        self.cost.apply(entry)
        attempt = (entry.session, entry.task, entry.step, entry.attempt)
        match entry.event:
            case CallReserved() as call:
                day = day_of(call.scopes)
                self._open[entry.position] = _Paid(attempt, day, entry.at, call.tier, call.cost_nanos)
            case CallSettled() as call:
                self._settle(call)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._open.pop(position, None)
                self._unknown.pop(position, None)
            case CallUnknown(reservation=position) if position in self._open:
                self._unknown[position] = self._open.pop(position)
            case StepRejected() | AttemptAbandoned():
                self._rejected[attempt] = True
            case StepAccepted():
                self._rejected[attempt] = False
            case TaskAccepted() | TaskFailed() | TaskHalted() | TaskCancelled() | TaskSkipped() | TaskReopened():
                self._ended[attempt[:2]] = (isinstance(entry.event, TaskAccepted), entry.at)
            case _:
                pass

    def findings(self, asked: Asked) -> Findings:
        paid = [*self._paid, *self._unknown.values()]
        billed = {call.attempt[:2] for call in paid if call.nanos or call.tier not in FREE_TIERS}
        accepted = [task for task, (is_so, at) in self._ended.items() if is_so and asked.begins <= at < asked.ends]
        found = Findings(accepted=len(accepted), free=sum(task not in billed for task in accepted))
        for call in paid:
            if asked.holds(call.day) and self._rejected.get(call.attempt):
                found.wasted += call.nanos
            if call.nanos and call.at > asked.later.get(call.day, call.at):
                found.later[call.day] = found.later.get(call.day, 0) + call.nanos
        return found

    def _settle(self, call: CallSettled) -> None:
        held = self._open.pop(call.reservation, None) or self._unknown.pop(call.reservation, None)
        if held is not None:
            self._paid.append(msgspec.structs.replace(held, nanos=call.cost_nanos))
