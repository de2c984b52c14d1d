"""Dropping texts: packs of sessions that had ended are emptied, and an event says so. Events and digests stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from events.blobs import EMPTIED, GONE
from events.log import Clock, NewEvent
from events.sqlite.lone import alone
from events.sqlite.readonly import read_only
from events.sqlite.spans import parents, spans
from events.types.upkeep import UPKEEP, Sessions, TextsPruned
from events.upkeep import Prunable, Pruned, WhyKept


class _Plan(msgspec.Struct, frozen=True):
    what: Prunable
    places: Sequence[int]  # of the packs that are emptied


def look(path: Path, before: int) -> Prunable:
    """What `prune` would drop now. Raises LogError."""
    with read_only(path) as connection:
        return _plan(connection, before).what


def prune(path: Path, before: int, clock: Clock) -> Pruned | None:
    """Empty the packs of the sessions that had ended before; None where there are none. Raises LogError."""
    with alone(path, clock) as writer:
        plan = writer.ask(lambda connection: _plan(connection, before))
        if not plan.places:
            return None

        def empty(connection: sqlite3.Connection) -> None:
            query = "UPDATE pack SET codec = ?, checksum = ?, data = ? WHERE place = ?"
            connection.executemany(query, ((*EMPTIED, place) for place in plan.places))

        what = plan.what
        event = TextsPruned(before=before, sessions=ranges(what.sessions), texts=what.texts, size=what.size)
        ack = writer.append([NewEvent(event=event, topic=UPKEEP)], also=empty)
        return Pruned(what=what, position=ack.positions[0], shrunk=writer.shrink())


def _plan(connection: sqlite3.Connection, before: int) -> _Plan:
    found = spans(connection)
    kept: dict[int, WhyKept] = {}
    old = {session for session, span in found.items() if span.ended_at is not None and span.ended_at < before}
    for session, span in found.items():
        if session not in old:
            kept.update((above.session, "fork") for above in parents(span, found) if above.session in old)
        if span.ended_at is None and span.began_at < before:
            kept[session] = "unfinished"
    going, texts, size = old - kept.keys(), 0, 0
    places: list[int] = []
    sessions: set[int] = set()
    # the session of a pack is that of the append's first event: a process appends for one session at a time
    query = (
        "SELECT p.place, e.session, length(p.digests) - length(replace(p.digests, ' ', '')) + 1, length(p.data)"
        " FROM pack p JOIN event e ON e.position = p.place"
        f" WHERE p.codec != {GONE} ORDER BY p.place"
    )
    for place, session, count, length in connection.execute(query):
        if session in going:
            places.append(place)
            sessions.add(session)
            texts += count
            size += length
    return _Plan(Prunable(sessions=tuple(sorted(sessions)), texts=texts, size=size, kept=kept), places)


def ranges(sessions: Sequence[int]) -> tuple[Sessions, ...]:
    """Numbers in rising order as ranges."""
    found: list[Sessions] = []
    for number in sessions:
        if found and found[-1].last == number - 1:
            found[-1] = Sessions(found[-1].first, number)
        else:
            found.append(Sessions(number, number))
    return tuple(found)
