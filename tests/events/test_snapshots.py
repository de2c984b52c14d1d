"""Snapshots: what a session starts from is what the whole log says, whatever was kept; and it stays small."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, get_args, get_type_hints
from zlib import crc32

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import events.views.kept
from events.caches import KEPT, check_caches, rebuild_caches
from events.log import Entry, EventLog, Snapshot, open_log
from events.memory import MemoryLog
from events.scopes import SHARED, session_of
from events.sqlite import snapshots
from events.testing import builders as make
from events.testing.builders import SetClock
from events.testing.contract import an_event, everything
from events.testing.histories import history
from events.types.session import SessionRenewed
from events.types.task import TaskCancelled, TaskFailed
from events.views.base import View, decode_state, encode_state, fold
from events.views.claims import ClaimsView
from events.views.cost import CostView
from events.views.experience import EXPERIENCE, Experience, experience, standing_and_experience
from events.views.kept import Kept, fold_kept, snapshot_of
from events.views.money import Amount, MoneyView
from events.views.sessions import SessionsView
from events.views.standing import STANDING, Standing, standing
from events.views.tasks import TasksView
from events.views.trails import TrailsView

VIEWS: tuple[Callable[[], View], ...] = (
    *(ClaimsView, CostView, MoneyView, SessionsView, Standing, TasksView, TrailsView),
    *(each.kind for each in KEPT),
    lambda: MoneyView().only(2),
)
seeds = st.integers(0, 1 << 32)


async def entries_of(seed: int) -> list[Entry]:
    log = MemoryLog(clock=SetClock())
    for append in history(Random(seed)):
        await log.append(append.events, texts=append.texts)
    return await everything(log)


def folded(view: View, entries: Sequence[Entry]) -> View:
    for entry in entries:
        view.apply(entry)
    return view


@settings(max_examples=50, deadline=None)
@given(seeds, st.floats(0, 1))
def test_every_view_goes_on_from_its_state_as_if_it_had_seen_everything(seed: int, part: float) -> None:
    entries = anyio.run(entries_of, seed)
    cut = round(part * len(entries))
    for view in VIEWS:
        before = folded(view(), entries[:cut])
        after = decode_state(type(before), encode_state(before))
        assert after == before
        assert folded(after, entries[cut:]) == folded(view(), entries)


@settings(max_examples=50, deadline=None)
@given(seeds, st.floats(0, 1))
def test_a_session_knows_of_money_what_the_whole_log_says_of_its_scopes_and_of_shared_ones(
    seed: int, part: float
) -> None:
    """From how things stand at some position, its own events up to there, and all that follows."""
    entries = anyio.run(entries_of, seed)
    cut = round(part * len(entries))
    money = MoneyView().only(SHARED)
    folded(money, entries[:cut])
    own = MoneyView().only(2)
    folded(own, [entry for entry in entries[:cut] if entry.session == 2])
    money.own(2, own)
    folded(money, entries[cut:])
    whole = MoneyView()
    folded(whole, entries)
    mine = {scope: state for scope, state in whole.scopes.items() if session_of(scope) in (SHARED, 2)}
    assert money.scopes == mine
    assert money.open.keys() == whole.open.keys() and money.unknown.keys() == whole.unknown.keys()


def test_a_scope_of_a_session_is_known_by_its_name() -> None:
    assert [session_of(scope) for scope in ("s412", "s412/build", "s1/s2")] == [412, 412, 1]
    for scope in ("log", "day:2026-09-21@UTC", "s", "s/1", "sX", "schedule:s1", "s٣", ""):
        assert session_of(scope) == SHARED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> int:
    """A snapshot is worth its room sooner than it is for users."""
    monkeypatch.setattr(events.views.kept, "EVERY", 40)
    return 40


async def write(log: EventLog, seed: int = 1) -> None:
    for append in history(Random(seed)):
        await log.append(append.events, texts=append.texts)


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


@pytest.mark.parametrize("where", ["memory", "sqlite"])
async def test_what_was_kept_is_gone_on_from_and_says_what_the_whole_log_says(
    where: str, path: Path, every: int
) -> None:
    async with open_log("memory:" if where == "memory" else path) as log:
        await write(log, 1)
        first = await standing(log)
        assert first.kept == first.position == (await log.head()).position > every
        await write(log, 2)
        if where == "sqlite":  # the thread that keeps it is done with that when a later append is acknowledged
            snapshot = await log.snapshot(STANDING.name, STANDING.form)
            assert snapshot is not None and (snapshot.position, snapshot.wrong) == (first.position, "")
        second = await standing(log)
        assert second.view == (await standing(log, anew=True)).view
        assert second.view.trails == await fold(log, TrailsView())
        assert second.view.ledger == max(e.position for e in await everything(log) if e.topic == "ledger")


async def test_a_short_log_keeps_no_snapshot(path: Path) -> None:
    async with open_log(path) as log:
        await write(log)
        assert (await standing(log)).kept == 0
        await log.append([an_event()])
        assert await log.snapshot(STANDING.name, STANDING.form) is None
    assert (await check_caches(path)).caches == ()


async def a_kept(path: Path) -> Standing:
    async with open_log(path) as log:
        await write(log)
        kept = (await standing(log)).view
        await log.append([an_event()])
        return kept


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE snapshot SET state = CAST(substr(state, 2) AS BLOB)", "checksum"),
        ("UPDATE snapshot SET checksum = checksum + 1", "checksum"),
        ("UPDATE snapshot SET hash = zeroblob(32)", "checksum"),
        ("UPDATE snapshot SET position = position - 1", "checksum"),
        ("UPDATE batch SET hash = zeroblob(32) WHERE position = (SELECT position FROM snapshot)", "another one"),
        ("DELETE FROM batch WHERE position = (SELECT position FROM snapshot)", "no batch"),
    ],
)
async def test_a_snapshot_that_does_not_fit_is_not_believed_and_is_made_anew(
    path: Path, every: int, statement: str, what: str
) -> None:
    await a_kept(path)
    change(path, statement)
    with closing(sqlite3.connect(path)) as connection:
        assert what in snapshots.check(connection)[0].what
    assert [what in cache.reason for cache in (await check_caches(path)).wrong] == [True]
    async with open_log(path) as log:
        found = await standing(log)
        assert what in found.wrong and found.view == (await standing(log, anew=True)).view
        await log.append([an_event()])
        assert (await standing(log)).wrong == ""
    assert (await check_caches(path)).ok


@pytest.mark.parametrize("lie", [True, False])
async def test_a_snapshot_that_its_events_contradict_is_found_by_comparing(path: Path, every: int, lie: bool) -> None:
    kept = await a_kept(path)
    kept.trails.learned.rows.clear()
    async with open_log(path) as log:
        position = (await log.head()).position
        state = encode_state(kept) if lie else b"\xc1 no state of a view"
        await log.keep(Snapshot(STANDING.name, STANDING.form, position, state))
    assert [cache.what for cache in (await check_caches(path)).wrong] == ["snapshot standing"]
    await rebuild_caches(path)
    assert [cache.state for cache in (await check_caches(path)).caches] == ["right"]


@pytest.mark.parametrize("lie", [True, False])
async def test_what_is_kept_of_how_work_went_is_compared_and_made_anew_as_well(
    path: Path, every: int, lie: bool
) -> None:
    async with open_log(path) as log:
        await write(log)
        kept = await experience(log)
        assert kept.kept == kept.position
        state = encode_state(Experience()) if lie else b"\xc1 no state of a view"
        await log.append([an_event()])
        position = (await log.head()).position
        await log.keep(Snapshot(EXPERIENCE.name, EXPERIENCE.form, position, state))
    assert [cache.what for cache in (await check_caches(path)).wrong] == ["snapshot experience"]
    if not lie:
        async with open_log(path, read_only=True) as log:
            found = await experience(log)
            assert "not the state of a Experience" in found.wrong and found.view == await fold(log, Experience())
    await rebuild_caches(path)
    assert (await check_caches(path)).ok


@pytest.mark.parametrize("of", KEPT, ids=lambda of: of.name)
async def test_every_snapshot_that_a_log_keeps_is_compared_with_its_events(
    path: Path, every: int, of: Kept[Any]
) -> None:
    async with open_log(path) as log:
        await write(log)
        await fold_kept(log, of)
        position = (await log.head()).position
    assert (f"snapshot {of.name}", "right") in [
        (cache.what, cache.state) for cache in (await check_caches(path)).caches
    ]
    async with open_log(path) as log:
        await log.append([an_event()])
        await log.keep(Snapshot(of.name, of.form, position + 1, b"\xc1 no state of a view"))
    assert [cache.what for cache in (await check_caches(path)).wrong] == [f"snapshot {of.name}"]
    await rebuild_caches(path)
    assert (await check_caches(path)).ok


async def test_an_older_snapshot_does_not_take_the_place_of_a_later_one_and_one_of_no_append_is_not_kept(
    path: Path, every: int
) -> None:
    async with open_log(path) as log:
        await write(log)
        later = await standing(log)
        older = await standing(log, until=(await everything(log))[1].position)
        await log.keep(snapshot_of(older))
        await log.keep(Snapshot(STANDING.name, STANDING.form, later.position + 7, b""))
        await log.append([an_event()])
        kept = await log.snapshot(STANDING.name, STANDING.form)
        assert kept is not None and kept.position == later.position


async def test_a_snapshot_of_another_form_is_passed_over_in_silence(path: Path, every: int) -> None:
    await a_kept(path)
    async with open_log(path) as log:
        assert await log.snapshot(STANDING.name, STANDING.form + 1) is None
        assert await log.snapshot("other", STANDING.form) is None


async def test_a_log_of_the_first_schema_is_read_without_caches(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "data" / "golden-1.db"
    path = tmp_path / "golden.db"
    path.write_bytes(golden.read_bytes())
    async with open_log(path, read_only=True) as log:
        found = await standing(log)
        assert (found.kept, found.wrong) == (0, "") and found.position == (await log.head()).position
    assert (await check_caches(path)).caches == ()


KNOWN = {
    "standing": (7, 287590662),
    "experience": (5, 1142855053),
    "answers": (1, 1557520782),
    "accepted": (1, 2512685432),
    "follows": (1, 2056008066),
    "hits": (1, 3840469162),
    "results": (1, 3146942330),
    "schedules": (1, 3076264096),
    "skills": (1, 386067359),
    "stages": (3, 1890383636),
    "toolpast": (1, 3136745341),
    "waste": (1, 3231969443),
}


@pytest.mark.parametrize("of", KEPT, ids=lambda of: of.name)
def test_a_state_of_another_form_has_another_number(of: Kept[Any]) -> None:
    """Whoever changes a struct that is kept gives its `form` the next number, and writes both numbers here."""
    shapes = [(each.__name__, each.__struct_fields__, str(each.__annotations__)) for each in structs_in(of.kind)]
    assert (of.form, crc32(repr(shapes).encode())) == KNOWN[of.name]


def structs_in(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The struct, and those that its fields are made of."""
    found = [kind]

    def look(hint: object) -> None:
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            found.extend(each for each in structs_in(hint) if each not in found)
        for argument in get_args(hint):
            look(argument)

    for hint in get_type_hints(kind).values():
        look(hint)
    return found


