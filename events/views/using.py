"""Which tool is being used now, by task. Of one that only looks nothing is recorded before it ends, and it is soon over."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.session import SessionClaimed, SessionClosed
from events.types.task import AttemptAbandoned, StepDrafted, TaskCancelled, TaskFailed, TaskHalted
from events.types.tool import ToolFinished, ToolStarted


class UsingView(msgspec.Struct):
    """The uses that have begun and not ended, by session and task; of several in one task the last that began."""

    now: dict[tuple[int, str], ToolStarted] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ToolStarted() as started:
                self.now[entry.session, entry.task] = started
            case ToolFinished() | StepDrafted() | AttemptAbandoned() | TaskFailed() | TaskHalted() | TaskCancelled():
                self.now.pop((entry.session, entry.task), None)
            case SessionClaimed() | SessionClosed():  # whoever used them is gone
                self.now = {place: started for place, started in self.now.items() if place[0] != entry.session}
            case _:
                pass

    def said(self, session: int, task: str) -> str:
        """The tool and what it is used on, in one line; "" where none is in use."""
        started = self.now.get((session, task))
        return "" if started is None else f"{started.tool} {started.on}".rstrip()
