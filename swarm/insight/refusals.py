"""Why a task was stopped: which cap had no room, what had used it, and what would have to change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from events.log import Entry, session_name
from events.types.call import CallFailed
from events.types.task import TaskHalted
from events.views.scope import ScopedCall, ScopeView
from swarm.errors import scope_above
from swarm.insight.reason import Reason, in_unit, many, usd
from swarm.insight.story import Story
from swarm.money.caps import with_reserve

MOST_USERS = 10
"""So many of those that used a cap are named, the greatest first."""

_CENT = 10_000_000
_THOUSAND = 1_000


def why_halted(entry: Entry, story: Story, scope: ScopeView, *, summary: str | None = None) -> Reason:
    """Explain a halt: the numbers of the scope that refused, and the least cap with which it would have gone on.

    `scope` is that scope folded up to the halt, `summary` the hand-over that was written then.
    """
    event = entry.event
    assert isinstance(event, TaskHalted), "only a halt is a refusal"
    if not event.scope:
        return _unconfirmed(entry, story)
    left = max(0, event.cap - event.used - event.reserved)
    return Reason(
        said=f"the scope {event.scope} had no room for its next call: {in_unit(left, event.unit)} were left, "
        f"{in_unit(event.needed, event.unit)} needed",
        tone="warn",
        event=entry.position,
        facts={name: getattr(event, name) for name in ("scope", "unit", "cap", "used", "reserved", "needed")},
        because=(
            *_numbers(event),
            _remedy(event, story),
            *users(scope.calls.values(), event.unit, event.used + event.reserved),
            *_handed_over(event, summary),
        ),
    )


def _handed_over(event: TaskHalted, summary: str | None) -> Iterator[Reason]:
    if summary is None:
        return
    who = f"written by {event.summary_by} from what was held back" if event.summary_by else "folded from the log"
    lines = tuple(Reason(said=line, tone="faint") for line in summary.splitlines() if line.strip())
    yield Reason(
        said=f"what it hands over, {who}", facts={"summary": summary, "summary_by": event.summary_by}, because=lines
    )


def _unconfirmed(entry: Entry, story: Story) -> Reason:
    name = session_name(story.number)
    command = f"swarm resume {name} --yes"
    remedy = f"`{command}` says yes; `swarm resume {name} --budget '$0.10'` gives it a cap of its own instead"
    return Reason(
        said="a person had to say yes, and did not or could not be asked",
        tone="warn",
        event=entry.position,
        because=(Reason(said=remedy, facts={"command": command}),),
    )


def _numbers(event: TaskHalted) -> Iterator[Reason]:
    unit = event.unit
    by = f", which {event.cap_by} set" if event.cap_by else ""
    yield Reason(said=f"its cap is {in_unit(event.cap, unit)}{by}{_flowed(event)}")
    if event.held:
        yield Reason(said=f"{in_unit(event.held, unit)} of that are held back for the hand-over")
    yield Reason(
        said=f"used were {in_unit(event.used, unit)}, and calls in flight held {in_unit(event.reserved, unit)}"
    )
    yield Reason(
        said=f"the least that the call could do with was {in_unit(event.needed, unit)}: "
        "a call is made only where it fits at its dearest"
    )


def _flowed(event: TaskHalted) -> str:
    """What of a share of a split budget is its own, and what the others did not need."""
    if not event.whole:
        return ""
    flowed = event.cap - event.share
    came = (
        f"{in_unit(flowed, event.unit)} flowed to it" if flowed >= 0 else f"{in_unit(-flowed, event.unit)} flowed away"
    )
    return f": {in_unit(event.share, event.unit)} by the split of {scope_above(event.scope)}, {came}"


_SHARED: Mapping[str, str] = {
    "day": "this day",
    "month": "this month",
    "project": "this project",
    "schedule": "this schedule",
    "log": "this log",
}
"""Scopes that have caps in the settings, and for what a raised one holds."""

_WAIT = {"day": ", or wait for the next day", "month": ", or wait for the next month"}


def _remedy(event: TaskHalted, story: Story) -> Reason:
    """What would have to change, and the command for it."""
    lacking = lacking_of(event)
    least = lacking.cap + lacking.amount
    command = f"swarm resume {session_name(story.number)} --raise {more(lacking.amount, event.unit)}"
    facts = {"least_cap": least, "unit": event.unit, "command": command}
    said = f"a cap of at least {in_unit(least, event.unit)} lets it go on: `{command}`"
    shared = event.scope.partition(":")[0]
    if shared in _SHARED:
        unit = "usd" if event.unit == "nanos" else "tokens"
        key = f"schedules.{event.scope.partition(':')[2]}.{unit}" if shared == "schedule" else f"budget.{shared}_{unit}"
        said += f" for {_SHARED[shared]} alone, or raise `{key}` in your settings{_WAIT.get(shared, '')}"
    return Reason(said=said, facts=facts)


class Lacking(NamedTuple):
    """A cap, and by how much it would have to be higher."""

    scope: str
    cap: int
    amount: int


def lacking_of(event: TaskHalted) -> Lacking:
    """What would let a task go on that a cap halted.

    A share of a split budget is surely large enough where that is larger in proportion: what others keep of it grows no
    faster than it.
    """
    wanted = event.used + event.reserved + event.needed
    if not event.whole:
        least = with_reserve(wanted) if event.held else wanted  # what is held back of it included
        return Lacking(event.scope, event.cap, least - event.cap)
    whole = -(-event.whole * wanted // event.cap) if event.cap else 2 * event.whole + wanted
    return Lacking(scope_above(event.scope), event.whole, whole - event.whole)


def more(amount: int, unit: str) -> str:
    """By how much a cap is to be raised, as it is typed: in whole cents or thousands, at least the amount."""
    step = _CENT if unit == "nanos" else _THOUSAND
    rounded = -(-amount // step) * step
    if unit == "nanos":
        return f"'+{usd(rounded).replace(',', '')}'"
    return f"+{rounded // _THOUSAND}k"


def users(calls: Iterable[ScopedCall], unit: str, total: int) -> Iterator[Reason]:
    """What used so much of a scope, by session and task, the greatest first; `calls` are those that count in it."""
    sums: dict[str, list[ScopedCall]] = {}
    for call in calls:
        sums.setdefault(f"{session_name(call.session)}/{call.task}", []).append(call)
    used = {name: sum(_amount(call, unit) for call in theirs) for name, theirs in sums.items()}
    order = sorted((name for name in sums if used[name]), key=lambda name: (-used[name], name))
    for name in order[:MOST_USERS]:
        yield Reason(
            said=f"{name} used {in_unit(used[name], unit)} of it in {many(len(sums[name]), 'call')}{_doubt(sums[name])}",
            facts={"task": name, "used": used[name], "calls": [call.position for call in sums[name]]},
        )
    if len(order) > MOST_USERS:
        rest = sum(used[name] for name in order[MOST_USERS:])
        yield Reason(said=f"{many(len(order) - MOST_USERS, 'other task')} used {in_unit(rest, unit)}")
    if (gone := total - sum(used.values())) > 0:
        yield Reason(said=f"{in_unit(gone, unit)} were used by calls that this log does not hold any more")


def _amount(call: ScopedCall, unit: str) -> int:
    return call.nanos if unit == "nanos" else call.tokens


def _doubt(calls: Iterable[ScopedCall]) -> str:
    states = [call.state for call in calls]
    said = [f"{states.count(state)} {word}" for state, word in _DOUBTS.items() if state in states]
    return f" ({', '.join(said)})" if said else ""


_DOUBTS: Mapping[str, str] = {"reserved": "in flight", "maybe paid": "maybe paid"}


def failed_calls(entry: Entry, story: Story) -> Iterator[Reason]:
    """The calls of an entry's task that had failed before it."""
    for failed in story.entries:
        if failed.task == entry.task and failed.position < entry.position and isinstance(failed.event, CallFailed):
            status = f" (HTTP {failed.event.status})" if failed.event.status else ""
            yield Reason(said=f"{failed.event.reason}{status}", tone="warn", event=failed.position)


def other_model(story: Story) -> Reason:
    """What would have to change for a task that no model could take."""
    command = f"swarm resume {session_name(story.number)}"
    return Reason(
        said=f"it goes on where a model can take it: mend what they said, then `{command}`, or give it another with "
        f"`{command} --endpoint URL`",
        facts={"command": command},
    )
