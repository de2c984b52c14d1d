"""Elements of HTML and SVG as values. Whatever text goes in comes out as text: there is no way to put markup in.

Names of elements and attributes are ours alone, never from a log; a text is made visible, then escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import TypeAlias

import msgspec

from tui.words import visible, visible_lines

_EMPTY = frozenset({"meta", "br", "hr"})
"""Elements of HTML without an end tag."""

_SPELLED = {"view_box": "viewBox", "text_anchor": "text-anchor", "http_equiv": "http-equiv"}
_ENDS_A_CELL = re.compile(r"\s*\n\s*")


class Element(msgspec.Struct, frozen=True):
    """One element with its attributes and what stands in it."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Child, ...]


Child: TypeAlias = Element | str
"""An element, or a text of anybody's."""


def element(name: str, /, *children: Child | None, **attributes: str | int | None) -> Element:
    """An element; what is None is left out. `class_` is class, `aria_label` aria-label, `view_box` viewBox."""
    named = tuple((_spelled(key), str(value)) for key, value in attributes.items() if value is not None)
    return Element(name, named, tuple(child for child in children if child is not None))


def markup(child: Child) -> str:
    """The element as a document has it. The same element gives the same bytes."""
    return "".join(_written(child))


def cut(text: str, most: int) -> str:
    """The text on one line with at most `most` characters of it; of one that is cut its length is said."""
    flat = _ENDS_A_CELL.sub(" ", text.strip())
    return flat if len(flat) <= most else f"{flat[:most]}… ({len(flat):,} characters)"


def _spelled(key: str) -> str:
    return _SPELLED.get(key) or key.rstrip("_").replace("_", "-")


def _written(child: Child) -> Iterator[str]:
    if isinstance(child, str):
        yield escape(visible_lines(child), quote=False)
        return
    attributes = "".join(f' {name}="{escape(visible(value))}"' for name, value in child.attributes)
    yield f"<{child.name}{attributes}>"
    if child.name in _EMPTY:
        return
    for each in child.children:
        yield from _written(each)
    yield f"</{child.name}>"


class Column(msgspec.Struct, frozen=True):
    """The head of a column; `right` where numbers stand in it."""

    name: str
    right: bool = True


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Child]], *, last: bool = False) -> Element:
    """A table that a screen reader can walk: a caption, heads with their scope, the first cell of a row as its head.

    `last`: the last row sums the others. Where it is wider than the page it scrolls by itself, also by the keyboard.
    """
    head = element("tr", *(element("th", each.name, scope="col", class_=_side(each)) for each in columns))
    body = [_row(columns, row) for row in (rows[:-1] if last else rows)]
    foot = element("tfoot", _row(columns, rows[-1])) if last and rows else None
    made = element("table", element("caption", caption), element("thead", head), element("tbody", *body), foot)
    return element("div", made, class_="wide", role="region", aria_label=caption, tabindex=0)


def _row(columns: Sequence[Column], row: Sequence[Child]) -> Element:
    cells = [
        element("th", cell, scope="row") if not number else element("td", cell, class_=_side(column))
        for number, (column, cell) in enumerate(zip(columns, row, strict=True))
    ]
    return element("tr", *cells)


def _side(column: Column) -> str | None:
    return "n" if column.right else None
