"""Reading, listing and writing files of the project, for models."""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from swarm.messages import ToolSpec
from swarm.tools.base import Effect, Said, Tool, ToolRefused
from swarm.tools.edit import edit
from swarm.tools.enclosure import PASSED_OVER, Enclosure, Entry, NotThere, printable
from swarm.tools.near import told
from swarm.tools.patch import patch
from swarm.tools.search import search_tool
from swarm.tools.texts import Redact, line_count, readable, shown_lines, what_it_is

READ_BYTES = 24_000
"""What one reading gives: about 6,000 tokens of source code."""

_LARGEST = 16 * (1 << 20)
_MOST_ENTRIES = 200
_MOST_OF_A_FOLDER = 60  # where there are others to show
_DEEPEST = 8
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}

_PATH = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 1}
_Use = Callable[[Enclosure, Mapping[str, Any]], Said]


def file_tools(root: Path, *, read_bytes: int = READ_BYTES, redact: Redact = str) -> tuple[Tool, ...]:
    """Return read, list, search, write, edit and patch for the files below `root`; of a file, one reading gives `read_bytes`.

    Lines are given as they are, without numbers: `edit` and `patch` find their places by text, and numbers in front of it
    end up in what models want replaced. `search` gives the numbers that `read` takes. `redact` takes secrets out of a whole
    text before a part of it is shown.
    """
    enclosure = Enclosure(root)
    return (
        _tool(
            enclosure,
            "none",
            partial(_read, most=read_bytes, redact=redact),
            _READ,
            tags=("view", "open", "cat", "show"),
        ),
        _tool(enclosure, "none", _list, _LIST, tags=("ls", "tree", "folder", "directory")),
        search_tool(enclosure, redact=redact),
        _tool(enclosure, "copy", _write, _WRITE, tags=("create", "save", "new")),
        _tool(
            enclosure,
            "copy",
            partial(edit, redact=redact),
            _EDIT,
            tags=("replace", "change", "modify"),
            repeatable=False,
        ),
        _tool(
            enclosure,
            "copy",
            partial(patch, redact=redact),
            _PATCH,
            tags=("diff", "apply", "change", "rename", "delete"),
            subject="diff",
            repeatable=False,
        ),
    )


def _spec(name: str, description: str, required: tuple[str, ...], **properties: Mapping[str, Any]) -> ToolSpec:
    renamed = {key.rstrip("_"): value for key, value in properties.items()}  # `from` is a word of the language
    schema = {"type": "object", "properties": renamed, "required": list(required), "additionalProperties": False}
    return ToolSpec(name, description, schema)


_READ = _spec("read", "Read a text file, from a line on.", ("path",), path=_PATH, from_=_COUNT, lines=_COUNT)
_LIST = _spec("list", "List a folder as a tree.", (), path=_PATH, depth=_COUNT)
_WRITE = _spec(
    "write", "Write a whole file, making its folders.", ("path", "text"), path=_PATH, text={"type": "string"}
)
_EDIT = _spec(
    "edit",
    "Replace a text that stands exactly once in a file, or `all` of them.",
    ("path", "old", "new"),
    path=_PATH,
    old={"type": "string"},
    new={"type": "string"},
    all={"type": "boolean"},
)
_PATCH = _spec(
    "patch",
    "Apply a unified diff of one or more files, all or nothing; `fuzz`: lines of context that may differ.",
    ("diff",),
    diff={"type": "string"},
    fuzz={"type": "integer", "minimum": 0, "maximum": 2},
)


def _tool(
    enclosure: Enclosure,
    effect: Effect,
    use: _Use,
    spec: ToolSpec,
    *,
    tags: tuple[str, ...],
    subject: str = "path",
    repeatable: bool = True,
) -> Tool:
    async def used(arguments: Mapping[str, Any]) -> Said:
        return await to_thread.run_sync(partial(_guided, use, enclosure, arguments))

    return Tool(spec=spec, effect=effect, use=used, subject=subject, repeatable=repeatable, tags=tags)


def _guided(use: _Use, enclosure: Enclosure, arguments: Mapping[str, Any]) -> Said:
    """Use a tool; what it does not find is told with what is near."""
    try:
        return use(enclosure, arguments)
    except NotThere as error:
        raise told(enclosure, error) from None


