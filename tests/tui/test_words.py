"""How amounts, times and foreign texts are written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from swarm.errors import dollars
from tui.rows import fitted
from tui.words import count, cut, span, usd, visible, visible_lines


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_the_screen_and_the_commands_write_the_same_dollars(nanos: int) -> None:
    assert usd(nanos) == dollars(nanos)


@given(st.text())
def test_nothing_that_a_terminal_acts_upon_stays(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert not [c for c in visible_lines(text) if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]


def test_what_is_hidden_shows_as_a_sign() -> None:
    assert visible("a\x1b[31m\x9b1m\x7f\u202eb\nc") == "a␛[31m<U+009B>1m␡<U+202E>b␊c"
    assert visible_lines("a\r\nb\tc\rd") == "a\nb       c␍d"
    assert cut("abcdef", 4) == "abc…" and cut("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (17_949, "17.9k"),
        (999_999, "999.9k"),
        (3_100_000, "3.1M"),
        (-1500, "-1.5k"),
    ],
)
def test_a_count_is_short_and_never_rounded_up(number: int, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (42, "42s"), (187, "3m07s"), (7500, "2h05m"), (4 * 86400 + 3 * 3600, "4d03h")]
)
def test_a_length_of_time_has_two_units(seconds: int, text: str) -> None:
    assert span(seconds * 1_000_000) == text


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(min_value=0, max_value=90))
def test_a_row_is_exactly_as_wide_as_its_pane(texts: list[str], width: int) -> None:
    row = fitted([(visible(text), "") for text in texts], width)
    assert sum(cell_len(text) for text, _ in row) == width
