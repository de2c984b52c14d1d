"""Segments: columns that hold what the events say, made by who writes, believed only where they are right."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import anyio
import anyio.to_thread
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import events.spending
import events.sqlite.blocks
from events.caches import check_caches, rebuild_caches
from events.columns import find_columns, pack_columns, values_of
from events.log import EventLog, NewEvent, open_log
from events.spending import Field, Spending, spending
from events.sqlite import schema, segments, snapshots
from events.sqlite.blocks import AT_ONCE
from events.sqlite.costs import TooLarge, sums
from events.sqlite.segments import COLUMNS, LENGTH
from events.testing import builders as make
from events.testing.builders import SetClock
from events.testing.contract import an_event, everything
from events.testing.histories import history
from events.types.call import CallReserved
from events.verify import verify_log
from events.views.base import fold
from events.views.cost import Cost, CostView, Payer, narrowed
from events.views.kept import snapshot_of
from events.views.spending import Asked
from events.views.standing import standing

FIELDS: Sequence[Field] = ("session", "task", "role", "agent", "model", "tier", "price", "project")
numbers = st.integers(-(1 << 63), (1 << 63) - 1)


@given(st.integers(1, 30).flatmap(lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1)))
@example([[-(1 << 63), (1 << 63) - 1], [0, 255], [0, 256], [7, 7], [-1, 0]])
def test_columns_are_read_as_they_were_packed(columns: list[list[int]]) -> None:
    length, data = len(columns[0]), b"before" + pack_columns(columns)
    found = find_columns(data, offset=6, columns=len(columns), length=length)
    assert [values_of(data, column, length) for column in found] == columns
    with pytest.raises(ValueError, match=r"ends too early|has"):
        find_columns(data[:-1], offset=6, columns=len(columns), length=length)


def test_a_column_takes_the_least_room() -> None:
    assert [len(pack_columns([column])) for column in ([5] * 100, [5, *[9] * 99], [10**15, *[10**15 + 255] * 99])] == [
        9,
        109,
        109,
    ]
    assert len(pack_columns([[0, 256] * 50])) == 209


async def fill(log: EventLog, count: int, *, seed: int = 1) -> None:
    """Append the calls of made-up sessions, many in one append, until the log has so many events."""
    random, open_calls, done = Random(seed), list[int](), 0
    while done < count:
        ends = [make.new(an_end(random, position), session=random.randrange(9), task="t") for position in open_calls]
        calls = [a_call(random) for _ in range(400)]
        ack = await log.append([*ends, *calls])
        done += len(ack.positions)
        open_calls = random.sample(ack.positions[len(ends) :], 350) + random.sample(open_calls, len(open_calls) // 9)


def a_call(random: Random) -> NewEvent:
    day = random.choice(("day:2026-09-21@UTC", "day:2026-09-22@UTC", "month:2026-09"))
    session, task = random.randrange(9), f"t{random.randrange(20)}"
    model = random.choice(("small", "large"))
    scopes, price = ("log", day, f"s{session}"), f"{model}-{random.randrange(2)}"
    call = make.reserved(model=model, cost_nanos=random.randrange(10**10), scopes=scopes, price=price)
    project = random.choice(("", "/srv/a", "/srv/b"))
    return make.new(call, session=session, task=task, topic="ledger", project=project)


def an_end(random: Random, reservation: int) -> Any:
    settled = make.settled(
        reservation,
        cost_nanos=random.randrange(10**10),
        cached_tokens=random.randrange(9),
        cache_write_tokens=random.randrange(3),
        reasoning_tokens=random.randrange(3),
    )
    return random.choice(
        (settled, settled, make.failed(reservation), make.released(reservation), make.unknown(reservation))
    )


async def by_fold(log: EventLog, fields: Sequence[Field]) -> dict[Payer, Cost]:
    costs: dict[Payer, Cost] = {}
    for payer, cost in (await fold(log, CostView())).costs.items():
        costs.setdefault(narrowed(payer, fields), Cost()).add(cost)
    return costs


async def spent(path: Path, fields: Sequence[Field]) -> Spending:
    return await anyio.to_thread.run_sync(spending, path, fields, Asked())


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with two segments and a tail, of which nobody writes to the original."""
    path = tmp_path_factory.mktemp("long") / "log.db"

    async def write() -> None:
        async with open_log(path, clock=SetClock()) as log:
            await fill(log, 2 * LENGTH + 1500)

    anyio.run(write)
    return path


