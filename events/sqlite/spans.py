"""Where each session stands in the file, and when it ended: what prune and archive decide by."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from events.types.any import decode_body
from events.types.session import SessionClaimed, SessionClosed, SessionOpened

_KINDS = "('session.opened', 'session.claimed', 'session.closed')"


class Span(msgspec.Struct):
    """A session: the positions of its first and last event, when it began and ended, and whence it was forked."""

    session: int
    first: int
    last: int
    began_at: int
    ended_at: int | None = None  # microseconds since 1970; None: it can still be resumed
    parent: int = 0


def spans(connection: sqlite3.Connection) -> dict[int, Span]:
    """All sessions of the file by their number. Raises sqlite3.Error, msgspec.DecodeError."""
    query = (
        "SELECT s.session, s.first, s.last, e.at FROM (SELECT session, min(position) AS first, max(position) AS last"
        " FROM event WHERE session > 0 GROUP BY session) s JOIN event e ON e.position = s.first"
    )
    found = {row[0]: Span(*row) for row in connection.execute(query)}
    query = (
        "SELECT e.session, e.at, n.text, e.body FROM event e JOIN name n ON n.id = e.kind"
        f" WHERE e.kind IN (SELECT id FROM name WHERE text IN {_KINDS}) AND e.session > 0 ORDER BY e.position"
    )
    for session, at, kind, body in connection.execute(query):
        span = found[session]
        match decode_body(kind, body):
            case SessionOpened(parent=parent):
                span.parent = parent
            case SessionClaimed():
                span.ended_at = None
            case SessionClosed(finished=finished):
                span.ended_at = at if finished else None
            case _:
                pass
    return found


def parents(span: Span, found: dict[int, Span]) -> Iterator[Span]:
    """The sessions that a session was forked from, the nearest first; a number is less than that of its forks."""
    while (above := found.get(span.parent)) is not None and above.session < span.session:
        yield above
        span = above
