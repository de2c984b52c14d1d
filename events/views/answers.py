"""Answers that may be given again, by what they depend on, and how they were judged: a fold of calls and of verdicts."""

from __future__ import annotations

from typing import Literal

import msgspec

from events.log import Entry, EventLog
from events.types.answer import NEAR, AnswersCleared, AnswerServed
from events.types.base import TextRef
from events.types.call import CallFailed, CallKey, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.task import AttemptAbandoned, StepAccepted, StepAudited, StepRejected, TaskAccepted, TaskFailed
from events.views.kept import Kept, Start, fold_kept

MOST = 10_000
"""Answers that are remembered, about 600 bytes each. The one that was longest of no use goes first."""


class Record(msgspec.Struct):
    """How an answer was judged, where it was given first and wherever it was given again."""

    right: int = 0
    wrong: int = 0


class Known(msgspec.Struct, kw_only=True):
    """An answer, and what it was the answer to."""

    source: int  # position of its call.settled
    at: int  # when it came, microseconds since 1970
    answer: TextRef
    but_question: str
    question: TextRef
    asked: int  # position of the call.reserved that refers to the question
    input_tokens: int
    output_tokens: int
    cost_nanos: int
    same: Record = msgspec.field(default_factory=Record)  # judged on the question that it was given to
    near: Record = msgspec.field(default_factory=Record)  # judged on questions that are like it
    withdrawn: bool = False  # a person or an auditor found it wrong, or nothing could be done with it
    served: int = 0


class Saved(msgspec.Struct):
    served: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """A call whose answer may be given again."""

    key: CallKey
    question: TextRef
    role: str


class _Given(msgspec.Struct, frozen=True, gc=False):
    """An answer that stands in an attempt."""

    key: str
    source: int
    role: str
    attempt: int
    served: Literal["", "same", "near"] = ""


_Place = tuple[int, str, int]
"""Session, task, step: 0 is the plan of the task."""


