"""An event as it is stored: its envelope, what it spent in columns of its own, and its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec

from events.blobs import Text
from events.log import AppendRefused, Entry, NewEvent
from events.types.any import KINDS, AnyEvent, decode_body, encode_body, kind_of
from events.types.base import Unknown


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stored event with its names in full. What is hashed is this, so every stored column is covered."""

    position: int
    id: bytes
    at: int
    kind: str
    topic: str
    previous: int  # position of the topic's event before it; 0 = it is the first
    project: str
    session: int
    task: str
    step: int
    attempt: int
    cause: int
    role: str
    agent: str
    model: str
    tier: str
    reservation: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_nanos: int
    body: str


class PackRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The texts of one append; they enter the chain by digest, so that one can be dropped and the chain stays whole."""

    place: int
    digests: tuple[str, ...]


class Spent(NamedTuple):
    """What the columns hold of an event that moves tokens or money, so that sums need no body."""

    role: str = ""
    agent: str = ""
    model: str = ""
    tier: str = ""
    reservation: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0

    def paid_by(self, reservation: Spent) -> Spent:
        """The same with role, agent, model and tier of the reservation."""
        return _spent(reservation[:4] + self[4:])


_NOTHING = Spent()
_spent: Callable[[tuple[Any, ...]], Spent] = partial(cast("Any", tuple).__new__, Spent)
"""What `Spent._make` does, without a call of Python."""


def _picks(struct: type[AnyEvent]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """From the values of a struct's fields, with those of `_NOTHING` behind them, to those of `Spent`."""
    fields = struct.__struct_fields__
    return itemgetter(
        *(fields.index(field) if field in fields else len(fields) + place for place, field in enumerate(Spent._fields))
    )


_picks_of: dict[type, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {
    struct: _picks(struct) for struct in KINDS.values() if not set(Spent._fields).isdisjoint(struct.__struct_fields__)
}


def spent_by(event: AnyEvent | Unknown) -> Spent:
    pick = _picks_of.get(type(event))
    return _spent(pick(msgspec.structs.astuple(event) + _NOTHING)) if pick else _NOTHING


def new_row(new: NewEvent, body: str, *, position: int, at: int, previous: int, cause: int, spent: Spent) -> Row:
    return Row(
        position,
        new.id,
        at,
        kind_of(new.event),
        new.topic,
        previous,
        new.project,
        new.session,
        new.task,
        new.step,
        new.attempt,
        cause,
        *spent,
        body,
    )


def entry_of(row: Row, event: AnyEvent | Unknown) -> Entry:
    return Entry(
        row.position,
        row.id,
        row.at,
        row.topic,
        row.project,
        row.session,
        row.task,
        row.step,
        row.attempt,
        row.cause,
        event,
    )


ONE_ID_EACH = "give every new event an id of its own"


def encode_append(events: Sequence[NewEvent], texts: Sequence[Text], *, url: str) -> list[str]:
    """Return the stored bodies. Raises AppendRefused for what no log can store, before anything is touched."""
    if texts and not events:
        raise AppendRefused(url=url, reason="its texts have no event to stand with", remedy="append them with one")
    if len(events) > 1 and len({new.id for new in events}) < len(events):
        raise AppendRefused(url=url, reason="two of its events have the same id", remedy=ONE_ID_EACH)
    try:
        return [_encode(new) for new in events]
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        remedy = "take what is no Unicode text, or no JSON, out of its events"
        raise AppendRefused(url=url, reason=str(error), remedy=remedy) from error


def _encode(new: NewEvent) -> str:
    for name in (new.topic, new.project, new.task):
        if not name.isascii():
            name.encode()  # a name with a lone surrogate cannot be stored
    body = encode_body(new.event)
    if isinstance(new.event, Unknown):
        new.event.kind.encode()
        decode_body(new.event.kind, body)
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return body
