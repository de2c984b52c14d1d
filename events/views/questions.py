"""What agents ask people, and what was said to it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.task import (
    AttemptAbandoned,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
)
from events.types.tool import QuestionAnswered, QuestionAsked, ToolFinished
from events.views.asked import Use, Waiting


class Question(Waiting, frozen=True, kw_only=True):
    """A question, and where it was asked."""

    event: QuestionAsked

    @property
    def use(self) -> Use:
        event = self.event
        return self.session, self.task, self.step, self.attempt, event.role, event.branch, event.ordinal


class Answered(msgspec.Struct, frozen=True):
    """The first answer to a question, and the position of its event."""

    event: QuestionAnswered
    at: int


class QuestionsView(msgspec.Struct):
    """The questions of sessions and the answers. Of several answers to one question the first counts."""

    asked: dict[Use, Question] = {}
    answers: dict[int, Answered] = {}  # by the position of the question
    waiting: dict[int, Question] = {}  # by position those without an answer that are still of use

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case QuestionAsked() as event:
                self._ask(entry, event)
            case QuestionAnswered() as event:
                self.answers.setdefault(event.asked, Answered(event, entry.position))
                self.waiting.pop(event.asked, None)
            case ToolFinished(role=role, branch=branch, ordinal=ordinal):
                use = (entry.session, entry.task, entry.step, entry.attempt, role, branch, ordinal)
                if (asked := self.asked.get(use)) is not None:
                    self.waiting.pop(asked.position, None)
            case StepPlanned() | StepDrafted() | StepRejected() | AttemptAbandoned():
                self._settle(entry, entry.attempt)
            case TaskAccepted() | TaskFailed() | TaskCancelled():
                self._settle(entry)
            case _:
                pass

    def of(self, session: int, task: str = "") -> list[Question]:
        """What waits in a session, or in a task of it, the oldest first."""
        return [each for each in self.waiting.values() if each.session == session and task in ("", each.task)]

    def _ask(self, entry: Entry, event: QuestionAsked) -> None:
        asked = Question(
            position=entry.position,
            at=entry.at,
            session=entry.session,
            task=entry.task,
            step=entry.step,
            attempt=entry.attempt,
            event=event,
        )
        if asked.use not in self.asked:
            self.asked[asked.use] = self.waiting[entry.position] = asked

    def _settle(self, entry: Entry, attempt: int | None = None) -> None:
        """Drop the questions of the entry's task, or of an attempt at it, that need no answer any more."""
        for asked in self.of(entry.session, entry.task):
            if attempt in (None, asked.attempt):
                del self.waiting[asked.position]