class AnswersView(msgspec.Struct):
    """What is known by key, the answer that was of use last at the end.

    A verdict on a draft counts for the answers that it was made of. One that was itself given again says nothing new and counts
    for nothing; what a judge said is found wrong by an audit or by a person alone.
    """

    known: dict[str, Known] = {}
    saved: dict[str, Saved] = {}  # by how
    cleared: int = 0  # position behind which answers count
    alike: dict[str, dict[str, int]] = {}  # by what they share but the question: keys, with the position of the answer
    _asked: dict[int, _Asked] = {}  # calls that are not over, by their reservation
    _given: dict[_Place, list[_Given]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved(key=CallKey() as key) as call:
                self._asked[entry.position] = _Asked(key, call.messages[-1].text, call.role)
            case CallSettled(reservation=position) as settled if position in self._asked:
                self._settle(entry, settled, self._asked.pop(position))
            case CallFailed() | CallReleased() | CallUnknown():
                self._asked.pop(entry.event.reservation, None)
            case AnswerServed() as served:
                self._serve(entry, served)
            case AnswersCleared():
                self.known.clear()
                self.alike.clear()
                self._given.clear()
                self.cleared = entry.position
            case StepAccepted() | StepRejected():
                self._judge(entry, entry.event)
            case StepAudited(agrees=False):
                self._withdraw(_place(entry), entry.attempt, ("worker", "validator"))
            case AttemptAbandoned(role=role):
                self._withdraw(_place(entry, plan=role == "explorer"), entry.attempt, (role,))
            case TaskAccepted(unjudged=False):
                self._count(_place(entry, plan=True), None, right=True)
            case TaskFailed(cause="rejected"):
                self._count(_place(entry, plan=True), None, right=False)
            case _:
                pass

    def _settle(self, entry: Entry, settled: CallSettled, asked: _Asked) -> None:
        """Keep a whole answer: one that was cut, refused, or wants tools is of no use to another call."""
        if settled.finish != "stop" or settled.calls is not None or settled.is_reconciled:
            return
        found = self.known.pop(asked.key.all, None)
        if found is not None and found.answer.digest == settled.answer.digest:
            found.at = entry.at  # the same again: what was said of it holds
        else:
            found = Known(
                source=entry.position,
                at=entry.at,
                answer=settled.answer,
                but_question=asked.key.but_question,
                question=asked.question,
                asked=settled.reservation,
                input_tokens=settled.input_tokens,
                output_tokens=settled.output_tokens,
                cost_nanos=settled.cost_nanos,
            )
        self._keep(asked.key.all, found)
        self._stands(entry, _Given(asked.key.all, found.source, asked.role, entry.attempt))

    def _keep(self, key: str, found: Known) -> None:
        self.known[key] = found
        if found.but_question:
            self.alike.setdefault(found.but_question, {})[key] = found.source
        while len(self.known) > MOST:
            oldest = next(iter(self.known))
            frame = self.known.pop(oldest).but_question
            self.alike.get(frame, {}).pop(oldest, None)
            if not self.alike.get(frame, True):
                del self.alike[frame]

    def _serve(self, entry: Entry, served: AnswerServed) -> None:
        saved = self.saved.setdefault(served.how, Saved())
        saved.served += 1
        saved.input_tokens += served.saved_input_tokens
        saved.output_tokens += served.saved_output_tokens
        saved.cost_nanos += served.saved_nanos
        known = self._of(served.key, served.source)
        if known is None:
            return
        known.served += 1
        self.known[served.key] = self.known.pop(served.key)
        how: Literal["same", "near"] = "near" if served.how == NEAR else "same"
        self._stands(entry, _Given(served.key, served.source, served.role, entry.attempt, how))

    def _stands(self, entry: Entry, given: _Given) -> None:
        place = _place(entry, plan=given.role == "explorer")
        self._given.setdefault(place, []).append(given)
        while len(self._given) > MOST:
            del self._given[next(iter(self._given))]

    def _judge(self, entry: Entry, event: StepAccepted | StepRejected) -> None:
        right, place = isinstance(event, StepAccepted), _place(entry)
        if event.by:
            self._count(place, entry.attempt, right=right)
            self._withdraw(place, entry.attempt, () if right else ("worker",))
            if event.overrules is not None and event.overrules.judge:
                self._withdraw(place, entry.attempt, ("validator",))
            return
        if isinstance(event, StepAccepted) and event.unjudged:
            return
        given = self._given.get(place, ())
        if not any(each.served and each.role == "validator" and each.attempt == entry.attempt for each in given):
            self._count(place, entry.attempt, right=right)

    def _count(self, place: _Place, attempt: int | None, *, right: bool) -> None:
        """Count a verdict for the answers of a step's attempt, or of all explorers of a task."""
        for each in self._given.get(place, ()):
            known = self._of(each.key, each.source)
            if known is not None and each.role != "validator" and attempt in (None, each.attempt):
                record = known.near if each.served == "near" else known.same
                record.right += right
                record.wrong += not right

    def _withdraw(self, place: _Place, attempt: int, roles: tuple[str, ...]) -> None:
        for each in self._given.get(place, ()):
            known = self._of(each.key, each.source)
            if known is None or each.role not in roles or each.attempt != attempt:
                continue
            if each.served == "near":
                known.near.wrong += 1
            else:
                known.withdrawn = True

    def _of(self, key: str, source: int) -> Known | None:
        """The answer as long as it is the one that is meant."""
        known = self.known.get(key)
        return known if known is not None and known.source == source else None


def _place(entry: Entry, *, plan: bool = False) -> _Place:
    return entry.session, entry.task, 0 if plan else entry.step


ANSWERS_KEPT = Kept("answers", 1, AnswersView)


async def answers(log: EventLog) -> Start[AnswersView]:
    """What may be given again by now; see `fold_kept`."""
    return await fold_kept(log, ANSWERS_KEPT)
