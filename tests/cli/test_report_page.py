"""The page of a report: its numbers are those of the folds, and no text of a log is more than a text in it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, time
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.testing import builders as make
from events.testing.histories import history
from events.types.any import AnyEvent
from events.types.call import BudgetMarked, BudgetSet
from events.upkeep import archive
from events.views.base import fold
from events.views.cost import Cost, CostView
from events.views.tasks import TasksView
from swarm.cli.main import main
from swarm.errors import dollars
from swarm.insight.periods import Name, moment
from tests.pages import HARMLESS, Parsed, hostile, in_turn, page_of, record

ATTRIBUTES = {
    *("class", "id", "href", "lang", "charset", "http-equiv", "content", "name", "scope", "role", "tabindex", "d"),
    *("aria-label", "aria-labelledby", "aria-hidden", "viewbox", "x", "y", "x1", "x2", "y1", "y2", "dy", "width"),
    *("height", "text-anchor"),
}

WHATS: tuple[int | Name, ...] = (4, "day", "week", "month", "all")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)


async def filled(log: EventLog, seed: int, *, sessions: int = 4) -> None:
    for append in history(Random(seed), sessions=sessions):
        await log.append(append.events, texts=append.texts)


def sums(cost: Cost) -> list[str]:
    return [
        f"{cost.calls:,}",
        f"{cost.input_tokens:,}",
        f"{cost.cached_tokens:,}",
        f"{cost.output_tokens:,}",
        dollars(cost.nanos) + (f" ({dollars(cost.maybe_paid_nanos)} maybe)" if cost.maybe_paid else ""),
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_every_sum_of_a_page_is_that_of_the_fold_of_its_log(seed: int) -> None:
    async with open_log("memory:") as log:
        await filled(log, seed)
        for session in (None, 2):
            read = Parsed(await page_of(log, session or "all"))
            costs = (await fold(log, CostView(), session=session)).costs
            tasks = (await fold(log, TasksView(), session=session)).tasks
            for key in ("model", "role", "agent", "tier"):
                by: dict[str, Cost] = {}
                for payer, cost in costs.items():
                    by.setdefault(getattr(payer, key).replace("free", "free (free hosted)"), Cost()).add(cost)
                whole = Cost()
                for cost in by.values():
                    whole.add(cost)
                shown = {name: row[:-1] for name, row in read.rows(f"By {key}").items()}
                assert shown == {**{name: sums(cost) for name, cost in by.items()}, "total": sums(whole)}
            shown_tasks = read.rows("Tasks (")
            for number, named in tasks.items():
                for name, task in named.items():
                    mine = Cost()
                    for payer, cost in costs.items():
                        if (payer.session, payer.task) == (number, name):
                            mine.add(cost)
                    tokens = f"{mine.input_tokens + mine.output_tokens:,}"
                    row = shown_tasks[f"s{number}/{name}"]
                    assert task.status in row[1] and row[3:6] == [f"{mine.calls:,}", tokens, dollars(mine.nanos)]
                    assert row[2] == str(sum(sum(step.fails.values()) for step in task.steps))
            states = [task.status for named in tasks.values() for task in named.values()]
            assert f"{states.count('accepted')} of {len(states)}" in read.words
            assert len(shown_tasks) == len(states) + 1


async def test_the_same_log_gives_the_same_bytes_and_needs_nothing_beside_them() -> None:
    async with open_log("memory:") as log:
        await filled(log, 5)
        once, again = await page_of(log), await page_of(log)
    assert once == again
    assert "default-src &#x27;none&#x27;; style-src &#x27;sha256-" in once and once.count("<style>") == 1
    assert not re.search(r"<script|<link|<img|<iframe|\sstyle=|\ssrc=|\son\w+=|url\(|@import", once)
    assert set(re.findall(r'href="(.)', once)) == {"#"}
    names = re.findall(r'<h2 id="(\w+)"', once)
    assert set(re.findall(r'href="#(\w+)"', once)) == set(names) and len(names) == len(set(names))


async def test_texts_that_would_break_out_leave_the_page_as_harmless_ones_do() -> None:
    pages: list[str] = []
    for texts in (list(HARMLESS), hostile("http://127.0.0.1:9")):
        async with open_log("memory:") as log:
            await record(log, in_turn(texts), tasks=6)
            pages += [await page_of(log), await page_of(log, 1)]
    whole, session, hostile_whole, hostile_session = map(Parsed, pages)
    assert hostile_whole.tags == whole.tags and hostile_session.tags == session.tags
    assert hostile_whole.attributes == whole.attributes and hostile_session.attributes == session.attributes
    assert {name for _, name in whole.attributes} <= ATTRIBUTES
    assert "<script>alert(1)" in hostile_whole.words and "javascript:alert(document.title)" in hostile_whole.words
    shown = "".join(pages[2:])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)
    assert "<U+202E>gnp.exe" in hostile_whole.words and "␛[31m" in hostile_whole.words


@settings(max_examples=8)
@given(text=st.text(max_size=300))
async def test_no_text_whatever_changes_what_a_page_is_made_of(text: str) -> None:
    made: list[Counter[str]] = []
    for each in ("word", text):
        async with open_log("memory:") as log:
            await record(log, in_turn([each.encode("utf-8", "replace").decode()]), tasks=1)
            made.append(Parsed(await page_of(log, 1)).tags)
    assert made[0] == made[1]


async def test_a_page_of_thousands_of_tasks_stays_small_and_sums_what_it_leaves_out() -> None:
    async with open_log("memory:") as log:
        for number in range(1200):
            name, at = f"t{number:04}", number * 2
            call = make.reserved(model=f"m{number % 90}", scopes=("day:2026-11-21@UTC", "s1"))
            found = await log.append([make.a_task(name), make.new(call, task=name)])
            settled = make.settled(found.positions[1], cost_nanos=1000 + at, input_tokens=10, output_tokens=1)
            await log.append([make.new(settled, task=name)])
        text = await page_of(log, 1)
    assert len(text) < 300_000
    read = Parsed(text)
    tasks, models = read.rows("Tasks (the 200 dearest of 1,200)"), read.rows("By model")
    assert tasks["1,000 more tasks"][3:6] == ["1,000", "11,000", dollars(sum(1000 + 2 * n for n in range(1000)))]
    assert tasks["total"][3:6] == ["1,200", "13,200", dollars(sum(1000 + 2 * n for n in range(1200)))]
    assert len(models) == 22 and models["total"][0] == "1,200" and "70 more" in models


async def test_a_page_shows_how_caps_were_burnt_down_and_when_their_marks_were_passed() -> None:
    noon = moment(date(2026, 11, 21), None, time(12))
    async with open_log("memory:", clock=make.SetClock(noon)) as log:
        for number, day in enumerate(("2026-11-02", "2026-11-20", "2026-11-21", "2026-11-21"), 1):
            call = make.reserved(scopes=("log", f"day:{day}@local", f"s{number}"), cost_nanos=400_000_000, tier="paid")
            (at,) = (await log.append([make.new(call, session=number, task="t")])).positions
            await log.append([make.new(make.settled(at, cost_nanos=200_000_000), session=number, task="t")])
        cap = BudgetSet(scope="s4", nanos=250_000_000, by="ada")
        mark = BudgetMarked(scope="s4", unit="nanos", percent=80, used=200_000_000, cap=250_000_000)
        opened = make.new(make.opened(), session=4, topic="sessions")
        await log.append([opened, make.new(cap, session=4, topic="ledger"), make.new(mark, session=4, topic="ledger")])
        pages = {what: Parsed(await page_of(log, what, now=noon)) for what in WHATS}
    assert pages[4].rows("Caps as they stand")["s4"] == ["$0.25", "$0.20", "$0.05", "80 %", "80 %"]
    assert "$0.05 of $0.25 left at the end, in s4." in pages[4].words and "90 % of the cap" in pages[4].words
    assert [row[1:3] for row in pages[4].rows("Marks of caps").values()] == [["80 %", "$0.20"]]
    assert pages["day"].rows("Caps as they stand")["day:2026-11-21@local"][:3] == ["$0.50", "$0.40", "$0.10"]
    assert "$0.10 of $0.50 left at the end" in pages["day"].words and "left of the cap" not in pages["week"].words
    sums = {what: pages[what].rows("By tier")["total"][0] for what in ("day", "week", "month", "all")}
    assert sums == {"day": "2", "week": "3", "month": "4", "all": "4"}
    assert list(pages["month"].rows("Money and tokens by day")) == ["2026-11-02", "2026-11-20", "2026-11-21"]


async def test_what_an_archive_took_stays_in_the_sums_and_is_told_as_gone(tmp_path: Path) -> None:
    clock, path = make.SetClock(), tmp_path / "log.db"
    async with open_log(path, clock=clock) as log:
        for session in (1, 2):
            new = partial(make.new, session=session, task="build")
            opened = make.new(make.opened(), session=session, topic="sessions")
            found = await log.append(
                [opened, new(make.submitted()), new(make.reserved(scopes=("log", "day:2026-09-21@UTC")))]
            )
            await log.append([new(make.settled(found.positions[-1], cost_nanos=1000)), new(make.task_accepted())])
            claim = f"claim/s{session}"
            await log.append(
                [make.new(event, session=session, topic=claim) for event in (make.claimed(), make.closed())]
            )
            clock.move(86_400)
        archive(path, before=clock.now - 86_400 * 1_000_000, clock=clock)
        read = Parsed(await page_of(log))
    assert list(read.rows("Tasks (1)")) == ["s2/build", "of tasks that are not told here", "total"]
    assert read.rows("By model")["total"][0] == read.rows("Tasks (1)")["total"][3] == "2"
    assert "A part of the log was archived" in read.words and "a part of the tasks was archived" in read.words


async def test_a_fork_tells_what_it_took_over_and_all_of_it_only_on_what_it_spent() -> None:
    async with open_log("memory:") as log:
        await record(log, in_turn(HARMLESS), tasks=2)
        opened = make.opened(parent=1, parent_position=(await log.head()).position - 1)
        await log.append([make.new(opened, session=2, topic="sessions")])
        call = make.new(make.reserved(scopes=("day:2026-11-21@UTC", "s2")), session=2, task="task0", step=1, attempt=2)
        (at,) = (await log.append([call])).positions
        await log.append([make.new(make.settled(at, cost_nanos=5), session=2, task="task0", step=1, attempt=2)])
        whole, fork = Parsed(await page_of(log)).rows("Tasks ("), Parsed(await page_of(log, 2)).rows("Tasks (")
    assert list(whole) == ["s1/task0", "s1/task1", "s2/task0", "total"]
    assert list(fork) == ["s2/task0", "s2/task1", "total"] and fork["total"][5] == "$0.000000005"


async def test_an_empty_log_and_one_that_begins_in_the_middle_have_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_log("memory:") as log:
        assert "No task was done in this time." in await page_of(log)
        stray: list[AnyEvent] = [make.settled(99), make.accepted(), make.closed(), make.failed(98), make.drafted()]
        await log.append([make.new(event, task="gone", step=3, attempt=2) for event in stray])
        Parsed(await page_of(log, 1))
        Parsed(await page_of(log))


def test_a_page_is_written_whole_to_a_file_and_a_wrong_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import anyio

    async def fill() -> None:
        async with open_log(tmp_path / "log.db") as log:
            await filled(log, 1, sessions=2)

    anyio.run(fill)
    log, to = ["--log", str(tmp_path / "log.db")], tmp_path / "new" / "report.html"
    assert main(["report", "--html", "s1", "--to", str(to), *log]) == 0
    assert capsys.readouterr().out == "" and to.stat().st_mode & 0o777 == 0o600
    assert main(["report", "--html", "s1", *log]) == 0
    assert capsys.readouterr().out == to.read_text() and Parsed(to.read_text()).tags["main"] == 1
    assert main(["report", "--html", "all", "--dated", "--to", "-", *log]) == 0
    assert "Made: " in Parsed(capsys.readouterr().out).words
    for words, said in (
        (["--html", "s1", "--to", str(tmp_path)], "cannot be written"),
        (["--html", "s99"], "there is no session s99"),
        (["--html", "s1", "week"], "name one of them"),
        (["--html", "--json"], "--html is a form of its own"),
        (["--html", "waste"], "swarm report waste"),
        (["--html", "--to", ""], "cannot be written"),
        (["week"], "`swarm report tokens week"),
        (["--to", "x.html"], "go with --html"),
        (["tokens", "wek"], "did you mean week"),
        (["tokens", "--md"], "swarm report session"),
    ):
        assert main(["report", *words, *log]) == 2, words
        assert said in "".join(capsys.readouterr())
