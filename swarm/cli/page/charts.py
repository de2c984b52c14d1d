"""Charts in SVG, drawn from whole numbers: axes with round ticks, lines, bars, and a title and a description for each.

Colours are classes of the style sheet, which has two sets of them for light and dark; lines differ by their dashes, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo

import msgspec

from swarm.cli.page.elements import Element, element

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 16, 14, 34
_TICKS = 5
_LETTER = 7  # pixels of a letter below a bar
_LONGEST = 16  # letters of a name below a bar
_SECOND = 1_000_000
_SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds between ticks of a time axis, but for days."""

Label = Callable[[int], str]
"""How an amount is written."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts over time, each holding until the next. `tone` is a class of the style sheet."""

    name: str
    points: tuple[tuple[int, int], ...]  # microseconds since 1970, and the amount
    tone: str


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that a line is read against, such as a cap."""

    name: str
    amount: int


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of several parts."""

    name: str
    parts: tuple[int, ...]


def ticks(most: int, about: int = _TICKS) -> list[int]:
    """Round amounts from nothing to at least `most`, at equal steps of 1, 2 or 5 times a power of ten.

    >>> ticks(7), ticks(430), ticks(0)
    ([0, 2, 4, 6, 8], [0, 100, 200, 300, 400, 500], [0, 1])
    """
    least = max(1, -(-most // about))
    power = 10 ** (len(str(least)) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    return list(range(0, max(1, most) + step, step))[: -(-max(1, most) // step) + 1]


def moments(first: int, last: int, zone: tzinfo | None, about: int = 6) -> list[tuple[int, str]]:
    """Round times of the wall clock between two moments, with how they are written; at least the first."""
    seconds = max(1, (last - first) // _SECOND)
    step = next((span for span in _SPANS if seconds <= span * about), -(-seconds // about // 86_400) * 86_400)
    begun = datetime.fromtimestamp(first // _SECOND, zone)
    offset = begun.utcoffset()
    local = first // _SECOND + (round(offset.total_seconds()) if offset is not None else 0)
    found = [first + ((-local) % step + number * step) * _SECOND for number in range(seconds // step + 1)]
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    return [(at, datetime.fromtimestamp(at // _SECOND, zone).strftime(form)) for at in found if first <= at <= last]


def thinned(points: Sequence[tuple[int, int]], most: int = 300) -> tuple[tuple[int, int], ...]:
    """At most about so many of the points of a growing line: of each stretch of time the last, and the first and last of all."""
    if len(points) <= most:
        return tuple(points)
    first, last = points[0][0], points[-1][0]
    kept = {max(0, min(most - 1, (at - first) * most // max(1, last - first))): (at, amount) for at, amount in points}
    return (points[0], *[kept[stretch] for stretch in sorted(kept)])


class _Frame(msgspec.Struct, frozen=True):
    """Where amounts stand between the axes."""

    top: int  # the largest tick

    def y(self, amount: int) -> str:
        height = HEIGHT - _TOP - _BOTTOM
        return _px(HEIGHT - _BOTTOM - height * max(0, min(amount, self.top)) / self.top)


def over_time(
    name: str, said: str, lines: Sequence[Line], levels: Sequence[Level], label: Label, zone: tzinfo | None
) -> Element:
    """Lines that hold each amount until the next, against levels. `said` describes it for who does not see it."""
    first = min(line.points[0][0] for line in lines)
    last = max(max(line.points[-1][0] for line in lines), first + _SECOND)
    reached = max(amount for line in lines for _, amount in line.points)
    amounts = ticks(max([reached, *(level.amount for level in levels)]))
    frame = _Frame(amounts[-1])

    def x(at: int) -> str:
        return _px(_LEFT + (WIDTH - _LEFT - _RIGHT) * (at - first) / (last - first))

    below = [(x(at), text) for at, text in moments(first, last, zone)]
    drawn = [*_grid(frame, amounts, label), *_below(below)]
    for level in levels:
        y = frame.y(level.amount)
        drawn.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="level"))
        drawn.append(element("text", level.name, x=WIDTH - _RIGHT, y=y, dy="-3", text_anchor="end", class_="level"))
    drawn += [element("path", d=_steps(line, x, frame), class_=f"line {line.tone}") for line in lines]
    return _figure(name, said, drawn, [(line.name, line.tone) for line in lines] if len(lines) > 1 else [])


def bars(
    name: str, said: str, stacks: Sequence[Stack], parts: Sequence[tuple[str, str]], label: Label, level: Level | None
) -> Element:
    """One bar a stack, in their order; `parts` are the name and the tone of each part of a bar."""
    amounts = ticks(max([0 if level is None else level.amount, *(sum(stack.parts) for stack in stacks)]))
    frame = _Frame(amounts[-1])
    room = (WIDTH - _LEFT - _RIGHT) / len(stacks)
    widest = min(_LONGEST, max(len(stack.name) for stack in stacks)) + 1
    every = -(-len(stacks) // max(1, (WIDTH - _LEFT - _RIGHT) // (widest * _LETTER)))
    drawn = list(_grid(frame, amounts, label))
    for number, stack in enumerate(stacks):
        drawn += _stack(stack, parts, frame, label, _LEFT + room * number + room * 0.1, room * 0.8)
    letters = min(_LONGEST, max(3, int(room * every / _LETTER) - 1))
    named = [(at, stacks[at].name) for at in range(0, len(stacks), every)]
    drawn += _below([(_px(_LEFT + room * (at + 0.5)), _short(name, letters)) for at, name in named])
    if level is not None:
        y = frame.y(level.amount)
        drawn.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="level"))
        drawn.append(element("text", level.name, x=WIDTH - _RIGHT, y=y, dy="-3", text_anchor="end", class_="level"))
    return _figure(name, said, drawn, parts if len(parts) > 1 else [])


def _short(name: str, letters: int) -> str:
    """A name where there is little room; the whole of it stands in the title of its bar, and in the table."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def _stack(
    stack: Stack, parts: Sequence[tuple[str, str]], frame: _Frame, label: Label, x: float, width: float
) -> Iterator[Element]:
    below = 0
    for amount, (part, tone) in zip(stack.parts, parts, strict=True):
        if amount > 0:
            upper, lower = frame.y(below + amount), frame.y(below)
            told = element("title", f"{stack.name}, {part}: {label(amount)}")
            height = _px(float(lower) - float(upper))
            yield element("rect", told, x=_px(x), y=upper, width=_px(width), height=height, class_=f"bar {tone}")
            below += amount


def share_bar(name: str, said: str, parts: Sequence[tuple[str, str, int]]) -> Element:
    """One bar across, divided by the amounts of its parts: name, tone, amount. The amounts are not all nothing."""
    whole, at, drawn = sum(amount for _, _, amount in parts), 0, list[Element]()
    for part, tone, amount in parts:
        if amount > 0:
            told = element("title", f"{part}: {percent(amount, whole)}")
            x, width = WIDTH * at / whole, WIDTH * amount / whole
            drawn.append(element("rect", told, x=_px(x), y=0, width=_px(width), height=26, class_=f"bar {tone}"))
            if width > 64:
                shown = f"{part} {percent(amount, whole)}" if width > 130 else percent(amount, whole)
                drawn.append(element("text", shown, x=_px(x + 6), y=18, class_=f"on {tone}"))
            at += amount
    return _figure(name, said, drawn, [(part, tone) for part, tone, amount in parts if amount > 0], height=26)


def percent(part: int, whole: int) -> str:
    """A share in whole percent, rounded to the nearest; of nothing there is none.

    >>> percent(1, 3), percent(0, 0), percent(1, 1000)
    ('33 %', '-', '< 1 %')
    """
    if not whole:
        return "-"
    rounded = (200 * part + whole) // (2 * whole)
    return "< 1 %" if part and not rounded else f"{rounded} %"


def _grid(frame: _Frame, amounts: Sequence[int], label: Label) -> Iterator[Element]:
    for amount in amounts:
        y = frame.y(amount)
        yield element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="axis" if not amount else "grid")
        yield element("text", label(amount), x=_LEFT - 8, y=y, dy="4", text_anchor="end")


def _below(labels: Sequence[tuple[str, str]]) -> Iterator[Element]:
    for x, text in labels:
        yield element("text", text, x=x, y=HEIGHT - _BOTTOM + 18, text_anchor="middle")


def _steps(line: Line, x: Callable[[int], str], frame: _Frame) -> str:
    at, amount = line.points[0]
    path = [f"M{x(at)} {frame.y(amount)}"]
    path += [f"H{x(at)}V{frame.y(amount)}" for at, amount in line.points[1:]]
    return "".join(path)


def _figure(
    name: str, said: str, drawn: Sequence[Element], legend: Sequence[tuple[str, str]], height: int = HEIGHT
) -> Element:
    """The drawing with its name and what it shows as text, and below it what its colours mean."""
    picture = element(
        "svg",
        element("title", name),
        element("desc", said),
        *drawn,
        view_box=f"0 0 {WIDTH} {height}",
        role="img",
        class_="chart",
    )
    keys = [element("li", element("span", class_=f"key {tone}", aria_hidden="true"), part) for part, tone in legend]
    told = element("figcaption", element("strong", f"{name}:"), f" {said}", element("ul", *keys) if keys else None)
    return element("figure", picture, told)


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
