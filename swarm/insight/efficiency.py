"""How much a session made of what it took, beside the sessions before it that did the like. Pure but for the reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median_low
from typing import Literal

import msgspec

from events.bus import read_all
from events.log import EventLog
from events.types.session import SessionOpened
from events.views.sessions import SessionState
from swarm.insight.account import (
    Account,
    accepted_steps,
    account_of_session,
    free_part,
    rejected_drafts,
    tokens_of,
)
from swarm.owner import SESSIONS

BEFORE = 10
"""Sessions that a session is compared with, the last ones before it."""

Unit = Literal["nanos", "tokens", "per mille", "calls"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The sums that efficiency is reckoned from. Tokens are input and output as providers counted them."""

    tasks: int
    accepted: int
    unjudged: int
    calls: int
    tokens: int
    nanos: int
    maybe_paid_nanos: int
    free_tokens: int  # on tiers that cost nothing
    input_tokens: int
    cached_tokens: int  # of the input, by providers
    served: int  # calls that got the answer of an earlier one
    drafts: int
    rejected: int
    saved_tokens: int  # that requests had less by stages


class Measure(msgspec.Struct, frozen=True):
    """One figure of efficiency; None where there is nothing that it could be of."""

    name: str
    unit: Unit
    more: bool  # whether more of it is better
    of: Callable[[Figures], int | None]


MEASURES: tuple[Measure, ...] = (
    Measure("tokens for an accepted task", "tokens", False, lambda of: _each(of.tokens, of.accepted)),
    Measure("money for an accepted task", "nanos", False, lambda of: _each(of.nanos, of.accepted)),
    Measure("tokens on free tiers", "per mille", True, lambda of: _share(of.free_tokens, of.tokens)),
    Measure("drafts that were rejected", "per mille", False, lambda of: _share(of.rejected, of.drafts)),
    Measure("input that providers had cached", "per mille", True, lambda of: _share(of.cached_tokens, of.input_tokens)),
    Measure("calls that got an earlier answer", "per mille", True, lambda of: _share(of.served, of.calls + of.served)),
    Measure(
        "input that stages saved",
        "per mille",
        True,
        lambda of: _share(max(0, of.saved_tokens), of.input_tokens + max(0, of.saved_tokens)),
    ),
)


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside the median of those sessions before that have one."""

    measure: Measure
    now: int | None
    median: int | None
    sessions: int

    @property
    def better(self) -> bool | None:
        """Whether it is better than the median; None where it is the same, or one of them is not known."""
        if self.now is None or self.median is None or self.now == self.median:
            return None
        return (self.now > self.median) == self.measure.more


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions that one is compared with, the oldest first, and what they have in common with it."""

    of: str  # "task file" or "project"
    sessions: tuple[int, ...]
    figures: tuple[Figures, ...]


def figures_of(account: Account) -> Figures:
    total = account.total
    return Figures(
        tasks=len(account.tasks),
        accepted=sum(task.status == "accepted" for task in account.tasks),
        unjudged=sum(task.status == "accepted" and task.unjudged for task in account.tasks),
        calls=total.calls,
        tokens=tokens_of(total),
        nanos=total.nanos,
        maybe_paid_nanos=total.maybe_paid_nanos,
        free_tokens=tokens_of(free_part(account.costs)),
        input_tokens=total.input_tokens,
        cached_tokens=total.cached_tokens,
        served=sum(task.served for task in account.tasks),
        drafts=sum(rejected_drafts(task) + accepted_steps(task) for task in account.tasks),
        rejected=sum(map(rejected_drafts, account.tasks)),
        saved_tokens=sum(row.saved for row in account.stages if row.how == "used"),
    )


def beside(now: Figures, before: Sequence[Figures]) -> list[Beside]:
    """Each measure beside the lower median of the sessions before."""
    found: list[Beside] = []
    for measure in MEASURES:
        known = [value for each in before if (value := measure.of(each)) is not None]
        median = median_low(known) if known else None
        found.append(Beside(measure=measure, now=measure.of(now), median=median, sessions=len(known)))
    return found


async def read_before(log: EventLog, state: SessionState, most: int = BEFORE) -> Before:
    """The last sessions before this one of the same task file, in the same folder; of one without a file of the same folder."""
    alike: list[int] = []
    async for entries in read_all(log, topic=SESSIONS):
        alike += [
            entry.session
            for entry in entries
            if isinstance(entry.event, SessionOpened) and entry.session < state.number and _alike(entry.event, state)
        ]
    numbers = sorted(alike)[-most:]
    figures = [figures_of(await account_of_session(log, number)) for number in numbers]
    return Before(
        of="task file" if state.path else "project",
        sessions=tuple(numbers),
        figures=tuple(figures),
    )


def _alike(opened: SessionOpened, state: SessionState) -> bool:
    return opened.directory == state.directory and (not state.path or opened.path == state.path)


def _each(amount: int, among: int) -> int | None:
    return amount // among if among else None


def _share(part: int, whole: int) -> int | None:
    return part * 1000 // whole if whole else None
