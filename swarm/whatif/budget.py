"""A finished session under a lower cap on its money: where it had been halted, and what it had spent by then."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from swarm.messages import Price
from swarm.money.prices import affordable_output, cost_nanos, most_nanos
from swarm.tries import LEAST_USEFUL
from swarm.whatif.record import CallRecord, SessionRecord

PriceOf = Callable[[CallRecord], Price | None]
"""The row that a call is priced with; None where the log does not keep it any more."""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """The first call of a task that had no room under the cap."""

    session: int
    task: str
    position: int  # of its reservation
    needed_nanos: int  # the least that it had needed
    spent_nanos: int  # in the session until then
    cut: bool = False  # there was room for it, but not for the whole of its answer: what had followed is not recorded


class Capped(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it had gone on under a cap."""

    session: SessionRecord  # without the calls and choices that had not been made
    halts: tuple[Halt, ...]  # in their order
    stopped: frozenset[str]  # tasks that had not ended: halted, or in wait for one that was


def under_cap(session: SessionRecord, cap_nanos: int, price_of: PriceOf) -> Capped:
    """Take the session's reservations in their order, as the ledger had taken them under the cap.

    A call for which the calls in flight leave no room had waited for them, so it is halted only where not even what they
    came to leaves any. The task ends there with all that waits for it; calls of other tasks go on while they fit.
    """
    spent, kept, halts = 0, dict[int, CallRecord](), list[Halt]()
    ends: dict[str, int] = {}  # by task the position from which it is stopped
    waits = _waiting(session)
    for position, call in session.calls.items():
        if call.task in ends:
            continue
        granted = _granted(call, cap_nanos - spent, price_of(call))
        if not granted.whole:
            halts.append(_halt(session, call, granted, spent))
            ends.update((name, position) for name in (call.task, *waits.get(call.task, ())) if name not in ends)
        if granted.charged_nanos is not None:
            kept[position] = msgspec.structs.replace(call, charged_nanos=granted.charged_nanos)
            spent += granted.charged_nanos
    choices = {
        task: [drawn for drawn in drawns if task not in ends or drawn.position < ends[task]]
        for task, drawns in session.choices.items()
    }
    stops = {task: found for task, found in session.stops.items() if task not in ends}
    after = msgspec.structs.replace(session, calls=kept, choices=choices, stops=stops)
    return Capped(session=after, halts=tuple(halts), stopped=frozenset(ends))


class _Granted(msgspec.Struct, frozen=True):
    charged_nanos: int | None  # None: refused
    needed_nanos: int  # the least that would do
    whole: bool = True  # the recorded answer had come, and come to its end


def _granted(call: CallRecord, room: int, price: Price | None) -> _Granted:
    """What becomes of a call in a room of so many nano-dollars: it may be given less output than it asked for."""
    if call.held_nanos <= room:
        return _Granted(call.charged_nanos, call.held_nanos)
    if price is None:
        return _Granted(None, call.held_nanos, False)
    least_output = max(1, call.max_output_tokens // (1 if call.foreseen else LEAST_USEFUL))
    least = most_nanos(price, call.most_input_tokens, least_output)
    output = affordable_output(price, call.most_input_tokens, room)
    if least > room or output is None:
        return _Granted(None, least, False)
    if call.usage is None:  # failed, or nobody knows: what is not free of charge is charged as it is held
        held = most_nanos(price, call.most_input_tokens, output)
        return _Granted(min(call.charged_nanos, held), least)
    if call.usage.output_tokens <= output:
        return _Granted(call.charged_nanos, least)
    cut = msgspec.structs.replace(
        call.usage, output_tokens=output, reasoning_tokens=min(output, call.usage.reasoning_tokens)
    )
    return _Granted(cost_nanos(price, cut), least, False)


def _halt(session: SessionRecord, call: CallRecord, granted: _Granted, spent: int) -> Halt:
    return Halt(
        session=session.number,
        task=call.task,
        position=call.position,
        needed_nanos=granted.needed_nanos,
        spent_nanos=spent,
        cut=granted.charged_nanos is not None,
    )


def _waiting(session: SessionRecord) -> dict[str, set[str]]:
    """By task those that cannot begin, or end, before it has."""
    found: dict[str, set[str]] = {}
    for name in session.tasks:
        for other in session.before(name) - {name}:
            found.setdefault(other, set()).add(name)
    return found
