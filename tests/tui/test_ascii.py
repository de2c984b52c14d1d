"""Every sign of the screen in ASCII, as wide as it is, and still another than those beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import tui
from tui.ascii import in_ascii
from tui.words import visible

SOURCES = [path for path in Path(tui.__file__).parent.rglob("*.py") if path.name != "ascii.py"]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_any_text_becomes_ascii_of_the_same_width(text: str) -> None:
    written = in_ascii(text)
    assert written.isascii() and len(written) == cell_len(text)
    assert in_ascii(visible(text)).isprintable()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("naïve Ærø", "naive ?ro"),
        ("ＡＢ７", "A B 7 "),  # noqa: RUF001  # wide letters are what is tried
        ("10²", "10?"),
        ("日本", "????"),
        ("e\u0301", "e"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "??"),
    ],
)
def test_letters_lose_their_accents_and_no_number_becomes_another(text: str, written: str) -> None:
    assert in_ascii(text) == written


@pytest.mark.parametrize(
    "signs",
    [
        "✔✘●○↻‖⊘⊝?!",  # states, and what is asked or told
        "█▓▒ ·│",  # a gauge
        " ▏▎▍▌▋▊▉█",  # the end of a bar
        "·▁▂▃▄▅▆▇█┃⚑✘!?↻",  # a scrubber: how much, where, and what sticks out
        "─━",  # the frame of a pane, of the one that has the keys
        "│┃",
        "╭┏",
        "▶‖",  # played, paused
        "▲▼→←",
    ],
)
def test_signs_that_stand_in_one_place_differ_in_ascii_too(signs: str) -> None:
    written = [in_ascii(sign) for sign in signs]
    assert len(set(written)) == len(signs), written


def test_each_sign_that_the_screen_writes_has_one_in_ascii() -> None:
    missing = {sign: name for name, text in _texts() for sign in text if not sign.isascii() and "?" in in_ascii(sign)}
    assert not missing, "give them one in tui/ascii.py"


def _texts() -> Iterator[tuple[str, str]]:
    """What the sources write, without the signs in place of what a terminal would act upon: those stand for themselves."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, re.sub("<U\\+[0-9A-F]+>|[\u2400-\u2426]", "", visible(node.value))
