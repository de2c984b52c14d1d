"""Figures beside their bars: what a bench prints, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Bar:
    """What a figure has to keep to (docs/explanation/measurements.md), and what it should."""

    must: float
    target: float | None = None
    least: bool = False  # the figure has to reach the bar, where others must not pass it


@dataclass(frozen=True)
class Figure:
    what: str
    value: float
    unit: str = ""
    beside: str = ""  # what was measured, where the figure is a ratio or a difference
    bar: Bar | None = None

    @property
    def verdict(self) -> str:
        """'target', 'must' or 'missed'; empty where no bar stands."""
        if self.bar is None:
            return ""
        if self.bar.target is not None and _kept(self.value, self.bar.target, self.bar.least):
            return "target"
        if _kept(self.value, self.bar.must, self.bar.least):
            return "must" if self.bar.target is not None else "met"
        return "missed"


def _kept(value: float, bar: float, least: bool) -> bool:
    return value >= bar if least else value <= bar


def middle(rounds: Sequence[T], figure: Callable[[T], float]) -> float:
    """The median of a figure over the rounds: of two rows of one round it is a ratio that no load of the machine moves."""
    return median(figure(each) for each in rounds)


def show(title: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the figures to stdout."""
    if as_json:
        rows = [{**asdict(figure), "verdict": figure.verdict} for figure in figures]
        json.dump({"title": title, "machine": machine(), "figures": rows}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    width = max(len(figure.what) for figure in figures)
    sys.stdout.write(f"{title}\n{machine()}\n\n{'':<{width}}    figure         must     target\n")
    for figure in figures:
        sys.stdout.write(f"{_line(figure, width)}\n")


def _line(figure: Figure, width: int) -> str:
    bar = figure.bar
    bars = f"{_bar(bar, bar.must):>11}{_bar(bar, bar.target):>11}  {figure.verdict:<7}" if bar else " " * 31
    return f"{figure.what:<{width}}{_short(figure.value):>10} {figure.unit:<4}{bars}  {figure.beside}".rstrip()


def _bar(bar: Bar, value: float | None) -> str:
    return "" if value is None else f"{'>=' if bar.least else '<='} {_short(value)}"


def _short(value: float) -> str:
    """
    >>> _short(0.1234), _short(12.34), _short(1234.5)
    ('0.12', '12.3', '1234')
    """
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
