"""Applying unified diffs: where a hunk belongs, and all files or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from swarm.tools.base import Said, ToolRefused
from swarm.tools.diffs import BadDiff, FileDiff, Hunk, read_diff
from swarm.tools.edit import LARGEST, refuse_unless_text
from swarm.tools.enclosure import Enclosure, NotThere, Unusable, printable
from swarm.tools.texts import BOM, Redact, line_end, shown_lines

MOST_FUZZ = 2

_SHOWN_LINES = 12


class DoesNotApply(ToolRefused):
    """A hunk has no place in its file, or more than one. No file was changed."""

    def __init__(self, path: str, hunk: Hunk, why: str) -> None:
        self.path, self.number = path, hunk.number
        super().__init__(f"hunk {hunk.number} of {path} does not apply, no file was changed: {why}")


class _Held(msgspec.Struct, frozen=True):
    """A file as it is before the patch, or shall be after it."""

    content: bytes
    mode: int | None = None


_Apply = Callable[[str, Sequence[Hunk], str], tuple[str, list[str]]]
_Files = dict[str, _Held | None]  # by path, every symlink followed; None: no file


def patch(enclosure: Enclosure, arguments: Mapping[str, Any], *, redact: Redact = str) -> Said:
    """Apply a diff to the files that it names: all of it, or nothing. The answer says what was done and what did not fit."""
    fuzz = min(MOST_FUZZ, max(0, int(arguments.get("fuzz", 0))))
    before: _Files = {}
    after: _Files = {}
    told: list[str] = []
    for one in read_diff(arguments["diff"]):
        told += _plan(enclosure, one, partial(applied, fuzz=fuzz, redact=redact), before, after)
    _carry_out(enclosure, before, after)
    return Said(text="\n".join(told))


def _plan(enclosure: Enclosure, one: FileDiff, apply: _Apply, before: _Files, after: _Files) -> list[str]:
    """Work out what becomes of one file and keep it in `after`; return what is to be told of it."""
    source = _place(enclosure, one.old) if one.old is not None else None
    target = _place(enclosure, one.new) if one.new is not None else None
    if source and target and one.old != one.new and not one.is_rename:
        raise BadDiff(f"{one.old} and {one.new} are two files; to rename one, write `rename from` and `rename to`")
    held = _held(enclosure, source, before, after) if source else _Held(b"")
    if held is None:
        raise NotThere(one.old or "")
    if target and target != source and _held(enclosure, target, before, after) is not None:
        raise BadDiff(f"{printable(target)} is there already, and the diff makes it")
    name = printable(target or source or "")
    text, notes = apply(held.content.decode("utf-8", "surrogateescape"), one.hunks, name)
    if target is None and text:
        raise BadDiff(f"it deletes {name}, and {len(text.splitlines()):,} lines of that file are not in it")
    if source is not None:
        after[source] = None
    if target is not None:
        mode = one.mode if one.mode is not None else held.mode
        try:
            after[target] = _Held(text.encode("utf-8", "surrogateescape"), mode)
        except UnicodeEncodeError:
            raise BadDiff(f"it would put half a character into {name}") from None
    return [_done(source, target), *notes]


def _place(enclosure: Enclosure, path: str) -> str:
    """Where a path of the diff leads. Raises Unusable for a symlink: is it meant, or what it leads to?"""
    with suppress(NotThere):
        entry = enclosure.entry(path, follow=False)
        if entry.target:
            raise Unusable(path, f"is a symlink to {printable(entry.target)}; patch that file, no file was changed")
    return enclosure.where(path)


def _held(enclosure: Enclosure, path: str, before: _Files, after: _Files) -> _Held | None:
    """Return a file as the parts of the diff up to here leave it, read when it is first asked for."""
    if path in after:
        return after[path]
    if path not in before:
        try:
            found = enclosure.read(path, LARGEST)
        except NotThere:
            before[path] = None
        else:
            refuse_unless_text(printable(path), found.content, found.size)
            before[path] = _Held(found.content, found.mode)
    return before[path]


def _done(source: str | None, target: str | None) -> str:
    if source is None or target is None:
        return f"{printable(target or source or '')} is {'made' if source is None else 'removed'}"
    return f"{printable(source)} is {'changed' if source == target else f'renamed to {printable(target)}'}"


def applied(
    text: str, hunks: Sequence[Hunk], name: str, *, fuzz: int = 0, redact: Redact = str
) -> tuple[str, list[str]]:
    """Return the text with the hunks applied, and what did not fit as it was written, in sentences. Pure.

    A hunk goes where all its old lines stand, at the line that it names or at the only other place; up to `fuzz` lines of
    context at its edges may differ. Raises DoesNotApply.
    """
    lines = lines_of(text)
    where: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        where.setdefault(_bare(line), []).append(at)
    notes: list[str] = []
    changes: list[_Change] = []
    for hunk in hunks:
        found = _find(lines, where, hunk, name, fuzz)
        if found is None:
            raise DoesNotApply(name, hunk, _unlike(shown_lines(text, redact), where, hunk))
        changes.append(_change(lines, hunk, found, line_end(text)))
        notes += _notes(hunk, found)
    after = "".join(_joined(lines, sorted(changes, key=lambda change: (change.at, change.count)), name))
    if text.startswith(BOM) and not all(change.is_exact for change in changes):
        after = BOM + after.removeprefix(BOM)  # who wrote the diff did not see it
    return after, notes


class _Found(msgspec.Struct, frozen=True):
    """Where a hunk belongs."""

    at: int  # the line from 0 at which what is kept of the hunk begins
    before: int = 0  # lines of context left away at its beginning
    after: int = 0  # and at its end
    is_exact: bool = True  # it fits to the byte, not only but for line endings


class _Change(msgspec.Struct, frozen=True):
    """Lines from `at` on, so many, give way to others."""

    at: int
    count: int
    new: list[str]
    hunk: Hunk
    is_exact: bool


def _bare(line: str) -> str:
    return line.rstrip("\r\n").removeprefix(BOM)


def _change(lines: list[str], hunk: Hunk, found: _Found, end: str) -> _Change:
    body = hunk.body[found.before : len(hunk.body) - found.after]
    new: list[str] = []
    at = found.at
    for sign, line in body:
        if sign == "+":
            new.append(line if found.is_exact or not line.endswith("\n") else line.rstrip("\r\n") + end)
            continue
        if sign == " ":
            new.append(lines[at])  # context stays as it is
        at += 1
    return _Change(found.at, at - found.at, new, hunk, found.is_exact)


def lines_of(text: str) -> list[str]:
    """The lines of a text, each with its newline; nothing else ends a line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _find(lines: list[str], where: Mapping[str, list[int]], hunk: Hunk, name: str, fuzz: int) -> _Found | None:
    """Return where a hunk belongs, with as much of its context as can be; None where that is nowhere."""
    old = hunk.old
    if not old:
        return _Found(_insertion(lines, hunk, name))
    first, last = _context(hunk.body), _context(hunk.body[::-1])
    for cut in dict.fromkeys((min(missing, first), min(missing, last)) for missing in range(fuzz + 1)):
        kept = old[cut[0] : len(old) - cut[1]]
        for is_exact in (True, False) if kept else ():
            places = [at for at in where.get(_bare(kept[0]), ()) if _stands(lines, at, kept, is_exact)]
            if hunk.start is not None and hunk.start - 1 + cut[0] in places:
                places = [hunk.start - 1 + cut[0]]
            if len(places) > 1:
                numbers = ", ".join(str(at - cut[0] + 1) for at in places[:8])
                raise DoesNotApply(name, hunk, f"it fits at lines {numbers}; give the right line, or more context")
            if places:
                return _Found(places[0], *cut, is_exact)
    return None


