"""A table that is looked up for the screen: its columns, its lines, and how they share the width there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.cells import cell_len

from tui.rows import Piece, Row, fitted
from tui.widgets.bars import bar_row, gauge_row
from tui.words import Tone

GAP = 2  # blanks between two columns


class Column(msgspec.Struct, frozen=True):
    """`rank` 0 is always shown; where there is no room for all, those of the highest rank go first."""

    name: str
    right: bool = False
    rank: int = 0
    least: int = 0  # columns of the screen
    most: int = 60


class Text(msgspec.Struct, frozen=True):
    """A cell of words or of a number, with nothing in it that a terminal would act upon."""

    text: str
    tone: Tone = ""


class Gauge(msgspec.Struct, frozen=True):
    """A cell with what is used of a cap, and the marks of 80, 90 and 100 %. All of one unit."""

    spent: int
    reserved: int
    cap: int


class Bar(msgspec.Struct, frozen=True):
    """A cell with a share of the whole, from 0 to 1."""

    share: float
    tone: Tone = ""


Cell = Text | Gauge | Bar


class Line(msgspec.Struct, frozen=True):
    """`key` names what the line is about, "" where it can only be read; `indent` is how far it stands in."""

    cells: tuple[Cell, ...]
    key: str = ""
    indent: int = 0


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """`notes` stand below the lines, or alone where there are none: then they say what would fill it."""

    title: str
    columns: tuple[Column, ...] = ()
    lines: tuple[Line, ...] = ()
    notes: tuple[Row, ...] = ()


def widths(sheet: Sheet, width: int) -> list[int]:
    """How wide each column is; 0: there is no room for it. The first one takes what is left over or is cut."""
    wanted = [_wanted(sheet, number) for number in range(len(sheet.columns))]
    shown = [True] * len(wanted)

    def total() -> int:
        return sum(each + GAP for each, is_shown in zip(wanted, shown, strict=True) if is_shown) - GAP

    for number in sorted(range(1, len(wanted)), key=lambda at: (-sheet.columns[at].rank, -at)):
        if total() <= width or not sheet.columns[number].rank:
            break
        shown[number] = False
    if wanted and total() > width:
        wanted[0] = max(sheet.columns[0].least, 4, wanted[0] - (total() - width))
    return [each if is_shown else 0 for each, is_shown in zip(wanted, shown, strict=True)]


def head_row(sheet: Sheet, sizes: Sequence[int]) -> Row:
    """The names of the columns, which are as wide as `widths` says."""
    names = [Text(column.name.upper(), "faint") for column in sheet.columns]
    return _joined([_drawn(name, column, wide) for name, column, wide in _zipped(sheet, names, sizes)])


def line_row(sheet: Sheet, line: Line, sizes: Sequence[int]) -> Row:
    drawn = [_drawn(cell, column, wide) for cell, column, wide in _zipped(sheet, line.cells, sizes)]
    if drawn and line.indent:
        room = max(0, sizes[0] - 2 * line.indent)
        drawn[0] = fitted([("  " * line.indent, ""), *_drawn(line.cells[0], sheet.columns[0], room)], sizes[0])
    return _joined(drawn)


def _zipped(sheet: Sheet, cells: Sequence[Cell], sizes: Sequence[int]) -> list[tuple[Cell, Column, int]]:
    return [(cell, column, wide) for cell, column, wide in zip(cells, sheet.columns, sizes, strict=True) if wide]


def _joined(drawn: Sequence[Row]) -> Row:
    gap: Piece = (" " * GAP, "")
    row: Row = []
    for each in drawn:
        row += [gap, *each] if row else each
    return row


def _drawn(cell: Cell, column: Column, width: int) -> Row:
    match cell:
        case Gauge():
            return gauge_row(width, cell.spent, cell.reserved, cell.cap)
        case Bar():
            return fitted(bar_row(width, cell.share, cell.tone), width)
        case Text():
            piece: Piece = (cell.text, cell.tone)
            blank = width - cell_len(cell.text)
            return [(" " * blank, ""), piece] if column.right and blank > 0 else fitted([piece], width)


def _wanted(sheet: Sheet, number: int) -> int:
    column = sheet.columns[number]
    texts = [
        cell_len(cell.text) + (2 * line.indent if number == 0 else 0)
        for line in sheet.lines
        if isinstance(cell := line.cells[number], Text)
    ]
    return max(1, min(column.most, max([column.least, cell_len(column.name), *texts])))


def as_document(sheet: Sheet) -> dict[str, Any]:
    """The sheet as JSON has it: each line by the names of its columns, amounts of gauges as they are."""
    return {
        "schema": "swarm.sheet/1",
        "title": sheet.title,
        "rows": [_row_document(sheet, line) for line in sheet.lines],
        "notes": ["".join(text for text, _ in note) for note in sheet.notes],
    }


def _row_document(sheet: Sheet, line: Line) -> dict[str, Any]:
    named = {column.name or str(number): number for number, column in enumerate(sheet.columns)}
    cells = {name: _cell_document(line.cells[number]) for name, number in named.items()}
    return {"key": line.key, "indent": line.indent, "cells": cells}


def _cell_document(cell: Cell) -> Any:
    match cell:
        case Gauge():
            return {"spent": cell.spent, "reserved": cell.reserved, "cap": cell.cap}
        case Bar():
            return cell.share
        case Text():
            return cell.text
