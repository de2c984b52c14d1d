"""The view of skills, with the lookup that `swarm watch` and `swarm replay` hand to it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from events.log import EventLog, NewEvent, open_log
from events.testing import builders as make
from events.types.call import CallReserved
from events.types.task import StepAccepted, StepRejected
from swarm.cli.lookup.skill_lines import state_told
from swarm.cli.main import main
from swarm.cli.replay import replay_app
from swarm.insight.difference import Count, Difference
from swarm.insight.skills import Ledger
from tests.skill_folders import write_skill
from tests.tui.recordings import EVIL, at_home
from tests.tui.screens import drawn, loaded_for, looking, text_of
from tui.app import WatchApp
from tui.record import read_record
from tui.sheet import Sheet, Text
from tui.views.skills import SkillsView

SCOPES = ("log", "day:2026-11-21@UTC", "s1")
DAY_US = 86_400_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(tmp_path, monkeypatch)
    (tmp_path / ".git").mkdir()  # the project ends here
    skills = tmp_path / "home" / "swarm" / "skills"
    write_skill(skills, "sql", "Asks databases. Use when there is a query.")
    write_skill(skills, "prose", f"Writes {EVIL} texts. Use when there is a text.")
    write_skill(tmp_path / ".swarm" / "skills", "local", "Knows this project. Use when it is asked about.")
    (skills / "torn").mkdir()
    (skills / "torn" / "SKILL.md").write_text("no front matter")
    return tmp_path


async def a_random_past(log: EventLog, random: Random) -> None:
    """Tasks with the skills sql, prose and one that is not here any more, or without any, whose first drafts pass or do not."""
    await log.append([make.new(make.opened(), topic="sessions"), make.new(make.claimed(), topic="claim/s1")])
    for number in range(random.randrange(8, 40)):
        names = tuple(sorted(random.sample(("prose", "sql", "gone"), random.choice((0, 0, 1, 2)))))
        spec = msgspec.json.encode({"id": "t", "prompt": f"Tune the sprocket of line {number} {EVIL}"}).decode()
        call = make.reserved(
            scopes=SCOPES,
            tools=make.a_ref("[]"),
            skills=names,
            skill_tokens=tuple(random.randrange(50, 900) for _ in names),
            role="worker",
        )
        rejected = make.rejected(reason="the teeth are worn", feedback=make.a_ref("Look at the teeth"))
        task = f"t{number}"
        new: list[NewEvent] = [
            make.new(make.submitted(spec=make.a_ref(spec)), task=task),
            make.new(make.planned(), task=task, step=1),
            make.new(call, task=task, step=1, attempt=1),
            make.new(make.drafted(), task=task, step=1, attempt=1),
            make.new(make.accepted() if random.random() < 0.6 else rejected, task=task, step=1, attempt=1),
        ]
        await log.append(new, texts=[make.a_text(text) for text in (spec, "[]", "Look at the teeth")])
    await log.append([make.new(make.closed(finished=True), topic="claim/s1")])


def told(sheet: Sheet) -> dict[str, dict[str, str]]:
    """What the lines say, by the first column and the name of each column."""
    found: dict[str, dict[str, str]] = {}
    for line in sheet.lines:
        said = {
            column.name: cell.text
            for column, cell in zip(sheet.columns, line.cells, strict=True)
            if isinstance(cell, Text)
        }
        found[said[sheet.columns[0].name]] = said
    return found


async def plain_sums(log: EventLog, until: int) -> dict[str, list[int]]:
    """By skill how often it was told, its tokens, and how many first drafts with it passed and did not: call by call."""
    found: dict[str, list[int]] = {}
    skills: dict[str, tuple[str, ...]] = {}
    for entry in await log.read(limit=until):
        match entry.event:
            case CallReserved(skills=names, skill_tokens=sizes):
                skills[entry.task] = names
                for name, size in zip(names, sizes, strict=True):
                    sums = found.setdefault(name, [0, 0, 0, 0])
                    sums[0] += 1
                    sums[1] += size
            case StepAccepted() | StepRejected():
                for name in skills[entry.task]:
                    found[name][3 - isinstance(entry.event, StepAccepted)] += 1
            case _:
                pass
    return found


async def the_sheet(app: WatchApp, pilot: Pilot[None]) -> tuple[SkillsView, str]:
    number = next(at for at, view in enumerate(app.views, 1) if isinstance(view, SkillsView))
    await pilot.press(str(number))
    shown = await drawn(app, pilot)
    assert isinstance(app.view, SkillsView)
    return app.view, shown


def _of_the_command(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["skills", *words, "--json", "--log", str(folder / "log.db")]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_each_number_is_that_of_a_plain_sum_and_none_is_acted_upon(home: Path, seed: int) -> None:
    async with open_log(home / "log.db") as log:
        await a_random_past(log, Random(seed))
        end = (await log.head()).position
        sums = await plain_sums(log, end)
        async with looking(log, home, size=(220, 50)) as (app, pilot):
            view, shown = await the_sheet(app, pilot)
            lines = told(view.sheet)
            for said in lines.values():
                assert all(text in shown for column, text in said.items() if column not in ("tags", "state"))
            assert not set(shown) & set("\x1b\x07\u202e")
    for name, (times, tokens, passed, failed) in sums.items():
        said = lines[name]
        assert (said["told"], said["tokens"]) == (f"{times:,}", f"{tokens:,}"), name
        assert said["with ✔/✘"] == f"{passed}/{failed}"
    for name in {"sql", "prose"} - sums.keys():
        assert lines[name]["told"] == "-"
    if "gone" in sums:
        assert lines["gone"]["state"] == "not here any more" or lines["gone"]["state"].startswith("deprecate")
    assert lines["local"]["state"] == "not trusted" and lines["torn"]["state"].startswith("broken: ")


def test_skills_and_gaps_are_those_of_the_commands(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import anyio

    lines: list[dict[str, dict[str, str]]] = []
    shown: list[str] = []

    async def look() -> None:
        async with open_log(home / "log.db") as log:
            await a_random_past(log, Random(5))
            async with looking(log, home, size=(200, 50)) as (app, pilot):
                view, _ = await the_sheet(app, pilot)
                lines.append(told(view.sheet))
                await pilot.press("m")
                shown.append(await drawn(app, pilot))
                lines.append(told(view.sheet))
                await pilot.press("enter")
                while "Tune the sprocket" not in text_of(app):
                    await pilot.pause()
                shown.append(view.text_to_copy())
                await pilot.press("escape", "m")
                await drawn(app, pilot)
                await pilot.press("home", "enter")
                first = next(iter(lines[0]))
                while "outline about" not in text_of(app):
                    await pilot.pause()
                assert f"- {first}: " in text_of(app)
                shown.append(view.text_to_copy())

    anyio.run(look)
    stats = {row["name"]: row for row in _of_the_command(capsys, home, "stats")["skills"]}
    gaps = _of_the_command(capsys, home, "gaps")["gaps"]
    assert gaps and len(lines[1]) == len(gaps)
    for name, row in stats.items():
        said = lines[0][name]
        if row["told"]:
            assert said["calls"] == f"{row['calls']:,}" and said["tokens"] == f"{row['tokens']:,}"
            without = row["first_drafts"]["without"]
            assert said["without ✔/✘"] == f"{without['passed']}/{without['of'] - without['passed']}"
            gain = row["difference"]
            assert said["difference"].startswith(f"{100 * gain['mean']:+.0f} (") if gain else said["difference"] == "-"
        if row["suggests"] and row["told"]:
            assert said["state"] == row["suggests"]
    for gap, said in zip(gaps, lines[1].values(), strict=True):
        assert (said["times"], said["rejected"]) == (str(gap["count"]), str(gap["rejected_drafts"]))
        assert all(word in said["gap"] for word in gap["words"][:2])
        assert any(f"missed {gap['count']} times" in each["state"] for each in lines[0].values())
    assert "gaps alone" in shown[0] and "--draft 1 NAME" in shown[1] and gaps[0]["examples"][0] in shown[1]
    assert "body about" in shown[2] and "resources about" in shown[2] and "\x1b" not in shown[2]


async def test_a_replay_shows_what_skills_had_come_to_by_then(home: Path) -> None:
    async with open_log(home / "log.db") as log:
        await a_random_past(log, Random(2))
        found, _ = await read_record(log, 1)
        app = replay_app(log, found, loaded_for(home))
        async with app.run_test(size=(60, 20)) as pilot:
            number = next(at for at, view in enumerate(app.views, 1) if isinstance(view, SkillsView))
            await pilot.press(str(number))
            view = app.view
            assert isinstance(view, SkillsView)
            for index in (len(found) - 1, len(found) // 2, 3, len(found) // 3):
                app.playback.playing.go(index)
                app.playback.settle()
                while not (app.playback.is_settled and view.is_settled):
                    await pilot.pause()
                    app.paint()
                sums, lines = await plain_sums(log, found.positions[index]), told(view.sheet)
                for name in ("sql", "prose"):
                    times = sums.get(name, [0])[0]
                    assert lines[name]["told"] == (f"{times:,}" if times else "-"), (index, name)


def test_a_skill_says_whether_it_is_used_and_worth_it() -> None:
    used = Ledger(name="a", loads=3, last=10 * DAY_US)
    assert state_told(used, "", 11 * DAY_US) == ("ok", "good")
    assert state_told(used, "", 45 * DAY_US) == ("unused 35 d → deprecate?", "warn")
    assert state_told(used, "not trusted", 45 * DAY_US) == ("not trusted", "warn")
    assert state_told(Ledger(name="a"), "", 0) == ("never used", "faint")
    worse = msgspec.structs.replace(
        used, passed=Count(0, 12), without=Count(12, 0), gain=Difference(mean=-1.0, low=-1.0, high=-0.5)
    )
    assert state_told(worse, "", 11 * DAY_US)[0].startswith("deprecate it: ")
