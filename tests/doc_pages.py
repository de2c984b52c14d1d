"""The pages of the documentation as what they tell a reader to do: their commands, the files they show, what they say comes out.

A page is read from top to bottom. What a reader does not see stands in comments before a block:

    <!-- setup: LINE -->             a line of shell that is run here; several may stand in it, each with `  # ends N` if it does not with 0
    <!-- session: demo -->           the log begins with s1, the session of `swarm demo`
    <!-- file: NAME -->              the block that follows is the content of this file
    <!-- prints: LINE -->            the `text` block that follows is what this line prints
    <!-- numbers vary: WHY -->       the `text` block that follows has other numbers in each run
    <!-- order varies: WHY -->       it has its lines in another order
    <!-- not run: WHY -->            the block that follows is not run
    <!-- not run `BEGINNING`: WHY -->   lines of it that begin so are not
    <!-- on a terminal `BEGINNING` -->   lines of it that begin so, or all, draw a screen; it is left with q once it is drawn
    <!-- ends 3 `BEGINNING` -->      lines of it that begin so end with this exit code instead of 0
    <!-- not output: WHY -->         the `text` block that follows is not what the block before it prints

A `text` block that follows a block of shell is what that prints: each of its lines is printed, in that order; `…` stands for
what differs from run to run, and lines between them may be left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
EXECUTED = [
    ROOT / "README.md",
    *sorted((ROOT / "docs/tutorial").glob("*.md")),
    *sorted((ROOT / "docs/how-to").glob("*.md")),
]

_PART = re.compile(r"^<!-- (?P<mark>.*?) -->$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(
    r"(?P<kind>setup|session|file|prints|(?:numbers|order) var(?:y|ies)|not run|on a terminal|ends|not output) ?(?P<code>\d+)? ?(?:`(?P<lines>[^`]+)`)?:? ?(?P<said>.*)",
    re.DOTALL,
)
_SHELL = re.compile(r"[$|>;`*]|<(?! )")


class Line(msgspec.Struct, frozen=True):
    """A line of shell that is run, and how it ends; `shown` is what it prints with those before it in its block, as the page has it."""

    text: str
    at: int  # the line of the page
    block: int = 0  # where its block begins
    ends: int = 0
    shown: str = ""
    varies: frozenset[str] = frozenset()  # of what is printed: its numbers, its order
    draws: bool = False  # a screen, on a terminal


class Shown(msgspec.Struct, frozen=True):
    """A file that a page shows; without a name it is a task file that nothing runs."""

    name: str
    text: str
    at: int


class Recorded(msgspec.Struct, frozen=True):
    """A session that the log begins with."""

    name: str


class Left(msgspec.Struct, frozen=True):
    """A line that is not run, and why."""

    text: str
    at: int
    why: str


Part = Line | Shown | Recorded | Left


class _Mark(msgspec.Struct, frozen=True):
    kind: str
    code: int
    lines: str
    said: str


class MarkUnknown(ValueError):
    """A comment before a block means nothing."""


def read_page(text: str) -> list[Part]:
    """Return what a page has a reader do, in its order. Raises MarkUnknown."""
    parts: list[Part] = []
    marks: list[_Mark] = []
    found = list(_PART.finditer(text))
    for number, each in enumerate(found):
        at = text.count("\n", 0, each.start()) + 1
        if each["mark"] is not None:
            mark = _mark(each["mark"])
            if mark.kind == "setup":
                parts += [_setup(line, at) for line in mark.said.splitlines()]
            elif mark.kind == "session":
                parts.append(Recorded(mark.said))
            else:
                marks.append(mark)
            continue
        parts += _block(each["language"], each["text"], at, marks, _output_behind(found, number, text))
        marks = []
    return parts


def _setup(line: str, at: int) -> Line:
    found = re.search(r"  # ends (\d+)$", line)
    return Line(line, at, at, int(found[1]) if found else 0)


def _mark(text: str) -> _Mark:
    if (found := _MARK.fullmatch(text)) is None:
        raise MarkUnknown(text)
    return _Mark(found["kind"], int(found["code"] or 0), found["lines"] or "", found["said"].strip())


def _output_behind(found: Sequence[re.Match[str]], number: int, text: str) -> str:
    """The `text` block that follows a block of shell, where it is its output."""
    following = found[number + 1 : number + 2]
    if not following or following[0]["language"] != "text":
        return ""
    return following[0]["text"]


def _block(language: str, text: str, at: int, marks: Sequence[_Mark], shown: str) -> Iterator[Part]:
    name = next((mark.said for mark in marks if mark.kind == "file"), "")
    if language == "sh":
        yield from _lines(text, at, marks, shown)
    elif prints := next((mark.said for mark in marks if mark.kind == "prints"), ""):
        varies = frozenset(mark.kind.split()[0] for mark in marks if "var" in mark.kind)
        yield Line(prints, at, at, _ends(prints, marks), text, varies)
    elif name or language == "yaml":
        yield Shown(name, text, at)


def _lines(text: str, at: int, marks: Sequence[_Mark], shown: str) -> Iterator[Part]:
    joined = text.replace("\\\n", "")  # a line that goes on in the next one
    lines = [(number, line) for number, line in enumerate(joined.splitlines(), at + 1) if line and line[0] != "#"]
    run = [number for number, line in lines if not _why_not(line, marks)]
    for number, line in lines:
        if why := _why_not(line, marks):
            yield Left(line, number, why)
        else:
            is_last = number == run[-1]
            draws = any(mark.kind == "on a terminal" and line.startswith(mark.lines) for mark in marks)
            yield Line(line, number, at, _ends(line, marks), shown if is_last else "", draws=draws)


def _why_not(line: str, marks: Sequence[_Mark]) -> str:
    return next((mark.said for mark in marks if mark.kind == "not run" and line.startswith(mark.lines)), "")


def _ends(line: str, marks: Sequence[_Mark]) -> int:
    return next((mark.code for mark in marks if mark.kind == "ends" and line.startswith(mark.lines)), 0)


def commands_in(line: str) -> list[list[str]] | None:
    """The words of each command of a line, where all are `swarm` and nothing but `< FILE` is left to a shell; else None."""
    words = shlex.split(line, comments=True)
    if _SHELL.search(re.sub(r"'[^']*'|\"[^\"]*\"|\s#.*", "", line)):
        return None
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            commands.append([])
        else:
            commands[-1].append(str(Path(word).expanduser()) if word.startswith("~/") else word)
    return commands if all(words and Path(words[0]).name == "swarm" for words in commands) else None


def missing(shown: str, printed: str, varies: frozenset[str] = frozenset()) -> str:
    """The first line of a text that was not printed behind those before it; empty where all were."""
    said = [line.strip() for line in printed.splitlines()]
    lines = iter(said)
    for line in shown.splitlines():
        pattern = ".*".join(re.escape(piece) for piece in line.strip().split("…"))
        if "numbers" in varies:
            pattern = re.sub(r"\d+", r"\\d+", pattern)
        if line.strip() and not any(re.fullmatch(pattern, each) for each in (said if "order" in varies else lines)):
            return line
    return ""
