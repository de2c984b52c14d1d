"""Searching the project's files: by ripgrep where it is, else by a child process of ours.

Either tells the numbers of lines; the lines are read here, inside of the project, so that neither a folder that is swapped
meanwhile nor what the two show of a line makes a difference. What is left of one: a byte that is no UTF-8 matches nothing
for ripgrep, and any character for us.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio import to_thread

from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.child import ask_child
from swarm.tools.enclosure import Enclosure, NotThere, Unusable, printable
from swarm.tools.globbing import glob_of
from swarm.tools.near import told
from swarm.tools.texts import Redact, readable, shown_lines, what_it_is

LARGEST_FILE = 16 * (1 << 20)
"""Files with more bytes are not searched."""

MOST_HITS = 100
SEARCH_S = 20.0

_MOST_FILES = 50_000
_MOST_PATTERN = 1_000
_LINE = 240  # characters shown of one
_BATCH_BYTES = 200_000  # of names in one command line; macOS takes 1 MB with the environment, Linux 2
_OUTPUT = 4 * (1 << 20)

_SPEC = ToolSpec(
    "search",
    "Find lines by a regular expression, or by a `plain` text, with their numbers.",
    {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "glob": {"type": "string", "description": "such as *.py or src/**/*.ts"},
            "plain": {"type": "boolean"},
            "ignore_case": {"type": "boolean"},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
)


class _Sought(msgspec.Struct, frozen=True):
    pattern: str
    plain: bool
    ignore_case: bool


class _Heap(msgspec.Struct):
    """The files to look through."""

    names: list[str]
    too_large: int = 0
    is_cut: bool = False


_Hits = dict[str, list[int]]  # of each file the numbers of the lines, all in their order
_Matcher = Callable[[_Sought, Sequence[str], float], Awaitable[tuple[_Hits, bool]]]  # and whether it came to its end


def search_tool(
    enclosure: Enclosure, *, ripgrep: str | None = None, seconds: float = SEARCH_S, redact: Redact = str
) -> Tool:
    """Return `search`. `ripgrep` is the program to use, None for the one in PATH, "" for none."""

    async def used(arguments: Mapping[str, Any]) -> Said:
        return await _search(enclosure, arguments, _program() if ripgrep is None else ripgrep, seconds, redact)

    return Tool(
        spec=_SPEC, effect="none", use=used, repeatable=True, tags=("grep", "find", "regex", "where", "occurrences")
    )


def _program() -> str:
    found = shutil.which("rg") or ""
    return found if Path(found).is_absolute() else ""  # one from the folder that we are in would be the project's


async def _search(
    enclosure: Enclosure, arguments: Mapping[str, Any], ripgrep: str, seconds: float, redact: Redact
) -> Said:
    sought = _Sought(
        arguments["pattern"], bool(arguments.get("plain", False)), bool(arguments.get("ignore_case", False))
    )
    _refuse_bad(sought)
    deadline = anyio.current_time() + seconds
    glob = arguments.get("glob", "")
    heap = await to_thread.run_sync(partial(_files, enclosure, arguments.get("path") or ".", glob))
    ways: list[_Matcher] = [partial(_by_ripgrep, enclosure, ripgrep)] if ripgrep else []
    ways.append(partial(_by_ourselves, enclosure))
    found, is_whole = await _found(partial(_lines_of, enclosure, redact), sought, heap.names, ways, deadline)
    notes = _notes(heap, found, glob, is_whole)
    return Said(text="\n".join((*_drawn(found), *notes)), cut=not is_whole or heap.is_cut)


def _refuse_bad(sought: _Sought) -> None:
    if not sought.pattern:
        raise ToolRefused("the pattern is empty; give what to look for")
    if len(sought.pattern) > _MOST_PATTERN or "\0" in sought.pattern:
        raise ToolRefused(f"a pattern has at most {_MOST_PATTERN:,} characters and no NUL; give a shorter one")
    try:
        sought.pattern.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `[[` may mean something else in a later Python
            re.compile("" if sought.plain else sought.pattern)
    except (re.error, UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise ToolRefused(f"the pattern is no regular expression: {error}; mend it, or give `plain`") from None


def _files(enclosure: Enclosure, path: str, glob: str) -> _Heap:
    """Return the files to look through, by name. Raises ToolRefused."""
    try:
        entry = enclosure.entry(path)
    except NotThere as error:
        raise told(enclosure, error) from None
    wanted = glob_of(glob) if glob else None
    if entry.is_file:
        return _Heap([enclosure.where(path)]) if entry.size <= LARGEST_FILE else _Heap([], too_large=1)
    if not entry.is_folder:
        raise Unusable(path, "is no ordinary file or folder")
    heap = _Heap([])
    start = enclosure.where(path)
    inside = 0 if start == "." else len(start) + 1
    for each in islice(enclosure.walk(path), _MOST_FILES + 1):
        if len(heap.names) == _MOST_FILES:
            heap.is_cut = True
        elif wanted and not (wanted(each.name) or wanted(each.name[inside:])):
            continue
        elif each.size > LARGEST_FILE:
            heap.too_large += 1
        else:
            heap.names.append(each.name)
    return heap


class _Lines(msgspec.Struct, frozen=True):
    """The lines of a file that match."""

    name: str
    lines: list[tuple[int, str]]


async def _found(
    lines_of: Callable[[_Hits], list[_Lines]],
    sought: _Sought,
    names: Sequence[str],
    ways: Sequence[_Matcher],
    deadline: float,
) -> tuple[list[_Lines], bool]:
    """Return a little more than what is shown, and whether all that comes before was looked through."""
    found: list[_Lines] = []
    for batch in _batches(names):
        hits, is_whole = await _first_way(sought, batch, ways, deadline)
        found += await to_thread.run_sync(partial(lines_of, hits))
        if _count(found) > MOST_HITS:
            return found, True
        if not is_whole:
            return found, False
    return found, True


async def _first_way(
    sought: _Sought, batch: Sequence[str], ways: Sequence[_Matcher], deadline: float
) -> tuple[_Hits, bool]:
    """Look through some files in the first way that knows the pattern; the last knows every one."""
    for way in ways:
        left = deadline - anyio.current_time()
        if left <= 0:
            break
        with suppress(_Unknown):
            return await way(sought, batch, left)
    return {}, False


def _count(found: Sequence[_Lines]) -> int:
    return sum(len(each.lines) for each in found)


class _Unknown(Exception):
    """A way to search does not know the pattern."""


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        batch.append(name)
        size += len(os.fsencode(name)) + 10
        if size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _by_ripgrep(
    enclosure: Enclosure, program: str, sought: _Sought, names: Sequence[str], seconds: float
) -> tuple[_Hits, bool]:
    options = [
        "--no-config",
        "--no-messages",
        "--no-ignore",
        "--hidden",
        "--text",
        "--encoding=none",
        "--no-mmap",
        "-j1",
    ]
    form = ["--null", "--line-number", "--with-filename", "--no-heading", "--color=never", "--crlf", "--max-columns=1"]
    how = [*(["--fixed-strings"] if sought.plain else []), *(["--ignore-case"] if sought.ignore_case else [])]
    words = [program, *options, *form, *how, f"--max-count={MOST_HITS + 1}", "-e", sought.pattern, "--"]
    files = [f"./{name}" for name in names]
    try:
        answer = await ask_child([*words, *files], cwd=enclosure.root, seconds=seconds, most_bytes=_OUTPUT)
    except OSError as error:
        raise _Unknown from error
    if answer.complaint and not answer.output:
        raise _Unknown
    return _read(answer.output, "./"), answer.exit_code in (0, 1, 2)  # 2: it could not read a file


async def _by_ourselves(
    enclosure: Enclosure, sought: _Sought, names: Sequence[str], seconds: float
) -> tuple[_Hits, bool]:
    order = {
        **msgspec.to_builtins(sought),
        "seconds": int(seconds) + 2,
        "most_bytes": LARGEST_FILE,
        "most": MOST_HITS + 1,
        "names": names,
    }
    answer = await ask_child(
        [sys.executable, "-P", "-m", "swarm.tools.matching"],
        cwd=enclosure.root,
        seconds=seconds,
        most_bytes=_OUTPUT,
        told=json.dumps(order).encode(),
    )
    return _read(answer.output, ""), answer.exit_code == 0


def _read(output: bytes, before: str) -> _Hits:
    """Read `NAME NUL NUMBER : ... NEWLINE`, over and over; a name may hold newlines, what stands behind the colon does not."""
    hits: _Hits = {}
    name, *rest = output.split(b"\0")
    for piece in rest:
        line, _, following = piece.partition(b"\n")
        number, colon, _ = line.partition(b":")
        if colon and number.isdigit():  # else the output was cut here
            hits.setdefault(os.fsdecode(name).removeprefix(before), []).append(int(number))
        name = following
    return hits


def _lines_of(enclosure: Enclosure, redact: Redact, hits: _Hits) -> list[_Lines]:
    """Return the lines themselves, read from inside of the project; those of binary files are left out."""
    found: list[_Lines] = []
    for name, numbers in hits.items():
        try:
            content = enclosure.read(name, LARGEST_FILE).content
        except Unusable:
            continue  # removed or swapped since
        lines = [] if what_it_is(content) else shown_lines(readable(content), redact)
        there = [(number, _cut(lines[number - 1])) for number in numbers if 0 < number <= len(lines)]
        if there:
            found.append(_Lines(name, there))
        if _count(found) > MOST_HITS:
            break
    return found


def _drawn(found: Sequence[_Lines]) -> Iterator[str]:
    room = MOST_HITS
    for each in found:
        if room > 0:
            yield printable(each.name)
            yield from (f"{number}: {line}" for number, line in each.lines[:room])
        room -= len(each.lines)


def _cut(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[:_LINE]}[... {len(line) - _LINE:,} more]"


def _notes(heap: _Heap, found: Sequence[_Lines], glob: str, is_whole: bool) -> Iterator[str]:
    """Yield what is to be known of the search beside what it found."""
    if not found and is_whole:
        files = f"{len(heap.names):,} file{'s' if len(heap.names) != 1 else ''}"
        yield f"[no line matches in {files}]" if heap.names or not glob else f"[no file matches the glob {glob!r}]"
    if _count(found) > MOST_HITS:
        yield f"[only the first {MOST_HITS} lines are shown; narrow it with `path`, `glob` or the pattern]"
    if not is_whole:
        yield "[it took too long, and not all files were searched; narrow it, or use a simpler pattern]"
    if heap.too_large:
        yield f"[{heap.too_large:,} file{'s' if heap.too_large > 1 else ''} above {LARGEST_FILE >> 20} MiB not searched]"
    if heap.is_cut:
        yield f"[only the first {_MOST_FILES:,} files were searched; narrow it with `path` or `glob`]"
