"""What a session did, read from the log once: its entries, and the folds that explanations are made from."""

from __future__ import annotations

import msgspec

from events.bus import read_all
from events.lineage import inherited, without_money
from events.log import Entry, EventLog, TextMissing
from events.types.base import TextRef
from events.types.call import CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.tool import SandboxProbed
from events.views.attempts import AttemptsView
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TaskState, TasksView

CallEnd = CallSettled | CallFailed | CallReleased | CallUnknown


class Story(msgspec.Struct, kw_only=True):
    """One session. A fork begins with its opening; what it took over from its parent follows, then what it wrote itself."""

    number: int
    entries: list[Entry]
    own: list[Entry]  # without what it took over
    session: SessionState | None
    tasks: dict[str, TaskState]
    view: TasksView  # of these tasks, with what persons said of how they go on
    attempts: AttemptsView
    ends: dict[int, Entry]  # what was recorded last of a call, by its reservation
    overruns: dict[int, CallOverran]

    @property
    def sandbox(self) -> SandboxProbed | None:
        """What holds its commands, as it was found last; None where none was looked for."""
        found = (entry.event for entry in reversed(self.own) if isinstance(entry.event, SandboxProbed))
        return next(found, None)

    def at(self, position: int) -> Entry | None:
        """The entry at a position, where it is one of the session's."""
        return next((entry for entry in self.entries if entry.position == position), None)

    def last(self, kinds: tuple[type, ...], *, task: str) -> Entry | None:
        """The last entry of these kinds for a task."""
        found = (entry for entry in reversed(self.entries) if entry.task == task and isinstance(entry.event, kinds))
        return next(found, None)

    def reserved(self, task: str = "") -> list[Entry]:
        """The calls that the session made itself, for one task where it is named."""
        return [
            entry for entry in self.own if isinstance(entry.event, CallReserved) and (not task or entry.task == task)
        ]


async def read_story(log: EventLog, session: int, *, until: int | None = None) -> Story:
    """Read a session, up to a position, and what it was forked from; what its parent paid is no call of its own."""
    sessions, tasks, attempts = SessionsView(), TasksView(), AttemptsView()
    before = await inherited(log, session)
    for entry in without_money(before):
        tasks.apply(entry)
        attempts.apply(entry)
    own: list[Entry] = []
    async for entries in read_all(log, session=session, until=until):
        own += entries
        for entry in entries:
            sessions.apply(entry)
            tasks.apply(entry)
            attempts.apply(entry)
    story = [*own[:1], *before, *own[1:]]
    return Story(
        number=session,
        entries=story,
        own=own,
        ends={entry.event.reservation: entry for entry in story if isinstance(entry.event, CallEnd)},
        overruns={entry.event.reservation: entry.event for entry in story if isinstance(entry.event, CallOverran)},
        session=sessions.sessions.get(session),
        tasks=tasks.of(session),
        view=tasks,
        attempts=attempts,
    )


async def text_or_none(log: EventLog, ref: TextRef, *, at: int) -> str | None:
    """The text that the event at `at` refers to; None where it is no longer kept."""
    try:
        return await log.text(ref, at=at)
    except TextMissing:
        return None
