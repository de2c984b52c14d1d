"""The lanes of a task's time: how its spans become columns of eighths, and which events make them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from events.log import Entry
from events.types.base import TextRef
from events.types.call import CallFailed
from events.types.tool import ToolFinished, ToolStarted
from tests.tui.recordings import START, a_session, recording
from tui.lanes import Lane, Mark, Span, lane_row, lanes_of, shares

S = 1_000_000
times = st.integers(-20, 220)
spans = st.lists(st.tuples(times, st.integers(0, 80)).map(lambda each: Span(each[0], each[0] + each[1])), max_size=8)


@example([Span(0, 2), Span(1, 1), Span(1, 3)], 1, 3)
@given(spans, st.integers(1, 60), st.integers(1, 200))
def test_a_column_is_as_high_as_the_share_of_its_time_that_was_worked_in(
    worked: list[Span], width: int, end: int
) -> None:
    found = shares(worked, 0, end, width)
    assert len(found) == width
    for column, height in enumerate(found):
        # in a unit of which the time has `end * width`, and a column `end`: each unit is worked in, or it is not
        units = [
            any(span.begin * width <= unit and unit + 1 <= span.end * width for span in worked)
            for unit in range(column * end, (column + 1) * end)
        ]
        begun = any(
            min(width - 1, max(span.begin, 0) * width // end) == column
            for span in worked
            if span.begin <= end and span.end >= 0
        )
        assert (height == 8) == all(units)
        assert (height == 0) == (not any(units) and not begun)
        if 0 < sum(units) < end:
            assert height == max(1, min(7, round(8 * sum(units) / end)))


@given(spans, st.lists(st.tuples(times, st.sampled_from("✔✘↻")), max_size=4), st.integers(0, 90))
def test_a_lane_is_never_wider_than_its_room_and_shows_the_last_mark_of_a_column(
    worked: list[Span], marks: list[tuple[int, str]], width: int
) -> None:
    lane = Lane("work", worked, [Mark(at, glyph, "") for at, glyph in marks])
    drawn = "".join(text for text, _ in lane_row(lane, 0, 200, width))
    assert cell_len(drawn) == max(width, 10)
    if width >= 211:
        assert [glyph for at, glyph in marks if 0 <= at <= 200] == [each for each in drawn if each in "✔✘↻"]


async def test_the_lanes_of_a_task_are_its_calls_with_what_came_of_them(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        entries = await writer.log.read(limit=100)
    build = [entry for entry in entries if entry.task == "build"]
    at = {entry.position: entry.at for entry in build}
    (work, validate) = lanes_of(build, START + 60 * S)
    assert (work.word, validate.word) == ("work", "validate")
    assert work.spans == [Span(at[9], at[10]), Span(at[13], at[14])]
    assert work.marks == [Mark(at[13], "↻", "busy")]
    assert validate.spans == []
    assert validate.marks == [Mark(at[12], "✘", "bad"), Mark(at[16], "✔", "good")]
    ship = [entry for entry in entries if entry.task == "ship"]
    (work,) = lanes_of(ship, START + 60 * S)
    assert work.spans == [Span(ship[-1].at, START + 60 * S)]  # it is still under way


async def test_a_use_of_a_tool_is_work_from_its_intent_or_for_as_long_as_it_took(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        text = TextRef("x" * 43)
        started = ToolStarted(tool="shell", call="c1", ordinal=1, arguments=text, effect="copy")
        ended = ToolFinished(tool="shell", call="c1", ordinal=1, arguments=text, answer=text)
        looked = ToolFinished(tool="read", call="c2", ordinal=2, arguments=text, answer=text, duration_ms=500)
        first = await writer.reserve("build")
        await writer.add(CallFailed(reservation=first, failure="wait", reason="slow"), task="build", step=1, attempt=1)
        for event in (started, ended, looked):
            await writer.add(event, task="build", step=1, attempt=1)
        entries: list[Entry] = await writer.log.read(limit=100)
    at = [entry.at for entry in entries]
    (work,) = lanes_of(entries, at[-1])
    assert work.spans == [Span(at[0], at[1]), Span(at[2], at[3]), Span(at[4] - 500_000, at[4])]
