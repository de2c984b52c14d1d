"""Scopes and their caps: what a call counts in, and whether it may be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from events.types.call import BudgetMarked
from events.views.money import Amount, MoneyView, ScopeState
from events.views.overruns import EXACT, Bounds
from swarm.errors import BudgetExceeded, CapBroken
from swarm.messages import Price
from swarm.money.prices import affordable_output, most_nanos
from swarm.zones import zone_named

MARKS = (80, 90, 100)
"""Shares of a cap, in percent, that are told when what is spent passes them."""


RESERVE = 10
"""A task with a cap of its own holds back a tenth of it for its hand-over."""


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """The most that may be spent and reserved in a scope. None is no cap of that kind."""

    scope: str
    tokens: int | None = None
    nanos: int | None = None
    holds_back: bool = False  # 1/RESERVE of it is for the hand-over of its task: this call is none
    spares: int = 0  # percent of it that the call leaves to others, for which it would rather not be made than wait

    def held(self, unit: str) -> int:
        """What of the cap the call may not take: what is for the hand-over of its task, or what it leaves to others."""
        most = (self.nanos if unit == "nanos" else self.tokens) or 0
        return max(most // RESERVE if self.holds_back else 0, -(-most * self.spares // 100))


def with_reserve(amount: int) -> int:
    """The cap of which so much is left beside what is held back for a hand-over."""
    return -(-amount * RESERVE // (RESERVE - 1))


class ShareCap(Cap, frozen=True, kw_only=True):
    """The cap in force of one who shares in a split, beside what the split gives it by itself."""

    name: str
    share_tokens: int = 0
    share_nanos: int = 0
    whole_tokens: int = 0  # the budget that is split
    whole_nanos: int = 0


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a call asks the ledger for."""

    scopes: tuple[str, ...]  # all in which it counts, the widest first
    named: tuple[str, ...] = ()  # those of them that its reservation names: the others follow from it
    caps: tuple[Cap, ...]
    price: Price
    input_tokens: int  # the most that the input can be counted as
    output_tokens: int  # the output that is asked for
    least_output_tokens: int  # the least that is of use
    model: str = ""
    bounds: Bounds = EXACT  # what the model's provider was seen to count beyond both
    shares: Shares | None = None  # the caps in force of the splits above the call, seen when it is decided

    @property
    def most_input(self) -> int:
        """The most input that the provider may bill."""
        return self.bounds.input.of(self.input_tokens)

    def most_output(self, output_tokens: int) -> int:
        """The most output that the provider may bill where so much is asked for."""
        return self.bounds.output.of(output_tokens)


Used = Callable[[str], Amount]
"""What is spent and reserved in a scope."""

Shares = Callable[[Need, Used], Sequence[ShareCap]]
"""The caps in force of the splits above a call."""


class Grant(msgspec.Struct, frozen=True):
    """A call may be made now, with so much output at the most; what it takes in every scope."""

    output_tokens: int
    tokens: int
    nanos: int


class Wait(msgspec.Struct, frozen=True):
    """There is no room beside the open reservations; there would be if they cost nothing."""

    scope: str


def admit(need: Need, money: MoneyView, settling: Mapping[str, Amount]) -> Grant | Wait | BudgetExceeded:
    """Decide a call from what is spent and reserved.

    `settling` is what of each scope's reservations can still become less: calls in flight under a living owner. It is sent
    at once where the least useful output fits beside them all, waits as long as it would fit were they all to cost nothing,
    else it is refused by the first scope that has no room. A scope whose cap was broken has none for any call.
    """
    output: int = need.output_tokens
    waits: Wait | None = None
    for cap in need.caps:
        if (broken := _broken(cap, money, need)) is not None:
            return broken
        room = _room(cap, money, Amount(), need)
        if room is not None and room < need.least_output_tokens:
            later = _room(cap, money, Amount() if cap.spares else settling.get(cap.scope, Amount()), need)
            if later is not None and later < need.least_output_tokens:
                return _with_bounds(_refusal(cap, money, need), need)
            waits = waits or Wait(cap.scope)
        if room is not None:
            output = min(output, room)
    if waits is not None:
        return waits
    most = need.most_output(output)
    return Grant(output, need.most_input + most, most_nanos(need.price, need.most_input, most))


def _broken(cap: Cap, money: MoneyView, need: Need) -> CapBroken | None:
    """The refusal of every call, a free one too, in a scope that an overrun took over its cap, until the cap is above that.

    A cap that was passed without the overruns was lowered since: it refuses what it has no room for, as any.
    """
    state = money.scopes.get(cap.scope)
    if state is None or not state.overran_by:
        return None
    tokens, nanos = _least(need)
    for unit, used, reserved, over, most, needed in (
        ("tokens", state.spent.tokens, state.reserved.tokens, state.overran.tokens, cap.tokens, tokens),
        ("nanos", state.spent.nanos, state.reserved.nanos, state.overran.nanos, cap.nanos, nanos),
    ):
        if most is not None and used - over <= most < used:
            refusal = BudgetExceeded(
                scope=cap.scope,
                unit=unit,
                used=used,
                reserved=reserved,
                cap=most,
                needed=needed,
                set_by=state.caps[unit].by if unit in state.caps else "",
                held=cap.held(unit),
            )
            return CapBroken(refusal, over=over, call=state.overran_by)
    return None


