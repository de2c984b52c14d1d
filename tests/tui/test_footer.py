"""The last line of the screen, for any width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.footer import LAST, footer_row, keys_in

SIX = ("Swarm", "Budget", "Cost", "Skills", "Schedules", "Log")
names = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=14)


def text_of(width: int, words: tuple[str, ...], seen: str, *footers: str) -> str:
    return "".join(text for text, _ in footer_row(width, words, seen, keys_in(*footers)))


@given(
    st.integers(0, 200),
    st.lists(names, min_size=1, max_size=6, unique=True).map(tuple),
    st.lists(names.map(lambda word: f"{word[0]} {word}"), max_size=6, unique=True),
)
def test_what_leads_on_is_whole_wherever_it_fits_and_nothing_is_cut(
    width: int, words: tuple[str, ...], keys: list[str]
) -> None:
    row = footer_row(width, words, words[-1], keys)
    text = "".join(piece for piece, _ in row)
    assert text.endswith(LAST)
    assert cell_len(text) <= max(width, len(LAST) + 1)
    shown = [piece.strip() for piece, _ in row][1:-1]
    if len(shown) >= len(words):
        fits = [key for key in keys if key in shown[len(words) :]]
        assert shown[len(words) :] == fits
        left_out = [len(key) + 2 for key in keys if key not in fits]
        assert all(len(text) + size > width for size in left_out)


def test_six_views_at_the_widths_of_terminals() -> None:
    all_words = " 1 Swarm  2 Budget  3 Cost  4 Skills  5 Schedules  6 Log  "
    assert text_of(80, SIX, "Budget", "enter history  s sort", "a answer") == f"{all_words}{LAST}"
    assert text_of(110, SIX, "Budget", "enter history  s sort", "a answer") == (
        f"{all_words}enter history  s sort  a answer  {LAST}"
    )
    assert text_of(92, SIX, "Budget", "enter history  s sort", "a answer") == f"{all_words}enter history  {LAST}"
    assert text_of(60, SIX, "Cost", "d w m", "a answer") == f" 1  2  3 Cost  4  5  6  d w m  a answer  {LAST}"
    assert text_of(40, SIX, "Schedules", "enter history") == f" 1  2  3  4  5  6  {LAST}"
    assert text_of(20, SIX, "Schedules", "enter history") == f" {LAST}"
    (seen,) = [text for text, tone in footer_row(80, SIX, "Cost", ()) if tone == "busy"]
    assert seen == "3 Cost  "
