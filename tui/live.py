"""What the screen shows of a log, folded from its entries: the panes read it, and draw where its version has moved on."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from events.log import Entry, session_name
from events.types.call import BudgetSet, CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import SessionClaimed, SessionClosed, SessionOpened
from events.views.approvals import ApprovalsView, Asked
from events.views.money import MoneyView, ScopeState
from events.views.questions import Question, QuestionsView
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TaskState, TasksView
from events.views.using import UsingView
from tui.census import Census
from tui.climb import ClimbView
from tui.moved import Moved
from tui.words import status_of

_ORDER = {"running": 0, "retrying": 0, "waiting": 1, "paused": 1}
SCOPED = 50  # tasks whose budgets are shown; `swarm show` tells those of any
RING = 20_000  # events that are held; older ones are read from the log again
EACH = 200  # of so many events the position of the first is kept for ever, from which the others are read again
RATE_S = 5  # whole seconds over which events are counted for their rate


class Cap(msgspec.Struct, frozen=True):
    """The most that may be spent in a scope. None is no cap of that kind, or none that is known."""

    tokens: int | None = None
    nanos: int | None = None


class Ring:
    """The newest entries. Each keeps its number for ever, from 0; those before `first` are no longer held."""

    def __init__(self, capacity: int = RING) -> None:
        self._capacity = capacity
        self._entries: list[Entry] = []
        self.first = 0
        self.marks = array(
            "q"
        )  # the positions of each EACH-th entry that there ever was, the first one's to begin with

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, row: int) -> Entry:
        """The entry in a row, from 0 for the oldest that is held."""
        return self._entries[row]

    def extend(self, entries: Sequence[Entry]) -> None:
        number = self.first + len(self._entries)
        self.marks.extend(entry.position for entry in entries[-number % EACH :: EACH])
        self._entries.extend(entries)
        too_many = len(self._entries) - self._capacity
        if too_many > self._capacity // 10:  # a tenth more is held, so that not every event moves the whole list
            del self._entries[:too_many]
            self.first += too_many


class Versions(msgspec.Struct):
    """How often what a pane shows has changed."""

    header: int = 0
    tasks: int = 0
    budget: int = 0
    events: int = 0


class Live:
    """The view model. Session 0 is the first that opens. Everything that is spent is folded: a day's cap spans sessions.

    What every fold needs is kept in the views; nothing here knows a clock, so the same log gives the same view.
    """

    def __init__(self, session: int, *, ring: int = RING) -> None:
        self.session = session
        self.sessions, self.tasks, self.money = SessionsView(), TasksView(), MoneyView()
        self.using, self.approvals, self.questions = UsingView(), ApprovalsView(), QuestionsView()
        self.climb = ClimbView()
        self.ring = Ring(ring)
        self.moved = Moved()  # the session's tasks
        self.versions = Versions()
        self.caps: dict[str, Cap] = {}
        self.position = 0
        self.at = 0  # of the newest entry, microseconds since 1970
        self.asked: set[str] = set()  # scopes whose cap was looked up
        self._census = Census()
        self._seconds: dict[int, int] = {}  # how many events of the session came in which second

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold a batch; the panes that it touches get a new version, once."""
        own: list[Entry] = []
        money = False
        for entry in entries:
            self.tasks.apply(entry)
            if isinstance(entry.event, _MONEY):
                money = True
                self.money.apply(entry)
                self.climb.apply(entry, self.money)
            else:
                self._apply_rest(entry)
            if entry.session == self.session:
                own.append(entry)
        if entries:
            self.position, self.at = entries[-1].position, entries[-1].at
            self.versions.header += 1
        if own:
            self.ring.extend(own)
            self._count(own)
            self.versions.events += 1
            self.versions.tasks += 1
        if money:
            self.versions.budget += 1

    def _apply_rest(self, entry: Entry) -> None:
        """Fold what moves neither money nor tokens."""
        self.sessions.apply(entry)
        self.money.apply(entry)
        self.using.apply(entry)
        self.approvals.apply(entry)
        self.questions.apply(entry)
        if not self.session and isinstance(entry.event, SessionOpened):
            self.session = entry.session

    def _count(self, own: Sequence[Entry]) -> None:
        seconds = Counter(entry.at // 1_000_000 for entry in own)
        for second, events in seconds.items():
            self._seconds[second] = self._seconds.get(second, 0) + events
        for second in sorted(self._seconds)[: -2 * RATE_S]:
            del self._seconds[second]
        self.touch(own)

    def touch(self, own: Sequence[Entry]) -> None:
        """Note which tasks moved by entries of the session."""
        if any(isinstance(entry.event, SessionClaimed | SessionClosed) for entry in own):
            self.moved.add(self.tasks.of(self.session))  # whoever worked on them is gone
        self.moved.add({entry.task: None for entry in own if entry.task})

    def rate(self, now: int) -> float:
        """Events of the session a second, over the last whole seconds."""
        second = now // 1_000_000
        return sum(self._seconds.get(second - back, 0) for back in range(1, RATE_S + 1)) / RATE_S

    def inherit(self, entries: Sequence[Entry]) -> None:
        """Take in what a session was forked from, each entry as if it were the session's own."""
        for entry in entries:
            self.tasks.apply(entry)
        self.moved.add(self.tasks.of(self.session))

    def set_cap(self, scope: str, cap: Cap | None) -> None:
        self.asked.add(scope)
        if cap is not None:
            self.caps[scope] = cap
            self.versions.budget += 1
            self.versions.header += 1

    def cap(self, scope: str) -> Cap:
        """The cap of a scope: what a person recorded stands in place of what was looked up."""
        cap, state = self.caps.get(scope) or Cap(), self.money.scopes.get(scope)
        if state is None or not state.caps:
            return cap
        tokens, nanos = state.caps.get("tokens"), state.caps.get("nanos")
        return Cap(tokens=tokens.most if tokens else cap.tokens, nanos=nanos.most if nanos else cap.nanos)

    @property
    def state(self) -> SessionState | None:
        return self.sessions.sessions.get(self.session)

    @property
    def rows(self) -> list[TaskState]:
        """The tasks of the session: those at work, those that wait, those that ended; each as they were submitted."""
        return sorted(self.tasks.of(self.session).values(), key=lambda task: _ORDER.get(status_of(task).word, 2))

    @property
    def waiting(self) -> list[Asked | Question]:
        """What of the session waits for a person's word or answer, the oldest first."""
        found: list[Asked | Question] = [*self.approvals.of(self.session), *self.questions.of(self.session)]
        return sorted(found, key=lambda each: each.position)

    @property
    def asks(self) -> Counter[str]:
        """How much of the session waits for a person, by task."""
        return Counter(each.task for each in self.waiting)

    @property
    def census(self) -> Census:
        """How many tasks stand where now."""
        at_work = {task: None for session, task in self.using.now if session == self.session}
        self._census.take(self.tasks.of(self.session), self.moved, at_work)
        return self._census

    def counts(self) -> Counter[str]:
        """How many tasks are in which state, by the state's glyph."""
        return self.census.glyphs

    def running(self) -> Counter[str]:
        """How many calls of the session are open, by their role."""
        return Counter(call.role for call in self.tasks.calls(self.session))

    def scopes(self, now: int) -> list[tuple[str, ScopeState]]:
        """The scopes to show, the widest first: today's, the session's, and those of its tasks in which something moved.

        Of tasks there are at most `SCOPED`, in the order of `rows`.
        """
        own = session_name(self.session)
        tasks = [f"{own}/{task.name}" for task in self.rows if f"{own}/{task.name}" in self.money.scopes]
        names = [*todays(self.money.scopes, now), own, *tasks[:SCOPED]]
        return [(name, self.money.scopes[name]) for name in names if name in self.money.scopes]


_MONEY = (CallReserved, CallSettled, CallFailed, CallReleased, CallUnknown, CallOverran, BudgetSet)


def todays(scopes: Mapping[str, ScopeState], now: int) -> list[str]:
    """Those of the scopes that are the day that holds `now` (microseconds since 1970), each in its own time zone."""
    return [scope for scope in scopes if scope.startswith("day:") and _is_today(scope, now)]


def _is_today(scope: str, now: int) -> bool:
    day, _, zone = scope.removeprefix("day:").partition("@")
    try:
        where = None if zone == "local" else ZoneInfo(zone) if zone else UTC  # None is the machine's own
    except (KeyError, ValueError, OSError):
        return False  # a zone that this machine does not know: nothing can be said
    return datetime.fromtimestamp(now // 1_000_000, where).date().isoformat() == day