def _least(need: Need) -> tuple[int, int]:
    """The least with which the call is of use, in tokens and in money."""
    least = need.most_output(need.least_output_tokens)
    return need.most_input + least, most_nanos(need.price, need.most_input, least)


def _room(cap: Cap, money: MoneyView, settling: Amount, need: Need) -> int | None:
    """Output tokens that fit under a cap if `settling` were to cost nothing; None = any number."""
    state = money.scopes.get(cap.scope)
    tokens = state.spent.tokens + state.reserved.tokens - settling.tokens if state else 0
    nanos = state.spent.nanos + state.reserved.nanos - settling.nanos if state else 0
    rooms: list[int] = []
    if cap.tokens is not None:
        rooms.append(cap.tokens - cap.held("tokens") - tokens - need.most_input)
    if cap.nanos is not None and not need.price.is_free:
        affordable = affordable_output(need.price, need.most_input, cap.nanos - cap.held("nanos") - nanos)
        if affordable is not None:
            rooms.append(affordable)
    return need.bounds.output.within(min(rooms)) if rooms else None


def in_force(caps: Sequence[Cap], scopes: Sequence[str], money: MoneyView) -> tuple[Cap, ...]:
    """The caps that hold in these scopes, the widest first: one that a person recorded stands in place of the given one."""
    recorded = [name for name in scopes if (state := money.scopes.get(name)) is not None and state.caps]
    if not recorded:
        return tuple(caps)
    held = {cap.scope: cap for cap in caps}
    spares = max((cap.spares for cap in caps), default=0)
    for name in recorded:
        cap, own = held.get(name, Cap(scope=name, spares=spares)), money.scopes[name].caps
        tokens, nanos = own.get("tokens"), own.get("nanos")
        held[name] = msgspec.structs.replace(
            cap, tokens=tokens.most if tokens else cap.tokens, nanos=nanos.most if nanos else cap.nanos
        )
    return tuple(held[name] for name in dict.fromkeys((*scopes, *held)) if name in held)


def _refusal(cap: Cap, money: MoneyView, need: Need) -> BudgetExceeded:
    state = money.scope(cap.scope)
    by = {unit: recorded.by for unit, recorded in state.caps.items()}
    needed, cost = _least(need)
    held = cap.held("tokens")
    if cap.tokens is not None and cap.tokens - held - state.spent.tokens - state.reserved.tokens < needed:
        used, reserved = state.spent.tokens, state.reserved.tokens
        return BudgetExceeded(
            scope=cap.scope,
            unit="tokens",
            used=used,
            reserved=reserved,
            cap=cap.tokens,
            needed=needed,
            set_by=by.get("tokens", ""),
            held=held,
        )
    assert cap.nanos is not None, "a cap without tokens that refuses has money"
    used, reserved = state.spent.nanos, state.reserved.nanos
    return BudgetExceeded(
        scope=cap.scope,
        unit="nanos",
        used=used,
        reserved=reserved,
        cap=cap.nanos,
        needed=cost,
        set_by=by.get("nanos", ""),
        held=cap.held("nanos"),
    )


def _with_bounds(refused: BudgetExceeded, need: Need) -> BudgetExceeded:
    """The refusal with the reason why so much is needed, where a provider was seen to count more than a byte count allows."""
    if need.bounds != EXACT:
        refused.args = (
            f"{refused}. So much is reserved because {need.model} once counted {need.bounds.words}",
            *refused.args[1:],
        )
    return refused


def due_marks(cap: Cap, state: ScopeState) -> list[BudgetMarked]:
    """The highest mark that what is spent has passed, by unit, where it was not told yet."""
    due: list[BudgetMarked] = []
    for unit, used, most in (("tokens", state.spent.tokens, cap.tokens), ("nanos", state.spent.nanos, cap.nanos)):
        passed = max((mark for mark in MARKS if most and used * 100 >= mark * most), default=0)
        if most and passed > state.marked.get(unit, 0):
            due.append(BudgetMarked(scope=cap.scope, unit=unit, percent=passed, used=used, cap=most))
    return due


def day_scope(now: int, zone: str) -> str:
    """The name of the day at `now` (microseconds since 1970) in an IANA zone, or the machine's own where it is empty.

    >>> day_scope(1_795_251_108_000_000, "Europe/Berlin")
    'day:2026-11-21@Europe/Berlin'
    """
    moment = datetime.fromtimestamp(now / 1e6, zone_named(zone))
    return f"day:{moment.date().isoformat()}@{zone or 'local'}"


def session_scope(session: int) -> str:
    return f"s{session}"


def task_scope(session: int, task: str) -> str:
    return f"s{session}/{task}"
