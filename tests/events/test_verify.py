"""What `swarm verify` finds: each changed byte, a missing tail, a history that was written anew."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from events.blobs import Known, Pack
from events.log import EventLog, Head, LogCorrupt, LogError, open_log
from events.sqlite.log import open_sqlite
from events.testing.builders import SetClock, new
from events.testing.contract import HARD_TEXTS, an_event, everything, refused
from events.testing.histories import EXCERPT, history
from events.types.base import TextRef
from events.types.task import TaskCancelled
from events.verify import Report, parse_head, verify_log
from events.views.kept import snapshot_of
from events.views.standing import standing

FLIPS = 300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def fill(log: EventLog, seed: int = 1) -> None:
    for events, texts in history(Random(seed), sessions=2):
        await log.append(events, texts=texts)
    for index in range(20):  # a deflated pack has several forms that give the same texts
        pack = Pack(Known())
        pack.put(f"{index} {EXCERPT * 40}")
        event = new(TaskCancelled(reason="\ufffd replaced"), id=bytes([index] * 16))
        await log.append([event], texts=pack.texts)


def stored(path: Path) -> object:
    """All that is stored, byte for byte, or None where it cannot even be read."""
    tables = ("event NOT INDEXED", "batch", "pack", "name", "segment", "snapshot", "start")
    queries = [f"SELECT * FROM {table}" for table in tables]
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytearray
            return [sorted(map(repr, connection.execute(query))) for query in queries]
    except (sqlite3.Error, UnicodeDecodeError):
        return None


async def verified(path: Path, *, kept: Head | None = None) -> Report | None:
    """The report, or None where the file is refused with a sentence."""
    try:
        return await verify_log(path, kept=kept)
    except LogError:
        return None


async def read_as_far_as_it_goes(path: Path) -> None:
    """Read all of it; what cannot be read may end in nothing but LogError."""
    try:
        async with open_log(path, read_only=True) as log:
            entries = await everything(log)
            for entry in entries[:20]:
                await log.text(TextRef("x"), at=entry.position)
    except LogError:
        pass


async def test_a_sound_log_is_found_sound(path: Path) -> None:
    async with open_log(path) as log:
        await fill(log)
        head = await log.head()
        report = await verify_log(path, kept=head)  # also while it is open
        assert report.ok and report.head == head and report.events == head.position
    report = await verify_log(path, kept=head)
    assert report.ok and report.texts > 30 and report.batches > 20


async def test_a_log_that_is_written_to_meanwhile_is_found_sound(path: Path) -> None:
    async with open_log(path) as log:

        async def write() -> None:
            for index in range(300):
                await log.append([an_event(f"{index}", topic=f"a topic of its own {index}")])

        writing = asyncio.ensure_future(write())
        while not writing.done():
            report = await verify_log(path)
            assert report.ok, report.problems
        await writing


async def test_each_flipped_byte_of_what_is_stored_is_found(path: Path) -> None:
    async with open_log(path, clock=SetClock()) as log:
        await fill(log)
    whole, random, found = path.read_bytes(), Random(5), 0
    before = stored(path)
    copy = path.with_name("copy.db")
    while found < FLIPS:
        offset, mask = random.randrange(100, len(whole)), random.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))
        copy.write_bytes(whole[:offset] + bytes([whole[offset] ^ mask]) + whole[offset + 1 :])
        if stored(copy) == before:
            continue  # free space of a page, or an index
        found += 1
        report = await verified(copy)
        assert report is None or not report.ok, f"offset {offset} ^ {mask} was not found"
        for problem in report.problems if report else ():
            (problem.where + problem.what).encode()
        if found % 5 == 0:
            await read_as_far_as_it_goes(copy)


IN_TABLES = {
    "event": "SELECT body FROM event WHERE position % 97 = 0 LIMIT 8",
    "batch": "SELECT hash FROM batch LIMIT 8",
    "pack": "SELECT data FROM pack LIMIT 8",
    "segment": "SELECT data FROM segment",
    "snapshot": "SELECT state FROM snapshot",
}


async def test_forty_of_forty_flipped_bytes_are_found_in_events_batches_texts_and_caches(path: Path) -> None:
    async with open_log(path, clock=SetClock()) as log:
        for batch in range(9):
            await log.append([an_event(f"a reason of its own: {batch}, {index}") for index in range(500)])
        await fill(log)
        await log.keep(snapshot_of(await standing(log)))
    whole, before, copy = bytearray(path.read_bytes()), stored(path), path.with_name("copy.db")
    for table, query in IN_TABLES.items():
        for offset in places_of(path, whole, query):
            copy.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x10]) + whole[offset + 1 :])
            assert stored(copy) != before
            report = await verified(copy)
            assert report is None or not report.ok, f"{table}: offset {offset} was not found"
            if table in ("segment", "snapshot") and report is not None:
                assert {problem.where.split()[0] for problem in report.problems} == {table}


def places_of(path: Path, whole: bytearray, query: str) -> list[int]:
    """Eight places in the file at which a value that the query gives stands, and nothing else."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        values = [value.encode() if isinstance(value, str) else value for (value,) in connection.execute(query)]
    found: list[int] = []
    while len(found) < 8:
        value = _random.choice(values)
        start = _random.randrange(max(1, len(value) - 23))
        piece = value[start : start + 24]
        if whole.count(piece) == 1:  # not over the end of a page, and in no page that is free
            found.append(whole.index(piece) + _random.randrange(len(piece)))
    return found


