"""Folds of the whole log that go on from a snapshot which the log keeps; one that is wrong is not used, and said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from events.bus import read_all
from events.log import EventLog, Snapshot
from events.views.base import Restarting, View, begin, decode_state, encode_state

EVERY = 10_000
"""Events behind the last snapshot from which on a new one is worth its room."""

V = TypeVar("V", bound=View)


@dataclass(frozen=True)
class Kept(Generic[V]):
    """A view that is kept. `form` goes up when one of its structs, or what its fold means, changes: another is not read."""

    name: str
    form: int
    kind: type[V]
    begun: Callable[[V], object] = lambda _: None  # told a view that was carried on, which does not say all of itself


class Start(msgspec.Struct, Generic[V], frozen=True):
    """A view as it stands, from which its fold goes on."""

    of: Kept[V]
    view: V
    position: int  # everything up to here is folded
    kept: int  # up to where a snapshot holds it, 0 = none
    wrong: str  # what is wrong with the stored snapshot, which was not used; empty: nothing


async def fold_kept(log: EventLog, of: Kept[V], *, until: int | None = None, anew: bool = False) -> Start[V]:
    """Fold the log, from the last snapshot on, and keep a snapshot where the last one is long past.

    Up to a position, or `anew` from the events alone, nothing is kept. Raises LogError where the log cannot be read.
    """
    while True:
        archived = await log.archived()
        snapshot = None if anew else await log.snapshot(of.name, of.form)
        start = await _fold(log, of, snapshot, until)
        while isinstance(start.view, Restarting) and start.view.outdated:
            start = msgspec.structs.replace(await _fold(log, of, None, until, knowing=start.view), wrong=start.wrong)
        if archived == await log.archived():
            break  # else what was still to be read was cut off meanwhile
    if start.position - start.kept < EVERY or until is not None or anew:
        return start
    await log.keep(snapshot_of(start))
    return msgspec.structs.replace(start, kept=start.position)


def snapshot_of(start: Start[V]) -> Snapshot:
    return Snapshot(start.of.name, start.of.form, start.position, encode_state(start.view))


async def _fold(
    log: EventLog, of: Kept[V], snapshot: Snapshot | None, until: int | None, knowing: V | None = None
) -> Start[V]:
    wrong = snapshot.wrong if snapshot else ""
    kept: V | None = None
    if snapshot is not None and not wrong:
        try:
            kept = decode_state(of.kind, snapshot.state)
        except ValueError as error:
            wrong = str(error)
    if snapshot is not None and kept is not None and (until is None or snapshot.position <= until):
        return await _go_on(log, Start(of, kept, snapshot.position, snapshot.position, ""), until)
    view, position = await begin(log, of.kind())
    of.begun(view)
    if knowing is not None and isinstance(view, Restarting):
        view.learn_from(knowing)
    return await _go_on(log, Start(of, view, position, 0, wrong), until)


async def _go_on(log: EventLog, start: Start[V], until: int | None) -> Start[V]:
    position = start.position
    async for entries in read_all(log, after=position, until=until):
        for entry in entries:
            start.view.apply(entry)
        position = entries[-1].position
    return msgspec.structs.replace(start, position=position)
