"""The view of schedules, with the lookup that `swarm watch` and `swarm replay` hand to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from events.log import Entry, open_log
from events.types.call import CallReserved, CallSettled
from events.types.schedule import (
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringStarted,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
)
from swarm.cli import schedule_list
from swarm.cli.lookup.schedules import ScheduleLookup
from swarm.cli.main import main
from swarm.cli.replay import replay_app
from swarm.errors import dollars
from swarm.zones import zone_named
from tests.tui.recordings import START, Clock, at_home
from tests.tui.screens import NOW, drawn, loaded_for, looking
from tests.tui.test_budget import cells
from tests.tui.test_live import a_random_history
from tui.live import Live
from tui.record import read_record
from tui.sheet import Sheet
from tui.views.schedules import SchedulesView
from tui.words import span, visible

SEVEN_THIRTY = START + 70_200_000_000
"""06:30 in Berlin on the next day: it is 05:30 in UTC, and START is at 10:00."""

FIRINGS = (FiringDue, FiringStarted, FiringFinished, FiringOrphaned, FiringMissed)


class Plain:
    """What is known of a schedule, each event by itself."""

    def __init__(self) -> None:
        self.paused: str | None = None
        self.open: dict[int, Entry] = {}
        self.ended: list[tuple[Entry, Entry]] = []  # when it was due, and when it ended
        self.events: list[Entry] = []


def plain_schedules(entries: Sequence[Entry]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    events: dict[str, list[Entry]] = {}
    goes_on: dict[str, dict[int, Entry]] = {}  # what ran of one when it was removed
    for entry in entries:
        event = entry.event
        if isinstance(event, FIRINGS):
            events.setdefault(event.schedule, []).append(entry)
        if isinstance(event, ScheduleSet) and event.schedule not in found:
            found[event.schedule] = Plain()
            found[event.schedule].open = goes_on.get(event.schedule, {})
        if not isinstance(name := getattr(event, "schedule", None), str) or name not in found:
            continue
        plain = found[name]
        match event:
            case SchedulePaused():
                plain.paused = event.reason
            case ScheduleResumed():
                plain.paused = None
            case ScheduleRemoved():
                goes_on[name] = found.pop(name).open
            case FiringDue():
                plain.open[entry.position] = entry
            case FiringFinished() | FiringOrphaned() if event.firing in plain.open:
                plain.ended.append((plain.open.pop(event.firing), entry))
            case _:
                pass
    for name, plain in found.items():
        plain.events = events.get(name, [])
    return found


def plain_cost(entries: Sequence[Entry], session: int) -> str:
    """Of a session with one call at most."""
    own = [entry.event for entry in entries if entry.session == session]
    reserved = [event for event in own if isinstance(event, CallReserved)]
    settled = [event for event in own if isinstance(event, CallSettled)]
    unknown = [event for event in own if type(event).__name__ == "CallUnknown"]
    if not session:
        return "—"
    if unknown:
        return f"{dollars(reserved[0].cost_nanos)}?"
    return dollars(settled[0].cost_nanos if settled else 0)


def is_as_plain(sheet: Sheet, entries: Sequence[Entry], now: int) -> None:
    """Each number of the table is that of the events up to here."""
    schedules = plain_schedules(entries)
    assert [line.key for line in sheet.lines] == sorted(schedules)
    for line in sheet.lines:
        plain, said = schedules[line.key], cells(sheet, line)
        every = (now - 7) // 1_200_000_000 * 1_200_000_000 + 1_200_000_000 + 7
        at = SEVEN_THIRTY if line.key == "nightly" else every
        assert said["next in"] == ("—" if plain.paused is not None else span(at - now)), line.key
        good = [getattr(end.event, "exit_code", 1) == 0 for _, end in plain.ended[-7:]]
        assert said["last 7"] == "".join("✘✔"[each] for each in good).rjust(7, "·")
        sessions = {_session_of(entries, due) for due in plain.open.values()} - {0}
        if plain.open:
            words = said["state"].split()
            assert words[: len(words) - len(sessions)] == [str(len(plain.open))] * (len(plain.open) > 1) + ["running"]
            assert {int(word[1:]) for word in words[len(words) - len(sessions) :]} == sessions
        else:
            assert said["state"] == ("on" if plain.paused is None else f"paused: {visible(plain.paused)}")
        if not plain.ended:
            assert (said["last"], said["took"], said["cost"]) == ("—", "—", "—")
            continue
        due, end = plain.ended[-1]
        assert said["took"] == span(end.at - due.at)
        assert said["last"][0] == "✘✔"[good[-1]]
        assert said["cost"] == plain_cost(entries, getattr(end.event, "run", 0))


def _session_of(entries: Sequence[Entry], due: Entry) -> int:
    return next(
        (each.session for each in entries if getattr(each.event, "firing", 0) == due.position and each.session), 0
    )


@pytest.mark.parametrize("seed", range(3))
async def test_each_number_on_the_screen_is_that_of_its_events(tmp_path: Path, seed: int) -> None:
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        entries = await a_random_history(log, Random(seed), schedules=True)
        async with looking(log, tmp_path, size=(200, 40)) as (app, pilot):
            await pilot.press(str([view.WORD for view in app.views].index("Schedules") + 1))
            shown, view = await drawn(app, pilot), app.view
            assert isinstance(view, SchedulesView) and view.sheet.lines
            is_as_plain(view.sheet, entries, NOW)
            for line in view.sheet.lines:
                assert all(text in shown for text in cells(view.sheet, line).values())
            name = view.sheet.lines[-1].key
            await pilot.press("end", "enter")
            shown = await drawn(app, pilot)
            plain = plain_schedules(entries)[name]
            keys = [line.key for line in view.sheet.lines if line.key.startswith("event")]
            assert keys == [f"event {entry.position}" for entry in reversed(plain.events)]
            assert len(view.sheet.lines) - len(keys) == (5 if plain.paused is None else 0)
            assert f"Schedules \u203a {name}" in shown and ("due in" in shown) == (plain.paused is None)
            for entry in plain.events:
                if isinstance(entry.event, FiringFinished) and entry.event.run:
                    (line,) = [each for each in view.sheet.lines if each.key == f"event {entry.position}"]
                    said = cells(view.sheet, line)
                    assert (said["session"], said["cost"]) == (
                        f"s{entry.event.run}",
                        plain_cost(entries, entry.event.run),
                    )
            await pilot.press("enter", "escape")  # the first does nothing here
            await drawn(app, pilot)
            assert view.chosen == name and "last 7" in {column.name for column in view.sheet.columns}


async def test_a_replay_shows_the_schedules_of_its_place(tmp_path: Path) -> None:
    random = Random(5)
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        entries = await a_random_history(log, random, schedules=True)
        record, trouble = await read_record(log, 1)
        app = replay_app(log, record, loaded_for(tmp_path), trouble=trouble)
        async with app.run_test(size=(200, 60)) as pilot:
            view = next(each for each in app.views if isinstance(each, SchedulesView))
            app.show(view)
            for number in (len(record) - 1, 0, *(random.randrange(len(record)) for _ in range(4))):
                app.playback.playing.go(number)
                app.playback.settle()
                while not (app.playback.is_settled and view.is_settled):
                    await pilot.pause()
                    app.paint()
                position = record.positions[number]
                before = [entry for entry in entries if entry.position <= position]
                is_as_plain(view.sheet, before, app.sight.clock())


def test_the_view_says_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(schedule_list, "system_clock", lambda: NOW)

    async def write() -> list[Entry]:
        async with open_log(tmp_path / "log.db", clock=Clock()) as log:
            return await a_random_history(log, Random(0), schedules=True)

    live = Live(1)
    live.apply(anyio.run(write))

    async def look(*names: str) -> list[Sheet]:
        async with open_log(tmp_path / "log.db", read_only=True) as log:
            look_up = ScheduleLookup(log, zone_named("UTC"))
            return [await look_up(live, NOW, name) for name in names]

    def told(*words: str) -> str:
        assert main(["schedule", *words, "--log", str(tmp_path / "log.db")]) == 0
        return capsys.readouterr().out

    (sheet,) = anyio.run(look, "")
    head, *rows = told("list").splitlines()
    starts = [head.index(name) for name in ("NEXT", "LAST", "TOOK", "7 DAYS", "STATE", "FILE")]
    for line, row in zip(sheet.lines, rows, strict=True):
        said = cells(sheet, line)
        next_, last, took, _, state = (row[begin:end].strip() for begin, end in pairwise(starts))
        assert (f"in {said['next in']}" if next_ != "-" else "-") == next_
        assert (" ".join(said["last"].split()[1:-2]) or "-", said["took"].replace("—", "-")) == (last, took)
        assert said["state"].startswith(state) and line.key == row.split()[0]
        (opened,) = anyio.run(look, line.key)
        history = told("history", line.key, "--count", "1000").splitlines()
        happened = [each for each in opened.lines if each.key.startswith("event")]
        assert [cells(opened, each)["what"] for each in reversed(happened)] == [each[22:] for each in history]
        due = [cells(opened, each)["when"] for each in opened.lines if each.key.startswith("due")]
        assert due == told("next", line.key).splitlines()
        found: dict[str, Any] = json.loads(told("next", line.key, "--json"))
        assert len(found["next"]) == len(due)
    missing, empty = anyio.run(look, "nobody", "")
    assert "no such schedule" in missing.notes[0][0][0] and empty.lines == sheet.lines


async def test_without_a_schedule_the_view_says_what_one_is(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db", clock=Clock()) as log:
        await a_random_history(log, Random(1))
        live = Live(1)
        live.apply(await log.read(limit=1_000))
        sheet = await ScheduleLookup(log, None)(live, NOW, "")
        said = "\n".join("".join(text for text, _ in note) for note in sheet.notes)
        assert not sheet.lines and "`swarm schedule add NAME FILE --cron EXPR`" in said
        assert "runs a task file by itself" in said
