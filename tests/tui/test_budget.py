"""The view of budgets, with the lookup that `swarm watch` and `swarm replay` hand to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from events.log import Entry, EventLog, open_log
from events.scopes import path_of
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import ChoiceMade
from events.types.session import SessionClosed, SessionOpened
from events.types.stage import StageApplied
from events.types.task import TaskHalted, TaskReopened
from events.views.burning import HOUR_US, Burning
from swarm.cli.lookup.budget_lines import ends_at, hits_at
from swarm.cli.replay import replay_app
from swarm.errors import amount, dollars
from swarm.insight.budgets import Budgets, Held, read_budgets, shared_scopes
from swarm.settings.load import Loaded, Settings
from tests.tui.recordings import DAY, START, Clock, Writer, record, recording
from tests.tui.screens import NOW, drawn, loaded_for, looking, settings_for, text_of
from tests.tui.test_live import a_random_history
from tui.record import read_record
from tui.sheet import Gauge, Line, Sheet, Text
from tui.views.budget import BudgetView

PLAN = '{"id":"a","prompt":"p","budget":{"tokens":4000}}'


def plain_sums(entries: list[Entry]) -> dict[tuple[str, str], dict[str, int]]:
    """By scope and unit what is spent, reserved and maybe paid: each call by itself, and then together."""
    calls: dict[int, tuple[tuple[str, ...], dict[str, int], str, dict[str, int]]] = {}
    for entry in entries:
        match entry.event:
            case CallReserved() as call:
                path = path_of(call.scopes, project=entry.project, role=call.role, agent=call.agent)
                held = {"nanos": call.cost_nanos, "tokens": call.tokens}
                calls[entry.position] = path, held, "reserved", held
            case CallSettled(reservation=at, cost_nanos=nanos, tokens=tokens):
                calls[at] = (*calls[at][:2], "spent", {"nanos": nanos, "tokens": tokens})
            case CallUnknown(reservation=at):
                calls[at] = (*calls[at][:2], "maybe_paid", calls[at][1])
            case CallFailed(reservation=at) | CallReleased(reservation=at):
                del calls[at]
            case _:
                pass
    found: dict[tuple[str, str], dict[str, int]] = {}
    for path, _, state, amounts in calls.values():
        for scope in path:
            for unit, value in amounts.items():
                sums = found.setdefault((scope, unit), {"spent": 0, "reserved": 0, "maybe_paid": 0})
                sums[state] += value
                sums["spent"] += value if state == "maybe_paid" else 0
    return found


async def budgets_at_the_end(log: EventLog, settings: Settings) -> Budgets:
    """What `swarm budget` reads."""
    shared = shared_scopes("project", "UTC", NOW)
    return await read_budgets(
        log, Loaded(settings, {}), shared, session=1, alive=lambda claim: claim.valid_until >= NOW
    )


def cells(sheet: Sheet, line: Line) -> dict[str, str]:
    """What a line says, by its columns."""
    return {
        column.name: cell.text for column, cell in zip(sheet.columns, line.cells, strict=True) if isinstance(cell, Text)
    }


@pytest.mark.parametrize("seed", range(4))
async def test_each_number_is_that_of_the_command_and_of_a_plain_sum(tmp_path: Path, seed: int) -> None:
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        entries = await a_random_history(log, Random(seed), caps=True)
        budgets, sums = await budgets_at_the_end(log, settings_for(tmp_path)), plain_sums(entries)
        async with looking(log, tmp_path, size=(240, 60)) as (app, pilot):
            await pilot.press("2")
            shown = await drawn(app, pilot)
            assert isinstance(app.view, BudgetView)
            sheet = app.view.sheet
    lines = {line.key: line for line in sheet.lines}
    held = {f"{each.unit} {each.scope}": each for each in budgets.held(budgets.scopes())}
    assert held.keys() <= lines.keys()
    for key, line in lines.items():
        unit, _, scope = key.partition(" ")
        said = cells(sheet, line)
        for text in said.values():
            assert text.strip() in shown
        if key in held:
            _is_held(held[key], line, said, sums.get((scope, unit), {"spent": 0, "reserved": 0, "maybe_paid": 0}))
        else:
            for column, of in (("spent / cap", "spent"), ("reserved", "reserved"), ("maybe paid", "maybe_paid")):
                amounts = [(sums.get((scope, each), {}).get(of, 0), each) for each in ("nanos", "tokens")]
                texts = [dollars(value) if each == "nanos" else f"{value:,} tok" for value, each in amounts if value]
                assert said.get(column, "") == " + ".join(texts), (key, column)


def _is_held(held: Held, line: Line, said: dict[str, str], sums: dict[str, int]) -> None:
    assert (held.spent, held.reserved, held.maybe_paid) == tuple(sums[of] for of in ("spent", "reserved", "maybe_paid"))
    used, _, cap = said["spent / cap"].partition(" / ")
    more = "" if held.unit == "nanos" else "tokens"
    assert f"{used} {more}".strip() == amount(held.spent, held.unit)
    assert cap.replace("tok", "tokens") == amount(held.cap, held.unit)
    assert any(cell == Gauge(held.spent, held.reserved, held.cap) for cell in line.cells)
    per_mille = 1000 * held.spent // held.cap
    sign = "!!" if held.is_reached else "!" if 100 * held.spent >= 80 * held.cap else ""
    assert said["share"].strip() == f"{per_mille // 10}.{per_mille % 10} % {sign}".strip()


async def test_speed_and_the_time_of_a_cap_are_those_of_the_last_hour(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        writer = Writer(log)
        await writer.open("t")
        await writer.submit("a", spec=PLAN)
        first = await writer.reserve("a", nanos=9)
        for _ in range(9):
            await writer.reserve("a", tokens=0)
        await writer.settle(first, "a", tokens=(1000, 0, 0), nanos=1_000_000)
        last = datetime.fromtimestamp((await log.read(limit=100))[-1].at / 1e6, UTC)
        async with looking(log, tmp_path, size=(140, 40)) as (app, pilot):
            await pilot.press("2")
            shown = await drawn(app, pilot)
            assert isinstance(app.view, BudgetView)
            said = {line.key: cells(app.view.sheet, line) for line in app.view.sheet.lines}
    # 1,000 tokens in 10 s, taken as a minute: 60,000 an hour. 3,600 of 4,000 are not for the hand-over, and 2,600 are left
    assert said["tokens s1/a"]["burn/h"] == "60.0k" and said["tokens s1/a"]["hits cap"] == "10:03"
    # $0.001 in 10 s: six cents an hour, and the day is over before half a dollar is
    assert said[f"nanos {DAY}"]["burn/h"] == "$0.06" and said[f"nanos {DAY}"]["hits cap"] == "18:20"
    assert f"of the 10s, taken as a minute, up to the last charge at {last:%H:%M:%S}" in shown


def test_a_cap_is_not_hit_where_nothing_goes_or_its_day_is_over_before() -> None:
    held = Held(scope=DAY, unit="nanos", cap=1000, spent=400, reserved=0, maybe_paid=0, lost=0, kept=0, source="")
    burning = Burning(since=START, until=START + 1)
    at = hits_at(held, 300, burning, START)
    assert at == START + 2 * HOUR_US
    assert hits_at(held, 0, burning, START) is None
    assert hits_at(held, 300, burning, START + HOUR_US + 1) is None
    assert hits_at(held, 40, burning, START) is None  # in 15 hours, and the day has 14 left
    session = msgspec.structs.replace(held, scope="s1")
    assert hits_at(session, 40, burning, START) == START + 15 * HOUR_US
    assert hits_at(msgspec.structs.replace(session, kept=100), 100, burning, START) == START + 5 * HOUR_US
    assert ends_at(DAY) == START + 14 * HOUR_US == ends_at("month:2026-11@UTC") - 9 * 24 * HOUR_US  # type: ignore[operator]
    assert ends_at("s1") is None


async def test_where_all_is_done_no_time_is_told(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        writer = Writer(log)
        await writer.open("t")
        for task in ("a", "b"):
            await writer.submit(task, spec=PLAN.replace('"a"', f'"{task}"'))
            await writer.plan(task, "one")
            await writer.settle(await writer.reserve(task, nanos=9), task, tokens=(1000, 0, 0), nanos=1_000_000)
        await writer.accept("a", "done")
        async with looking(log, tmp_path, size=(140, 40)) as (app, pilot):
            await pilot.press("2")
            said: list[dict[str, str]] = []
            for _ in range(2):
                await drawn(app, pilot)
                assert isinstance(app.view, BudgetView)
                said.append({line.key: cells(app.view.sheet, line)["hits cap"] for line in app.view.sheet.lines})
                position = await writer.add(SessionClosed(finished=True, exit_code=0), topic="claim/1")
                while app.live.position < position:
                    await pilot.pause()
    assert said[0]["tokens s1/a"] == "—" and ":" in said[0]["tokens s1/b"] and ":" in said[0]["tokens s1"]
    assert {key: each for key, each in said[1].items() if ":" in each} == {f"nanos {DAY}": said[0][f"nanos {DAY}"]}


async def test_what_a_cap_led_to_stands_beside_it(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await writer.open("t")
        for task in ("a", "b"):
            await writer.submit(task, spec=PLAN.replace('"a"', f'"{task}"'))
        chosen = ChoiceMade(
            role="worker",
            context="c",
            agent="coder",
            model="qwen",
            tier="free",
            policy="trails",
            seed="1",
            candidates=(),
            spent_scope=DAY,
            spent_percent=81,
        )
        await writer.add(chosen, chosen, task="a", step=1, attempt=1)
        for reason in ("half of the cap", "window"):
            await writer.add(StageApplied(stage="history", before=22_400, after=9_100, on=reason), task="a")
        await writer.add(TaskHalted(reason="no room", scope="s1/a", unit="tokens", needed=9), task="a")
        await writer.add(TaskHalted(reason="no room", scope="s1", unit="tokens", needed=9), task="b")
        await writer.add(TaskReopened(reason="raised"), task="b")
        async with looking(writer.log, tmp_path, size=(200, 40)) as (app, pilot):
            await pilot.press("2")
            await drawn(app, pilot)
            assert isinstance(app.view, BudgetView)
            said = {line.key: cells(app.view.sheet, line)["action taken"] for line in app.view.sheet.lines}
    assert said == {
        f"nanos {DAY}": "cheaper arms first, 2x",
        "tokens s1": "",
        "tokens s1/a": "halted, compressed 22.4k→9.1k",
        "tokens s1/b": "",
    }


async def test_every_key_of_the_view(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(80, 24)) as (app, pilot),
    ):
        await pilot.press("2")
        await drawn(app, pilot)
        view = app.view
        assert isinstance(view, BudgetView)
        as_tree = [line.key for line in view.sheet.lines]
        assert as_tree[0] == "nanos log" and as_tree[-1] == "tokens s1/ship"
        await pilot.press("s")
        await drawn(app, pilot)
        assert [line.key for line in view.sheet.lines][:2] == ["tokens s1", f"nanos {DAY}"]
        await pilot.press("s")
        await drawn(app, pilot)
        assert view.chosen == "nanos log"
        await pilot.press("down", "down", "down")
        assert view.chosen == "tokens s1" and [line.key for line in view.sheet.lines] == as_tree
        await pilot.press("enter")
        shown = await drawn(app, pilot)
        assert "Budget \u203a s1" in shown and view.chosen == "event 25"
        assert "settled: $0.001234567 and 2,380 tokens in 2 calls" in shown
        assert "maybe paid: $0.003 and 1,000 tokens in 1 call" in shown
        assert "reserved now: $0 and 3,500 tokens in 1 call" in shown
        assert [line.key for line in view.sheet.lines] == ["event 25", "event 19", "event 13", "event 9"]
        await pilot.press("enter", "s", "escape")  # the first two do nothing here
        await drawn(app, pilot)
        assert view.chosen == "tokens s1" and "settled:" not in text_of(app)


async def test_an_empty_log_says_what_would_be_here(tmp_path: Path) -> None:
    async with (
        open_log(tmp_path / "log.db", clock=Clock()) as log,
        looking(log, tmp_path, size=(80, 24), session=0) as (app, pilot),
    ):
        await pilot.press("2")
        assert "no session yet; start one with `swarm run`" in await drawn(app, pilot)


@pytest.mark.parametrize("seed", range(2))
async def test_a_replay_shows_the_budgets_of_its_place(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        entries = await a_random_history(log, random, caps=True)
        record, trouble = await read_record(log, 1)
        app = replay_app(log, record, loaded_for(tmp_path), trouble=trouble)
        async with app.run_test(size=(200, 60)) as pilot:
            await pilot.press("2")
            view = app.view
            assert isinstance(view, BudgetView)
            for _ in range(2):
                app.playback.playing.go(random.randrange(2, len(record)))
                app.playback.settle()
                while not (app.playback.is_settled and view.is_settled):
                    await pilot.pause()
                    app.paint()
                position = record.positions[app.playback.playing.cursor]
                _are_sums(view.sheet, [entry for entry in entries if entry.position <= position])
    assert isinstance(entries[0].event, SessionOpened)


def _are_sums(sheet: Sheet, entries: list[Entry]) -> None:
    sums = plain_sums(entries)
    spent = {scope for (scope, _), each in sums.items() if any(each.values())}
    assert {line.key.partition(" ")[2] for line in sheet.lines} >= {
        scope for scope in spent if scope in (DAY, "s1", "s1/a")
    }
    for line in sheet.lines:
        unit, _, scope = line.key.partition(" ")
        for cell in line.cells:
            if isinstance(cell, Gauge):
                found = sums.get((scope, unit), {"spent": 0, "reserved": 0})
                assert (cell.spent, cell.reserved) == (found["spent"], found["reserved"])
