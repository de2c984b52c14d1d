"""The screen in ASCII: every sign as one that an old terminal has, of the same width, so that nothing moves."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import split_graphemes
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS: Mapping[str, str] = {
    "v": "✔▼↓",
    "x": "✘✗",
    "*": "●•",
    "o": "○◇",
    "@": "↻",
    "%": "⊘",
    "-": "⊝─╌▔▀",
    ">": "▶▸≫→≥",
    "<": "◀◂≪←≤",
    "^": "↑▲",
    "~": "…≈",
    "P": "⚑",
    # what is full, in three ways, then what is not; marks of a gauge are lines
    "#": "█■┏┓┗┛┣┫┳┻╋",
    "=": "▓━‖",
    ":": "▒",
    ".": "·░",
    "|": "│┆┊▐▕▖▗▘▝▙▛▜▟▚▞",
    "H": "┃",  # where a scrubber stands, and the sides of the pane that has the keys
    "+": "╭╮╰╯┌┐└┘├┤┬┴┼",
}
_TYPESET: Mapping[str, str] = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212",
    "'": "\u2018\u2019\u201a\u201b",
    '"': "\u00ab\u00bb\u201c\u201d\u201e",
    "<": "\u2039",
    ">": "\u203a",
    "x": "\u00d7",
}
# letters that Unicode does not take for another with something added
_LETTERS: Mapping[str, str] = {"o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "d": "đ", "D": "Đ", "s": "ß", "t": "τ", "n": "η"}
SIGNS: Mapping[str, str] = {
    **{sign: plain for table in (_SIGNS, _TYPESET, _LETTERS) for plain, signs in table.items() for sign in signs},
    # parts of a full block: of its height, as a curve has them, and of its width, as a bar ends
    **dict(zip("▁▂▃▄▅▆▇", "_,-;=+*", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", "'!-;=+*", strict=True)),
    "🔎": "> ",
}
"""What a sign is written as, by the sign. Those that can stand in one place differ from each other there, too."""


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, as wide as it is: known signs by `SIGNS`, letters by what they are based on, all else as `?`.

    >>> in_ascii("✔ déjà vu … 日本")
    'v deja vu ~ ????'
    """
    if text.isascii():
        return text
    spans, _ = split_graphemes(text)
    return "".join(_plain(text[start:end], width) for start, end, width in spans)


def _plain(sign: str, width: int) -> str:
    if sign.isascii():
        return sign
    if not width:
        return ""
    plain = SIGNS.get(sign) or _base_of(sign)
    return plain.ljust(width)[:width] if plain else "?" * width


def _base_of(sign: str) -> str:
    """The letter or digit below its accents; "" where there is none in ASCII. A raised or circled number is no number."""
    base = "".join(each for each in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(each))
    is_whole = len(base) == 1 and base.isascii() and base.isprintable()
    return base if is_whole and unicodedata.category(sign[0]) not in ("No", "Nl") else ""


class AsciiOnly(LineFilter):
    """Writes whatever is drawn in ASCII: rows, frames, bars for scrolling, messages, what is typed."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]
