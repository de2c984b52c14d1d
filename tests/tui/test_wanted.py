"""What is typed behind `/` in the view of the log, and the stretches of a log that are read for it."""

from __future__ import annotations

from datetime import UTC
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import Entry, EventLog, NewEvent, open_log
from events.types.task import StepPlanned, TaskCancelled
from swarm.cli.lookup.log import PAGE, LogReading
from tests.tui.recordings import Clock
from tui.wanted import NotWanted, Said, Wanted, read_said
from tui.window import Stretch, Window


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", Said()),
        ("kind:call.settled,tool kind=task.*", Said(kinds=("call.settled", "tool", "task"))),
        ("--kind call --since 2h --session s4", Said(kinds=("call",), since="2h", session="s4")),
        ("task:build  since:4711", Said(task="build", since="4711")),
        ("s4/build/2 KIND:step", Said(kinds=("step",), name="s4/build/2")),
    ],
)
def test_what_is_typed_is_what_the_command_takes(typed: str, said: Said) -> None:
    assert read_said(typed) == said


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("kin:call", "did you mean kind?"),
        ("task:", "nothing stands behind task:"),
        ("--since", "nothing stands behind --since"),
        ("task:a task:b", "a, b: one task"),
        ("s4 s5", "s4, s5: one id"),
        ("x" * 300, "at most 200 characters"),
        ("since:soon", "2h, 30m or 1d"),
        ("session:s4/build", "write session:s4 task:build"),
        ("s4/build task:a", "names all that is wanted"),
        ("!?", "names nothing"),
    ],
)
async def test_what_means_nothing_is_answered_with_what_does(typed: str, says: str) -> None:
    async with open_log("memory:") as log:
        with pytest.raises(NotWanted, match=says.replace("?", r"\?")):
            LogReading(log, UTC).sought(typed, None, 1)


@given(st.text(st.sampled_from("kindtaskscesion:=-s4/ *,.\x1b\u202e!"), max_size=60))
def test_whatever_is_typed_is_understood_or_answered(typed: str) -> None:
    try:
        read_said(typed)
    except NotWanted as problem:
        assert "\x1b" not in str(problem) and "\u202e" not in str(problem)


async def test_a_word_alone_is_a_task_of_the_session_that_is_shown_and_a_kind_that_is_unknown_is_told() -> None:
    async with open_log("memory:") as log:
        reading = LogReading(log, UTC)
        found = reading.sought("build", None, 7)
        assert (found.wanted.session, found.wanted.task) == (7, "build")
        assert reading.sought("task:build", None, 7).wanted == Wanted(task="build")
        assert reading.sought("kind:call", 7, 7).wanted == Wanted(session=7, kinds=("call",))
        assert "did you mean call.settled?" in reading.sought("kind:call.setled", None, 7).notes[0]


async def _a_long_log(log: EventLog, random: Random, many: int) -> list[Entry]:
    """Events of three sessions, one of which writes seldom."""
    while many > 0:
        size = min(many, random.randrange(1, 900))
        new: list[NewEvent] = []
        for _ in range(size):
            session = random.choices((1, 2, 3), (60, 40, 1))[0]
            planned = StepPlanned(title="t", total=1)
            event = planned if random.random() < 0.95 else TaskCancelled(reason="enough")
            new.append(
                NewEvent(event=event, topic=f"session/{session}", session=session, task="ab"[random.random() < 0.1])
            )
        await log.append(new)
        many -= size
    return [entry for after in range(0, 20_000, 5_000) for entry in await log.read(after=after, limit=5_000)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_a_window_that_grows_holds_all_that_is_wanted_between_its_ends(seed: int) -> None:
    anyio.run(_walks, Random(seed))


async def _walks(random: Random) -> None:
    async with open_log("memory:", clock=Clock()) as log:
        entries = await _a_long_log(log, random, random.choice((0, 1, 40, 3_000)))
        reading, until = LogReading(log, UTC), len(entries)
        wanted = Wanted(
            session=random.choice((None, 1, 3)),
            task=random.choice(("", "b")),
            kinds=random.choice(((), ("task",), ("task.cancelled", "step.planned"))),
        )
        floor = random.choice((0, 0, until // 3))
        window = Window(max(floor, random.randint(0, until)), most=random.choice((50, 300, 4_000)))
        for _ in range(40):
            low, high = window.low, window.high
            if random.random() < 0.5 and low > floor:
                stretch = await reading.before(wanted, low, floor)
                assert floor <= stretch.low < stretch.high == low
            elif high < until:
                stretch = await reading.behind(wanted, high, until)
                assert high == stretch.low < stretch.high <= until
            else:
                break
            assert len(stretch.entries) <= PAGE + 1
            gone, first = window.gone, window.entries[0] if window.entries else None
            window.add(stretch)
            if first in window.entries:
                assert window.entries.index(first) == gone - window.gone
            held = [entry for entry in entries if window.low < entry.position <= window.high and wanted.fits(entry)]
            assert window.entries == held
        if window.low <= until // 2 <= window.high:
            window.end_at(until // 2)
            assert window.high == until // 2 and all(entry.position <= until // 2 for entry in window.entries)


def test_a_stretch_that_does_not_touch_the_window_is_left_out() -> None:
    window = Window(10)
    window.add(Stretch([], 3, 9))
    window.add(Stretch([], 11, 12))
    assert (window.low, window.high) == (10, 10)