def _context(body: Sequence[tuple[str, str]]) -> int:
    """How many lines at the beginning are context."""
    return next((n for n, (sign, _) in enumerate(body) if sign != " "), len(body))


def _stands(lines: list[str], at: int, kept: list[str], is_exact: bool) -> bool:
    found = lines[at : at + len(kept)]
    return found == kept or (
        not is_exact
        and len(found) == len(kept)
        and all(_bare(one) == _bare(other) for one, other in zip(found, kept, strict=True))
    )


def _insertion(lines: list[str], hunk: Hunk, name: str) -> int:
    """Where lines go that have no context: behind the line that the hunk names."""
    if not lines:
        return 0
    if hunk.start is None or not hunk.is_insertion:
        raise DoesNotApply(name, hunk, "it has no line of the file as it is; give some context around the change")
    if hunk.start > len(lines):
        raise DoesNotApply(name, hunk, f"it adds behind line {hunk.start}, and the file has {len(lines)}")
    return hunk.start


def _joined(lines: list[str], changes: Sequence[_Change], name: str) -> Iterator[str]:
    """Yield the lines afterwards. One that ended the file and now does not gets a newline."""
    parts: list[str] = []
    done = 0
    for change in changes:
        if change.at < done:
            raise DoesNotApply(name, change.hunk, f"another changes line {change.at + 1}, too")
        parts += lines[done : change.at]
        parts += change.new
        done = change.at + change.count
    parts += lines[done:]
    end = line_end("".join(lines))
    for number, line in enumerate(parts):
        yield line if line.endswith("\n") or number == len(parts) - 1 else line + end


