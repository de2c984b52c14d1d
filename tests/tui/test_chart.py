"""The chart of what a day costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.chart import chart, heights, spread

amounts = st.integers(0, 10**12)


def lines(*given: object, **named: object) -> list[str]:
    return ["".join(text for text, _ in row) for row in chart(*given, **named)]  # type: ignore[arg-type]


@given(st.lists(amounts, max_size=40), st.integers(0, 12), amounts)
def test_heights_rise_with_the_values_and_stay_in_the_frame(values: list[int], height: int, top: int) -> None:
    found = heights(values, height, top)
    assert all(0 <= each <= 8 * height for each in found)
    assert [each for _, each in sorted(zip(values, found, strict=True))] == sorted(found)
    if top and height:
        assert all((each > 0) == (value > 0) for value, each in zip(values, found, strict=True))


@given(st.lists(amounts, min_size=1, max_size=40).map(sorted), st.integers(1, 100))
def test_what_climbs_still_climbs_at_any_width_and_ends_at_its_end(values: list[int], width: int) -> None:
    found = spread(values, width)
    assert len(found) == width and found == sorted(found) and found[-1] == values[-1] and set(found) <= set(values)


@given(
    st.lists(amounts, max_size=40),
    st.integers(0, 80),
    st.integers(0, 12),
    st.none() | amounts,
    st.lists(amounts, max_size=20),
    st.integers(0, 20),
)
def test_a_chart_is_exactly_as_large_as_it_may_be(
    values: list[int], width: int, height: int, cap: int | None, forecast: list[int], rest: int
) -> None:
    rows = lines(values, width, height, cap=cap, forecast=forecast, rest=rest)
    assert len(rows) == (height if width else 0)
    assert {cell_len(row) for row in rows} <= {width}


def test_a_day_shows_what_was_spent_what_is_foreseen_and_the_cap() -> None:
    half = 500_000_000
    assert lines([0, half // 4, half // 2, half // 2], 18, 3, cap=half, forecast=[half * 3 // 4] * 4) == [
        "$0.50┤╌╌╌╌╌╌░░░░░░",
        "     ┤   ▄▄▄░░░░░░",
        "   $0┤  ▆███░░░░░░",
    ]
    assert lines([0, half // 4], 18, 2, cap=100 * half) == ["$0.125┤      █████", "    $0┤      █████"]
    assert lines([0, half // 4, half // 2, 2 * half], 18, 4, cap=half, rest=4) == [
        "$1.00┤     █      ",
        "     ┤     █      ",
        "     ┤╌╌╌╌╌█╌╌╌╌╌╌",
        "   $0┤  ▄███      ",
    ]
