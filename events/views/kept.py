"""Folds of the whole log that go on from a snapshot which the log keeps; one that is wrong is not used, and said to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import anyio
import msgspec

from events.bus import read_all
from events.log import EventLog, Snapshot
from events.views.base import Restarting, View, begin, decode_state, encode_state

EVERY = 10_000
"""Events behind the last snapshot from which on a new one is worth its room."""

V = TypeVar("V", bound=View)
W = TypeVar("W", bound=View)


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
    (start,) = await _folded(log, (of,), until=until, anew=anew)
    return start if until is not None or anew else await _kept(log, start)


async def fold_both(log: EventLog, one: Kept[V], other: Kept[W]) -> tuple[Start[V], Start[W]]:
    """The same for two views, of which both are behind every entry that is read: most of the time of a fold goes into reading."""
    first, second = await _folded(log, (one, other))
    return await _kept(log, first), await _kept(log, second)


async def _folded(
    log: EventLog, kinds: Sequence[Kept[Any]], *, until: int | None = None, anew: bool = False
) -> list[Start[Any]]:
    while True:
        archived = await log.archived()
        begun = [await _begun(log, of, None if anew else await log.snapshot(of.name, of.form), until) for of in kinds]
        starts = await _go_on(log, begun, until)
        while any(map(_is_outdated, starts)):
            begun = [await _anew(log, start) if _is_outdated(start) else start for start in starts]
            starts = await _go_on(log, begun, until)
        if archived == await log.archived():
            return starts  # else what was still to be read was cut off meanwhile


async def _kept(log: EventLog, start: Start[V]) -> Start[V]:
    """Keep a snapshot where it is due."""
    if start.position - start.kept < EVERY:
        return start
    await log.keep(snapshot_of(start))
    return msgspec.structs.replace(start, kept=start.position)


async def both_gone_on(log: EventLog, one: Start[V], other: Start[W]) -> tuple[Start[V], Start[W]]:
    """Two views as they stand by now, from how they stood: their own state moves.

    What was cut off or excluded behind them is folded anew.
    """
    archived = await log.archived()
    if archived is None or archived.position <= min(one.position, other.position):
        first, second = await _go_on(log, (one, other), None)
        if not _is_outdated(first) and not _is_outdated(second):
            return first, second
    return await fold_both(log, one.of, other.of)


class Followed(Generic[V]):
    """A view that is kept up with its log, by whoever asks for it."""

    def __init__(self, log: EventLog, start: Start[V]) -> None:
        self._log, self._start = log, start
        self._reading = anyio.Lock()

    @property
    def view(self) -> V:
        """As it was when somebody caught up last."""
        return self._start.view

    async def catch_up(self) -> V:
        """The view with what was committed since, by whichever process. Raises LogError where the log cannot be read."""
        async with self._reading:
            entries = self._log.since(self._start.position)
            if entries is None:
                (self._start,) = await _go_on(self._log, (self._start,), None)
            elif entries:
                for entry in entries:
                    self._start.view.apply(entry)
                self._start = msgspec.structs.replace(self._start, position=entries[-1].position)
        return self._start.view


def snapshot_of(start: Start[V]) -> Snapshot:
    return Snapshot(start.of.name, start.of.form, start.position, encode_state(start.view))


def _is_outdated(start: Start[Any]) -> bool:
    return isinstance(start.view, Restarting) and start.view.outdated


async def _anew(log: EventLog, start: Start[V]) -> Start[V]:
    """The fold that starts again, knowing what this one has come to know."""
    again = await _begun(log, start.of, None, None)
    if isinstance(again.view, Restarting):
        again.view.learn_from(start.view)
    return msgspec.structs.replace(again, wrong=start.wrong)


async def _begun(log: EventLog, of: Kept[V], snapshot: Snapshot | None, until: int | None) -> Start[V]:
    """The view as it was kept, as the log carries it on, or as new."""
    wrong = snapshot.wrong if snapshot else ""
    kept: V | None = None
    if snapshot is not None and not wrong:
        try:
            kept = decode_state(of.kind, snapshot.state)
        except ValueError as error:
            wrong = str(error)
    if snapshot is not None and kept is not None and (until is None or snapshot.position <= until):
        return Start(of, kept, snapshot.position, snapshot.position, "")
    view, position = await begin(log, of.kind())
    of.begun(view)
    return Start(of, view, position, 0, wrong)


async def _go_on(log: EventLog, starts: Sequence[Start[Any]], until: int | None) -> list[Start[Any]]:
    """The views with all that the log holds behind them, which is read once."""
    position = min(start.position for start in starts)
    async for entries in read_all(log, after=position, until=until):
        for start in starts:
            apply, behind = start.view.apply, start.position
            for entry in entries:
                if entry.position > behind:
                    apply(entry)
        position = entries[-1].position
    return [msgspec.structs.replace(start, position=max(position, start.position)) for start in starts]
