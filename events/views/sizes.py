"""How long answers were, in tokens: by role, type and level of the task, and model. Limits of answers to come are made from it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionClosed
from events.types.task import TaskSubmitted
from events.views.history import NO_SIZES, rounded_size


class Kind(msgspec.Struct, frozen=True, gc=False):
    """Which answers; with an empty field those of any."""

    role: str
    level: str  # of the task: what a draft may have goes by it
    type: str = ""
    model: str = ""

    @property
    def wider(self) -> tuple[Kind, Kind]:
        """The same of any model, and of any type."""
        return Kind(self.role, self.level, self.type), Kind(self.role, self.level)


class Sizes(msgspec.Struct):
    """Whole answers by their size, as `rounded_size`; of those that were cut nobody knows how long they had been."""

    whole: dict[int, int] = {}
    cut: int = 0

    @property
    def answers(self) -> int:
        return sum(self.whole.values()) + self.cut

    def add(self, tokens: int, *, cut: bool = False) -> None:
        if cut:
            self.cut += 1
        else:
            size = rounded_size(tokens)
            self.whole[size] = self.whole.get(size, 0) + 1


class _Call(msgspec.Struct, frozen=True, gc=False):
    kind: Kind
    foreseen: bool  # its limit was made from answers before it


class SizesView(msgspec.Struct):
    """An answer that was cut at a limit which was foreseen is not counted, the one that is then asked for is; nor are refusals."""

    kinds: dict[Kind, Sizes] = {}
    _tasks: dict[
        int, dict[str, tuple[str, str]]
    ] = {}  # level and type of the tasks of the sessions that are not finished
    _calls: dict[int, _Call] = {}  # those that are not over, by their reservation

    def of(self, kind: Kind) -> Sizes | None:
        return self.kinds.get(kind)

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(complexity=level, type=type_):
                self._tasks.setdefault(entry.session, {})[entry.task] = level, type_
            case CallReserved(
                role=role, model=model, foreseen=foreseen, tools=None
            ):  # with tools most answers are calls of them
                if (task := self._tasks.get(entry.session, {}).get(entry.task)) is not None:
                    self._calls[entry.position] = _Call(Kind(role, *task, model), foreseen is not None)
            case CallSettled() as settled:
                self._settle(settled)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._calls.pop(position, None)
            case CallUnknown(reservation=position):
                self._calls.pop(position, None)
            case SessionClosed(finished=True):
                self._tasks.pop(entry.session, None)
            case _:
                pass

    def _settle(self, settled: CallSettled) -> None:
        call = self._calls.pop(settled.reservation, None)
        cut = settled.finish == "length"
        if call is None or settled.basis != "provider" or not NO_SIZES.isdisjoint(settled.doubts):
            return
        if settled.finish == "refusal" or not settled.has_answer or (cut and call.foreseen):
            return
        for kind in (call.kind, *call.kind.wider):
            self.kinds.setdefault(kind, Sizes()).add(settled.output_tokens, cut=cut)
