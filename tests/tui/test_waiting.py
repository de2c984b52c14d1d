"""What waits for a person, in the live view: shown whole, answered there, and given up where somebody else answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from events.blobs import Known, Pack
from events.log import EventLog, open_log
from events.types.tool import ApprovalAsked, ApprovalGiven, QuestionAsked
from events.views.approvals import Asked
from events.views.questions import Question
from tests.tui.recordings import Writer
from tests.tui.test_app import cap_of, caught_up, screen, state_of
from tui.app import WatchApp
from tui.control import Foretold, NotSaid, Remember, Word
from tui.live import Live
from tui.waiting import WaitingScreen

ARGUMENTS = '{\n "command": "rm -rf build [bold]\x1b[2J[/]"\n}'


class Heard:
    """A control that keeps what is said, and refuses where it is told to."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.trouble: NotSaid | None = None
        self.bar = ""
        self.foretold: dict[str, Foretold] = {}
        self.go_on = anyio.Event()
        self.go_on.set()

    def barred(self, live: Live) -> str:
        return self.bar

    async def foretell(self, word: Word, live: Live) -> Foretold:
        return self.foretold[word.verb]

    async def say(self, word: Word, *, confirmed: bool = False) -> str:
        return await self._say(word.name, word.verb, word.more + ("!" if confirmed else ""))

    async def arguments(self, asked: Asked) -> Sequence[str]:
        return ARGUMENTS.splitlines()

    def likes(self, asked: Asked) -> str:
        return "run rm -rf *"

    async def allow(self, asked: Asked, remember: Remember = "") -> str:
        return await self._say(asked.name, "allow", remember)

    async def refuse(self, asked: Asked, reason: str = "") -> str:
        return await self._say(asked.name, "refuse", reason)

    async def answer(self, question: Question, text: str) -> str:
        return await self._say(question.name, "answer", text)

    async def _say(self, name: str, word: str, more: str) -> str:
        await self.go_on.wait()
        if self.trouble is not None:
            raise self.trouble
        self.said.append((name, word, more))
        return f"{name}: {word} is taken down"


async def asking(log: EventLog, task: str = "build") -> int:
    pack = Pack(Known())
    asked = ApprovalAsked(
        tool="run",
        call="c1",
        ordinal=1,
        question="run rm -rf build",
        arguments=pack.put(ARGUMENTS),
        rule="run asks [b]always[/b]",
        pattern="run",
    )
    return await Writer(log).pack(pack, asked, task=task, step=1, attempt=1)


async def wondering(log: EventLog, task: str = "docs") -> int:
    asked = QuestionAsked(question="Which colour?\nIt is for the door.", ordinal=1, options=("red", "green"))
    return await Writer(log).add(asked, task=task, step=1, attempt=1)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "log.db") as opened:
        writer = Writer(opened)
        await writer.open("Mend it")
        for task in ("build", "docs"):
            await writer.submit(task)
            await writer.plan(task, "do")
        yield opened


@asynccontextmanager
async def watching(
    log: EventLog, control: Heard | None, *, size: tuple[int, int] = (100, 30)
) -> AsyncGenerator[tuple[WatchApp, Pilot[None]]]:
    app = WatchApp(log, session=1, state_of=state_of, cap_of=cap_of, control=control, fps=50)
    async with app.run_test(size=size, notifications=True) as pilot:
        await caught_up(app, pilot)
        yield app, pilot


