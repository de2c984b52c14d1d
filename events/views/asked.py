"""What waits for a person: where it was asked, how people name that, and until when it waits."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from events.log import Entry, session_name
from events.types.task import (
    AttemptAbandoned,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
)

Use = tuple[int, str, int, int, str, str, int]
"""Session, task, step, attempt, role, branch of the attempt, and the number of the use within that."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a question."""

    position: int
    at: int  # microseconds since 1970
    session: int
    task: str
    step: int
    attempt: int

    @property
    def name(self) -> str:
        """The task, as people name it."""
        return f"{session_name(self.session)}/{self.task}"


def place_of(entry: Entry) -> dict[str, Any]:
    """Where the question of an entry stands, by the fields of its place."""
    return {field: getattr(entry, field) for field in Waiting.__struct_fields__}


W = TypeVar("W", bound=Waiting)


class Waits(msgspec.Struct, Generic[W]):
    """The questions of a kind. One that nobody answered waits as long as its answer is of use."""

    asked: dict[Use, W] = {}
    waiting: dict[int, W] = {}  # by position

    def of(self, session: int, task: str = "") -> list[W]:
        """What waits in a session, or in a task of it, the oldest first."""
        return [each for each in self.waiting.values() if each.session == session and task in ("", each.task)]

    def ask(self, use: Use, asked: W) -> None:
        if use not in self.asked:
            self.asked[use] = self.waiting[asked.position] = asked

    def used(self, use: Use) -> None:
        """The use came about, or to an end, without an answer."""
        if use in self.asked:
            self.waiting.pop(self.asked[use].position, None)

    def pass_on(self, entry: Entry) -> None:
        """Drop what waits in the entry's task, where with that its attempt, or the task, is over."""
        match entry.event:
            case StepPlanned() | StepDrafted() | StepRejected() | AttemptAbandoned():
                over = [each for each in self.of(entry.session, entry.task) if each.attempt == entry.attempt]
            case TaskAccepted() | TaskFailed() | TaskCancelled():
                over = self.of(entry.session, entry.task)
            case _:
                return
        for each in over:
            del self.waiting[each.position]
