"""How work went so far: sizes of answers, verdicts and plans, by role, model and type of task. Estimates are made from it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionClosed
from events.types.task import StepAccepted, StepDrafted, StepPlanned, StepRejected, TaskSubmitted

_EXACT = 16  # sizes below it are kept as they are; above, eight groups for each power of two: at most 12.5 % too large


NO_SIZES = frozenset({"too-much-output", "too-little-output"})
"""Doubts about a count of output: one that was a lie would stand in every estimate."""


class Doer(msgspec.Struct, frozen=True, gc=False):
    """Who did what kind of work."""

    role: str
    model: str
    type: str  # of the task


class Done(msgspec.Struct):
    """What is known of one doer's work."""

    answers: dict[
        int, int
    ] = {}  # number of settled calls by the size of the answer in output tokens, as `rounded_size`
    accepted: int = 0  # drafts
    rejected: int = 0

    def add(self, other: Done) -> None:
        for size, count in other.answers.items():
            self.answers[size] = self.answers.get(size, 0) + count
        self.accepted += other.accepted
        self.rejected += other.rejected


class HistoryView(msgspec.Struct):
    """Work by who did it, and how many steps plans had by the type of their task."""

    done: dict[Doer, Done] = {}
    plans: dict[str, dict[int, int]] = {}  # number of plans by type and by their steps
    _types: dict[int, dict[str, str]] = {}  # type of each task of the sessions that are not finished
    _explored: dict[int, dict[str, bool]] = {}  # those of them that an explorer plans
    _calls: dict[int, Doer] = {}  # who makes the calls that are not over, by their reservation
    _drafts: dict[int, dict[str, str]] = {}  # by task the model whose draft is not judged yet

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(type=type_, explore=explore):
                self._types.setdefault(entry.session, {})[entry.task] = type_
                if explore:
                    self._explored.setdefault(entry.session, {})[entry.task] = True
            case StepPlanned(total=total) if entry.step == 1 and entry.task in self._explored.get(entry.session, {}):
                steps = self.plans.setdefault(self._type(entry), {})
                steps[total] = steps.get(total, 0) + 1
            case CallReserved(role=role, model=model):
                self._calls[entry.position] = Doer(role, model, self._type(entry))
            case CallSettled() as settled:
                self._settle(settled)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._calls.pop(position, None)
            case CallUnknown(reservation=position):
                self._calls.pop(position, None)
            case StepDrafted(model=model):
                self._drafts.setdefault(entry.session, {})[entry.task] = model
            case StepAccepted():
                self._judge(entry, accepted=1)
            case StepRejected():
                self._judge(entry, rejected=1)
            case SessionClosed(finished=True):
                for kept in (self._types, self._explored, self._drafts):
                    kept.pop(entry.session, None)
            case _:
                pass

    def _type(self, entry: Entry) -> str:
        return self._types.get(entry.session, {}).get(entry.task, "")

    def _settle(self, settled: CallSettled) -> None:
        doer = self._calls.pop(settled.reservation, None)
        if doer is None or settled.basis != "provider" or not NO_SIZES.isdisjoint(settled.doubts):
            return  # what was reserved, or cannot be, says nothing of the size of an answer
        answers = self._of(doer).answers
        size = rounded_size(settled.output_tokens)
        answers[size] = answers.get(size, 0) + 1

    def _judge(self, entry: Entry, *, accepted: int = 0, rejected: int = 0) -> None:
        """Count the first verdict on a draft; a person who overrules it changes no number."""
        model = self._drafts.get(entry.session, {}).pop(entry.task, None)
        if model is not None:
            done = self._of(Doer("worker", model, self._type(entry)))
            done.accepted += accepted
            done.rejected += rejected

    def _of(self, doer: Doer) -> Done:
        return self.done.setdefault(doer, Done())


def rounded_size(tokens: int) -> int:
    """Return a size up to the largest that is counted with it: few sizes for any number of answers.

    >>> rounded_size(7), rounded_size(300), rounded_size(319)
    (7, 319, 319)
    """
    if tokens < _EXACT:
        return max(0, tokens)
    shift = tokens.bit_length() - 4
    return ((tokens >> shift) + 1 << shift) - 1
