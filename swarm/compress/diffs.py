"""Diffs made short: the files and the changed lines, without those around them, and where that is too much not all of these."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from swarm.compress.room import Count, Shortened, cut, pack
from swarm.compress.worth import fitting

_HEADS = ("diff ", "rename ", "new file", "deleted file", "Binary files", "commit ")
_LINE_CHARS = 300


def short_diff(text: str, *, limit: int, count: Count, sought: str = "") -> Shortened | None:
    """Return the names of the files and of the changed lines as many as fit in `limit` tokens, under the heads of their hunks.

    What is sought comes first, then small hunks. None where the text has no hunk.
    """
    lines = text.split("\n")
    hunks = _hunks(lines)
    if not hunks:
        return None
    head_of = {number: hunk[0] for hunk in hunks for number in hunk[1:]}
    order = _order(lines, hunks, sought)
    costs: dict[int, int] = {}

    def cost(number: int) -> int:
        if number not in costs:
            costs[number] = count(lines[number][:_LINE_CHARS]) + 1
        return costs[number]

    def write(numbers: Sequence[int]) -> str:
        shown = {*numbers, *(head_of[each] for each in numbers if each in head_of)}
        return "\n".join(lines[number][:_LINE_CHARS] for number in sorted(shown))

    taken = pack(order, cost, write, limit, count)
    said = f"{sum(each in head_of for each in taken):,} of {len(head_of):,} changed lines"
    if taken or not order:
        kept = {*taken, *(head_of[each] for each in taken if each in head_of)}
        return Shortened(write(taken), tuple(number + 1 for number in sorted(kept)), said)
    clipped = cut(lines[order[0]], limit, count)
    return Shortened(clipped, (order[0] + 1,) if clipped else (), said)


def _hunks(lines: Sequence[str]) -> list[list[int]]:
    """Of each hunk the line of its head and those that are changed."""
    found: list[list[int]] = []
    inside = False
    for number, line in enumerate(lines):
        if line.startswith("@@"):
            found.append([number])
            inside = True
        elif line[:1] not in ("+", "-", " ", "\\") and line:
            inside = False
        elif inside and line[:1] in ("+", "-"):
            found[-1].append(number)
    return found


def _order(lines: Sequence[str], hunks: Sequence[Sequence[int]], sought: str) -> list[int]:
    named = any(line.startswith("diff ") for line in lines)
    heads = [number for number, line in enumerate(lines) if line.startswith(_HEADS if named else (*_HEADS, "+++ "))]
    small_first = sorted(hunks, key=lambda hunk: (len(hunk), hunk[0]))
    changed = list(chain.from_iterable(hunk[1:] for hunk in small_first))
    fit = [changed[each] for each in fitting([lines[number] for number in changed], sought)]
    telling = [number for number in changed if len(lines[number]) > 1]
    return list(dict.fromkeys([*heads, *fit, *telling, *changed]))
