"""Replacing a text in a file: exact, where it is meant and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from swarm.tools.base import Said, ToolRefused
from swarm.tools.enclosure import Enclosure, printable
from swarm.tools.texts import Redact, decoded, line_end, shown_lines, what_it_is

LARGEST = 16 * (1 << 20)
"""Files with more bytes are not changed by `edit` and `patch`."""

_SHOWN_LINES = 12
_SHOWN_PLACES = 8
_COMPARED = 4_000  # lines of a file that are held beside the text which is not in it
_ALIKE = 0.6
_LINE_END = r"(?:\r\n|(?<!\r)\n)"


class Ambiguous(ToolRefused):
    """A text to be replaced stands several times. Nothing was changed."""

    def __init__(self, path: str, lines: list[int]) -> None:
        self.path, self.lines = path, lines
        places = ", ".join(str(line) for line in lines[:_SHOWN_PLACES])
        more = f" and {len(lines) - _SHOWN_PLACES} more" if len(lines) > _SHOWN_PLACES else ""
        super().__init__(
            f"`old` stands {len(lines)} times in {path} (lines {places}{more}), nothing was changed; give more of the text "
            "around the place, or `all`"
        )


class NotFound(ToolRefused):
    """A text to be replaced is not in the file. Nothing was changed."""

    def __init__(self, path: str, nearest: str) -> None:
        self.path = path
        super().__init__(f"`old` is not in {path}, nothing was changed; {nearest}")


def edit(enclosure: Enclosure, arguments: Mapping[str, Any], *, redact: Redact = str) -> Said:
    """Replace `old` by `new` in a file. Its other bytes, line endings, mode and byte order mark stay."""
    path, old, new = arguments["path"], arguments["old"], arguments["new"]
    if not old:
        raise ToolRefused(
            "`old` is empty, nothing was changed; give the text to replace, or use `write` for a whole file"
        )
    if old == new:
        raise ToolRefused("`old` and `new` are the same, nothing was changed")
    found = enclosure.read(path, LARGEST)
    name = printable(found.path)
    refuse_unless_text(name, found.content, found.size)
    before = decoded(found.content)
    after, lines = replaced(before.text, old, new, name, everywhere=bool(arguments.get("all", False)), redact=redact)
    try:
        content = type(before)(after, before.bom).encoded()
    except UnicodeEncodeError:
        raise ToolRefused("`new` holds half a character, nothing was changed") from None
    enclosure.write(found.path, content)
    return Said(text=f"{name} is changed in line {', '.join(map(str, lines[:_SHOWN_PLACES]))}{_more(lines)}.")


def refuse_unless_text(name: str, content: bytes, size: int) -> None:
    """Raises ToolRefused for what cannot be changed as a text."""
    kind = what_it_is(content)
    if kind:
        raise ToolRefused(f"{name} is {kind}, which cannot be changed as text; nothing was changed")
    if size > LARGEST:
        raise ToolRefused(f"{name} has {size:,} bytes, more than can be changed here; nothing was changed")


def replaced(
    text: str, old: str, new: str, name: str, *, everywhere: bool = False, redact: Redact = str
) -> tuple[str, list[int]]:
    """Return the text with `old` replaced, and the lines in which that was. Pure.

    A newline in `old` stands for any line ending of the file; those of `new` become what most of its lines have. Raises NotFound, and Ambiguous where it stands more than once and not `everywhere` is meant.
    """
    pattern = re.compile(re.escape(old))
    if "\r\n" in text and "\n" in old:
        pattern = re.compile(_LINE_END.join(re.escape(line) for line in re.split(r"\r?\n", old)))
    found = list(pattern.finditer(text))
    if not found:
        raise NotFound(name, _nearest(shown_lines(text, redact), old))
    starts = [match.start() for match in found]
    if not everywhere and (len(found) > 1 or _overlaps(text, pattern, found[0])):
        raise Ambiguous(name, _lines_at(text, _all_starts(text, pattern)))
    if "\r\n" in text and "\r" not in new:
        new = new.replace("\n", line_end(text))
    return pattern.sub(lambda _: new, text), _lines_at(text, starts)


def _overlaps(text: str, pattern: re.Pattern[str], first: re.Match[str]) -> bool:
    """Whether it stands once more within itself, as `aa` in `aaa`: which of the two is meant?"""
    return pattern.search(text, first.start() + 1) is not None


def _all_starts(text: str, pattern: re.Pattern[str]) -> list[int]:
    starts: list[int] = []
    at = 0
    while found := pattern.search(text, at):
        starts.append(found.start())
        at = found.start() + 1
    return starts


def _lines_at(text: str, starts: list[int]) -> list[int]:
    """The numbers of the lines in which these places are, which are in their order."""
    lines: list[int] = []
    line, counted = 1, 0
    for start in starts:
        line += text.count("\n", counted, start)
        counted = start
        lines.append(line)
    return lines


def _more(lines: list[int]) -> str:
    return f" and {len(lines) - _SHOWN_PLACES:,} more" if len(lines) > _SHOWN_PLACES else ""


def _nearest(lines: list[str], old: str) -> str:
    """Say what is nearest to a text that is not there: the same but for white space, or the lines most like it."""
    bare = ["".join(line.split()) for line in old.splitlines()]
    while bare and not bare[0]:
        del bare[0]
    if not bare:
        return "it is white space only"
    stripped = ["".join(line.split()) for line in lines]
    for at in range(len(lines) - len(bare) + 1):
        if stripped[at : at + len(bare)] == bare:
            return f"line {at + 1} on differs from it in white space only:\n{_shown(lines, at, len(bare))}"
    at, alike = _most_alike(stripped, bare)
    if alike < _ALIKE:
        return "nothing in it is like it; look with `read` or `search`"
    return f"most like it is line {at + 1} on:\n{_shown(lines, at, len(bare))}"


def _most_alike(stripped: list[str], bare: list[str]) -> tuple[int, float]:
    """Return where what is most like `bare` begins, by its longest line, and how much alike that is."""
    key = max(range(len(bare)), key=lambda line: len(bare[line]))
    matcher: SequenceMatcher[str] = SequenceMatcher(b=bare[key][:200], autojunk=False)
    best, alike = 0, 0.0
    for at, line in enumerate(stripped[:_COMPARED]):
        matcher.set_seq1(line[:200])
        if matcher.real_quick_ratio() > alike and matcher.quick_ratio() > alike and matcher.ratio() > alike:
            best, alike = at, matcher.ratio()
    return max(0, best - key), alike


def _shown(lines: list[str], at: int, count: int) -> str:
    kept = min(count, _SHOWN_LINES)
    more = "\n[...]" if kept < count else ""
    return "\n".join(line[:300] for line in lines[at : at + kept]) + more
