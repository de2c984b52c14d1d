"""Calls of which nobody knows what they cost, and what they are settled by when somebody finds out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from events.blobs import Known, Pack
from events.bus import read_all
from events.log import Entry, EventLog, NewEvent, session_name
from events.scopes import path_of
from events.types.any import AnyEvent
from events.types.call import CallFailed, CallOverran, CallReserved, CallSettled, CallUnknown
from events.views.sessions import Claim
from events.views.standing import standing
from swarm.errors import UsageError
from swarm.insight.reason import usd
from swarm.money.invoice import Recorded
from swarm.money.ledger import TOPIC


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What a call turned out to have cost; None: the provider did not bill it. `tokens` are input and output, where known."""

    nanos: int | None
    tokens: tuple[int, int] | None = None
    basis: str = "person"  # or "invoice"
    note: str = ""


class Doubtful(msgspec.Struct, frozen=True):
    """A call of which nobody knows, by its reservation. `is_open`: its process has gone, and no event says so yet."""

    entry: Entry
    is_open: bool

    @property
    def call(self) -> CallReserved:
        assert isinstance(self.entry.event, CallReserved), "it is found by its reservation"
        return self.entry.event

    @property
    def name(self) -> str:
        return f"{session_name(self.entry.session)}/{self.entry.task}"


class NotUnknown(UsageError):
    """There is nothing to settle about a call."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"call {position} {why}")


async def doubtful(log: EventLog, exists: Callable[[Claim], bool]) -> list[Doubtful]:
    """The calls of which nobody knows, in their order: those that are maybe paid, and the open ones whose owner is gone.

    What an archive took is not among them. Raises LogError.
    """
    known = (await standing(log)).view
    claims = known.claims.claims
    found: dict[int, bool] = dict.fromkeys(known.money.unknown, False)
    for position, held in known.money.open.items():
        if held.session not in claims or not exists(claims[held.session]):
            found[position] = True
    entries = [(await _at(log, position), is_open) for position, is_open in sorted(found.items())]
    return [Doubtful(entry, is_open) for entry, is_open in entries if entry is not None]


async def _at(log: EventLog, position: int) -> Entry | None:
    entries = await log.read(after=position - 1, limit=1) if position > 0 else []
    if entries and entries[0].position == position and isinstance(entries[0].event, CallReserved):
        return entries[0]
    return None


async def the_doubtful(log: EventLog, position: int, exists: Callable[[Claim], bool]) -> Doubtful:
    """The call of that reservation. Raises NotUnknown where it is none, is in flight, or where its end is known."""
    for each in await doubtful(log, exists):
        if each.entry.position == position:
            return each
    entry = await _at(log, position)
    if entry is None:
        raise NotUnknown(position, "is not in this log; `swarm budget reconcile` lists those of which nobody knows")
    ends = [
        each.event
        async for entries in read_all(log, after=position, session=entry.session)
        for each in entries
        if isinstance(each.event, CallSettled | CallFailed) and each.event.reservation == position
    ]
    if not ends:
        raise NotUnknown(position, "is in flight; its owner settles it, or can be asked when it has ended")
    raise NotUnknown(position, f"{_known(ends[0])}; what is settled stays as it is")


def _known(end: CallSettled | CallFailed) -> str:
    if isinstance(end, CallFailed):
        return f"was not billed ({end.reason})"
    how = f" by {end.by}" if end.is_reconciled else " when it was made"
    return f"was settled{how} at {usd(end.cost_nanos)}"


def settlement(found: Doubtful, paid: Paid, *, by: str) -> tuple[list[NewEvent], Pack]:
    """The events that settle a call afterwards, with their texts."""
    entry, call, pack = found.entry, found.call, Pack(Known())
    position = entry.position
    events: list[NewEvent] = []
    if found.is_open:
        gone = CallUnknown(reservation=position, reason="the process ended while the answer was awaited")
        events.append(_placed(entry, gone, session_name(entry.session)))
    if paid.nanos is None:
        failed = CallFailed(reservation=position, failure="wait", reason=paid.note or f"not billed, says {by}")
        return [*events, _placed(entry, failed, TOPIC)], pack
    sent, received = paid.tokens or (0, 0)
    counted = sent + received if paid.tokens else call.tokens  # those that nobody knows stay charged
    settled = CallSettled(
        reservation=position,
        answer=pack.put(paid.note or f"settled by {by}; the answer is not known"),
        finish="other",
        input_tokens=sent,
        output_tokens=received,
        tokens=counted,
        cost_nanos=paid.nanos,
        price=call.price,
        basis=paid.basis,
        by=by,
    )
    events.append(_placed(entry, settled, TOPIC))
    over = max(0, counted - call.tokens), max(0, paid.nanos - call.cost_nanos)
    if any(over):
        path = path_of(call.scopes, project=entry.project, role=call.role, agent=call.agent)
        overran = CallOverran(reservation=position, scopes=path, tokens=over[0], cost_nanos=over[1])
        events.append(_placed(entry, overran, TOPIC))
    return events, pack


def _placed(entry: Entry, event: AnyEvent, topic: str) -> NewEvent:
    return NewEvent(
        event=event,
        topic=topic,
        project=entry.project,
        session=entry.session,
        task=entry.task,
        step=entry.step,
        attempt=entry.attempt,
    )


async def settled_calls(log: EventLog, names: Mapping[str, Sequence[str]]) -> list[Recorded]:
    """Every settled call, for comparison with an invoice. `names` are other names of a model."""
    reserved: dict[int, Entry] = {}
    found: list[Recorded] = []
    async for entries in read_all(log):
        for entry in entries:
            match entry.event:
                case CallReserved():
                    reserved[entry.position] = entry
                case CallSettled() as settled if settled.reservation in reserved:
                    held = reserved.pop(settled.reservation)
                    found.append(_recorded(held, settled, names))
                case _:
                    pass
    return found


def _recorded(held: Entry, settled: CallSettled, names: Mapping[str, Sequence[str]]) -> Recorded:
    assert isinstance(held.event, CallReserved), "a call is settled by its reservation"
    model = held.event.model
    return Recorded(
        position=held.position,
        at=held.at,
        models=tuple(filter(None, (model, settled.answered_by, *names.get(model, ())))),
        input_tokens=settled.input_tokens,
        output_tokens=settled.output_tokens,
        nanos=settled.cost_nanos,
        state="settled",
    )


def unknown_call(found: Doubtful, names: Mapping[str, Sequence[str]]) -> Recorded:
    """A call of which nobody knows, with the most that its tokens can have been."""
    call = found.call
    return Recorded(
        position=found.entry.position,
        at=found.entry.at,
        models=(call.model, *names.get(call.model, ())),
        input_tokens=call.tokens - call.max_output_tokens,
        output_tokens=call.max_output_tokens,
        nanos=call.cost_nanos,
        state="unknown",
    )
