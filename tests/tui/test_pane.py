"""What a pane lets be written anew: the cells that are others, and all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.pane import differing

STYLES = (Style(), Style(bold=True))
WIDTH = 12
PIECES = st.lists(st.tuples(st.text("ab日 ", min_size=1, max_size=4), st.sampled_from(STYLES)), max_size=5)


def strip_of(pieces: list[tuple[str, Style]]) -> Strip:
    return Strip([Segment(text, style) for text, style in pieces]).adjust_cell_length(WIDTH)


def cells_of(strip: Strip) -> list[tuple[str, Style | None]]:
    """What stands in each cell; a character of two cells stands in both."""
    return [
        (character, segment.style)
        for segment in strip
        for character in segment.text
        for _ in range(cell_len(character))
    ]


@given(PIECES, PIECES)
def test_what_differs_lies_between_the_cells_that_are_named_and_no_character_is_halved(
    before: list[tuple[str, Style]], now: list[tuple[str, Style]]
) -> None:
    old, new = strip_of(before), strip_of(now)
    found = differing(old, new)
    start, end = found or (0, 0)
    assert cells_of(old)[:start] == cells_of(new)[:start]
    assert cells_of(old)[end:] == cells_of(new)[end:] or found is None
    assert found is not None or cells_of(old) == cells_of(new)
    patched = Strip.join([old.crop(0, start), new.crop(start, end), old.crop(end, WIDTH)])
    assert cells_of(patched) == cells_of(new) or found is None


def test_of_a_row_that_grows_older_little_but_its_age_is_written() -> None:
    before, now = (strip_of([("task ", STYLES[1]), (age, STYLES[0])]) for age in ("  $1 9s", "  $1 8s"))
    assert differing(before, now) == (9, WIDTH)
    assert differing(now, now) is None
