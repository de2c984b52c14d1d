"""Why a call cost what it did: the usage by class, the price row of its time, and what was reserved before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from events.log import Entry, session_name
from events.scopes import path_of
from events.types.call import CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown
from swarm.insight.reason import Reason, exact, many, usd
from swarm.insight.rows import PriceRows
from swarm.insight.story import Story
from swarm.messages import (
    PART_TOO_LARGE,
    TOO_LITTLE_INPUT,
    TOO_LITTLE_OUTPUT,
    TOO_MUCH_INPUT,
    TOO_MUCH_OUTPUT,
    TOTAL_DIFFERS,
    Price,
    Rates,
    Usage,
)
from swarm.money.prices import cost_nanos
from swarm.money.repricing import usage_of

_FRACTION = 15  # tokens x nano-dollars per million are 10**-15 dollars


_DOUBTS = {
    TOTAL_DIFFERS: "the provider's own total is not the sum of what it counted",
    PART_TOO_LARGE: "the provider counted more tokens in a part than in the whole, so that the part was added to it",
    TOO_LITTLE_INPUT: "the provider counted less input than a text of that length can have",
    TOO_LITTLE_OUTPUT: "the provider counted less output than a text of that length can have",
    TOO_MUCH_INPUT: "the provider counted more input than a text of that length can have",
    TOO_MUCH_OUTPUT: "the provider counted more output than it was allowed to give",
}


def why_call(reserved: Entry, end: Entry | None, over: CallOverran | None, price: Price | None) -> Reason:
    """Explain one try of one call: what it cost and how that was reckoned, with the reservation beside it."""
    call = reserved.event
    assert isinstance(call, CallReserved), "a call begins with its reservation"
    said, because = _ending(call, end, price)
    if over is not None:
        excess = f"{over.tokens:,} tokens and {usd(over.cost_nanos)}"
        because = (*because, Reason(said=f"the provider counted more than was reserved, by {excess}", tone="bad"))
    return Reason(
        said=f"call {reserved.position} ({call.role}, {call.agent}@{call.model}, {call.tier}) {said}",
        event=reserved.position,
        facts=facts_of(reserved, end),
        because=(*because, _reservation(call), Reason(said=f"it counts in {', '.join(_path(reserved, call))}")),
    )


def _path(reserved: Entry, call: CallReserved) -> Sequence[str]:
    """Every scope in which a call counts, those that the reservation does not name among them."""
    return path_of(call.scopes, project=reserved.project, role=call.role, agent=call.agent)


def why_cost(story: Story, prices: PriceRows, *, task: str = "") -> Reason:
    """Explain what a session, or one task of it, cost: call by call, and the price rows that were used."""
    names = [task] if task else list(story.tasks)
    parts = [_of_task(story, name) for name in names]
    total = sum(part.facts["cost_nanos"] for part in parts)
    calls = sum(part.facts["calls"] for part in parts)
    name = session_name(story.number) + (f"/{task}" if task else "")
    return Reason(
        said=f"{name} cost {usd(total)} in {many(calls, 'call')}",
        facts={"cost_nanos": total, "calls": calls},
        because=(*parts, *_rows(story, prices, task)),
    )


def facts_of(reserved: Entry, end: Entry | None) -> dict[str, object]:
    """The numbers of a call, for programs."""
    call = reserved.event
    assert isinstance(call, CallReserved), "a call begins with its reservation"
    facts: dict[str, object] = {
        "call": reserved.position,
        "role": call.role,
        "agent": call.agent,
        "model": call.model,
        "tier": call.tier,
        "price": call.price,
        "reserved_tokens": call.tokens,
        "reserved_nanos": call.cost_nanos,
        "state": end.kind.removeprefix("call.") if end else "open",
        "tokens": 0,
        "cost_nanos": 0,
    }
    match end.event if end else None:
        case CallSettled() as settled:
            names = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
            facts |= {name: getattr(settled, name) for name in names}
            facts |= {"tokens": settled.tokens, "cost_nanos": settled.cost_nanos, "basis": settled.basis}
            facts |= {"doubts": list(settled.doubts)} if settled.doubts else {}
        case CallUnknown():
            facts |= {"tokens": call.tokens, "cost_nanos": call.cost_nanos}
        case _:
            pass
    return facts


def _ending(call: CallReserved, end: Entry | None, price: Price | None) -> tuple[str, tuple[Reason, ...]]:
    match end.event if end else None:
        case CallSettled() as settled:
            return f"cost {usd(settled.cost_nanos)}", tuple(_reckoned(settled, price))
        case CallFailed(reason=reason):
            return "cost nothing: the provider bills nothing for it", (Reason(said=reason, tone="warn"),)
        case CallReleased(reason=reason):
            return "cost nothing: nothing was sent", (Reason(said=reason),)
        case CallUnknown(reason=reason):
            why = Reason(said="nobody knows whether it was billed, so it stays charged at its reservation", tone="warn")
            return f"was maybe paid: {usd(call.cost_nanos)}", (Reason(said=reason, tone="warn"), why)
        case _:
            return f"is in flight, or its process has gone: {usd(call.cost_nanos)} are reserved", ()


def _reckoned(settled: CallSettled, price: Price | None) -> Iterator[Reason]:
    if settled.is_reconciled:
        found = "from an invoice" if settled.basis == "invoice" else "by hand"
        yield Reason(
            said=f"nobody knew whether it was billed until {settled.by} settled it {found}; its answer is lost"
        )
        return
    if settled.basis != "provider":
        yield Reason(said="the provider did not say what it counted, so it is charged at its reservation", tone="warn")
        return
    yield Reason(
        said=f"the provider counted {settled.input_tokens:,} tokens of input ({settled.cached_tokens:,} of them read from its "
        f"cache, {settled.cache_write_tokens:,} written to it) and {settled.output_tokens:,} of output "
        f"({settled.reasoning_tokens:,} of them reasoning)"
    )
    for doubt in settled.doubts:
        said = _DOUBTS.get(doubt, f"this usage is doubtful: {doubt}")
        yield Reason(said=f"{said}; the amount follows its figures all the same", tone="warn", facts={"doubt": doubt})
    if price is None:
        gone = f"the numbers of the price row {settled.price} are not kept in this session's plan"
        yield Reason(said=f"{gone}; the amount is the one that was recorded then", tone="warn")
        return
    usage = usage_of(settled)
    yield Reason(said=f"by the price row {price.row}, as it was then", because=tuple(_classes(usage, price)))
    again = cost_nanos(price, usage)
    agrees = again == settled.cost_nanos
    yield Reason(
        said=f"together {usd(again)}, rounded up once to a billionth of a dollar"
        + ("" if agrees else f"; recorded was {usd(settled.cost_nanos)}"),
        tone="" if agrees else "bad",
        facts={"cost_nanos": again, "recorded_nanos": settled.cost_nanos},
    )


class Share(msgspec.Struct, frozen=True):
    """The tokens of one class and what a million of them costs."""

    name: str
    tokens: int
    nanos: int


def shares(usage: Usage, price: Price) -> list[Share]:
    """The usage by class: input that was in no cache, read from one, written to one, output, and its reasoning."""
    rates = price.rates_at(usage.input_tokens)
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    apart = usage.reasoning_tokens if rates.reasoning_nanos is not None else 0
    return [
        Share("uncached input", plain, rates.input_nanos),
        Share("cached input", usage.cached_tokens, rates.of_cached),
        Share("cache writes", usage.cache_write_tokens, rates.of_written),
        Share("output", usage.output_tokens - apart, rates.output_nanos),
        Share("reasoning", apart, rates.of_reasoning),
    ]


def _classes(usage: Usage, price: Price) -> Iterator[Reason]:
    for share in shares(usage, price):
        if share.tokens:
            amount = exact(share.tokens * share.nanos, _FRACTION)
            yield Reason(
                said=f"{share.name}: {share.tokens:,} tokens x {usd(share.nanos)} a million = {amount}",
                facts={"class": share.name, "tokens": share.tokens, "nanos_per_million": share.nanos},
            )
    if price.request_nanos:
        yield Reason(said=f"the request itself: {usd(price.request_nanos)}", facts={"nanos": price.request_nanos})


def _reservation(call: CallReserved) -> Reason:
    return Reason(
        said=f"reserved before it was sent: {call.tokens:,} tokens and {usd(call.cost_nanos)}, the most that it could cost "
        f"with {call.max_output_tokens:,} tokens of output{_foreseen(call)}",
        facts={
            "tokens": call.tokens,
            "cost_nanos": call.cost_nanos,
            "max_output_tokens": call.max_output_tokens,
            "scopes": list(call.scopes),
            **({"foreseen": {"answers": known.answers, "like": known.like}} if (known := call.foreseen) else {}),
        },
    )


def _foreseen(call: CallReserved) -> str:
    """What the output was limited by, where that is not what its role is allowed."""
    if call.foreseen is None:
        return ""
    whose = {"model": f"{call.model} gave to such tasks", "type": "were given to such tasks"}
    group = whose.get(call.foreseen.like, "were given to tasks of its level")
    return f", which hardly any of the {call.foreseen.answers:,} answers passed that {group} as {call.role}"


def _of_task(story: Story, name: str) -> Reason:
    calls = [_in_one_line(reserved, story.ends.get(reserved.position)) for reserved in story.reserved(name)]
    nanos = sum(call.facts["cost_nanos"] for call in calls)
    return Reason(
        said=f"{session_name(story.number)}/{name}: {usd(nanos)}",
        facts={"task": name, "cost_nanos": nanos, "calls": len(calls)},
        because=tuple(calls),
    )


def _in_one_line(reserved: Entry, end: Entry | None) -> Reason:
    call, facts = reserved.event, facts_of(reserved, end)
    assert isinstance(call, CallReserved), "a call begins with its reservation"
    if end is not None and isinstance(end.event, CallSettled):
        settled = end.event
        sizes = f"{settled.input_tokens:,} in ({settled.cached_tokens:,} cached), {settled.output_tokens:,} out"
        at = f"settled by {settled.by}" if settled.is_reconciled else f"at {settled.price}"
        how = f"{sizes} {at} = {usd(settled.cost_nanos)}"
    else:
        how = f"{facts['state']}, {usd(int(str(facts['cost_nanos'])))}"
    return Reason(
        said=f"call {reserved.position}  {call.role} {call.agent}@{call.model}  {how}; {usd(call.cost_nanos)} had been reserved",
        event=reserved.position,
        facts=facts,
    )


def _rows(story: Story, prices: PriceRows, task: str) -> Iterator[Reason]:
    """Each price row that was used, once."""
    told: set[str] = set()
    calls: Sequence[Entry] = story.reserved(task)
    for reserved in calls:
        call = reserved.event
        assert isinstance(call, CallReserved), "these are the reservations"
        row = prices.of(call, reserved.position)
        if row is not None and row.row not in told:
            told.add(row.row)
            yield Reason(said=f"price row {row.row}: {_price(row)}", facts=msgspec.structs.asdict(row))


def _price(row: Price) -> str:
    if row.is_free:
        return "free"
    said = _rates(row)
    if row.request_nanos:
        said += f", {usd(row.request_nanos)} a request"
    for step in row.steps:
        said += f"; above {step.above_tokens:,} tokens of input {_rates(step)}"
    return said


def _rates(rates: Rates) -> str:
    cached = "" if rates.cached_nanos is None else f", {usd(rates.cached_nanos)} read from a cache"
    written = "" if rates.cache_write_nanos is None else f", {usd(rates.cache_write_nanos)} written to one"
    reasoning = "" if rates.reasoning_nanos is None else f", {usd(rates.reasoning_nanos)} of reasoning"
    input_, output = usd(rates.input_nanos), usd(rates.output_nanos)
    return f"{input_} a million tokens of input{cached}{written}, {output} of output{reasoning}"
