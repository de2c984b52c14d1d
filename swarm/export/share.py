"""A log without its texts, as a log of its own: what happened, when, and what it cost, with a chain that verifies."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from events.blobs import Known, Pack
from events.bus import read_all
from events.fresh import write_log
from events.lineage import ancestors
from events.log import Entry, EventLog, NewEvent
from events.types.answer import AnswersCleared
from events.types.base import TextRef, Unknown
from events.types.call import BudgetMarked, BudgetSet
from events.types.choice import TrailsExcluded
from events.types.model import ModelCooled, ModelRecovered
from events.types.session import SessionClosed, SessionOpened
from events.types.stage import StageWithdrawn
from events.types.task import TaskSubmitted
from events.types.upkeep import LedgerCarried, LogArchived, TextsPruned
from swarm.cycle import SHARED
from swarm.export.mask import Mask, Places, masked
from swarm.export.texts import text_told
from swarm.insight.story import text_or_none

_OF_ALL = (
    TrailsExcluded,
    AnswersCleared,
    StageWithdrawn,
    ModelCooled,
    ModelRecovered,
    BudgetSet,
    BudgetMarked,
)
"""What stands in no session and says something of the work of those that are shared."""

_OF_THE_FILE = (TextsPruned, LogArchived, LedgerCarried)
"""What was done to the file that it was taken from."""

_MOST = 200  # events of an append
_REMEMBERED = 16_384  # texts


class Shared(msgspec.Struct, kw_only=True):
    """What was written, and what was left out."""

    sessions: tuple[int, ...]
    events: int = 0
    texts: int = 0
    unknown: int = 0  # events of kinds that this program does not know: nobody can say what they tell
    open: tuple[int, ...] = ()  # sessions that have not finished


class _Chosen(msgspec.Struct):
    """The positions that are shared, in their order, and what was seen on the way to them."""

    positions: array[int]
    unknown: int
    unfinished: set[int]


async def with_parents(log: EventLog, sessions: Sequence[int]) -> tuple[int, ...]:
    """The sessions, and those that they were forked from: a fork begins with what its parent recorded."""
    found = set(sessions)
    for session in sessions:
        found.update(stretch.session for stretch in await ancestors(log, session))
    return tuple(sorted(found))


async def share(log: EventLog, sessions: Sequence[int], file: Path, mask: Mask) -> Shared:
    """Write the sessions to a new file, as far as they stand in the log now. What is told of them is what `mask` leaves.

    Raises FileInTheWay, LogError.
    """
    until = (await log.head()).position
    chosen = await _chosen(log, frozenset(sessions), until)
    result = Shared(sessions=tuple(sessions), unknown=chosen.unknown, open=tuple(sorted(chosen.unfinished)))
    now = 0
    async with write_log(file, clock=lambda: now) as to:
        writer = _Writer(log, to, mask, chosen.positions)
        async for entries in _groups(log, chosen.positions, until):
            now = mask.moment(entries[0].at)
            await writer.write(entries)
    result.events, result.texts = len(chosen.positions), writer.texts
    return result


async def _chosen(log: EventLog, sessions: frozenset[int], until: int) -> _Chosen:
    found = _Chosen(array("q"), 0, set())
    around: list[int] = []  # of no session, since the last event of one that is shared
    async for page in read_all(log, until=until):
        for entry in page:
            if isinstance(entry.event, Unknown):
                found.unknown += entry.session in sessions
            elif entry.session in sessions and not isinstance(entry.event, _OF_THE_FILE):
                found.positions.extend(around)
                around.clear()
                found.positions.append(entry.position)
                if isinstance(entry.event, SessionOpened):
                    found.unfinished.add(entry.session)
                elif isinstance(entry.event, SessionClosed) and entry.event.finished:
                    found.unfinished.discard(entry.session)
            elif entry.session == 0 and isinstance(entry.event, _OF_ALL) and found.positions:
                around.append(entry.position)
    return found


async def _groups(log: EventLog, positions: array[int], until: int) -> AsyncIterator[list[Entry]]:
    """The entries at the positions, those together that were appended at one moment for one cause."""
    group: list[Entry] = []
    async for page in read_all(log, until=until):
        for entry in page:
            if positions[min(bisect_left(positions, entry.position), len(positions) - 1)] != entry.position:
                continue
            if group and ((entry.at, entry.cause) != (group[0].at, group[0].cause) or len(group) >= _MOST):
                yield group
                group = []
            group.append(entry)
    if group:
        yield group


class _Writer(Places):
    """Writes entries to the shared log. Texts are read before an event that refers to them is masked, which does not wait."""

    def __init__(self, log: EventLog, to: EventLog, mask: Mask, positions: array[int]) -> None:
        self._log, self._to, self._mask, self._positions = log, to, mask, positions
        self._known = Known()
        self._pack = Pack(self._known)
        self._told: OrderedDict[tuple[str, str], str] = OrderedDict()  # by form and digest what is told of a text
        self.texts = 0

    async def write(self, entries: Sequence[Entry]) -> None:
        self._pack = Pack(self._known)
        news: list[NewEvent] = []
        for entry in entries:
            await self._read(entry)
            news.append(self._new(entry))
        texts = self._pack.texts
        ack = await self._to.append(news, texts=texts, cause=self.position(entries[0].cause))
        self._known.learn(texts, ack.place)
        self.texts += len(texts)

    async def _read(self, entry: Entry) -> None:
        for field, ref in _refs("", entry.event):
            key = (field, ref.digest)
            if key not in self._told:
                text = await text_or_none(self._log, ref, at=entry.position)
                self._told[key] = self._mask.token(ref.digest) if text is None else text_told(field, text, self._mask)
            self._told.move_to_end(key)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    def _new(self, entry: Entry) -> NewEvent:
        assert not isinstance(entry.event, Unknown), "an event that nobody knows was not chosen"
        event = masked(entry.event, self._mask, self)
        if isinstance(event, TaskSubmitted):
            event = msgspec.structs.replace(event, decisions=SHARED)
        return NewEvent(
            event=event,
            topic=self._mask.topic(entry.topic),
            project=self._mask.token(entry.project),
            session=entry.session,
            task=self._mask.task(entry.task),
            step=entry.step,
            attempt=entry.attempt,
            id=self._mask.id(entry.id, self._mask.moment(entry.at)),
        )

    def position(self, position: int) -> int:
        index = bisect_left(self._positions, position)
        there = index < len(self._positions) and self._positions[index] == position
        return index + 1 if there else 0

    def up_to(self, position: int) -> int:
        return bisect_right(self._positions, position)

    def text(self, field: str, ref: TextRef) -> TextRef:
        return self._pack.put(self._told[field, ref.digest])


def _refs(field: str, value: Any) -> Iterator[tuple[str, TextRef]]:
    """The texts that a value refers to, each with the field in which its reference stands."""
    match value:
        case TextRef():
            yield field, value
        case tuple():
            for each in cast("Sequence[Any]", value):
                yield from _refs(field, each)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _refs(name, getattr(value, name))
        case _:
            pass
