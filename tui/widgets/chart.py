"""Amounts over time as a small area of block characters, with what is foreseen and a line at a cap."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.rows import Piece, Row
from tui.words import Tone, usd

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FORESEEN = "░"
_CAP = "╌"
_FAR = 4  # times the largest amount; a cap above that is not in the frame
_NARROW = 16  # columns below which there is no axis


def heights(values: Sequence[int], height: int, top: int) -> list[int]:
    """How high each value stands in a frame of so many rows whose upper edge is `top`: in eighths of a row.

    Never above the frame; a value that is more than nothing stands at least one eighth high.

    >>> heights([0, 1, 50, 100], 2, 100)
    [0, 1, 8, 16]
    """
    most = 8 * max(0, height)
    return [min(most, max(1, most * value // top)) if value > 0 and top > 0 else 0 for value in values]


def spread(values: Sequence[int], width: int) -> list[int]:
    """The values at so many columns, each the last one of its part: what climbs still climbs.

    >>> spread([1, 2, 3, 4], 2), spread([1, 2], 4)
    ([2, 4], [1, 1, 2, 2])
    """
    return (
        [
            values[(column + 1) * len(values) // width - 1 if len(values) >= width else column * len(values) // width]
            for column in range(width)
        ]
        if values
        else [0] * max(0, width)
    )


def top_of(values: Sequence[int], forecast: Sequence[int], cap: int | None) -> int:
    """The upper edge of the frame: the largest amount, or the cap, unless that is so far off that all would lie flat below it."""
    most = max([0, *values, *forecast])
    return max(most, cap) if cap and (not most or cap <= _FAR * most) else most


def chart(
    values: Sequence[int],
    width: int,
    height: int,
    *,
    cap: int | None = None,
    forecast: Sequence[int] = (),
    rest: int = 0,
) -> list[Row]:
    """So many rows, each exactly so wide: nano-dollars at equal steps, the oldest first, then those that are foreseen.

    `rest` steps more are left empty at the end. The frame is as high as `top_of` says; where there is room its edges stand at
    the left. A cap that is in it is a line through what is empty.
    """
    if width <= 0 or height <= 0:
        return []
    top = top_of(values, forecast, cap)
    labels = _labels(values, top, height) if width >= _NARROW else [""] * height
    axis = max(cell_len(label) for label in labels)
    room = width - axis - 1 if axis else width
    steps = len(values) + len(forecast) + rest
    own = room * len(values) // steps if steps else 0
    seen = room * (len(values) + len(forecast)) // steps - own if steps else 0
    known = heights(spread(values, own), height, top)
    likely = heights(spread(forecast, seen), height, top)
    line = heights([cap], height, top)[0] if cap and cap <= top else 0
    tone: Tone = "bad" if cap and values and values[-1] > cap else "busy"
    rows: list[Row] = []
    for number in range(height):
        floor = 8 * (height - number - 1)  # of this row, in eighths
        empty = _CAP if line and floor < line <= floor + 8 else " "
        row: Row = [(f"{labels[number]:>{axis}}┤", "faint")] if axis else []
        row.append((_columns(known, floor, empty), tone))
        row.append(("".join(_FORESEEN if each > floor else empty for each in likely), "faint"))
        row.append((empty * (room - own - seen), "faint"))
        rows.append(row)
    return rows


def _columns(found: Sequence[int], floor: int, empty: str) -> str:
    return "".join(_EIGHTHS[min(8, each - floor)] if each > floor else empty for each in found)


def _labels(values: Sequence[int], top: int, height: int) -> list[str]:
    """The amounts at the frame's upper edge and at its foot."""
    labels = [""] * height
    labels[-1] = "$0"
    if height > 1 and top:
        labels[0] = usd(top)
    return labels


def legend(*, cap: bool, forecast: bool) -> list[Piece]:
    """What the characters mean, for below the chart."""
    said: list[Piece] = [("█ spent", "busy")]
    if forecast:
        said.append((f"  {_FORESEEN} foreseen", "faint"))
    if cap:
        said.append((f"  {_CAP} cap", "faint"))
    return said