def _read(enclosure: Enclosure, arguments: Mapping[str, Any], *, most: int, redact: Redact) -> Said:
    path, first = arguments["path"], max(1, int(arguments.get("from", 1)))
    found = enclosure.read(path, _LARGEST)
    name = printable(found.path)
    kind = what_it_is(found.content)
    if kind:
        raise ToolRefused(f"{name} is {kind} of {found.size:,} bytes, and `read` gives text; nothing was read")
    if found.size > _LARGEST:
        raise ToolRefused(f"{name} has {found.size:,} bytes, more than can be read here; look at it with a command")
    lines = shown_lines(readable(found.content), redact)
    if not lines:
        return Said(text=f"[{name} is empty]")
    if first > len(lines):
        raise ToolRefused(f"{name} has {len(lines):,} lines, so there is no line {first:,}")
    return Said(text=_window(name, lines, first, max(1, int(arguments.get("lines", len(lines)))), most))


def _window(name: str, lines: list[str], first: int, wanted: int, most: int) -> str:
    """Return the wanted lines that fit in `most` bytes, under a line that says which they are where they are not all."""
    taken: list[str] = []
    room = most
    for line in lines[first - 1 : first - 1 + wanted]:
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        taken.append(line)
    note = ""
    if not taken:
        whole = lines[first - 1].encode("utf-8", "replace")
        taken = [whole[:most].decode("utf-8", "ignore")]
        note = f", its first {most:,} of {len(whole):,} bytes"
    last = first + len(taken) - 1
    if first == 1 and last == len(lines) and not note:
        return "\n".join(taken)
    more = f"; more from line {last + 1}" if last < len(lines) else ""
    return "\n".join((f"[{name}: lines {first}-{last} of {len(lines)}{note}{more}]", *taken))


def _write(enclosure: Enclosure, arguments: Mapping[str, Any]) -> Said:
    path, text = arguments["path"], arguments["text"]
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise ToolRefused(f"the text holds half a character at {error.start}; nothing was written") from None
    try:
        enclosure.entry(path)
        did = "written anew"
    except NotThere:
        did = "made"
    enclosure.write(path, content)
    return Said(text=f"{printable(enclosure.where(path))} is {did}: {_lines(line_count(text))}.")


def _lines(count: int) -> str:
    return f"{count:,} line{'s' if count != 1 else ''}"


def _list(enclosure: Enclosure, arguments: Mapping[str, Any]) -> Said:
    path, depth = arguments.get("path") or ".", min(_DEEPEST, max(1, int(arguments.get("depth", 2))))
    if not enclosure.entry(path).is_folder:
        raise ToolRefused(f"{printable(path)} is no folder; use `read`")
    top = enclosure.where(path)
    shown = _grown(enclosure, top, depth)
    if not shown[top][0]:
        return Said(text=f"[{printable(top)} is empty]")
    return Said(text="\n".join(_drawn(shown, top, 0)))


_Shown = dict[str, tuple[list[Entry], int]]  # of each folder: what is shown of it, and how many entries are not


def _grown(enclosure: Enclosure, top: str, depth: int) -> _Shown:
    """Look into folders, those near the top first, until there is enough to show."""
    shown: _Shown = {}
    room = _MOST_ENTRIES
    todo = deque([(top, 0)])
    while todo:
        folder, level = todo.popleft()
        try:
            entries = enclosure.entries(folder)
        except ToolRefused:
            if folder == top:
                raise
            continue  # swapped or removed since, or not ours to read
        most = min(room, _MOST_OF_A_FOLDER if level or any(entry.is_folder for entry in entries) else room)
        kept = entries[:most]
        room -= len(kept)
        shown[folder] = kept, len(entries) - len(kept)
        if level + 1 < depth:
            inside = [one.name for one in kept if one.is_folder and one.name not in PASSED_OVER]
            todo.extend((name if folder == "." else f"{folder}/{name}", level + 1) for name in inside)
    return shown


def _drawn(shown: _Shown, folder: str, level: int) -> list[str]:
    entries, left_out = shown[folder]
    lines: list[str] = []
    for entry in entries:
        lines.append("  " * level + _line(entry))
        below = entry.name if folder == "." else f"{folder}/{entry.name}"
        if entry.is_folder and below in shown:
            lines += _drawn(shown, below, level + 1)
    if left_out:
        lines.append("  " * level + f"[{left_out:,} more in {printable(folder)}]")
    return lines


def _line(entry: Entry) -> str:
    name = printable(entry.name)
    if name != entry.name:
        name += " (its name cannot be shown)"
    if entry.is_folder:
        return f"{name}/ (not looked into)" if entry.name in PASSED_OVER else f"{name}/"
    if entry.is_file:
        return f"{name} {entry.size:,}"
    return f"{name} -> {printable(entry.target)}" if entry.target else f"{name} ({_KINDS.get(entry.kind, 'special')})"
