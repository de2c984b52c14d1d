"""The same facts in the `eventsourcing` package: its SQLite recorder, and its notification log read into domain events."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from eventsourcing.utils import get_topic

PAGE = 500  # notifications of one selection, as many entries as a page of ours has


class Fact:
    """A domain event with the fields of ours."""

    originator_id: UUID
    originator_version: int

    def __init__(self, originator_id: UUID, originator_version: int, **body: Any) -> None:
        self.__dict__.update(body)
        self.originator_id, self.originator_version = originator_id, originator_version


@contextmanager
def opened(path: Path) -> Generator[SQLiteApplicationRecorder]:
    with closing(SQLiteDatastore(db_name=str(path))) as datastore:
        recorder = SQLiteApplicationRecorder(datastore)
        recorder.create_table()
        yield recorder


def stored(bodies: Sequence[bytes]) -> list[StoredEvent]:
    aggregate, topic = uuid4(), get_topic(Fact)
    return [StoredEvent(aggregate, version, topic, body) for version, body in enumerate(bodies, 1)]


async def by_recorder(path: Path, bodies: Sequence[bytes], batch: int) -> float:
    """Seconds an event: inserted, `batch` of them a commit, encoded beforehand."""
    events = stored(bodies)
    with opened(path) as recorder:
        began = time.perf_counter()
        for first in range(0, len(events), batch):
            recorder.insert_events(events[first : first + batch])
        return (time.perf_counter() - began) / len(events)


def copy(source: Path, path: Path, count: int) -> None:
    """Store the first events of a log of ours; what its columns hold stands in the body, for the peer has no columns."""
    query = "SELECT e.*, n.text AS kind_name FROM event e JOIN name n ON n.id = e.kind ORDER BY e.position LIMIT ?"
    with closing(sqlite3.connect(source)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(query, (count,)).fetchall()
    envelope = ("at", "kind_name", "session", "step", "attempt", "cause")
    bodies = [
        msgspec.json.encode({**{key: row[key] for key in envelope}, **msgspec.json.decode(row["body"])}) for row in rows
    ]
    with opened(path) as recorder:
        recorder.insert_events(stored(bodies))


def replay(path: Path) -> tuple[int, float]:
    """Read the notification log into domain events; how many, and CPU seconds an event."""
    mapper: Mapper[UUID] = Mapper(JSONTranscoder())
    read = 0
    with opened(path) as recorder:
        began = time.process_time()
        while page := recorder.select_notifications(read + 1, PAGE):
            for notification in page:
                mapper.to_domain_event(notification)
            read = page[-1].id
        return read, (time.process_time() - began) / read