_random = Random(7)


@pytest.mark.parametrize("where", ["header", "anywhere", "wal"])
async def test_a_damaged_file_is_reported_and_never_ends_in_another_error(path: Path, where: str) -> None:
    async with open_log(path) as log:
        await fill(log)
        wal = path.with_name("log.db-wal").read_bytes() if where == "wal" else b""
        whole = path.read_bytes()
    if where != "wal":
        whole = path.read_bytes()
    random = Random(6)
    for index in range(60):
        copy = path.with_name(f"copy{index}.db")
        damaged = bytearray(wal or whole)
        for _ in range(random.choice((1, 1, 1, 50))):
            damaged[random.randrange(100 if where == "header" else len(damaged))] ^= random.randrange(1, 256)
        copy.write_bytes(whole if wal else damaged)
        if wal:
            copy.with_name(copy.name + "-wal").write_bytes(damaged)
        await verified(copy)
        await read_as_far_as_it_goes(copy)


async def test_a_file_that_was_cut_is_reported(path: Path) -> None:
    async with open_log(path) as log:
        await fill(log)
    whole = path.read_bytes()
    for length in (0, 10, 100, 1000, 4096, 5000, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:length])
        report = await verified(path)
        assert report is None or not report.ok, length
        await read_as_far_as_it_goes(path)


async def heads(path: Path, count: int) -> list[Head]:
    async with open_sqlite(path, clock=SetClock()) as log:
        kept: list[Head] = []
        for index in range(count):
            await log.append([an_event(f"{index}"), an_event("too")])
            kept.append(await log.head())
        return kept


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("DROP TRIGGER event_stays", "DROP TRIGGER event_is_a_fact", *statements):
            connection.execute(statement)
        connection.commit()


def restore_triggers(path: Path) -> None:
    from events.sqlite.schema import DDL

    with closing(sqlite3.connect(path)) as connection:
        for statement in DDL:
            if statement.startswith("CREATE TRIGGER"):
                connection.execute(statement)
        connection.commit()


