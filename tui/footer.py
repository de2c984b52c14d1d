"""The last line of the screen: where the digits lead, and as many keys as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.rows import Row

LAST = "? keys  q leave"
"""What leads to all keys, and out: it stands there whole for as long as it fits at all."""


def footer_row(width: int, words: Sequence[str], seen: str, keys: Sequence[str]) -> Row:
    """The views by their digits, then those of the keys that fit, the first of them first, then `LAST`.

    Where there is no room for the words of all views, only the one that is `seen` is named, and then none.
    """
    room = width - 1 - cell_len(LAST)
    for named in (frozenset(words), frozenset({seen}), frozenset[str]()):
        views = [f"{digit} {word}" if word in named else str(digit) for digit, word in enumerate(words, 1)]
        left = room - sum(cell_len(view) + 2 for view in views)
        if left >= 0:
            break
    else:
        return [(f" {LAST}", "faint")]
    row: Row = [(" ", "")]
    for view, word in zip(views, words, strict=True):
        row.append((f"{view}  ", "busy" if word == seen else "faint"))
    for key in keys:
        if (size := cell_len(key) + 2) <= left:
            row.append((f"{key}  ", "faint"))
            left -= size
    return [*row, (LAST, "faint")]


def keys_in(*footers: str) -> list[str]:
    """The keys of footers, each of which has two blanks between two keys.

    >>> keys_in("enter history  s sort", "", "a answer")
    ['enter history', 's sort', 'a answer']
    """
    return [key for footer in footers for key in footer.split("  ") if key]
