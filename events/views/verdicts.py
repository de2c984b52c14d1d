"""What verdicts say of those who gave them, and of how many drafts a type of task needs. Nothing of it fades."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.trails import model_of
from events.types.session import SessionClosed
from events.types.task import StepAccepted, StepAudited, StepDrafted, StepRejected, TaskSubmitted

CHECKS = "checks"
"""In the place of a model: the deterministic checks of a task judged alone."""


class Judged(msgspec.Struct):
    """What a judge said of drafts, and what was found of that: by audits of what it accepted, by persons of what it rejected."""

    accepted: int = 0
    rejected: int = 0
    audited: int = 0  # of the accepted, those on which an auditor came to a verdict
    wrong: int = 0  # of the audited, those that the auditor would not have accepted
    overruled: int = 0  # of the rejected, those that a person accepted

    def add(self, other: Judged) -> None:
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.audited += other.audited
        self.wrong += other.wrong
        self.overruled += other.overruled


class Drafts(msgspec.Struct):
    """How the drafts of a type of task were judged first, whoever made them."""

    accepted: int = 0
    rejected: int = 0


class VerdictsView(msgspec.Struct):
    """Verdicts by their judge's model (or CHECKS), and by the type of the task."""

    judges: dict[str, Judged] = {}
    types: dict[str, Drafts] = {}
    _types: dict[int, dict[str, str]] = {}  # of the tasks of sessions that are not finished
    _drafted: dict[int, dict[str, bool]] = {}  # those of them with a draft that is not judged yet

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted(type=type_):
                self._types.setdefault(entry.session, {})[entry.task] = type_
            case StepDrafted():
                self._drafted.setdefault(entry.session, {})[entry.task] = True
            case StepAccepted() as event:
                self._verdict(entry, event, True)
                if event.overrules is not None and event.overrules.judge:
                    self._of(event.overrules.judge).overruled += 1
            case StepRejected() as event:
                self._verdict(entry, event, False)
            case StepAudited(judge=judge, agrees=bool(agrees)):
                judged = self._of(judge)
                judged.audited += 1
                judged.wrong += not agrees
            case SessionClosed(finished=True):
                self._types.pop(entry.session, None)
                self._drafted.pop(entry.session, None)
            case _:
                pass

    def _verdict(self, entry: Entry, event: StepAccepted | StepRejected, accepted: bool) -> None:
        judge = judge_of(event)
        if judge:
            judged = self._of(judge)
            judged.accepted += accepted
            judged.rejected += not accepted
        type_ = self._types.get(entry.session, {}).get(entry.task, "")
        if self._drafted.get(entry.session, {}).pop(entry.task, None) and type_ and (judge or event.by):
            drafts = self.types.setdefault(type_, Drafts())
            drafts.accepted += accepted
            drafts.rejected += not accepted

    def _of(self, judge: str) -> Judged:
        return self.judges.setdefault(judge, Judged())


def judge_of(event: StepAccepted | StepRejected) -> str:
    """The model that gave the verdict, or CHECKS; empty where a person did, or nobody."""
    if event.by or (isinstance(event, StepAccepted) and event.unjudged):
        return ""
    return model_of(event.judge) if event.judge else CHECKS
