"""Unified diffs, read: which files they change, and what stands there before and afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from swarm.text.fence import unfenced
from swarm.tools.base import ToolRefused

_HUNK = re.compile(r"@@(?: -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))?)?(?: @@| ?\.\.\. ?@@|$)")
_GIT = re.compile(r'diff --git (?:(?:a/)?(.+) (?:b/)?\1|"(?:a/)?(.+)" "(?:b/)?\2")')
_BINARY = ("GIT binary patch", "Binary files ")
_ESCAPE = re.compile(r'\\([0-7]{3}|[abfnrtv"\\])')
_PLAIN = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_NOWHERE = "/dev/null"
_LINK, _MODULE = "120000", "160000"


class BadDiff(ToolRefused):
    """What was given cannot be read as a unified diff. Nothing was changed."""

    def __init__(self, why: str, line: int = 0) -> None:
        self.line = line
        super().__init__(
            f"the diff cannot be applied, nothing was changed: {f'line {line} of it ' if line else ''}{why}"
        )


class Hunk(msgspec.Struct, frozen=True):
    """One place of a file: what stands there before and afterwards."""

    number: int  # within its file, from 1
    start: int | None  # the line in the old file, from 1, as the diff says; None where it does not
    body: tuple[tuple[str, str], ...]  # " ", "-" or "+", and the line with its newline where it has one
    is_insertion: bool = False  # the diff says that nothing of the old file is in it
    recounted: bool = False  # its header counted other lines than it has

    @property
    def old(self) -> list[str]:
        return [line for sign, line in self.body if sign != "+"]


class FileDiff(msgspec.Struct, kw_only=True):
    """What becomes of one file. A name is None where there is no file."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = []
    mode: int | None = None  # of the new file, where the diff says one
    is_rename: bool = False


def read_diff(text: str) -> list[FileDiff]:
    """Return the files of a unified diff, as diff, git and models write it.

    Text between the files is passed over. A hunk whose header counts other lines than it has is read by the signs of its
    lines. Raises BadDiff.
    """
    lines = _split(unfenced(text))
    if any(line.startswith("*** Begin Patch") for line in lines[:5]):
        raise BadDiff(
            "it is in another format; write a unified diff, with `--- a/path`, `+++ b/path` and `@@ -1,3 +1,4 @@`"
        )
    files = _Reader(lines).read()
    if not files:
        raise BadDiff("it names no file; each begins with the lines `--- a/path` and `+++ b/path`")
    for one in files:
        if one.old is None and one.new is None:
            raise BadDiff("a file of it has no name on either side")
    return files


def paths_of(text: str) -> tuple[str, ...]:
    """The paths that a diff names, in its order, each once. Raises BadDiff."""
    named = (path for one in read_diff(text) for path in (one.old, one.new) if path is not None)
    return tuple(dict.fromkeys(named))


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    heads = [line for line in lines if line.startswith(("--- ", "+++ ", "@@ "))]
    if heads and all(line.endswith("\r") for line in heads):  # all of the diff has such line endings, not its file
        lines = [line.removesuffix("\r") for line in lines]
    return lines