def test_it_stays_small_however_many_sessions_there_were() -> None:
    view, sizes = Standing(), list[int]()
    position = 0
    for session in range(1, 201):
        events = [
            make.new(make.claimed(), session=session, topic=f"claim/s{session}"),
            make.new(make.chosen(), session=session, task="t", step=1, attempt=1),
            make.new(make.reserved(scopes=("log", f"s{session}", f"s{session}/t")), session=session, topic="ledger"),
            make.new(make.settled(position + 3), session=session, task="t"),
            make.new(SessionRenewed(valid_until=5), session=session),
            make.new(make.accepted(), session=session, task="t", step=1, attempt=1),
            make.new(make.chosen(), session=session, task="u", step=1, attempt=1),
            make.new(make.chosen(role="explorer"), session=session, task="u"),
            make.new(TaskFailed(reason="", cause="no model"), session=session, task="v"),
            make.new(TaskCancelled(reason=""), session=session, task="u"),
            make.new(make.closed(finished=True), session=session, topic=f"claim/s{session}"),
        ]
        for new in events:
            position += 1
            view.apply(
                Entry(
                    position,
                    new.id,
                    position,
                    new.topic,
                    "",
                    new.session,
                    new.task,
                    new.step,
                    new.attempt,
                    0,
                    new.event,
                )
            )
        sizes.append(len(encode_state(view)))
    assert sizes[-1] <= sizes[1] + 40  # numbers have grown, and nothing else
    assert view.money.scopes["log"].spent == Amount(200 * 500, 200 * 900)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 40), st.integers(1, 40))
def test_two_views_that_are_folded_together_say_what_each_says_alone(seed: int, first: int, second: int) -> None:
    async def check() -> None:
        log = MemoryLog(clock=SetClock())
        for append in history(Random(seed)):
            await log.append(append.events, texts=append.texts)
        await log.keep(snapshot_of(await fold_kept(log, STANDING, until=first)))
        await log.keep(snapshot_of(await fold_kept(log, EXPERIENCE, until=second)))
        start, known = await standing_and_experience(log)
        assert start == await fold_kept(log, STANDING)
        assert known == await fold_kept(log, EXPERIENCE)
        assert start.view == (await standing(log, anew=True)).view
        assert known.view == (await fold_kept(log, EXPERIENCE, anew=True)).view
        last = (await log.head()).position
        assert (start.kept, known.kept) == (min(first, last), min(second, last))

    anyio.run(check)
