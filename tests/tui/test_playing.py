"""Playback, the scrubber's line and what can be typed to go somewhere, without a screen."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from events.log import Entry
from events.types.task import TaskCancelled, TaskFailed
from tests.tui.recordings import START
from tui.playing import HELD_S, MOST, Playing
from tui.record import Record
from tui.rows import Row
from tui.scrubber import Density, bar_row, note_row
from tui.sought import NotThere, sought

SECOND = 1_000_000


def a_record(*seconds: float, fails: tuple[int, ...] = ()) -> Record:
    """An event at each of the seconds, at every second position from #11 on; those of even numbers of the task `a`, else of `b`."""
    record = Record(1)
    for index, second in enumerate(seconds):
        event = TaskFailed(reason="no", cause="input") if index in fails else TaskCancelled(reason="x")
        at = START + round(second * SECOND)
        record.take([Entry(11 + 2 * index, b"", at, "session/1", "", 1, "ab"[index % 2], 0, 0, 0, event)])
    return record


def text(row: Row) -> str:
    return "".join(piece for piece, _ in row)


def test_events_come_when_they_came_at_the_speed_that_is_set() -> None:
    playing = Playing(a_record(0, 1, 1.5, 2, 4))
    playing.toggle()
    seen: list[int] = []
    for _ in range(5):
        playing.advance(0.5)
        seen.append(playing.cursor)
    assert seen == [0, 1, 2, 3, 3]
    playing.faster(1)
    playing.advance(0.5)
    assert (playing.speed, playing.cursor) == (2.0, 3)
    playing.advance(0.25)
    assert (playing.cursor, playing.is_on) == (4, False), "it ends with the record"
    playing.toggle()
    assert (playing.cursor, playing.is_on) == (0, True), "and begins again"


def test_a_long_time_in_which_nothing_happens_is_short_and_said() -> None:
    playing = Playing(a_record(0, 3600, 3601))
    assert playing.idle_us == 3600 * SECOND
    playing.toggle()
    playing.advance(1.9)
    assert playing.cursor == 0 and "≫ 1h00m idle" in text(note_row(playing, 80, UTC))
    playing.advance(0.2)
    assert playing.cursor == 1 and "idle" not in text(note_row(playing, 80, UTC))


def test_at_most_so_many_events_are_played_at_once() -> None:
    playing = Playing(a_record(*(number / 1000 for number in range(3 * MOST))))
    playing.toggle()
    playing.faster(20)
    playing.advance(0.1)
    assert (playing.speed, playing.cursor) == (float("inf"), MOST)
    playing.faster(-1)
    playing.advance(60)
    assert playing.cursor == 2 * MOST
    playing.faster(-20)
    assert playing.speed == 0.5


def test_a_key_that_is_held_goes_faster_every_fourth_time_up_to_a_bound() -> None:
    playing = Playing(a_record(*range(2000)))
    steps: list[int] = []
    now = 0.0
    for _ in range(40):
        before, now = playing.cursor, now + HELD_S / 2
        held = playing.step(1, now)
        steps.append(playing.cursor - before)
        assert held == (len(steps) > 1)
    assert steps[:13] == [1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8]
    assert max(steps) == 25
    assert not playing.step(-1, now + HELD_S / 2), "another key is not held yet"
    assert not playing.step(-1, now + 1), "nor one that rested"


def test_marks_and_bookmarks_are_stops() -> None:
    playing = Playing(a_record(*range(9), fails=(3, 6)))
    assert playing.to_mark(1) and playing.cursor == 3 and playing.mark and playing.mark.said == "b failed: no"
    playing.go(5)
    playing.bookmark()
    playing.go(0)
    assert [playing.to_mark(1) and playing.cursor for _ in range(4)] == [3, 5, 6, False]
    playing.go(5)
    playing.bookmark()
    assert playing.to_mark(-1) and playing.cursor == 3 and not playing.to_mark(-1)


