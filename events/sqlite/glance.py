"""A glance at the file: claims by their topics, the money of a day by the segments that know of the day."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from events.glance import Ended, Glance, Money, Owned
from events.scopes import SHARED
from events.sqlite import schema, segments
from events.sqlite.bounds import beginning
from events.sqlite.readonly import read_only
from events.types.call import BudgetSet
from events.types.session import SessionClaimed, SessionClosed, SessionRenewed
from events.views.cost import day_of
from events.views.sessions import claim_of

_LAST_CLAIMS = (
    "SELECT e.position, e.at, e.session, e.kind, e.body FROM name AS n JOIN event AS e ON e.position ="
    " (SELECT position FROM event WHERE topic = n.id ORDER BY previous DESC LIMIT 1)"
    " WHERE n.text >= 'claim/' AND n.text < 'claim0'"  # 0 is the sign behind /
)
_NAMES = "SELECT text, id FROM name WHERE text >= 'approval.' AND text < 'session0' OR text IN ('work.paused', 'work.unpaused')"
_PAUSED = "SELECT kind FROM event WHERE session = ? AND kind IN (?, ?) AND task = 0 ORDER BY position DESC LIMIT 1"
_OF_SESSION = "SELECT body FROM event WHERE session = ? AND kind = ? AND position > ? ORDER BY position DESC LIMIT 1"
_RESERVED = (
    "SELECT position, cost_nanos FROM event WHERE position > ? AND position <= ? AND kind = ? AND instr(body, ?)"
    " ORDER BY position"
)
_ENDS = (
    "SELECT kind, reservation, cost_nanos FROM event WHERE position > ? AND kind IN (?, ?, ?, ?)"
    " AND reservation IN (SELECT value FROM json_each(?)) ORDER BY position"
)
_CAPS = "SELECT body FROM event WHERE session = ? AND kind = ? AND instr(body, ?) ORDER BY position DESC"
_ASKED = (
    "SELECT count(*) FROM event AS e WHERE e.session = ? AND e.kind = ? AND NOT EXISTS"
    " (SELECT 1 FROM event AS f WHERE f.session = e.session AND f.task = e.task AND f.position > e.position)"
)
"""A task that waits for a word does nothing else."""

_ENDING = ("call.settled", "call.unknown", "call.failed", "call.released")


class _Title(msgspec.Struct):
    title: str


def look(path: Path, scope: str) -> Glance:
    """See `events.glance.glance`."""
    with read_only(path) as connection:
        names = dict(connection.execute(_NAMES))
        claims = _Claims(connection, names)
        whole = beginning(connection)[0] == 0
        money = _money(connection, names, scope) if whole else None
        if money is not None:
            money.cap = _cap(connection, names, scope)
        return Glance(owned=claims.owned(), ended=claims.ended(), money=money)


class _Claims:
    """The last event of each session's claim."""

    def __init__(self, connection: sqlite3.Connection, names: dict[str, int]) -> None:
        self._connection, self._names = connection, names
        self._claimed, self._closed = names.get("session.claimed", -1), names.get("session.closed", -1)
        self._last = connection.execute(_LAST_CLAIMS).fetchall()

    def owned(self) -> tuple[Owned, ...]:
        return tuple(
            self._owned(position, at, session, body)
            for position, at, session, kind, body in sorted(self._last, key=lambda row: int(row[2]))
            if kind == self._claimed
        )

    def ended(self) -> Ended | None:
        closed = [row for row in self._last if row[3] == self._closed]
        if not closed:
            return None
        _, at, session, _, body = max(closed)
        event = msgspec.json.decode(body, type=SessionClosed)
        return Ended(
            session=session, title=self._title(session), at=at, finished=event.finished, exit_code=event.exit_code
        )

    def _owned(self, position: int, at: int, session: int, body: str) -> Owned:
        claim = claim_of(position, msgspec.json.decode(body, type=SessionClaimed))
        renewed = self._of(session, "session.renewed", behind=position)
        if renewed is not None:
            claim.valid_until = msgspec.json.decode(renewed, type=SessionRenewed).valid_until
        return Owned(
            session=session,
            title=self._title(session),
            since=at,
            claim=claim,
            asks=self._asked(session, "approval.asked"),
            questions=self._asked(session, "question.asked"),
            paused=self._paused(session),
        )

    def _paused(self, session: int) -> bool:
        paused, unpaused = (self._names.get(kind, -1) for kind in ("work.paused", "work.unpaused"))
        if paused < 0:
            return False
        row = self._connection.execute(_PAUSED, (session, paused, unpaused)).fetchone()
        return row is not None and row[0] == paused

    def _asked(self, session: int, kind: str) -> int:
        """How many questions of a kind wait for a person."""
        if (asked := self._names.get(kind)) is None:
            return 0
        count: int = self._connection.execute(_ASKED, (session, asked)).fetchone()[0]
        return count

    def _title(self, session: int) -> str:
        opened = self._of(session, "session.opened")
        return msgspec.json.decode(opened, type=_Title).title if opened else ""

    def _of(self, session: int, kind: str, *, behind: int = 0) -> str | None:
        """The body of the session's last event of a kind."""
        row = self._connection.execute(_OF_SESSION, (session, self._names.get(kind, -1), behind)).fetchone()
        return row[0] if row else None


def _money(connection: sqlite3.Connection, names: dict[str, int], scope: str) -> Money:
    """What the calls of the scope came to. As in `MoneyView`, the first end counts, and settles what nobody knew of."""
    held: dict[int, int] = {}
    for after, until in _stretches(connection, day_of([scope])):
        held.update(connection.execute(_RESERVED, (after, until, names.get("call.reserved", -1), f'"{scope}"')))
    if not held:
        return Money()
    settled, unknown, *_ = ending = [names.get(kind, -1) for kind in _ENDING]
    money, doubtful = Money(reserved=sum(held.values())), dict[int, int]()
    for kind, reservation, nanos in connection.execute(_ENDS, (min(held), *ending, str([*held]))):
        if kind == unknown:
            if (amount := held.pop(reservation, None)) is not None:
                doubtful[reservation] = amount
                money.reserved -= amount
        elif (amount := held.pop(reservation, None)) is not None:
            money.reserved -= amount
            money.spent += nanos if kind == settled else 0
        elif doubtful.pop(reservation, None) is not None:
            money.spent += nanos if kind == settled else 0
    money.maybe_paid = sum(doubtful.values())
    money.spent += money.maybe_paid
    return money


def _cap(connection: sqlite3.Connection, names: dict[str, int], scope: str) -> int | None:
    """The cap in nano-dollars that was recorded last for a scope that no session has to itself."""
    if "budget.set" not in names:
        return None
    for (body,) in connection.execute(_CAPS, (SHARED, names["budget.set"], f'"{scope}"')):
        cap = msgspec.json.decode(body, type=BudgetSet)
        if cap.scope == scope and cap.nanos is not None:
            return cap.nanos
    return None


def _stretches(connection: sqlite3.Connection, day: str) -> Iterator[tuple[int, int]]:
    """Where calls of a day may be reserved: behind which positions, up to which. A segment that knows it not is passed over."""
    after = 0
    for stretch in segments.stored(connection) if schema.has_caches(connection) else ():
        if stretch.segment is not None and day not in stretch.segment.days:
            if stretch.first > after + 1:
                yield after, stretch.first - 1
            after = stretch.last
    head: int = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
    if head > after:
        yield after, head
