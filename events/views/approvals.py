"""What waits for a person's word before a tool is used, what was said to it, and which words hold for other uses."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.tool import ApprovalAsked, ApprovalGiven, ToolFinished, ToolStarted
from events.views.asked import Use, Waiting, Waits, place_of

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


class ApprovalsView(Waits[Asked]):
    """The questions of sessions and the words on them. Of several words on one question the first counts."""

    given: dict[int, ApprovalGiven] = msgspec.field(
        default_factory=dict[int, ApprovalGiven]
    )  # by the position of the question
    held: dict[int, list[Held]] = msgspec.field(
        default_factory=dict[int, list[Held]]
    )  # by session what holds until its end

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ApprovalAsked() as event:
                asked = Asked(**place_of(entry), event=event)
                self.ask(asked.use, asked)
            case ApprovalGiven() as event:
                self._take(entry, event)
            case ToolStarted() | ToolFinished() as event:
                self.used(_use(entry, event))
            case _:
                self.pass_on(entry)

    def _take(self, entry: Entry, event: ApprovalGiven) -> None:
        if event.asked in self.given:
            return
        self.given[event.asked] = event
        self.waiting.pop(event.asked, None)
        if event.remember == "session" and event.pattern:
            held = Held(event.pattern, event.allowed, event.remember, entry.position)
            self.held.setdefault(entry.session, []).append(held)


def _use(where: Entry | Asked, event: ApprovalAsked | ToolStarted | ToolFinished) -> Use:
    return where.session, where.task, where.step, where.attempt, event.role, event.branch, event.ordinal
