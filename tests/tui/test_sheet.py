"""Tables that are looked up: how their columns share any width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.sheet import GAP, Bar, Column, Gauge, Line, Sheet, Text, as_document, head_row, line_row, widths
from tui.widgets.bars import gauge_row, mix_row

words = st.text(st.sampled_from("abc —…漢é"), max_size=30)
cells = st.one_of(
    words.map(Text),
    st.floats(0, 1).map(Bar),
    st.tuples(st.integers(0, 2000), st.integers(0, 500), st.integers(0, 1000)).map(lambda each: Gauge(*each)),
)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    columns = draw(
        st.lists(
            st.builds(Column, words, st.booleans(), st.integers(0, 3), st.integers(0, 12), st.integers(12, 40)),
            min_size=1,
            max_size=6,
        )
    )
    rows = st.builds(Line, st.tuples(*[cells for _ in columns]), indent=st.integers(0, 3))
    return Sheet(title="t", columns=tuple(columns), lines=tuple(draw(st.lists(rows, max_size=4))))


@given(sheets(), st.integers(1, 160))
def test_every_line_of_a_sheet_has_its_columns_where_its_head_has_them(sheet: Sheet, width: int) -> None:
    sizes = widths(sheet, width)
    shown = [each for each in sizes if each]
    whole = sum(shown) + GAP * (len(shown) - 1)
    for row in (head_row(sheet, sizes), *(line_row(sheet, line, sizes) for line in sheet.lines)):
        assert cell_len("".join(text for text, _ in row)) == whole


def test_an_indented_cell_that_has_room_is_not_cut() -> None:
    columns = (Column("scope"), Column("cost", right=True))
    sheet = Sheet(title="t", columns=columns, lines=(Line((Text("month"), Text("$1")), indent=1),) * 2)
    row = line_row(sheet, sheet.lines[0], widths(sheet, 40))
    assert "".join(text for text, _ in row) == "  month    $1"


@given(sheets(), st.integers(60, 160))
def test_columns_go_by_their_rank_and_the_first_stays(sheet: Sheet, width: int) -> None:
    sizes = widths(sheet, width)
    gone = [column.rank for column, size in zip(sheet.columns, sizes, strict=True) if not size]
    kept = [column.rank for column, size in zip(sheet.columns[1:], sizes[1:], strict=True) if size]
    assert sizes[0] and all(gone) and max(kept, default=0) <= min(gone, default=9)


@given(st.integers(1, 80), st.integers(0, 3000), st.integers(0, 500), st.integers(0, 2000))
def test_a_gauge_is_full_where_the_cap_is_reached_and_only_there(
    width: int, spent: int, reserved: int, cap: int
) -> None:
    drawn = "".join(text for text, _ in gauge_row(width, spent, reserved, cap))
    assert len(drawn) == width
    assert (set(drawn) <= set("█▓")) == (spent + reserved >= cap)


@given(st.integers(1, 80), st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_a_mix_fills_its_width_and_shows_every_part_there_is_room_for(width: int, amounts: list[int]) -> None:
    drawn = "".join(text for text, _ in mix_row(width, [(each, "abcd"[at], "") for at, each in enumerate(amounts)]))
    assert len(drawn) == width
    if width >= 10 * len(amounts) and any(amounts):
        assert {letter for letter, amount in zip("abcd", amounts, strict=False) if amount} == set(drawn)


def test_a_sheet_as_a_document_has_amounts_and_no_bars() -> None:
    columns = (Column("scope"), Column("used"), Column(""))
    line = Line((Text("day", "good"), Gauge(5, 2, 10), Bar(0.25)), key="day", indent=1)
    sheet = Sheet(title="Budget", columns=columns, lines=(line,), notes=([("a ", "faint"), ("note", "")],))
    cells = {"scope": "day", "used": {"spent": 5, "reserved": 2, "cap": 10}, "2": 0.25}
    assert as_document(sheet) == {
        "schema": "swarm.sheet/1",
        "title": "Budget",
        "rows": [{"key": "day", "indent": 1, "cells": cells}],
        "notes": ["a note"],
    }