@pytest.fixture
def path(long_log: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "log.db"
    copy.write_bytes(long_log.read_bytes())
    return copy


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def stored(path: Path) -> list[segments.Stretch]:
    with closing(sqlite3.connect(path)) as connection:
        return list(segments.stored(connection))


async def test_who_writes_makes_a_segment_of_each_4096_events(path: Path) -> None:
    assert [(each.first, each.last) for each in stored(path)] == [(1, LENGTH), (LENGTH + 1, 2 * LENGTH)]
    assert all(each.segment for each in stored(path))
    assert {cache.state for cache in (await check_caches(path)).caches} == {"right"}


async def test_segments_are_right_where_two_write_by_turns(tmp_path: Path) -> None:
    """Who packs one has committed a part of its events, and has to read what the other did."""
    path = tmp_path / "log.db"
    async with open_log(path, clock=SetClock()) as log, open_log(path, clock=SetClock()) as other:
        for turn in range(12):
            await fill(log if turn % 3 else other, 900, seed=turn)
    assert len(stored(path)) >= 2
    assert {cache.state for cache in (await check_caches(path)).caches} == {"right"}


@pytest.mark.parametrize("missed", [False, True])
async def test_what_was_committed_is_packed_without_being_read_again_where_nothing_was_missed(
    path: Path, missed: bool
) -> None:
    change(path, "DELETE FROM segment")
    async with open_log(path, read_only=True) as log:
        entries = await everything(log)
    with closing(sqlite3.connect(path)) as connection:
        values = connection.execute(f"{schema.SELECT} ORDER BY position").fetchall()
        packer, said, head = segments.Packer(), list[str](), len(values)
        for first, last in ((0, 700), (710 if missed else 700, head)):
            packer.note(first, values[first:last], entries[first:last])
            assert packer.due(last)
        connection.set_trace_callback(said.append)
        data = packer.next(connection, head)
        assert any("FROM event WHERE" in statement for statement in said) == missed
        assert data == segments.pack(connection, 0, LENGTH)


async def test_a_segment_holds_what_the_events_say(path: Path) -> None:
    async with open_log(path, read_only=True) as log:
        entries = await everything(log)
    (found, _) = (each.segment for each in stored(path))
    assert found is not None

    def column(name: str) -> list[int]:
        return values_of(found.data, found.columns[COLUMNS.index(name)], found.length)

    assert column("at") == [entry.at for entry in entries[:LENGTH]]
    assert column("session") == [entry.session for entry in entries[:LENGTH]]
    assert column("cost_nanos") == [getattr(entry.event, "cost_nanos", 0) for entry in entries[:LENGTH]]
    assert column("reservation") == [getattr(entry.event, "reservation", 0) for entry in entries[:LENGTH]]
    assert [["", *found.days][number] for number in column("day")] == [
        next((scope[4:14] for scope in entry.event.scopes if scope.startswith("day:")), "")
        if isinstance(entry.event, CallReserved)
        else ""
        for entry in entries[:LENGTH]
    ]


@pytest.mark.parametrize("fields", [(), ("model",), ("session", "task"), FIELDS])
async def test_costs_over_columns_are_those_of_the_fold(path: Path, fields: Sequence[Field]) -> None:
    async with open_log(path, read_only=True) as log:
        folded = await by_fold(log, fields)
        assert (await spent(path, fields)).costs == folded  # by rows: it is short
    found = sums(path, 0, CostView(), fields)
    assert found.costs == folded and found.wrong == []
    assert sum(cost.maybe_paid for cost in folded.values()) > 0 < sum(cost.open for cost in folded.values())


async def test_a_log_that_is_long_is_summed_over_columns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await spent(path, ("role",))
    monkeypatch.setattr(events.spending, "LONG", LENGTH)
    change(path, "UPDATE segment SET checksum = checksum + 1 WHERE first = 1")
    after = await spent(path, ("role",))
    assert after.costs == before.costs and before.notes == ()
    assert ["events 1 to 4096" in note and "checksum" in note for note in after.notes] == [True]


at_once = st.sampled_from([1, 5, 20, AT_ONCE])  # events of a block
odd_ends = st.lists(st.tuples(st.integers(1, 14), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(odd_ends, at_once)
@example([(1, 0, 1), (1, 0, 1)], 1)  # settled twice
@example([(1, 3, 1), (1, 0, 2)], 1)  # unknown, then settled
@example([(1, 0, 1), (1, 3, 1)], 1)  # settled, then unknown
@example([(1, 1, 2), (1, 0, 1)], 1)  # failed, then settled
@example([(12, 0, 1), (12, 0, 1)], 1)  # what is no reservation, or is one later
def test_costs_of_calls_that_end_oddly_are_those_of_the_fold_wherever_a_segment_ends(
    ends: list[tuple[int, int, int]], block: int
) -> None:
    """Reservations and ends by turns; an end names any position, also one that is no reservation, or comes later."""
    kinds = (make.settled, make.failed, make.released, make.unknown)

    appended: list[NewEvent] = []
    for reservation, kind, _ in ends:
        appended += [make.new(make.reserved(cost_nanos=100 + reservation)), make.new(kinds[kind](reservation))]

    async def check() -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "log.db"
            async with open_log(path, clock=SetClock()) as log:
                await log.append(appended)
                with closing(sqlite3.connect(path)) as connection:
                    for _, _, length in ends:
                        data = segments.pack(connection, segments.end(connection), 1 << 40, limit=length)
                        if data is not None:
                            segments.store(connection, data)
                    connection.commit()
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(events.sqlite.blocks, "AT_ONCE", block)
                    assert sums(path, 0, CostView(), FIELDS).costs == await by_fold(log, FIELDS)

    anyio.run(check)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 60), at_once)
def test_segments_of_any_length_give_the_costs_of_a_history(seed: int, length: int, block: int) -> None:
    async def check() -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "log.db"
            async with open_log(path, clock=SetClock()) as log:
                for append in history(Random(seed), sessions=2):
                    await log.append(append.events)
                with closing(sqlite3.connect(path)) as connection:
                    for after in range(0, 2 * length, length):
                        data = segments.pack(connection, after, after + length)
                        if data is not None:
                            segments.store(connection, data)
                    connection.commit()
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(events.sqlite.blocks, "AT_ONCE", block)
                    assert sums(path, 0, CostView(), FIELDS).costs == await by_fold(log, FIELDS)

    anyio.run(check)


async def test_sums_that_columns_cannot_hold_are_left_to_the_fold(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_log(path) as log:
        for _ in range(3):
            await log.append([make.new(make.reserved(cost_nanos=1 << 62))])
            await log.append([make.new(make.unknown((await log.head()).position))])
    with pytest.raises(TooLarge):
        sums(path, 0, CostView(), ())
    monkeypatch.setattr(events.spending, "LONG", LENGTH)
    assert sum(cost.nanos for cost in (await spent(path, ())).costs.values()) > 3 << 62


async def test_exact_sums_beyond_what_a_float_holds(path: Path) -> None:
    async with open_log(path) as log:
        await log.append([make.new(make.reserved(cost_nanos=(1 << 60) + 1))])
        await log.append([make.new(make.unknown((await log.head()).position))])
        assert sums(path, 0, CostView(), FIELDS).costs == await by_fold(log, FIELDS)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE segment SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE first = 1", "checksum"),
        ("UPDATE segment SET checksum = checksum - 1 WHERE first = 1", "checksum"),
        ("UPDATE segment SET last = last + 1 WHERE first = 1", "it holds events 1..4096"),
        ("UPDATE segment SET first = 2 WHERE first = 1", "it holds events 1..4096"),
        ("UPDATE segment SET first = -5 WHERE first = 1", "it holds events 1..4096"),
    ],
)
async def test_a_segment_that_is_wrong_is_not_believed_and_is_made_anew(path: Path, statement: str, what: str) -> None:
    right = sums(path, 0, CostView(), FIELDS).costs
    change(path, statement)
    with closing(sqlite3.connect(path)) as connection:
        (problem,) = segments.check(connection)
    assert what in problem.what
    found = sums(path, 0, CostView(), FIELDS)
    assert found.costs == right and what in found.wrong[0]
    assert [what in cache.reason for cache in (await check_caches(path)).wrong] == [True]
    await rebuild_caches(path)
    assert [cache.state for cache in (await check_caches(path)).caches] == ["right"] * 2
    assert sums(path, 0, CostView(), FIELDS) == (right, [])


