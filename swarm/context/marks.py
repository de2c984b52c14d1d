"""Where the parts of a text begin."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """A part begins at a line, counted from 1, and reaches to the next mark."""

    line: int
    names: tuple[str, ...] = ()  # what it defines; of a method the class, too: `Cart.add`
    inside: int = -1  # the number of the mark of what it is a part of: its class; -1: of nothing
    at: int = 0  # the line that says what it is, below its decorators; 0: none does
    above: str = ""  # the headings that it stands under
