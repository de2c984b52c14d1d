"""What folds the log for the screen, and from where the views look at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import Protocol

import msgspec

from events.log import Clock, Entry
from tui.control import Control
from tui.costs import CostLookup
from tui.detail import DetailOf
from tui.failures import Failures
from tui.live import Live
from tui.sheet import Sheet


class Feed(Protocol):
    """What folds the log for the screen."""

    @property
    def live(self) -> Live:
        """The view model as it is now."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing more is read; empty where all is."""
        ...

    async def run(self) -> None:
        """Go on for as long as somebody looks."""
        ...

    def behind(self, now: int) -> str:
        """How far the view model is behind what it should show, in words; empty where it is not."""
        ...

    def count(self) -> int:
        """How many of the session's events can be looked at."""
        ...

    def dropped(self) -> int:
        """How many events before these are not held any more."""
        ...

    def event(self, index: int) -> Entry | None:
        """One of those that can be looked at, from 0; None where it is being read."""
        ...


SheetOf = Callable[[Live, int], Awaitable[Sheet]]
"""Looks a sheet up as of where the view model stands in the log, at a moment in microseconds since 1970. What it needs of
the view model it takes before it waits for anything. Raises LogError."""


EventsOf = Callable[[int, int, int], Awaitable[list[Entry]]]
"""Reads of a session, behind a position, at most so many events. Raises LogError."""


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """What the choice expects of an agent on a model in a context."""

    context: str  # role/type
    agent: str
    model: str
    tier: str
    mean: float  # the expected share of accepted work


MeansOf = Callable[[Live, int], Awaitable[list[Mean]]]
"""Looks up what is known of each agent on each model, as of where the view model stands; of each context the best first.
Raises LogError."""


class DayEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What today will have cost at its end, in nano-dollars, as far as `days` past days can say: the median, and between
    what it will probably lie. None: they are too few, and `least` are needed."""

    days: int
    least: int
    median: int | None = None
    low: int | None = None
    high: int | None = None


DayEndOf = Callable[[Live, int], Awaitable[DayEnd]]
"""Foresees it from what was spent up to where the view model stands. Raises LogError."""


class BudgetAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose in the view of budgets."""

    scope: str = ""  # whose history is looked at; "": all scopes are
    by_share: bool = False  # what is nearest to its cap first, else the widest first


BudgetsOf = Callable[[Live, int, BudgetAsked], Awaitable[Sheet]]
"""As `SheetOf`. The keys of its lines are scopes, such as "nanos s4/build": a unit and a name."""


SchedulesOf = Callable[[Live, int, str], Awaitable[Sheet]]
"""As `SheetOf`, of the schedule of a name: its next times and its history; of all with "". The keys of its lines are names."""


class Lookups(msgspec.Struct, frozen=True, kw_only=True):
    """What views show that the screen does not fold itself. None: it cannot be looked up, and has no view."""

    budgets: BudgetsOf | None = None
    costs: CostLookup | None = None
    schedules: SchedulesOf | None = None
    task: DetailOf | None = None
    events: EventsOf | None = None
    means: MeansOf | None = None
    day_end: DayEndOf | None = None


NO_LOOKUPS = Lookups()


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """From where all views look: the fold, what is looked up, the time, and what a person's words go through."""

    feed: Feed
    lookups: Lookups
    clock: Clock
    zone: tzinfo | None  # of the times shown; None is the machine's
    control: Control | None  # None: nothing can be said
    failures: Failures = msgspec.field(default_factory=Failures)  # what went wrong in reading

    @property
    def live(self) -> Live:
        return self.feed.live
