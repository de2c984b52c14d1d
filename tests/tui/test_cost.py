"""The view of costs, with the lookup that `swarm watch` and `swarm replay` hand to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
import pytest
from textual.widgets import Input

from events.log import Entry, open_log
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import FREE_TIERS
from events.types.task import StepAccepted, StepDrafted, StepRejected
from events.views.cost import Cost
from swarm.cli import cost
from swarm.cli.cost_report import share
from swarm.cli.lookup.cost import LogCosts
from swarm.cli.lookup.cost_lines import change_said
from swarm.cli.main import main
from swarm.cli.replay import replay_app
from swarm.errors import dollars
from swarm.settings.load import Loaded
from tests.tui.recordings import Clock, Writer, at_home, record
from tests.tui.screens import NOW, drawn, loaded_for, looking, settings_for, text_of
from tests.tui.test_budget import cells
from tests.tui.test_live import a_random_history
from tui.costs import BYS, CostAsked, CostSheet
from tui.live import Live
from tui.record import read_record
from tui.rows import fitted
from tui.saving import SaveScreen
from tui.views.cost import CostView

DAYS = tuple(f"day:2026-11-{day:02}@UTC" for day in (12, 13, 16, 19, 21))


async def _record(path: Path, seed: int) -> list[Entry]:
    async with open_log(path, clock=Clock()) as log:
        return await a_random_history(log, Random(seed), days=DAYS, caps=True)


def plain_costs(entries: list[Entry], first: str, last: str, key: str) -> dict[str, list[int]]:
    """By model, tier, role or task: calls, tokens in, cached and out, and nano-dollars; each call by itself."""
    found: dict[str, list[int]] = {}
    of: dict[int, tuple[str, int]] = {}
    unknown: set[int] = set()
    for entry in entries:
        match entry.event:
            case CallReserved() as call if first <= call.scopes[0][4:14] <= last:
                name = f"s{entry.session}/{entry.task}" if key == "task" else getattr(call, key)
                of[entry.position] = name, call.cost_nanos
                found.setdefault(name, [0, 0, 0, 0, 0])[0] += 1
            case CallUnknown(reservation=at) if at in of:
                unknown.add(at)
                found[of[at][0]][4] += of[at][1]
            case CallSettled(reservation=at) as end if at in of:
                back = of[at][1] if at in unknown else 0
                more = (0, end.input_tokens, end.cached_tokens, end.output_tokens, end.cost_nanos - back)
                found[of[at][0]] = [sum(pair) for pair in zip(found[of[at][0]], more, strict=True)]
            case CallFailed(reservation=at) | CallReleased(reservation=at) if at in unknown:
                found[of[at][0]][4] -= of[at][1]
            case _:
                pass
    return found


def plain_verdicts(entries: list[Entry]) -> dict[str, list[int]]:
    """By model how many of its drafts were accepted, and how many judged."""
    drafts: dict[tuple[int, str, int, int], str] = {}
    last: dict[tuple[int, str, int, int], bool] = {}
    for entry in entries:
        attempt = (entry.session, entry.task, entry.step, entry.attempt)
        if isinstance(entry.event, StepDrafted):
            drafts[attempt] = entry.event.model
            last.pop(attempt, None)
        elif isinstance(entry.event, StepAccepted | StepRejected) and attempt in drafts:
            last[attempt] = isinstance(entry.event, StepAccepted)
    found: dict[str, list[int]] = {}
    for attempt, is_accepted in last.items():
        counts = found.setdefault(drafts[attempt], [0, 0])
        counts[0] += is_accepted
        counts[1] += 1
    return found


@pytest.mark.parametrize("seed", range(3))
def test_each_row_is_that_of_the_command_and_of_a_plain_sum(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    entries = anyio.run(_record, tmp_path / "log.db", seed)
    monkeypatch.setattr(cost, "system_clock", lambda: NOW)

    def said(by: str) -> dict[str, Any]:
        assert main(["cost", "week", "--by", by, "--log", str(tmp_path / "log.db"), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    async def look(asked: CostAsked) -> CostSheet:
        live = Live(1)
        live.apply(entries)
        async with open_log(tmp_path / "log.db", read_only=True) as log:
            return await LogCosts(log, Loaded(settings_for(tmp_path), {}), is_past=False).sheet(live, NOW, asked)

    for by in BYS:
        told, sheet = said(by), anyio.run(look, CostAsked(by=by))
        rows = [cells(sheet, line) for line in sheet.lines]
        assert [row[by] for row in rows] == [*(row[by] for row in told["rows"]), "total"]
        total = {name.removeprefix("total_"): value for name, value in told.items() if name.startswith("total_")}
        for row, numbers in zip(rows, [*told["rows"], total], strict=True):
            assert (row["calls"], row["in"], row["out"]) == tuple(
                f"{numbers[name]:,}" for name in ("calls", "input_tokens", "output_tokens")
            )
            assert row["cached"] == share(numbers["cached_tokens"], numbers["input_tokens"])
            assert row["cost"] == dollars(numbers["nanos"]) + ("?" if numbers["maybe_paid"] else "")
        if by != "skill":
            plain = plain_costs(entries, "2026-11-16", "2026-11-21", by)
            assert {name: [row["calls"], row["cost"].rstrip("?")] for row in rows[:-1] for name in (row[by],)} == {
                name: [f"{each[0]:,}", dollars(each[4])] for name, each in plain.items()
            }


async def test_the_screen_says_what_was_looked_up(tmp_path: Path) -> None:
    entries = await _record(tmp_path / "log.db", 4)
    costs, verdicts = plain_costs(entries, "2026-11-16", "2026-11-21", "model"), plain_verdicts(entries)
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(160, 50)) as (app, pilot),
    ):
        await pilot.press("3")
        shown = await drawn(app, pilot)
        view = app.view
        assert isinstance(view, CostView) and isinstance(view.sheet, CostSheet)
        for line in view.sheet.lines:
            row = cells(view.sheet, line)
            assert all(text in shown for text in row.values())
            if (name := row["model"]) in costs:
                accepted, judged = verdicts.get(name, [0, 0])
                assert row["ok"] == (share(accepted, judged) if judged else "—")
                assert row["$/ok"] == (dollars(costs[name][4] // accepted) if accepted else "—")
        by_day = {day: plain_costs(entries, day, day, "tier") for day in ("2026-11-16", "2026-11-17", "2026-11-21")}
        for day, tiers in by_day.items():
            bar = view.sheet.days[int(day[-2:]) - 16]
            assert bar.parts == (
                sum(each[4] for tier, each in tiers.items() if tier in FREE_TIERS),
                tiers.get("cheap", [0] * 5)[4],
                tiers.get("paid", [0] * 5)[4],
            )
            assert f"{datetime.fromisoformat(day):%a %d}" in shown and dollars(sum(bar.parts)) in shown
        whole = sum(each[4] for each in costs.values())
        assert f"{dollars(whole // 6)} on average over 6 days" in " ".join(shown.split())


async def test_every_key_of_the_view(tmp_path: Path) -> None:
    await _record(tmp_path / "log.db", 3)
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(160, 50)) as (app, pilot),
    ):

        async def after(*keys: str) -> str:
            await pilot.press(*keys)
            return await drawn(app, pilot)

        assert "week 2026-11-16 to 2026-11-21 · by model · in $" in await after("3")
        assert "day 2026-11-21 · by model" in await after("d")
        assert "month 2026-11-01 to 2026-11-21" in await after("m")
        titles = [(await after("o")).splitlines()[1] for _ in BYS]
        assert [title.partition(" · by ")[2].split()[0] for title in titles] == [*BYS[1:], BYS[0]]
        assert "· in tokens" in await after("w", "v")
        assert "· in calls" in await after("v")
        assert "· in $" in await after("v")
        assert "AGAINST BEFORE" in await after("c")
        view = app.view
        assert isinstance(view, CostView) and isinstance(view.sheet, CostSheet)
        entries = await log.read(limit=1000)
        now, before = (
            plain_costs(entries, first, last, "model")
            for first, last in (("2026-11-16", "2026-11-21"), ("2026-11-09", "2026-11-14"))
        )
        for line in view.sheet.lines[:-1]:
            row = cells(view.sheet, line)
            assert row["model"] in before
            was = Cost(nanos=before[row["model"]][4])
            assert row["against before"] == change_said(now[row["model"]][4], was, "cost")[0]
        assert "AGAINST BEFORE" not in await after("c")


def test_a_change_says_its_way_by_a_sign() -> None:
    assert change_said(150, Cost(nanos=100), "cost") == ("▲ +50.0 %", "warn")
    assert change_said(50, Cost(calls=100), "calls") == ("▼ -50.0 %", "good")
    assert change_said(7, None, "tokens")[0] == "▲ new"
    assert change_said(7, Cost(input_tokens=4, output_tokens=3), "tokens")[0] == change_said(0, None, "cost")[0] == "="


async def test_files_are_written_where_they_are_named_and_over_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home(tmp_path, monkeypatch)
    await record(tmp_path / "log.db")
    name = "swarm-cost-2026-W47-by-model.csv"
    async with (
        open_log(tmp_path / "log.db", read_only=True) as log,
        looking(log, tmp_path, size=(160, 50)) as (app, pilot),
    ):

        async def until(text: str) -> None:
            while text not in " ".join(text_of(app).replace("│", " ").split()):
                await pilot.pause()

        async def left() -> None:
            while isinstance(app.screen, SaveScreen):
                await pilot.pause()

        await pilot.press("3")
        await drawn(app, pilot)
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, SaveScreen) and app.screen.query_one(Input).value == name
        await pilot.press("enter")
        await left()
        written = (tmp_path / name).read_text("utf-8")
        assert written.splitlines()[0].startswith("model,calls,") and "sonnet,3," in written
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert [told.message for told in app._notifications] == [
            f"written: {tmp_path / name} ({len((tmp_path / name).read_bytes())} bytes)"
        ]  # pyright: ignore[reportPrivateUsage]
        (tmp_path / name).write_text("mine")
        await pilot.press("e", "enter")
        await until("is there already")
        assert (tmp_path / name).read_text() == "mine"
        app.screen.query_one(Input).value = "no/such/folder.csv"
        await pilot.press("enter")
        await until("cannot be written")
        app.screen.query_one(Input).value = "other.csv"
        await pilot.press("enter")
        await left()
        assert (tmp_path / "other.csv").read_text("utf-8") == written
        await pilot.press("h", "enter")
        await left()
        assert "<!doctype html>" in (tmp_path / "swarm-cost-2026-W47.html").read_text("utf-8").lower()
        await pilot.press("e", "escape")
        await left()


async def test_in_a_replay_today_is_the_day_of_the_place_and_no_page_is_written(tmp_path: Path) -> None:
    clock = Clock(NOW - 3 * 86_400_000_000)
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        writer = Writer(log)
        await writer.open("t")
        await writer.submit("a")
        for number, day in enumerate(("2026-11-18", "2026-11-19", "2026-11-20")):
            clock.now = NOW - (3 - number) * 86_400_000_000
            at = await writer.reserve("a", model="sonnet", nanos=9, day=f"day:{day}@UTC")
            await writer.settle(at, "a", nanos=(number + 1) * 100_000_000)
        record_, trouble = await read_record(log, 1)
        app = replay_app(log, record_, loaded_for(tmp_path), trouble=trouble)
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.press("3", "d")
            view = app.view
            assert isinstance(view, CostView)
            for back, said in ((0, "$0.30"), (2, "$0.20"), (1, "$0")):
                app.playback.playing.go(len(record_) - 1 - back)
                app.playback.settle()
                while not (app.playback.is_settled and view.is_settled):
                    await pilot.pause()
                    app.paint()
                today = datetime.fromtimestamp(app.live.at // 1_000_000, UTC).date()
                assert f"day {today} " in view.sheet.title
                assert cells(view.sheet, view.sheet.lines[-1])["cost"] == said
            await pilot.press("h")
            await pilot.pause()
            assert not isinstance(app.screen, SaveScreen)


async def test_rows_of_the_view_fit_any_width(tmp_path: Path) -> None:
    from tui.views.cost import _day_row, _fact_rows  # pyright: ignore[reportPrivateUsage]

    entries = await _record(tmp_path / "log.db", 1)
    live = Live(1)
    live.apply(entries)
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        sheet = await LogCosts(log, Loaded(settings_for(tmp_path), {}), is_past=True).sheet(live, NOW, CostAsked())
    for width in (0, 1, 9, 20, 36, 140):
        for row in (*(_day_row(day, sheet.days, width) for day in sheet.days), *_fact_rows(sheet, width)):
            assert len("".join(text for text, _ in fitted(row, width))) == width
    empty = msgspec.structs.replace(sheet, facts=())
    assert _fact_rows(empty, 40) == []