async def test_a_missing_tail_is_found_against_a_kept_head(path: Path) -> None:
    kept = await heads(path, 5)
    change(path, "DELETE FROM event WHERE position > 8", "DELETE FROM batch WHERE position > 8")
    restore_triggers(path)
    assert (await verify_log(path)).ok  # the log alone cannot know
    report = await verify_log(path, kept=kept[-1])
    assert [problem.where for problem in report.problems] == ["head"]
    assert "the tail is missing" in report.problems[0].what and "ends at 8" in report.problems[0].what
    assert (await verify_log(path, kept=kept[3])).ok


async def test_a_log_that_was_written_anew_is_found_against_a_kept_head(path: Path, tmp_path: Path) -> None:
    kept = await heads(path, 5)
    anew = tmp_path / "anew.db"
    await heads(anew, 6)
    assert (await verify_log(anew)).ok
    report = await verify_log(anew, kept=kept[-1])
    assert "rewritten" in report.problems[0].what
    other = Head(position=3, hash=kept[1].hash)
    assert "no batch ends there" in (await verify_log(path, kept=other)).problems[0].what


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE event SET cost_nanos = 1 WHERE position = 3", "batch 3..4"),
        ('UPDATE event SET body = \'{"reason":"other"}\' WHERE position = 3', "batch 3..4"),
        ("UPDATE event SET body = '{' WHERE position = 3", "event 3"),
        ("UPDATE event SET topic = 99 WHERE position = 3", "event 3"),
        ("UPDATE name SET text = 'x' || text WHERE text = 's1'", "batch 1..2"),
        ("UPDATE batch SET hash = zeroblob(32) WHERE position = 4", "batch 3..4"),
        ("UPDATE batch SET first = 2 WHERE position = 4", "batch 3..4"),
        ("DELETE FROM batch WHERE position = 4", "batch 3..6"),
        ("DELETE FROM batch WHERE position = 10", "event"),
        ("UPDATE batch SET position = 11 WHERE position = 10", "batch 9..11"),
        ("DELETE FROM event WHERE position = 5", "batch 5..6"),
        ("UPDATE event SET at = at + 1 WHERE position = 9", "batch 9..10"),
        ("INSERT INTO pack VALUES (3, 'x', 0, 0, x'00')", "batch 3..4"),
        ("CREATE TABLE more(x)", "schema"),
        ("DROP INDEX event_session", "schema"),
    ],
)
async def test_what_somebody_changed_is_named(path: Path, statement: str, where: str) -> None:
    await heads(path, 5)
    change(path, statement)
    restore_triggers(path)
    report = await verify_log(path)
    assert where in {problem.where for problem in report.problems}


async def test_a_position_out_of_order_ends_the_reading_instead_of_letting_it_go_round(path: Path) -> None:
    await heads(path, 5)
    whole = bytearray(path.read_bytes())
    # position 10 and then its record: a header of 23 bytes, no position (it stands outside), an id of 16 bytes
    last = whole.index(b"\x0a\x17\x00\x2c")
    whole[last] = 1
    path.write_bytes(whole)
    async with open_log(path, read_only=True) as log:
        assert (await refused(LogCorrupt, everything(log))).position == 1
    assert not (await verify_log(path)).ok


async def test_a_log_without_its_guards_is_found(path: Path) -> None:
    await heads(path, 1)
    change(path)
    assert {problem.where for problem in (await verify_log(path)).problems} == {"schema"}


async def test_texts_of_every_kind_verify(path: Path) -> None:
    async with open_log(path) as log:
        pack = Pack(Known())
        for text in HARD_TEXTS:
            pack.put(text)
        await log.append([an_event()], texts=pack.texts)
    report = await verify_log(path)
    assert report.ok and report.texts == len(HARD_TEXTS)


def test_a_head_is_read_as_it_is_written() -> None:
    head = Head(position=12, hash="ab" * 32)
    assert parse_head(str(head)) == head
    for text in ("", "12", "x:" + "ab" * 32, "12:abc", "12:" + "ab" * 31, "12:" + "zz" * 32, "-1:" + "ab" * 32):
        with pytest.raises(ValueError, match="head"):
            parse_head(text)
