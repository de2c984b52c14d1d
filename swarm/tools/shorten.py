"""Long output made short: its head, its tail, lines that tell of trouble, and a handle for the rest. Pure but for the tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from swarm.compress.logs import template_of
from swarm.compress.trouble import tells_of_trouble
from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool, ToolRefused

OUTPUT_BYTES = 8_000
"""What `read_output` gives at a time: about 2,000 tokens."""

PIECE = 1_000
"""Characters after which a line goes on as another, for those who count and fetch lines: so every place can be named."""

_MOST_TROUBLE = 8  # lines from the middle
_TROUBLE_CHARS = 200  # of one


def shown(text: str, most_bytes: int, handle: str) -> str | None:
    """Return what a model is shown of a text that has more than `most_bytes` bytes, None of one that has not.

    That is whole lines of its head and its tail, and between them a mark that says what is left out, names the handle, and
    gives the lines from there that tell of trouble, with their numbers. It has at most `most_bytes` bytes, or is the mark.
    """
    if _size(text) <= most_bytes:
        return None
    lines = lines_of(text)
    room = most_bytes - _size(_mark(lines, 0, len(lines), handle)) - len(str(len(lines))) - 2
    head, tail = _edges(lines, room)
    if _trouble(lines, range(head, len(lines) - tail), room // 4):
        head, tail = _edges(lines, room - room // 4)
    end = len(lines) - tail
    kept = _trouble(lines, range(head, end), room // 4)
    return "\n".join((*lines[:head], _mark(lines, head, end, handle), *kept, *lines[end:]))


def lines_of(text: str) -> list[str]:
    """The lines of a text as they are counted here: a long one is several."""
    whole = text.removesuffix("\n").split("\n")
    return [line[at : at + PIECE] for line in whole for at in range(0, max(1, len(line)), PIECE)]


def _edges(lines: Sequence[str], room: int) -> tuple[int, int]:
    """Return how many lines of the head and of the tail fit, half the room each; what the head leaves goes to the tail."""
    head = _fitting(lines, room // 2)
    used = sum(_size(line) + 1 for line in lines[:head])
    return head, _fitting(lines[head:][::-1], room - used)


def _fitting(lines: Sequence[str], room: int) -> int:
    for count, line in enumerate(lines):
        room -= _size(line) + 1
        if room < 0:
            return count
    return len(lines)


def _mark(lines: Sequence[str], first: int, end: int, handle: str) -> str:
    left_out = sum(_size(line) + 1 for line in lines[first:end])
    return f"[{end - first:,} lines, {left_out:,} bytes left out; `read_output` with handle={handle} from={first + 1} gives them]"


def _trouble(lines: Sequence[str], middle: range, room: int) -> list[str]:
    """Return lines of the middle that tell of trouble, each different one once: one of each kind, then the first and the last."""
    found: dict[str, int] = {}
    for at in middle:
        line = lines[at].strip()
        if tells_of_trouble(line):
            found.setdefault(line[:_TROUBLE_CHARS], at)
    kinds: dict[str, str] = {}
    for line in found:
        kinds.setdefault(template_of(line), line)
    chosen = _of_both_ends([*kinds.values()], _MOST_TROUBLE)
    chosen += _of_both_ends([line for line in found if line not in chosen], _MOST_TROUBLE - len(chosen))
    told = [f"{found[line] + 1}: {line}" for line in sorted(chosen, key=found.__getitem__)]
    return told[: _fitting(told, room)]


def _of_both_ends(lines: Sequence[str], most: int) -> list[str]:
    return [*lines] if len(lines) <= most else [*lines[: most // 2], *lines[len(lines) - (most - most // 2) :]]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


_COUNT = {"type": "integer", "minimum": 1}
_SPEC = ToolSpec(
    "read_output",
    "Read what was left out of a long output, from a line on, or its lines that hold a text.",
    {
        "type": "object",
        "properties": {
            "handle": {"type": "string"},
            "from": _COUNT,
            "lines": _COUNT,
            "search": {"type": "string"},
        },
        "required": ["handle"],
        "additionalProperties": False,
    },
)


def output_tool(text_of: Callable[[str], Awaitable[str]], *, most_bytes: int = OUTPUT_BYTES) -> Tool:
    """Return `read_output`. `text_of` gives the text behind a handle, or raises ToolRefused where there is none.

    Its answers have at most `most_bytes` bytes, and a line that says what they are.
    """

    async def used(arguments: Mapping[str, Any]) -> Said:
        lines = lines_of(await text_of(arguments["handle"]))
        first = max(1, int(arguments.get("from", 1)))
        if first > len(lines):
            raise ToolRefused(f"that output has {len(lines):,} lines, so there is no line {first:,}")
        wanted = max(1, int(arguments.get("lines", len(lines))))
        sought = arguments.get("search", "")
        if sought:
            return Said(text=_searched(lines, first, wanted, sought, most_bytes))
        return Said(text=_window(lines, first, wanted, most_bytes))

    tags = ("rest", "more", "log")
    return Tool(spec=_SPEC, effect="none", use=used, subject="handle", repeatable=True, in_copy=False, tags=tags)


def _window(lines: Sequence[str], first: int, wanted: int, most_bytes: int) -> str:
    asked = lines[first - 1 : first - 1 + wanted]
    taken = asked[: max(1, _fitting(asked, most_bytes))]
    last = first + len(taken) - 1
    more = f"; more from={last + 1}" if last < len(lines) else ""
    return "\n".join((f"[lines {first}-{last} of {len(lines)}{more}]", *taken))


def _searched(lines: Sequence[str], first: int, wanted: int, sought: str, most_bytes: int) -> str:
    """Return the lines that hold a text, in capitals or not, with their numbers."""
    low = sought.lower()
    asked = enumerate(lines[first - 1 : first - 1 + wanted], first)
    found = [f"{number}: {line}" for number, line in asked if low in line.lower()]
    taken = found[: max(1, _fitting(found, most_bytes))]
    if not found:
        return f"[no line holds {sought[:100]!r}; there are {len(lines):,}]"
    cut = f", the first {len(taken)} of them" if len(taken) < len(found) else ""
    return "\n".join((f"[{len(found):,} lines of {len(lines):,} hold it{cut}]", *taken))
