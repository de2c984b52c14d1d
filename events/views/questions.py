"""What agents ask people, and what was said to it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.tool import QuestionAnswered, QuestionAsked, ToolFinished
from events.views.asked import Use, Waiting, Waits, place_of


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


class QuestionsView(Waits[Question]):
    """The questions of sessions and the answers. Of several answers to one question the first counts."""

    answers: dict[int, Answered] = msgspec.field(default_factory=dict[int, Answered])  # by the position of the question

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case QuestionAsked() as event:
                asked = Question(**place_of(entry), event=event)
                self.ask(asked.use, asked)
            case QuestionAnswered() as event:
                self.answers.setdefault(event.asked, Answered(event, entry.position))
                self.waiting.pop(event.asked, None)
            case ToolFinished(role=role, branch=branch, ordinal=ordinal):
                self.used((entry.session, entry.task, entry.step, entry.attempt, role, branch, ordinal))
            case _:
                self.pass_on(entry)
