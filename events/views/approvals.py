"""What waits for a person's word before a tool is used, what was said to it, and which words hold for other uses."""

from __future__ import annotations

from collections.abc import Callable

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
from events.types.tool import ApprovalAsked, ApprovalGiven, ToolFinished, ToolStarted
from events.views.asked import Use, Waiting

PROJECTS = "approvals"
"""The topic of words that are remembered for a project."""


class Asked(Waiting, frozen=True, kw_only=True):
    """A question, and about which use of which attempt it is."""

    event: ApprovalAsked

    @property
    def use(self) -> Use:
        return _use(self, self.event)


class Held(msgspec.Struct, frozen=True):
    """A word that holds for other uses, too."""

    pattern: str
    allowed: bool
    until: str  # "session" or "project"
    at: int  # position of the word


class ApprovalsView(msgspec.Struct):
    """The questions of sessions and the words on them. Of several words on one question the first counts."""

    asked: dict[Use, Asked] = {}
    given: dict[int, ApprovalGiven] = {}  # by the position of the question
    waiting: dict[int, Asked] = {}  # by position those without a word that are still of use
    held: dict[int, list[Held]] = {}  # by session what holds until its end

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ApprovalAsked() as event:
                asked = Asked(
                    position=entry.position,
                    at=entry.at,
                    session=entry.session,
                    task=entry.task,
                    step=entry.step,
                    attempt=entry.attempt,
                    event=event,
                )
                self.asked.setdefault(asked.use, asked)
                self.waiting[entry.position] = asked
            case ApprovalGiven() as event:
                self._take(entry, event)
            case ToolStarted() | ToolFinished() as event:
                self._settle(entry, lambda asked: asked.use == _use(entry, event))
            case StepPlanned() | StepDrafted() | StepRejected() | AttemptAbandoned():
                self._settle(entry, lambda asked: asked.attempt == entry.attempt)
            case TaskAccepted() | TaskFailed() | TaskCancelled():
                self._settle(entry, lambda _: True)
            case _:
                pass

    def of(self, session: int, task: str = "") -> list[Asked]:
        """What waits in a session, or in a task of it, the oldest first."""
        return [asked for asked in self.waiting.values() if asked.session == session and task in ("", asked.task)]

    def _take(self, entry: Entry, event: ApprovalGiven) -> None:
        if event.asked in self.given:
            return
        self.given[event.asked] = event
        self.waiting.pop(event.asked, None)
        if event.remember == "session" and event.pattern:
            held = Held(event.pattern, event.allowed, event.remember, entry.position)
            self.held.setdefault(entry.session, []).append(held)

    def _settle(self, entry: Entry, settles: Callable[[Asked], bool]) -> None:
        """Drop the questions of the entry's task that need no word any more."""
        for asked in self.of(entry.session, entry.task):
            if settles(asked):
                del self.waiting[asked.position]


def _use(where: Entry | Asked, event: ApprovalAsked | ToolStarted | ToolFinished) -> Use:
    return where.session, where.task, where.step, where.attempt, event.role, event.branch, event.ordinal
