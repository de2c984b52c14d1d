"""What a command says: its result on stdout, everything else on stderr, in colour where somebody looks at it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from swarm.errors import ConfirmationNeeded

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Cell = str | tuple[str, str]
"""A text, or a text and its style."""


class Output:
    """Where a command writes. `json` is true where the result has to be one JSON document, or JSON Lines for a stream."""

    def __init__(
        self, *, json: bool = False, quiet: bool = False, verbose: int = 0, color: str = "auto", no_input: bool = False
    ) -> None:
        self.json, self.quiet, self.verbose, self.no_input = json, quiet, verbose, no_input
        self._out_color, self._err_color = _has_color(sys.stdout, color), _has_color(sys.stderr, color)

    @property
    def in_ci(self) -> bool:
        """Whether a CI runs us: its terminal, where it has one, is read later and not looked at."""
        return bool(os.environ.get("CI"))

    @property
    def width(self) -> int:
        """Columns of the terminal that stderr is."""
        return shutil.get_terminal_size().columns

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line of the result. On a terminal nothing in the text is acted upon; in a pipe it stays as it is."""
        shown = _harmless(text) if sys.stdout.isatty() else text
        sys.stdout.write(_painted(shown, style if self._out_color else "") + "\n")

    def note(self, text: str, style: str = "") -> None:
        """Tell a person something that is not the result; silent with --quiet."""
        if not self.quiet:
            self.problem(text, style)

    def detail(self, text: str) -> None:
        """Tell what only somebody who asked for it wants to know: with --verbose."""
        if self.verbose:
            self.problem(text, "dim")

    def problem(self, text: str, style: str = "") -> None:
        """Tell what must be seen even with --quiet."""
        shown = _harmless(text) if sys.stderr.isatty() else text
        sys.stderr.write(_painted(shown, style if self._err_color else "") + "\n")

    def document(self, schema: str, content: Mapping[str, Any]) -> None:
        """Write the result as one line of JSON; `schema` is its name and version, such as swarm.cost/1."""
        sys.stdout.write(json.dumps({"schema": schema, **content}, default=str) + "\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows in columns as wide as their widest cell; numbers, written as such, stand to the right."""
        texts = [[_harmless(_text(cell)).replace("\n", " ") for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
        right = [bool(texts) and all(_is_number(row[i]) for row in texts) for i in range(len(header))]
        self.line(_row(header, widths, right, ["dim" if self._out_color else ""] * len(header)))
        for row, shown in zip(rows, texts, strict=True):
            styles = [cell[1] if self._out_color and isinstance(cell, tuple) else "" for cell in row]
            sys.stdout.write(_row(shown, widths, right, styles) + "\n")

    def confirm(self, question: str, *, remedy: str) -> bool:
        """Ask a person for yes or no, on stderr; no is what an empty line means.

        Raises ConfirmationNeeded where nobody can be asked; `remedy` is what to type instead.
        """
        if self.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfirmationNeeded(question, remedy=remedy)
        sys.stderr.write(f"{_harmless(question)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")


def _has_color(stream: TextIO, color: str) -> bool:
    if color != "auto":
        return color == "always"
    # https://no-color.org : any value that is not empty
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _painted(text: str, style: str) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style else text


def _harmless(text: str) -> str:
    """Replace control characters: a model's text must not move the cursor, retitle the window or write the clipboard."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _is_number(text: str) -> bool:
    return not text or bool(re.fullmatch(r"[-+]?\$?[0-9][0-9.,]*%?", text))


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], styles: Sequence[str]) -> str:
    padded = [
        _painted(cell.rjust(width) if to_right else cell.ljust(width), style)
        for cell, width, to_right, style in zip(cells, widths, right, styles, strict=True)
    ]
    return "  ".join(padded).rstrip()