async def test_each_flipped_byte_of_a_segment_or_a_snapshot_is_found(path: Path) -> None:
    async with open_log(path) as log:
        await log.keep(snapshot_of(await standing(log)))
    random = Random(7)
    for table, column in [("segment", "data"), ("snapshot", "state")] * 20:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("BEGIN")
            row, size = connection.execute(f"SELECT max(rowid), length({column}) FROM {table}").fetchone()
            with connection.blobopen(table, column, row) as blob:
                place = random.randrange(size)
                blob[place] ^= 1 << random.randrange(8)
            assert [*segments.check(connection), *snapshots.check(connection)], f"{table}, byte {place}"
            connection.rollback()
    assert (await verify_log(path)).ok
    change(path, "UPDATE segment SET checksum = 0")
    assert not (await verify_log(path)).ok


async def test_a_segment_that_its_events_contradict_is_found_by_comparing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (data,) = connection.execute("SELECT data FROM segment WHERE first = 1").fetchone()
    lie = bytearray(data)
    lie[-1] ^= 1
    change(path, "UPDATE segment SET data = ?, checksum = ? WHERE first = 1", bytes(lie), crc32(lie))
    assert [cache.what for cache in (await check_caches(path)).wrong] == ["segment 1..4096"]
    await rebuild_caches(path)
    assert (await check_caches(path)).ok


