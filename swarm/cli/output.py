"""What a command says: its result on stdout, everything else on stderr, in colour where somebody looks at it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from swarm.cli.hints import in_folder, on_log
from swarm.cli.streams import write_aside, write_result
from swarm.errors import ConfirmationNeeded, SwarmError

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_WORD = re.compile(r"(\s*)(`[^`\n]*`\S*|\S+)")
"""A gap, and what a line is not broken in: a word, or a command that somebody may copy."""
_LEAST = 12  # characters of a table's last column, however narrow the terminal is

Cell = str | tuple[str, str]
"""A text, or a text and its style."""


class Declined(ConfirmationNeeded):
    """A person was asked, and did not say yes. `remedy` is how to go on after all."""

    def __init__(self, what: str, *, remedy: str) -> None:
        self.question, self.remedy = what, remedy
        SwarmError.__init__(self, f"{what}; {remedy}")


class Output:
    """Where a command writes. `json` is true where the result has to be one JSON document, or JSON Lines for a stream.

    `log` and `folder` are what the command line named: what is told to be typed next means these, too.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: int = 0,
        color: str = "auto",
        no_input: bool = False,
        log: str | None = None,
        folder: str | None = None,
    ) -> None:
        self.json, self.quiet, self.verbose, self.no_input = json, quiet, verbose, no_input
        self.log, self.folder = log, folder
        self._out_color, self._err_color = _has_color(sys.stdout, color), _has_color(sys.stderr, color)

    @property
    def in_ci(self) -> bool:
        """Whether a CI runs us: its terminal, where it has one, is read later and not looked at."""
        return bool(os.environ.get("CI"))

    @property
    def width(self) -> int:
        """Columns of the terminal that stderr is."""
        return _columns(sys.stderr)

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line of the result. On a terminal nothing in the text is acted upon; in a pipe it stays as it is."""
        self._result(_harmless(text) if sys.stdout.isatty() else text, style)

    def _result(self, text: str, style: str = "") -> None:
        write_result(_painted(text, style if self._out_color else "") + "\n")

    def note(self, text: str, style: str = "") -> None:
        """Tell a person something that is not the result; silent with --quiet."""
        if not self.quiet:
            self.problem(text, style)

    def detail(self, text: str) -> None:
        """Tell what only somebody who asked for it wants to know: with --verbose."""
        if self.verbose:
            self.problem(text, "dim")

    def problem(self, text: str, style: str = "", *, exact: bool = False) -> None:
        """Tell what must be seen even with --quiet; on a terminal lines are broken between words, unless `exact`."""
        text = in_folder(on_log(text, self.log), self.folder)
        shown = text
        if sys.stderr.isatty():
            shown = _harmless(text) if exact else _broken(_harmless(text), self.width)
        write_aside(_painted(shown, style if self._err_color else "") + "\n")

    def document(self, schema: str, content: Mapping[str, Any]) -> None:
        """Write the result as one line of JSON; `schema` is its name and version, such as swarm.cost/1."""
        write_result(json.dumps({"schema": schema, **content}, default=str) + "\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows in columns as wide as their widest cell; numbers, written as such, stand to the right.

        On a terminal the last column has the room that the others leave it.
        """
        texts = [[_harmless(_text(cell)).replace("\n", " ") for cell in row] for row in rows]
        if sys.stdout.isatty():
            _fit_last(texts, header, _columns(sys.stdout))
        widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
        right = [bool(texts) and all(_is_number(row[i]) for row in texts) for i in range(len(header))]
        self._result(_row(header, widths, right, [""] * len(header)), "dim")
        for row, shown in zip(rows, texts, strict=True):
            styles = [cell[1] if self._out_color and isinstance(cell, tuple) else "" for cell in row]
            self._result(_row(shown, widths, right, styles))

    def confirm(self, question: str, *, remedy: str) -> bool:
        """Ask a person for yes or no, on stderr; no is what an empty line means. Ctrl-C ends the program.

        Raises ConfirmationNeeded where nobody can be asked; `remedy` is what to type instead.
        """
        with _ctrl_c_ends():
            self._ask(question, remedy)
            return self._said_yes()

    async def confirm_beside(self, question: str, *, remedy: str) -> bool:
        """As `confirm`, while other work goes on: Ctrl-C stays with whoever listens for it, and cancelling ends the wait."""
        import anyio  # only a run has other work

        self._ask(question, remedy)
        await anyio.wait_readable(sys.stdin)  # a terminal hands over whole lines, so reading one does not wait
        return self._said_yes()

    async def answer_beside(self, question: str, *, remedy: str) -> str:
        """As `confirm_beside`, for an answer in a line; "" where nothing is typed."""
        import anyio

        self._ask(question, remedy, form="")
        await anyio.wait_readable(sys.stdin)
        return self._line()

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    def _ask(self, question: str, remedy: str, *, form: str = "[y/N] ") -> None:
        if not self.can_ask:
            raise ConfirmationNeeded(question, remedy=remedy)
        write_aside(_broken(f"{_harmless(in_folder(on_log(question, self.log), self.folder))} {form}", self.width))

    def _said_yes(self) -> bool:
        return self._line().lower() in ("y", "yes")

    def _line(self) -> str:
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            write_aside("\n")  # Ctrl-D leaves the cursor behind the question
        return answer.strip()


@contextmanager
def _ctrl_c_ends() -> Generator[None]:
    """Let Ctrl-C raise KeyboardInterrupt at once: an event loop takes it for later, and we keep the loop waiting."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def counted(number: int, noun: str) -> str:
    """Write how many there are: 1 task, 2 tasks, 1,200 batches."""
    plural = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{plural}"


def _has_color(stream: TextIO, color: str) -> bool:
    if color != "auto":
        return color == "always"
    # https://no-color.org : any value that is not empty
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _painted(text: str, style: str) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style else text


def _harmless(text: str) -> str:
    """Show as a sign what a terminal would act upon: a model's text must not move the cursor or turn the writing around."""
    from tui.words import visible_lines  # the screen and the commands show the same signs

    return visible_lines(text)


def _broken(text: str, width: int) -> str:
    """Break the lines that are longer than the terminal is wide between words; what is indented stays so."""
    return "\n".join(_broken_line(line, width - 1) if len(line) >= width else line for line in text.split("\n"))


def _broken_line(line: str, most: int) -> str:
    lines = [""]
    for gap, word in _WORD.findall(line):
        if lines[-1].strip() and len(lines[-1]) + len(gap) + len(word) > most:
            lines.append(word)
        else:
            lines[-1] += gap + word
    return "\n".join(lines) + line[len(line.rstrip()) :]


def _columns(stream: TextIO) -> int:
    """Columns of the terminal that a stream is: as COLUMNS says, else as it says itself, else 80."""
    with suppress(OSError, ValueError):
        if columns := int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(stream.fileno()).columns:
            return columns
    return 80


def _fit_last(texts: list[list[str]], header: Sequence[str], columns: int) -> None:
    """Cut the texts of the last column where its lines would be longer than the terminal is wide."""
    taken = sum(max(map(len, column)) + 2 for column in list(zip(header, *texts, strict=True))[:-1])
    room = max(_LEAST, columns - taken)
    for row in texts:
        if len(row[-1]) > room:
            row[-1] = row[-1][: room - 1] + "…"


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
