"""Charts: round ticks, and drawings in which every number keeps its place."""

from __future__ import annotations

import itertools
import re
from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.cli.page.charts import HEIGHT, WIDTH, Level, Line, Stack, bars, moments, over_time, percent, thinned, ticks
from swarm.cli.page.elements import markup

MOMENT = 1_790_000_000_000_000


@settings(max_examples=30)
@given(most=st.integers(0, 10**15))
def test_ticks_are_few_round_even_and_reach_the_most(most: int) -> None:
    found = ticks(most)
    steps = {later - earlier for earlier, later in itertools.pairwise(found)}
    assert found[0] == 0 and found[-1] >= most and 2 <= len(found) <= 7
    assert len(steps) == 1 and str(steps.pop()).rstrip("0") in ("1", "2", "5")
    assert len(found) == 2 or found[-2] < most


@settings(max_examples=30)
@given(seconds=st.integers(1, 10**8), offset=st.integers(0, 10**6))
def test_times_below_a_chart_are_few_in_order_and_inside_of_it(seconds: int, offset: int) -> None:
    first = MOMENT + offset * 1_000_000
    found = moments(first, first + seconds * 1_000_000, UTC)
    assert [at for at, _ in found] == sorted({at for at, _ in found}) and len(found) <= 8
    assert all(first <= at <= first + seconds * 1_000_000 for at, _ in found)


@settings(max_examples=30)
@given(steps=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**12)), min_size=1, max_size=60))
def test_a_line_stays_inside_of_its_frame_and_ends_at_its_last_amount_however_it_is_thinned(
    steps: list[tuple[int, int]],
) -> None:
    at = amount = 0
    points: list[tuple[int, int]] = [(0, 0)]
    for later, more in steps:
        at, amount = at + later, amount + more
        points.append((at, amount))
    few = thinned(points, 10)
    assert few[0] == points[0] and few[-1] == points[-1] and len(few) <= 11
    line = Line(name="spent", points=few, tone="c1")
    drawn = markup(over_time("Spent", "said", [line], [Level(name="cap", amount=amount)], str, UTC))
    path = re.search(r' d="([^"]*)"', drawn)
    assert path is not None
    for letter, value in re.findall(r"([HV])([0-9.]+)", path[1]):
        assert 0 <= float(value) <= (WIDTH if letter == "H" else HEIGHT)


def test_a_bar_says_its_amounts_in_words_and_nothing_is_drawn_for_nothing() -> None:
    stacks = [Stack(name="<a>", parts=(3, 0)), Stack(name="b", parts=(0, 0))]
    drawn = markup(bars("Bars", "said", stacks, (("yes", "c1"), ("no", "c2")), str, Level(name="cap", amount=5)))
    assert drawn.count("<rect") == 1 and "<title>&lt;a&gt;, yes: 3</title>" in drawn and "<desc>said</desc>" in drawn
    assert (percent(1, 3), percent(0, 0), percent(1, 1000)) == ("33 %", "-", "< 1 %")
