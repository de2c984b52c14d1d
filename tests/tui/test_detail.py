"""The detail of a task on the screen: every tab of a session that was really run, its numbers, live, in a replay, and narrow."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from events.bus import read_all
from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.choice import ChoiceMade
from events.upkeep import prune
from events.views.attempts import AttemptsView
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.cli.changes import patch_of
from swarm.cli.lookup.task import TaskLookup
from swarm.cli.names import Name
from swarm.cli.replay import replay_app
from swarm.cli.show_prompt import head_of
from swarm.insight.choices import in_a_line, why_choice
from swarm.insight.requests import taken_apart
from swarm.insight.story import read_story
from tests.provider import Answer
from tests.running import Cast, model, run, serving
from tests.test_session_tools import use
from tests.tui.recordings import EVIL, Writer, recording
from tests.tui.screens import drawn, loaded_for, looking, text_of
from tui.app import SessionApp
from tui.detail import TABS, Wanted
from tui.record import read_record
from tui.views.detail import TaskView
from tui.widgets.text import TextPane
from tui.words import count, usd, visible

TASKS = """tasks:
- id: fix
  prompt: Mend a.py
  tools: [look, edit]
  changes: keep
  budget: {tokens: 400k, usd: 0.05}
  check: [{run: 'cat a.py; grep -q 2 a.py'}]
- id: tell
  needs: fix
  prompt: Tell of it
  check: [{contains: told}]
"""
BEFORE = "x = 1\nlast line\n"
LINES: tuple[str | Answer, ...] = (
    use("write", path="a.py", text="x = 3\nlast line\n"),
    f"Done. {EVIL}",
    use("read", path="a.py"),
    use("edit", path="a.py", old="3", new="2"),
    "Now it says 2.",
    f"It is told {EVIL}",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a log of one session: a draft that its check rejects, the next one accepted, and a task that needs it."""
    folder = tmp_path_factory.mktemp("detail")

    async def make() -> None:
        root = folder / "project"
        root.mkdir()
        (root / "a.py").write_text(BEFORE)
        async with open_log(folder / "log.db") as log, serving(Cast(worker=LINES), model("m1")) as (_, plan):
            assert (await run(log, TASKS, plan, root)).exit_code == 0

    anyio.run(make)
    return folder


@asynccontextmanager
async def opened(folder: Path, task: str, *, size: tuple[int, int]) -> AsyncGenerator[Looking]:
    async with open_log(folder / "log.db", read_only=True) as log, looking(log, folder, size=size) as (app, pilot):
        app.open_task(task)
        await drawn(app, pilot)
        yield Looking(log, app, pilot)


class Looking:
    """The screen on a task, and what can be done with it."""

    def __init__(self, log: EventLog, app: SessionApp, pilot: Pilot[None]) -> None:
        self.log, self.app, self.pilot = log, app, pilot
        assert app.task_view is not None
        self.view: TaskView = app.task_view

    @property
    def pane(self) -> TextPane:
        return self.view.query_one(TextPane)

    @property
    def shown(self) -> str:
        return text_of(self.app)

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        return await self.settle()

    async def settle(self) -> str:
        """Wait until what is drawn is of where the log stands."""
        while not (self.view.is_settled and self.view.sight.feed.behind(0) == ""):
            await self.pilot.pause()
            self.app.paint()
        self.app.paint()
        await self.pilot.pause()
        return self.shown


def line_of(shown: str, word: str) -> str:
    """The row of the head that begins with a word."""
    (line,) = (line for line in shown.splitlines() if line.startswith(f"│{word} "))
    return line


