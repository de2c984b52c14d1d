"""Columns of whole numbers in little room: a column's least value is taken off, and the rest has the least width that fits."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from typing import NamedTuple

_HEAD = struct.Struct("<Bq")
TYPES = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""By the width in bytes: the type code of `array`, the same as that of `numpy.dtype`. A column of one value has width 0."""


class Column(NamedTuple):
    """Where a column's values stand in the bytes that it was packed into: `base` is added to each of them."""

    width: int
    base: int
    offset: int


def pack_columns(columns: Sequence[Sequence[int]]) -> bytes:
    """Pack columns of the same length, one or more values each, signed and of 64 bits at the most."""
    return b"".join(map(_pack, columns))


def _pack(values: Sequence[int]) -> bytes:
    try:
        packed = array(
            "B", values
        ).tobytes()  # most columns are small numbers: to try it is cheaper than to look for ends
    except OverflowError:
        return _pack_wide(values)
    if packed.count(packed[:1]) == len(packed):
        return _HEAD.pack(0, packed[0])
    return _HEAD.pack(1, 0) + packed


def _pack_wide(values: Sequence[int]) -> bytes:
    base = min(values)
    span = max(values) - base
    if not span:
        return _HEAD.pack(0, base)
    width = 1 if span < 1 << 8 else 2 if span < 1 << 16 else 4 if span < 1 << 32 else 8
    packed = array(TYPES[width], [value - base for value in values] if base else values)
    if sys.byteorder == "big":
        packed.byteswap()
    return _HEAD.pack(width, base) + packed.tobytes()


def find_columns(data: bytes, *, offset: int, columns: int, length: int) -> list[Column]:
    """Find the columns that stand in `data` from `offset` to its end. Raises ValueError where they do not."""
    found: list[Column] = []
    for _ in range(columns):
        if len(data) < offset + _HEAD.size:
            raise ValueError("it ends too early")
        width, base = _HEAD.unpack_from(data, offset)
        if width and width not in TYPES:
            raise ValueError(f"a column has width {width}")
        offset += _HEAD.size
        found.append(Column(width, base, offset))
        offset += width * length
    if offset != len(data):
        raise ValueError(f"it has {len(data)} bytes, and its columns {offset}")
    return found


def values_of(data: bytes, column: Column, length: int) -> list[int]:
    """The values of a column."""
    if not column.width:
        return [column.base] * length
    packed = array(TYPES[column.width], data[column.offset : column.offset + column.width * length])
    if sys.byteorder == "big":
        packed.byteswap()
    return [value + column.base for value in packed] if column.base else packed.tolist()