def test_the_bar_says_how_many_events_fell_where_and_what_stuck_out() -> None:
    playing = Playing(a_record(0, 1, 1.1, 1.2, 1.3, 2, 3, 4, fails=(7,)))
    row = text(bar_row(playing, Density(), 48, UTC))
    assert row == " ‖ 1x ┃····▄█▄···▄·····▄·····✘ #11/25  10:00:00 "
    playing.go(7)
    playing.bookmark()
    playing.toggle()
    row = text(bar_row(playing, Density(), 100, UTC))
    assert (
        row.startswith(" ▶ 1x ┃")
        and row.endswith(" #11/25  10:00:00.000 ⚑1 ")
        and "✘" not in row.partition("#")[0][:-8]
    )


@given(
    st.lists(st.integers(0, 10**5), min_size=1, max_size=60),
    st.integers(1, 200),
    st.integers(0, 99),
)
def test_the_scrubber_fits_its_line_wherever_it_stands(seconds: list[int], width: int, place: int) -> None:
    playing = Playing(a_record(*seconds))
    playing.go(place * len(seconds) // 100)
    playing.bookmark()
    assert cell_len(text(bar_row(playing, Density(), width, UTC))) <= max(width, 60)
    assert text(note_row(playing, width, UTC))


RECORD = a_record(0, 10, 20.5, 65, 130, 86_400, fails=(1, 4))


@pytest.mark.parametrize(
    ("typed", "cursor", "number"),
    [
        ("#13", None, 1),
        ("14", None, 1),  # between two events: the one before
        ("#21", None, 5),
        (" 10:00 ", None, 0),
        ("10:01", None, 2),
        ("10:01:05", None, 3),
        ("10:00:20", None, 1),
        ("2026-11-22 10:00:00", None, 5),
        ("10:00", 5, 5),  # on the cursor's day
        ("+20s", None, 1),
        ("+1m", 1, 3),
        ("+9d", None, 5),
        ("-1.5h", None, 4),
        ("-70s", 4, 2),
        ("-9m", 2, 0),
        ("a", None, 0),
        ("a", 0, 2),
        ("b", 5, 1),  # from the start again
        ("fail", None, 1),
        ("fail", 1, 4),
        ("FAIL", 4, 1),
        ("start", 3, 0),
        ("end", 3, 5),
    ],
)
def test_what_is_typed_leads_there(typed: str, cursor: int | None, number: int) -> None:
    assert sought(typed, RECORD, zone=UTC, cursor=cursor) == number


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("#10", "#10 is no event of this session; its events are #11 to #21"),
        ("99999999999999999", "is no event of this session"),
        ("2026-11-21 09:59", "nothing is recorded at 09:59; the session's events are from 2026-11-21 10:00:00 to 2026"),
        ("25:00", "25:00 is no time; write 14:03 or 14:03:22"),
        ("0001-01-01 00:00", "recorded at 00:00"),
        ("2026-13-01 10:00", "is no time"),
        ("person", "nothing that would be found as person is recorded"),
        ("aa", "did you mean a?"),
        ("nowhere at all \x1b[31m", "write #48213"),
        ("", "is no event, time or task"),
    ],
)
def test_what_leads_nowhere_is_told_with_what_would(typed: str, said: str) -> None:
    with pytest.raises(NotThere) as told:
        sought(typed, RECORD, zone=UTC)
    assert said in str(told.value) and "\x1b" not in str(told.value)


def test_times_are_those_of_the_zone_that_is_shown() -> None:
    assert sought("11:01", RECORD, zone=ZoneInfo("Europe/Berlin")) == 2


@given(st.text(max_size=20), st.integers(0, 5))
def test_whatever_is_typed_is_found_or_told(typed: str, cursor: int) -> None:
    try:
        assert 0 <= sought(typed, RECORD, zone=UTC, cursor=cursor) < len(RECORD)
    except NotThere as problem:
        assert str(problem)