async def test_every_tab_of_a_session_that_was_run(recorded: Path) -> None:
    async with (
        open_log(recorded / "log.db", read_only=True) as log,
        looking(log, recorded, size=(140, 44)) as (app, pilot),
    ):
        screen = Looking(log, app, pilot)
        tasks, attempts = (await fold(log, TasksView())).of(1), await fold(log, AttemptsView())
        first, last = attempts.of("fix")
        await pilot.press("shift+tab", "enter")  # the task that is chosen in the first view
        shown = await screen.settle()

        lines = shown.splitlines()
        assert lines[0].startswith("swarm  ✔ finished  s1  2 tasks ✔2")
        assert lines[1].startswith(" Swarm \u203a fix \u203a attempt 2 ✔ \u203a call 1  2 of 2  fix")
        fix = tasks["fix"]
        assert "✔ accepted  by generalist@m1 (free) · attempt 2 of 3" in shown
        spent = line_of(shown, "spent")
        assert f"{count(fix.tokens)} tokens of 400.0k" in spent and f"{100 * fix.tokens // 400_000}%" in spent
        assert f"{usd(fix.cost_nanos)} of $0.05" in spent and f"{fix.calls} calls" in spent
        assert "✘" in line_of(shown, "validate") and "✔" in line_of(shown, "validate") and "↻" in line_of(shown, "work")
        assert "cache     miss" in line_of(shown, "time")
        assert "blocks    tell ✔ accepted" in shown

        # the answers, call by call
        assert f"[r response {len(last.calls)}]" in shown and "Now it says 2." in shown
        for number, call in enumerate(last.calls, 1):
            assert (
                f"call {number}  worker generalist@m1 (free): {call.input_tokens:,} in, {call.output_tokens:,} out"
                in shown
            )
        assert "it is the answer of call 3" in shown and "✔ accepted by its checks" in shown
        assert "▸ edit" in shown and '"new": "2"' in shown

        # what was sent, in its parts
        story = await read_story(log, 1)
        sent = [one for one in await taken_apart(log, story, story.tasks["fix"]) if one.sent.conversation[1] == 2]
        await screen.press("p")
        text = screen.view.text_to_copy()
        for one in sent:
            assert head_of(one).split()[1] in text  # the position of its event
            assert f"{one.tokens:,} tokens by o200k" in text
        parts = [line.split() for line in text.splitlines() if line.endswith(" task")]
        told = [piece for piece in sent[0].pieces if piece.name == "task"]
        assert parts[0][0] == str(told[0].tokens) and told[0].text.splitlines()[0] in text
        await screen.press("n")
        assert "\u203a call 2 " in screen.shown.splitlines()[1]
        assert "\u203a call 2 " in (await screen.press("r")).splitlines()[1]  # the same call in the other tab

        # what changed, as `swarm show --diff` has it
        await screen.press("d")
        text = screen.view.text_to_copy()
        patch = await patch_of(log, Name(1, "fix"), tasks)
        assert patch in text and "-x = 1\n+x = 2\n" in patch
        assert "1 file, +1 -1" in screen.shown and "┃- │ x = 1" in screen.shown and "┃+ │ x = 2" in screen.shown

        # each use, with what it was given, what allowed it, what was told of it
        shown = await screen.press("t")
        assert f"[t tools {len(last.uses)}]" in shown and "✔ done  read a.py: done" in shown
        assert '"old": "3"' in shown and "a.py is changed in line 1." in shown
        for each in last.uses:
            assert f"allowed by the rule: {each.rule or 'none'}" in shown

        shown = await screen.press("c")
        checks = last.verdicts[-1].event.checks
        assert f"[c checks {len(checks)}/{len(checks)}]" in shown
        assert all(f"✔ passed  {check.name}" in shown for check in checks)

        entries = [entry async for page in read_all(log) for entry in page if entry.task == "fix"]
        shown = await screen.press("e")
        assert f"[e events {len(entries)}]" in shown
        assert screen.view.text_to_copy().splitlines()[-1].split()[0] == str(entries[-1].position)

        position, choice = last.choices[-1]
        shown = await screen.press("w")
        why = line_of(shown, "why")[len("│why") : -1].strip()
        assert why and visible(in_a_line(choice)).startswith(why[:60])
        text = " ".join(screen.view.text_to_copy().split())
        assert all(" ".join(each.said.split()) in text for each in why_choice(position, choice).because)
        assert (
            "s1/fix is accepted" in text
            and "step 1, attempt 1: drafted by generalist@m1, rejected by its checks" in text
        )

        await screen.press("J")
        text = screen.view.text_to_copy()
        assert '"id": "s1/fix/1"' in text and '"draft": "Now it says 2."' in text

        # the attempt before, in the same tab; nothing of a model is acted upon
        shown = await screen.press("c", "left")
        assert "attempt 1 ✘ \u203a verdict 1  1 of 2" in shown.splitlines()[1]
        assert "✘ failed  cat a.py; grep -q 2 a.py" in shown and "x = 3" in shown and "exit code 1" in shown
        shown = await screen.press("r")
        assert "Done. ␛]0;pwned␇␛[31m[bold]red[/] <U+202E>gnol.exe" in shown
        assert not set(shown) & set("\x1b\x07\u202e")
        assert f"r response {len(first.calls)}]" in shown
        assert "attempt 1 " in (await screen.press("h")).splitlines()[1]  # there is none before
        assert "attempt 2 " in (await screen.press("l")).splitlines()[1]
        await pilot.press("escape")
        assert app.view.WORD == "Swarm"
        await pilot.press("minus")
        assert app.view is screen.view


@pytest.mark.parametrize("size", [(60, 20), (40, 10)])
async def test_every_tab_draws_where_there_is_little_room(recorded: Path, size: tuple[int, int]) -> None:
    async with opened(recorded, "fix", size=size) as screen:
        for tab in TABS:
            shown = await screen.press(tab.key)
            assert len(shown.splitlines()) == size[1]
            assert f"[{tab.key} {tab.word}" in shown
            assert screen.pane.document.parts and " fix " in shown.splitlines()[1]


async def test_a_text_that_was_dropped_is_said_to_be(recorded: Path, tmp_path: Path) -> None:
    shutil.copy(recorded / "log.db", tmp_path / "log.db")
    assert prune(tmp_path / "log.db", before=2**62) is not None
    async with opened(tmp_path, "fix", size=(140, 40)) as screen:
        for key in "prdtc":
            await screen.press(key, "left")
            assert "no longer kept" in screen.view.text_to_copy(), key