class _Reader:
    """Goes through the lines of a diff."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._at = 0
        self._files: list[FileDiff] = []
        self._is_open = False  # the last file has its git header, and not yet its names

    def read(self) -> list[FileDiff]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith("diff --git "):
                self._begin(line)
            elif self._names_at(self._at):
                self._name()
            elif line.startswith("@@"):
                self._hunk(line)
            else:
                self._header(line)
                self._at += 1
        return [one for one in self._files if one.hunks or one.mode is not None or one.is_rename or one.old != one.new]

    def _begin(self, line: str) -> None:
        found = _GIT.fullmatch(line)
        name = (found[1] or _unescaped(found[2])) if found else None
        self._files.append(FileDiff(old=name, new=name, hunks=[]))
        self._is_open = True
        self._at += 1

    def _names_at(self, at: int) -> bool:
        return (
            at + 1 < len(self._lines) and self._lines[at].startswith("--- ") and self._lines[at + 1].startswith("+++ ")
        )

    def _name(self) -> None:
        old, new = _name(self._lines[self._at][4:]), _name(self._lines[self._at + 1][4:])
        if all(name is None or name.startswith(side) for name, side in ((old, "a/"), (new, "b/"))):
            old, new = (name[2:] if name else None for name in (old, new))
        if self._is_open and self._files:
            self._files[-1].old, self._files[-1].new = old, new
        else:
            self._files.append(FileDiff(old=old, new=new, hunks=[]))
        self._is_open = False
        self._at += 2

    def _header(self, line: str) -> None:
        """Take what git says of a file between its `diff --git` and its hunks; all else is no part of a diff."""
        if line.startswith(_BINARY):
            raise BadDiff("is of a binary file, and those cannot be patched", self._at + 1)
        if not self._is_open:
            return
        last = self._files[-1]
        word, _, rest = line.partition(" ")
        match word, rest.split(" ")[0]:
            case "new", "file":
                last.old, last.mode = None, self._mode(rest)
            case "deleted", "file":
                self._mode(rest)
                last.new = None
            case "new", "mode":
                last.mode = self._mode(rest)
            case "rename", "from":
                last.old, last.is_rename = _unquoted(rest.removeprefix("from ")), True
            case "rename", "to":
                last.new, last.is_rename = _unquoted(rest.removeprefix("to ")), True
            case "copy", _:
                raise BadDiff("copies a file, which cannot be done here; give the copy as a new file", self._at + 1)
            case _:
                pass

    def _mode(self, said: str) -> int:
        digits = said.rpartition(" ")[2]
        if digits in (_LINK, _MODULE) or not re.fullmatch(r"100[0-7]{3}", digits):
            raise BadDiff("is of a symlink or submodule, and those cannot be patched", self._at + 1)
        return 0o755 if int(digits, 8) & 0o100 else 0o644

    def _hunk(self, line: str) -> None:
        head = _HUNK.match(line)
        if head is None:
            raise BadDiff("begins like the head of a hunk; write it like `@@ -12,3 +12,4 @@`", self._at + 1)
        if not self._files:
            raise BadDiff("begins a hunk before any file was named", self._at + 1)
        self._is_open = False
        self._at += 1
        first = self._at
        counts = (int(head[2] or "1"), int(head[4] or "1")) if head[1] else None
        body = self._counted(*counts) if counts else None
        recounted = counts is not None and body is None
        if body is None:
            self._at = first
            body = self._signed()
        hunks = self._files[-1].hunks
        if not any(sign != " " for sign, _ in body):
            raise BadDiff(f"begins a hunk in which nothing changes (hunk {len(hunks) + 1})", first)
        start = int(head[1]) if head[1] else None
        insertion = counts is not None and counts[0] == 0
        hunks.append(Hunk(len(hunks) + 1, start, tuple(body), insertion, recounted))

    def _counted(self, old: int, new: int) -> list[tuple[str, str]] | None:
        """Return as many lines as the head counts; None where the signs of the lines say that it is wrong."""
        body: list[tuple[str, str]] = []
        while (old > 0 or new > 0) and self._at < len(self._lines):
            sign, text = _signed(self._lines[self._at])
            if not self._take(sign, text, body):
                return None
            old -= sign in " -"
            new -= sign in " +"
        while self._at < len(self._lines) and self._lines[self._at].startswith("\\"):
            self._take("\\", "", body)
        return body if old == new == 0 and not self._goes_on() else None

    def _goes_on(self) -> bool:
        """Whether what follows is one more line of the hunk, by its sign."""
        if self._at >= len(self._lines) or self._names_at(self._at):
            return False
        line = self._lines[self._at]
        return line.startswith(("+", "-", " ")) and line.rstrip() != "--"  # which ends a mail of git's

    def _signed(self) -> list[tuple[str, str]]:
        """Return all lines up to the next head; empty ones before it are not of the hunk."""
        end = next((at for at in range(self._at, len(self._lines)) if self._is_head(at)), len(self._lines))
        while end > self._at and not self._lines[end - 1]:
            end -= 1
        body: list[tuple[str, str]] = []
        while self._at < end:
            line = self._lines[self._at]
            if not self._take(*_signed(line), body):
                raise BadDiff(f"begins with {line[:1]!r}; a line of a hunk begins with ' ', '-' or '+'", self._at)
        return body

    def _is_head(self, at: int) -> bool:
        return self._lines[at].startswith(("@@", "diff --git ")) or self._names_at(at)

    def _take(self, sign: str, text: str, body: list[tuple[str, str]]) -> bool:
        self._at += 1
        if sign == "\\":
            if body:
                body[-1] = (body[-1][0], body[-1][1].removesuffix("\n"))
            return True
        if sign not in ("+", "-", " "):
            return False
        body.append((sign, text + "\n"))
        return True


def _signed(line: str) -> tuple[str, str]:
    """The sign of a line and the rest; a line with nothing in it stands for an empty one of the context."""
    return (line[0], line[1:]) if line else (" ", "")


def _name(said: str) -> str | None:
    name = _unquoted(said.split("\t")[0].rstrip())
    return None if name == _NOWHERE else name


def _unquoted(name: str) -> str:
    name = name.strip()
    return _unescaped(name[1:-1]) if len(name) > 1 and name[0] == name[-1] == '"' else name


def _unescaped(name: str) -> str:
    """A name as git writes it in quotes, with its bytes in octal."""
    raw = name.encode("utf-8", "surrogateescape").decode("latin-1")
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 8) & 255 if found[1].isdigit() else _PLAIN[found[1]]), raw)
    return plain.encode("latin-1").decode("utf-8", "surrogateescape")
