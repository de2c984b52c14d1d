"""The view model, without a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from events.log import Entry, EventLog, open_log
from events.types.base import TextRef
from events.types.call import BudgetMarked, BudgetSet, CallReserved, CallSettled, CallUnknown
from events.types.schedule import (
    SCHEDULES,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringStarted,
    Process,
    Rule,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    firing_topic,
)
from events.types.task import TaskCancelled, TaskHalted, TaskSubmitted
from events.views.money import ScopeState
from tests.tui.recordings import DAY, EVIL, START, Clock, Writer
from tui.gauges import budget_rows
from tui.header import header_row
from tui.live import SCOPED, Cap, Live, Ring, todays
from tui.reader import Reader
from tui.rows import event_row, fitted, task_row
from tui.words import count, usd

NOW = START + 60_000_000


async def a_random_history(
    log: EventLog, random: Random, *, days: Sequence[str] = (DAY,), caps: bool = False, schedules: bool = False
) -> list[Entry]:
    """Two sessions that make calls of every outcome in any order; with `caps` these are set, told and hit meanwhile, with
    `schedules` more sessions are run by some."""
    writers = [Writer(log, 1), Writer(log, 2)]
    for writer in writers:
        await writer.open(f"session {writer.session}")
        for task in ("a", "b"):
            await writer.submit(
                task, spec=f'{{"id":"{task}","prompt":"p","budget":{{"tokens":{random.randrange(500, 9000)}}}}}'
            )
            await writer.plan(task, "one")
    held: list[tuple[Writer, str, int]] = []
    for _ in range(random.randrange(5, 60)):
        if held and random.random() < 0.5:
            writer, task, position = held.pop(random.randrange(len(held)))
            if random.random() < 0.3:
                await writer.add(CallUnknown(reservation=position, reason="cut"), task=task, step=1, attempt=1)
            else:
                sizes = random.randrange(100, 5000), random.randrange(100), random.randrange(900)
                await writer.settle(position, task, tokens=sizes, nanos=random.randrange(10**9))
        else:
            writer, task = random.choice(writers), random.choice("ab")
            nanos = random.choice((0, random.randrange(10**9)))
            position = await writer.reserve(
                task,
                tokens=random.randrange(9000),
                nanos=nanos,
                model=random.choice(("sonnet", "opus")) if nanos else "qwen",
                role=random.choice(("worker", "worker", "validator")),
                day=random.choice(days),
                skills=random.choice(((), (), ("sql",), ("sql", "docs"))),
            )
            held.append((writer, task, position))
        if caps:
            await _something_of_caps(writer, task, random)
        if schedules:
            await _something_of_schedules(log, random)
    if random.random() < 0.5:
        await writers[0].add(TaskCancelled(reason="enough"), task="b")
    return await log.read(limit=10_000)


async def _something_of_caps(writer: Writer, task: str, random: Random) -> None:
    scope = random.choice(
        (DAY, "log", f"s{writer.session}", f"s{writer.session}/{task}", f"s{writer.session}/a/worker")
    )
    unit = random.choice(("nanos", "tokens"))
    match random.randrange(12):
        case 0:
            most = random.randrange(1, 10**9), random.randrange(1, 10**4)
            nanos, tokens = (most[0], None) if unit == "nanos" else (None, most[1])
            await writer.add(BudgetSet(scope=scope, by="ada@host", nanos=nanos, tokens=tokens), topic="ledger")
        case 1:
            await writer.add(BudgetMarked(scope=scope, unit=unit, percent=80, used=80, cap=100))
        case 2:
            await writer.draft(task, "a draft", model=random.choice(("qwen", "sonnet")))
            await (writer.accept(task, "done") if random.random() < 0.6 else writer.reject(task, "no", "look again"))
        case 3:
            await writer.add(TaskHalted(reason="no room", scope=scope, unit=unit, needed=9), task=task)
        case _:
            pass


async def _something_of_schedules(log: EventLog, random: Random) -> None:
    """One is set, paused or removed, or a run of one begins that ends in some way, or does not."""
    name = random.choice(("nightly", "often"))
    scribe, by = Writer(log, 0), "ada@host"
    said = [entry.event for entry in await log.read(topic=SCHEDULES, limit=10_000)]
    last = next((event for event in reversed(said) if getattr(event, "schedule", "") == name), None)
    match random.randrange(12) if last is not None and not isinstance(last, ScheduleRemoved) else 0:
        case 0 | 1 | 2:
            rule = Rule(cron="30 6 * * *", zone="Europe/Berlin") if name == "nightly" else Rule(every_s=1200, anchor=7)
            set_ = ScheduleSet(schedule=name, directory="/srv", path="a.yaml", rule=rule, since=START, by=by)
            await scribe.add(set_, topic=SCHEDULES)
        case 3:
            word = random.choice(
                (
                    SchedulePaused(schedule=name, by=by, reason=EVIL),
                    ScheduleResumed(schedule=name, by=by, since=START),
                    ScheduleRemoved(schedule=name, by=by),
                )
            )
            await scribe.add(word, topic=SCHEDULES)
        case 4:
            missed = FiringMissed(schedule=name, first_due=START, last_due=START + 9, slots=2, reason="late")
            await scribe.add(missed, topic=firing_topic(name))
        case _:
            await _a_run(log, name, random)


async def _a_run(log: EventLog, name: str, random: Random) -> None:
    held = await log.read(limit=10_000)
    number = max(entry.session for entry in held) + 1
    scribe, topic = Writer(log, 0), firing_topic(name)
    me = Process("host", "boot", 1, 1)
    firing = await scribe.add(FiringDue(schedule=name, due=START, starter=me), topic=topic)
    await scribe.add(FiringStarted(schedule=name, firing=firing, process=me), topic=topic)
    session = 0
    if random.random() < 0.8:
        writer, session = Writer(log, number), number
        await writer.open(f"run of {name}", type="cron", schedule=name, firing=firing)
        at = await writer.reserve("a", nanos=random.randrange(10**9))
        if random.random() < 0.3:
            await writer.add(CallUnknown(reservation=at, reason="cut"), task="a")
        elif random.random() < 0.9:
            await writer.settle(at, "a", nanos=random.randrange(10**9))
    if (way := random.random()) < 0.75:
        code = random.choice((0, 0, 1, 3))
        await scribe.add(FiringFinished(schedule=name, firing=firing, exit_code=code, run=session), topic=topic)
    elif way < 0.9:
        await scribe.add(FiringOrphaned(schedule=name, firing=firing, run=session), topic=topic)


def drawn(live: Live) -> list[object]:
    """Everything that the panes say."""
    rows = [live.ring[index] for index in range(len(live.ring))]
    return [
        header_row(live, "running", NOW, "", 140),
        [task_row(task, 140, NOW) for task in live.rows],
        budget_rows(live, NOW, 60),
        [event_row(entry, UTC) for entry in rows],
    ]


@pytest.mark.parametrize("seed", range(12))
async def test_the_screen_says_the_same_whatever_the_batches_were(seed: int) -> None:
    random = Random(seed)
    async with open_log("memory:", clock=Clock()) as log:
        entries = await a_random_history(log, random)
    whole, live = Live(1), Live(0)
    whole.apply(entries)
    while entries:
        many = random.randrange(1, 9)
        live.apply(entries[:many])
        entries = entries[many:]
    assert drawn(live) == drawn(whole)


@pytest.mark.parametrize("seed", range(12))
async def test_each_number_is_the_sum_of_its_events(seed: int) -> None:
    async with open_log("memory:", clock=Clock()) as log:
        entries = await a_random_history(log, Random(seed))
    live = Live(1)
    live.apply(entries)
    events = {entry.position: entry.event for entry in entries}
    spent, tokens, per_task = 0, 0, {"a": 0, "b": 0}
    for entry in entries:
        if isinstance(entry.event, CallSettled):
            nanos, counted = entry.event.cost_nanos, entry.event.tokens
        elif isinstance(entry.event, CallUnknown):
            reserved = events[entry.event.reservation]
            assert isinstance(reserved, CallReserved)
            nanos, counted = reserved.cost_nanos, reserved.tokens
        else:
            continue
        spent += nanos
        if entry.session == 1:
            tokens += counted
            per_task[entry.task] += nanos
    budget = ["".join(text for text, _ in row) for row in budget_rows(live, NOW, 60)]
    header = "".join(text for text, _ in header_row(live, "running", NOW, "", 140))
    assert f"today {usd(spent)}" in header
    assert any(line.startswith(f"today {usd(spent)} · ") for line in budget)
    assert any(line.startswith("s1 ") and f" · {count(tokens)} tok " in line for line in budget)
    for task in live.rows:
        assert f" {usd(per_task[task.name])}" in task_row(task, 140, NOW)[-1][0]


def test_the_ring_holds_the_newest_and_says_how_many_have_gone() -> None:
    ring = Ring(100)
    entries = [_entry(position) for position in range(1, 1001)]
    for start in range(0, 1000, 7):
        ring.extend(entries[start : start + 7])
        assert len(ring) <= 117
    assert ring.first + len(ring) == 1000
    assert ring[len(ring) - 1].position == 1000
    assert ring[0].position == ring.first + 1


def test_today_is_the_day_of_each_scope_in_its_own_zone() -> None:
    scopes = {
        name: ScopeState()
        for name in (DAY, "day:2026-11-22@Pacific/Auckland", "day:2026-11-22@UTC", "day:x@Mars", "s1")
    }
    assert todays(scopes, START) == [DAY]
    here = f"day:{datetime.fromtimestamp(START // 1_000_000).date()}@local"  # the machine's own zone is meant
    assert todays({here: ScopeState(), "day:2026-11-01@local": ScopeState()}, START) == [here]
    assert todays(scopes, START + 2 * 3_600_000_000) == [DAY, "day:2026-11-22@Pacific/Auckland"]


def test_a_cap_that_is_near_or_passed_says_so_without_colour() -> None:
    live = Live(1)
    state = live.money.scope("s1")
    state.spent.add(700, 0)
    live.set_cap("s1", Cap(tokens=1000))
    said: list[str] = []
    for more in (0, 100, 200):
        state.reserved.add(more, 0)
        said.append(next(text for row in budget_rows(live, NOW, 60) for text, _ in row if "%" in text).strip())
    assert said == ["70%", "80%!", "100%!!"]


def test_a_cap_that_a_person_recorded_stands_in_place_of_the_one_that_was_looked_up() -> None:
    live = Live(1)
    live.set_cap("s1", Cap(tokens=1000, nanos=7))
    before = live.versions.budget
    live.apply([msgspec.structs.replace(_entry(1), event=BudgetSet(scope="s1", tokens=2000, by="ada@host"))])
    assert live.cap("s1") == Cap(tokens=2000, nanos=7) and live.versions.budget == before + 1
    live.money.scope("s1").spent.add(1000, 0)
    assert any("50%" in text for row in budget_rows(live, NOW, 60) for text, _ in row)


def test_the_budgets_of_many_tasks_are_bounded_and_say_so() -> None:
    live = Live(1)
    for number in range(SCOPED + 20):
        live.apply([_entry(number + 1, task=f"t{number}")])
        live.money.scope(f"s1/t{number}")
    live.money.scope("s1")
    assert len(live.scopes(NOW)) == SCOPED + 1
    assert "all: `swarm cost --by task`" in budget_rows(live, NOW, 60)[-1][0][0]


async def test_a_reader_says_how_far_behind_it_is_until_it_is_at_the_end() -> None:
    said: list[str] = []

    async def no_cap(scope: str, live: Live) -> Cap | None:
        said.append(reader.behind(live.at + 3_000_000))
        return None

    async with open_log("memory:", clock=Clock()) as log:
        entries = await a_random_history(log, Random(1))
        live = Live(1)
        reader = Reader(log, live, cap_of=no_cap)
        live.apply(entries[:5])
        assert reader.behind(live.at + 3_000_000) == "behind 3s"
        assert reader.behind(live.at) == ""
        reading = asyncio.create_task(reader.run())
        while not reader.caught_up:  # noqa: ASYNC110  # it tells nobody but the screen
            await asyncio.sleep(0)
        reading.cancel()
        assert reader.behind(live.at + 3_000_000) == "" and live.position == entries[-1].position
        assert set(said) == {""}, "while caps are looked up nothing is behind"


@pytest.mark.parametrize("width", [0, 1, 20, 45, 46, 59, 60, 75, 76, 140])
async def test_every_row_fits_any_width(width: int) -> None:
    async with open_log("memory:", clock=Clock()) as log:
        entries = await a_random_history(log, Random(3))
    live = Live(1)
    live.apply(entries)
    for row in (task_row(live.rows[0], width, NOW), event_row(live.ring[0], UTC), budget_rows(live, NOW, 60)[0]):
        assert len("".join(text for text, _ in fitted(row, width))) == width


async def test_a_narrow_screen_shows_each_task_with_its_cost() -> None:
    async with open_log("memory:") as log:
        entries = await a_random_history(log, Random(3))
    live = Live(1)
    live.apply(entries)
    row = "".join(text for text, _ in fitted(task_row(live.rows[0], 38, NOW), 38))
    assert usd(live.rows[0].cost_nanos)[:4] in row and live.rows[0].name in row


def _entry(position: int, task: str = "") -> Entry:
    event = TaskSubmitted(spec=TextRef("x"), title="t", decisions=1, type="code", complexity="simple")
    return Entry(
        position=position,
        id=b"",
        at=START,
        topic="s1",
        project="",
        session=1,
        task=task or "t",
        step=0,
        attempt=0,
        cause=0,
        event=event,
    )