def _notes(hunk: Hunk, found: _Found) -> list[str]:
    """Say what did not fit as the hunk has it."""
    told: list[str] = []
    line, fuzz = found.at - found.before + 1, max(found.before, found.after)
    if hunk.start is not None and hunk.start != line and hunk.old:
        told.append(f"stood at line {line}, not {hunk.start}")
    if fuzz:
        told.append(f"fitted without {fuzz} line{'s' if fuzz > 1 else ''} of context at its edges")
    if hunk.recounted:
        told.append("has other lines than its head counts")
    return [f"  hunk {hunk.number} {', '.join(told)}"] if told else []


def _unlike(lines: list[str], where: Mapping[str, list[int]], hunk: Hunk) -> str:
    """Say which line is unlike where most of the hunk fits."""
    old = hunk.old
    votes = Counter(
        at - offset for offset, line in enumerate(old) for at in where.get(_bare(line), ())[:50] if at >= offset
    )
    wanted = None if hunk.start is None else hunk.start - 1
    if not votes:
        return "none of its old lines is in the file; look with `read`"
    best = max(votes, key=lambda at: (votes[at], at == wanted, -at))
    there = [_bare(line) for line in lines[best : best + len(old)]]
    first = next((n for n, line in enumerate(old) if n >= len(there) or there[n] != _bare(line)), 0)
    stands = repr(there[first][:200]) if first < len(there) else "not there"
    return f"it fits best at line {best + 1}, but line {best + first + 1} is {stands}, not {_bare(old[first])[:200]!r}"


def _carry_out(enclosure: Enclosure, before: _Files, after: _Files) -> None:
    """Write and remove files; where one cannot be, those before it are put back."""
    made = _missing_folders(enclosure, [path for path, held in after.items() if held is not None])
    changed: list[str] = []
    try:
        for path, held in sorted(
            after.items(), key=lambda item: item[1] is not None
        ):  # a folder may come in a file's place
            if held != before.get(path):
                changed.append(path)
                _put(enclosure, path, held)
    except BaseException:
        for path in reversed(changed):
            with suppress(ToolRefused):
                _put(enclosure, path, before.get(path))
        for folder in reversed(made):
            enclosure.remove_empty(folder)
        raise


def _put(enclosure: Enclosure, path: str, held: _Held | None) -> None:
    if held is None:
        enclosure.remove(path)
        for folder in _above(path):
            enclosure.remove_empty(folder)  # as git does: a folder is there for what is in it
    else:
        enclosure.write(path, held.content, mode=held.mode)


def _above(path: str) -> list[str]:
    """The folders above a path, the nearest first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _missing_folders(enclosure: Enclosure, paths: Sequence[str]) -> list[str]:
    """The folders that writing to these paths will make, each before those in it."""
    missing: dict[str, None] = {}
    for folder in (folder for path in paths for folder in reversed(_above(path))):
        try:
            enclosure.entry(folder)
        except NotThere:
            missing[folder] = None
    return list(missing)