async def until(pilot: Pilot[None], app: WatchApp, shown: str, *, gone: bool = False) -> str:
    """Wait until the text stands on the screen, or no more; return the screen."""
    with anyio.fail_after(5):
        while (shown in screen(app)) == gone:
            await pilot.pause()
    return screen(app)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("y",), ("allow", "")),
        (("s",), ("allow", "session")),
        (("p",), ("allow", "project")),
        (("n",), ("refuse", "")),
        (("w", *"yes, no", "enter"), ("refuse", "yes, no")),
    ],
)
async def test_a_key_is_the_word_on_a_use_that_is_shown_whole(
    log: EventLog, keys: tuple[str, ...], said: tuple[str, str]
) -> None:
    await asking(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await until(pilot, app, "? 1 waits for you: press a")
        await pilot.press("a")
        shown = await until(pilot, app, "y once")
        assert "s1/build waits for your word" in shown and "run rm -rf build" in shown
        assert "(run asks [b]always[/b])" in shown and "rm -rf build [bold]␛[2J[/]" in shown
        assert "also run rm -rf *" in shown and "\x1b" not in shown
        await pilot.press(*keys)
        await until(pilot, app, "y once", gone=True)
        assert control.said == [("s1/build", *said)]
        await until(pilot, app, f"s1/build: {said[0]} is taken down")


@pytest.mark.parametrize(("typed", "answer"), [("2", "2"), ("blue, with q and [b]", "blue, with q and [b]"), ("", "")])
async def test_a_question_is_answered_with_what_is_typed(log: EventLog, typed: str, answer: str) -> None:
    await wondering(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        shown = await until(pilot, app, "s1/docs asks you")
        assert "It is for the door." in shown and "2. green" in shown
        await pilot.press(*("left_square_bracket" if each == "[" else each for each in typed), "enter")
        await until(pilot, app, "s1/docs asks you", gone=True)
        assert control.said == [("s1/docs", "answer", answer)]


async def test_no_key_but_those_that_are_named_says_anything(log: EventLog) -> None:
    await asking(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "y once")
        await pilot.press("enter", "space", "j", "k", "up", "down", "tab", "a", "Y", "f", "b", "q", "left", "1")
        assert control.said == [] and isinstance(app.screen, WaitingScreen)
        await pilot.press("escape")
        await until(pilot, app, "y once", gone=True)
        assert control.said == [] and "? 1 waits for you" in screen(app)


async def test_where_several_wait_brackets_go_from_one_to_the_next_and_round(log: EventLog) -> None:
    await asking(log)
    await wondering(log)
    await asking(log, "docs")
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await until(pilot, app, "? 3 wait for you: press a")
        await pilot.press("a")
        await until(pilot, app, "s1/build waits for your word (1 of 3, [ ] the others)")
        await pilot.press("[")
        await until(pilot, app, "s1/docs waits for your word (3 of 3")
        await pilot.press("]")
        await until(pilot, app, "(1 of 3")
        await pilot.press("]")
        await until(pilot, app, "s1/docs asks you (2 of 3")
        assert control.said == [] and "? 3 wait for you" in screen(app), "to look at it says nothing"


async def test_what_was_answered_elsewhere_is_left_by_itself(log: EventLog) -> None:
    asked = await asking(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "y once")
        await Writer(log).add(ApprovalGiven(asked=asked, allowed=True, by="ann"), topic="control/s1", task="build")
        await until(pilot, app, "y once", gone=True)
        await until(pilot, app, "no word is needed any more")
        await pilot.press("a")
        await until(pilot, app, "nothing waits for you")
        assert control.said == [] and not isinstance(app.screen, WaitingScreen)


async def test_a_word_that_cannot_be_taken_down_stays_on_the_screen_with_its_reason(log: EventLog) -> None:
    await asking(log)
    control = Heard()
    control.trouble = NotSaid("the log cannot be written [to]")
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "y once")
        await pilot.press("y")
        await until(pilot, app, "✘ the log cannot be written [to]")
        control.trouble = None
        await pilot.press("n")
        await until(pilot, app, "y once", gone=True)
        assert control.said == [("s1/build", "refuse", "")]


async def test_a_second_key_while_a_word_is_on_its_way_is_not_a_second_word(log: EventLog) -> None:
    await asking(log)
    control = Heard()
    control.go_on = anyio.Event()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "y once")
        await pilot.press("y", "n", "escape")
        control.go_on.set()
        await until(pilot, app, "y once", gone=True)
        assert control.said == [("s1/build", "allow", "")]


async def test_a_view_that_can_say_nothing_still_shows_what_waits(log: EventLog) -> None:
    await asking(log)
    async with watching(log, None) as (app, pilot):
        assert "? 1 waits for you" in screen(app) and "press a" not in screen(app)
        await pilot.press("a")
        await until(pilot, app, "no word can be given here")


@pytest.mark.parametrize("size", [(100, 30), (60, 20), (30, 8)])
async def test_the_keys_of_a_question_are_in_sight_at_every_size(log: EventLog, size: tuple[int, int]) -> None:
    await asking(log)
    async with watching(log, Heard(), size=size) as (app, pilot):
        await pilot.press("a")
        shown = await until(pilot, app, "y once")
        assert "run rm -rf build" in shown and "why" in shown and "later" in shown, (
            "the question, and the keys to the last"
        )


async def test_no_reason_is_no_refusal(log: EventLog) -> None:
    await asking(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "y once")
        await pilot.press("w", "enter", "space", "enter")
        assert control.said == [] and isinstance(app.screen, WaitingScreen)
        await pilot.press("n", "o", "enter")
        await until(pilot, app, "y once", gone=True)
        assert control.said == [("s1/build", "refuse", "no")]


async def test_ctrl_c_leaves_the_view_also_from_a_question(log: EventLog) -> None:
    await wondering(log)
    control = Heard()
    async with watching(log, control) as (app, pilot):
        await pilot.press("a")
        await until(pilot, app, "asks you")
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.return_code == 0 and control.said == []