async def test_segments_that_are_missing_are_no_fault_and_can_be_made(path: Path) -> None:
    right = sums(path, 0, CostView(), FIELDS)
    change(path, "DELETE FROM segment WHERE first = 1")
    report = await check_caches(path)
    assert report.ok and [cache.what for cache in report.missing] == ["segment 1..4096"]
    assert sums(path, 0, CostView(), FIELDS) == right
    change(path, "DELETE FROM segment")
    assert [cache.what for cache in (await check_caches(path)).missing] == ["segment 1..8192"]
    await rebuild_caches(path)
    assert not (await check_caches(path)).missing and len(stored(path)) == 2
    await rebuild_caches(path)
    assert len(stored(path)) == 2


async def test_a_stretch_with_gaps_is_packed_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER event_stays")
        connection.execute("DELETE FROM event WHERE position IN (3, 4, 900)")
        data = segments.pack(connection, 0, 1000)
        assert data is not None
        segment = segments.unpack(data)
        gaps = values_of(data, segment.columns[COLUMNS.index("position")], segment.length)
        positions = [segment.first + place + gap for place, gap in enumerate(gaps)]
        assert positions == [row[0] for row in connection.execute("SELECT position FROM event WHERE position <= 1000")]


async def test_two_who_write_store_each_segment_once(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_log(path) as one, open_log(path) as other:
        async with anyio.create_task_group() as writers:
            for log in (one, other):
                writers.start_soon(fill, log, LENGTH + 800)
        for log in (one, other):
            await log.append([an_event("the last")])
    report = await check_caches(path)
    assert {cache.state for cache in report.caches} == {"right"}
    assert [(each.first, each.last) for each in stored(path)] == [(1, LENGTH), (LENGTH + 1, 2 * LENGTH)]


async def test_a_segment_that_cannot_be_stored_holds_nobody_up(path: Path) -> None:
    change(path, "DROP TABLE segment")
    async with open_log(path) as log:
        before = (await log.head()).position
        await fill(log, LENGTH + 10)
        assert (await log.head()).position > before + LENGTH


async def test_a_segment_of_another_form_is_no_damage_and_its_events_are_read_until_it_is_made_again(
    path: Path,
) -> None:
    async with open_log(path, read_only=True) as log:
        expected = await by_fold(log, FIELDS)
    with closing(sqlite3.connect(path)) as connection:
        data = bytearray(connection.execute("SELECT data FROM segment ORDER BY first LIMIT 1").fetchone()[0])
    data[0] = segments.FORM - 1
    change(path, "UPDATE segment SET data = ?, checksum = ? WHERE first = 1", bytes(data), crc32(data))
    assert (await verify_log(path)).ok
    found = sums(path, 0, CostView(), FIELDS)
    assert found.costs == expected and not found.wrong
    assert [cache.state for cache in (await check_caches(path)).caches].count("missing") >= 1
    await rebuild_caches(path)
    assert {cache.state for cache in (await check_caches(path)).caches} == {"right"}
