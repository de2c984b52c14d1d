"""The tool with which a model reads on in what it was given in part: a file or a result among the inputs of its task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.texts import Redact, shown_lines

MORE = "more"
"""The name of the tool."""

MORE_BYTES = 6_000
"""What it gives at a time: about 1,500 tokens, which a model is told without a cut."""

_COUNT = {"type": "integer", "minimum": 1}
_SPEC = ToolSpec(
    MORE,
    "Give more of an input of which lines were left out: what a name in it defines, what is about a question, or lines from one "
    "on; with `name` alone what it is made of.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "symbol": {"type": "string"},
            "about": {"type": "string"},
            "from": _COUNT,
            "lines": _COUNT,
        },
        "required": ["name"],
        "additionalProperties": False,
    },
)


class Reader(Protocol):
    """What is known of how texts are divided."""

    def contents(self, name: str, text: str) -> Sequence[str]:
        """What a text is made of: a line for each part, with its numbers."""
        ...

    def defined(self, name: str, text: str, symbol: str) -> Sequence[tuple[int, int]]:
        """The first and the last line of each part that defines a name, or stands under such a heading."""
        ...

    def fitting(self, name: str, text: str, about: str, most: int) -> str:
        """The parts of a text that fit a question best, in at most so many bytes; "" where not even one has room."""
        ...


def more_tool(
    text_of: Callable[[str], Awaitable[str]],
    reader: Reader,
    *,
    redact: Redact = str,
    in_copy: bool = True,
    most_bytes: int = MORE_BYTES,
    whole: Collection[str] = (),
) -> Tool:
    """Return `more`. `text_of` gives the text of an input by its name, or raises ToolRefused where there is none.

    Its answers have at most `most_bytes` bytes, and a line that says what they are; secrets are taken out before they are cut.
    Of the names that are `whole` it gives the text itself where nothing else is asked for.
    """

    async def used(arguments: Mapping[str, Any]) -> Said:
        name = str(arguments["name"])
        lines = shown_lines(await text_of(name), redact)
        text = "\n".join(lines)
        if not lines:
            return Said(text=f"[{name} is empty]")
        if symbol := str(arguments.get("symbol", "")).strip():
            return Said(text=_defined(reader, name, lines, symbol, most_bytes))
        if about := str(arguments.get("about", "")).strip():
            found = reader.fitting(name, text, about, most_bytes)
            return Said(text=found or _window(name, lines, 1, len(lines), most_bytes))
        if "from" in arguments or "lines" in arguments:
            first = max(1, int(arguments.get("from", 1)))
            if first > len(lines):
                raise ToolRefused(f"{name} has {len(lines):,} lines, so there is no line {first:,}")
            last = first + max(1, int(arguments.get("lines", len(lines)))) - 1
            return Said(text=_window(name, lines, first, min(last, len(lines)), most_bytes))
        if name in whole:
            return Said(text=_window(name, lines, 1, len(lines), most_bytes))
        return Said(text=_listed(name, len(lines), reader.contents(name, text), most_bytes))

    tags = ("rest", "input", "context", "definition")
    return Tool(spec=_SPEC, effect="none", use=used, subject="name", repeatable=True, in_copy=in_copy, tags=tags)


def _defined(reader: Reader, name: str, lines: Sequence[str], symbol: str, most: int) -> str:
    text = "\n".join(lines)
    spans = reader.defined(name, text, symbol)
    if not spans:
        there = _listed(name, len(lines), reader.contents(name, text), most // 3)
        raise ToolRefused(f"nothing in {name} is called {symbol[:80]!r}\n{there}")
    found: list[str] = []
    for first, last in spans:
        if most <= 0:
            found.append(f"[and lines {first}-{last}]")
            continue
        found.append(_window(name, lines, first, last, most))
        most -= _size(found[-1])
    return "\n".join(found)


def _window(name: str, lines: Sequence[str], first: int, last: int, most: int) -> str:
    """The lines from one to another as far as they fit; of the first as much as fits."""
    room = most - _size(name) - 80
    taken: list[str] = []
    for line in lines[first - 1 : last]:
        room -= _size(line) + 1
        if room < 0:
            break
        taken.append(line)
    if not taken:
        cut = lines[first - 1].encode("utf-8", "replace")[: max(0, most - _size(name) - 80)].decode("utf-8", "ignore")
        return f"[{name}: the beginning of line {first} of {len(lines)}]\n{cut}"
    end = first + len(taken) - 1
    more = f"; more from={end + 1}" if end < last else ""
    return "\n".join((f"[{name}: lines {first}-{end} of {len(lines)}{more}]", *taken))


def _listed(name: str, count: int, contents: Sequence[str], most: int) -> str:
    head = f"[{name}: {count:,} lines; give `symbol`, `about` or `from`]"
    room = most - _size(head) - 60
    taken: list[str] = []
    for line in contents:
        room -= _size(line) + 1
        if room < 0:
            break
        taken.append(line)
    left = [f"[and {len(contents) - len(taken):,} further parts]"] if len(taken) < len(contents) else []
    return "\n".join((head, *taken, *left))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
