"""The detail of a task for the screen: read from the log as far as the screen stands, and read on from there."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from events.bus import read_all
from events.lineage import inherited, without_money
from events.log import Entry, EventLog, session_name
from events.types.call import CallFailed, CallOverran
from events.types.session import SessionOpened
from events.views.attempts import Attempt, AttemptsView
from events.views.tasks import TasksView
from swarm.cli.lookup.prompt import prompt_tab
from swarm.cli.lookup.tabs import TABS, Basis
from swarm.errors import SwarmError
from swarm.insight.choices import in_a_line
from swarm.insight.story import CallEnd, Story
from tui.detail import AttemptKey, Detail, Wanted, key_of
from tui.document import Document, prose
from tui.live import Live
from tui.past import apart

_TABS = {**TABS, "prompt": prompt_tab}


class TaskLookup:
    """Looks tasks up. What it read of the last one is kept: a later place of the log is read on to, an earlier one is there."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._of = (0, "")  # the session and the task of what is kept
        self._entries: list[Entry] = []
        self._read_to = 0
        self._made: tuple[object, Document] | None = None  # the last document, and of what it was made
        self._lines: dict[int, str] = {}  # of choices, by their position

    async def __call__(self, live: Live, now: int, wanted: Wanted) -> Detail | None:
        known, until, number = live.tasks.of(live.session), live.position, live.session
        if wanted.task not in known:
            return None
        task = apart(known[wanted.task])
        needs = [apart(known[name]) for name in task.needs if name in known]
        blocks = [apart(each) for each in known.values() if task.name in each.needs]
        more = [apart(known[name]) for name in (*(task.children or ()), task.parent) if name in known]
        tasks = TasksView(
            tasks={number: {each.name: each for each in (*needs, *more, task)}},
            steered={number: live.tasks.whole(number)},
        )
        cap = live.cap(f"{session_name(number)}/{task.name}")
        await self._read(live, task.name)
        story = _story(number, self._entries[: bisect_right(self._entries, until, key=_position)], tasks)
        attempts = story.attempts.of(task.name)
        at = _number(attempts, wanted.attempt)
        entries = [entry for entry in story.entries if entry.task == task.name]
        basis = Basis(log=self._log, story=story, task=task, attempt=attempts[at] if attempts else None)
        return Detail(
            task=task,
            attempts=attempts,
            number=at,
            entries=entries,
            needs=needs,
            blocks=blocks,
            cap=cap,
            chosen=self._chosen(basis.attempt),
            document=await self._document(wanted.tab, basis, entries),
        )

    async def _read(self, live: Live, task: str) -> None:
        """Read on to a place. Of other tasks the calls that failed are kept: they say why there was no model for this one."""
        session, until = live.session, live.position
        if (session, task) != self._of:
            self._of, self._entries, self._read_to = (session, task), [], 0
        if until <= self._read_to:
            return
        held = _held(live, self._read_to)
        if held is not None:
            await self._take(held)
        else:
            async for page in read_all(self._log, after=self._read_to, until=until, session=session):
                await self._take(page)
        self._read_to = until

    async def _take(self, page: Sequence[Entry]) -> None:
        session, task = self._of
        taken: list[Entry] = []
        for entry in page:
            if isinstance(entry.event, SessionOpened) and entry.event.parent:
                before = without_money(await inherited(self._log, session))
                taken += [each for each in before if each.task == task]
            if entry.task == task or isinstance(entry.event, CallFailed):
                taken.append(entry)
        self._entries += taken
        self._read_to = page[-1].position if page else self._read_to
        await asyncio.sleep(0)  # between two pages the screen can be drawn

    def _chosen(self, attempt: Attempt | None) -> str:
        if attempt is None or not attempt.choices:
            return ""
        position, choice = attempt.choices[-1]
        if position not in self._lines:
            self._lines[position] = in_a_line(choice)
        return self._lines[position]

    async def _document(self, tab: str, basis: Basis, entries: Sequence[Entry]) -> Document:
        """The text of a tab; the same one as before where nothing of the task has happened since."""
        attempt = basis.attempt
        last = entries[-1].position if entries else 0
        made_of = (self._of, tab, key_of(attempt) if attempt is not None else None, last, basis.task.status)
        if self._made is None or self._made[0] != made_of:
            try:
                made = await _TABS[tab](basis)
            except SwarmError as trouble:
                made = Document((prose(f"✘ {trouble}", tone="bad"),))
            self._made = made_of, made
        return self._made[1]


def _held(live: Live, after: int) -> list[Entry] | None:
    """The session's entries behind a position, where the screen still holds all of them; else the log has to be read."""
    ring = live.ring
    if not len(ring) or (ring.first and ring[0].position > after + 1):
        return None
    return [ring[row] for row in range(bisect_right(ring, after, key=_position), len(ring))]


def _story(session: int, entries: list[Entry], tasks: TasksView) -> Story:
    """What is known of the session here: this one task's part of it."""
    attempts = AttemptsView()
    for entry in entries:
        attempts.apply(entry)
    return Story(
        number=session,
        entries=entries,
        own=entries,
        session=None,
        tasks=tasks.of(session),
        view=tasks,
        attempts=attempts,
        ends={entry.event.reservation: entry for entry in entries if isinstance(entry.event, CallEnd)},
        overruns={entry.event.reservation: entry.event for entry in entries if isinstance(entry.event, CallOverran)},
    )


def _number(attempts: Sequence[Attempt], wanted: AttemptKey | None) -> int:
    """The attempt that is meant; the newest where that is not there yet."""
    found = (at for at, attempt in enumerate(attempts) if key_of(attempt) == wanted)
    return next(found, len(attempts) - 1)


def _position(entry: Entry) -> int:
    return entry.position