async def test_in_a_replay_a_task_is_as_it_was_then(recorded: Path) -> None:
    async with open_log(recorded / "log.db", read_only=True) as log:
        record, trouble = await read_record(log, 1)
        entries = [entry for entry in await log.read(limit=500) if entry.task == "fix"]
        places = {
            "before": entries[0].position - 1,
            "first": next(entry.position for entry in entries if isinstance(entry.event, CallReserved)),
            "second": [entry.position for entry in entries if isinstance(entry.event, ChoiceMade)][-1],
            "end": entries[-1].position,
        }
        app = replay_app(log, record, loaded_for(recorded), trouble=trouble)
        async with app.run_test(size=(140, 40)) as pilot:
            screen = Looking(log, app, pilot)

            async def go(place: str) -> str:
                app.playback.playing.go(record.until_position(places[place]))
                app.playback.settle()
                while not app.playback.is_settled:
                    await pilot.pause()
                return await screen.settle()

            app.open_task("fix")
            assert "attempt 2 ✔" in (await go("end")).splitlines()[1]
            for place, of in (("second", 2), ("first", 1)):
                shown = await go(place)
                then = await fold(log, AttemptsView(), until=places[place])
                task = (await fold(log, TasksView(), until=places[place])).of(1)["fix"]
                last = then.of("fix")[-1]
                assert len(then.of("fix")) == of and f"attempt {of} " in f"{shown.splitlines()[1]} "
                assert f"{count(task.tokens)} tokens of 400.0k" in line_of(shown, "spent")
                assert (
                    f"{task.calls} call" in line_of(shown, "spent") and "● running" in shown
                ) or "↻ retrying" in shown
                assert (f"response {len(last.calls)}" in shown) == bool(last.calls)
            assert "no answer yet" in shown and "✘" not in line_of(shown, "work")
            assert "fix is not submitted yet here" in await go("before")
            assert "attempt 2 ✔" in (await go("end")).splitlines()[1]


async def test_a_place_stays_while_a_task_goes_on_and_who_follows_the_end_goes_along(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await writer.open("Long work")
        await writer.submit("build")
        await writer.plan("build", "Build")
        await writer.choose("build", model="qwen")
        for _ in range(30):
            await writer.settle(await writer.reserve("build"), "build")
        async with looking(writer.log, tmp_path, size=(110, 24)) as (app, pilot):
            screen = Looking(writer.log, app, pilot)
            app.open_task("build")
            await screen.settle()
            assert not screen.pane.follow and "call 1 " in screen.shown
            await screen.press("n", "n", "n", "down")
            seen = screen.shown.splitlines()[10:]
            await more(writer, 1)
            await until(screen, "e events 65")
            assert screen.shown.splitlines()[10:] == seen
            assert "\u203a call 4 " in screen.shown.splitlines()[1] and "● running" in screen.shown

            await screen.press("f")
            await more(writer, 2)
            await until(screen, "attempt 2")
            assert screen.pane.follow and "2 of 2" in screen.shown.splitlines()[1]
            await screen.press("k", "left")
            assert "1 of 2" in screen.shown.splitlines()[1] and not screen.pane.follow


async def more(writer: Writer, attempt: int) -> None:
    await writer.settle(await writer.reserve("build", attempt=attempt), "build", attempt=attempt)


async def until(screen: Looking, text: str) -> None:
    while text not in screen.shown:
        await screen.pilot.pause()
        screen.app.paint()


async def test_an_answer_of_a_megabyte_opens_and_is_read_to_its_end(tmp_path: Path) -> None:
    long = "\n".join(f"{number} " + "lorem ipsum dolor sit amet " * 8 for number in range(4_800)) + "\nthe end of it"
    async with recording(tmp_path / "log.db") as writer:
        await writer.open("Long answer")
        await writer.submit("build")
        await writer.plan("build", "Build")
        await writer.draft("build", long)
    async with opened(tmp_path, "build", size=(100, 30)) as screen:
        assert "draft of coder@qwen" in screen.shown and len(long) > 1_000_000
        before = screen.pane.drawn
        assert "the end of it" in await screen.press("G")
        await screen.press("g", "pagedown")
        assert "draft of coder@qwen" not in screen.shown and "\u203a draft" in screen.shown.splitlines()[1]
        assert screen.pane.drawn == before  # it was laid out once


async def test_what_is_looked_up_does_not_depend_on_what_was_looked_up_before(recorded: Path) -> None:
    async with open_log(recorded / "log.db", read_only=True) as log, looking(log, recorded, size=(80, 24)) as (app, _):
        wanted = Wanted("fix", None, "events")
        used, live, now = TaskLookup(log), app.live, app.sight.clock()
        await used(live, now, Wanted("tell", None, "response"))
        held = await used(live, now, wanted)
        live.ring = type(live.ring)(0)  # as in a replay: all of it is read from the log
        read = await TaskLookup(log)(live, now, wanted)
        assert held is not None and read is not None and held == read
        assert [entry.position for entry in held.entries] == [
            entry.position for entry in await log.read(limit=500) if entry.task == "fix"
        ]
        assert await used(live, now, Wanted("no such task", None, "response")) is None
