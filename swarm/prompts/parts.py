"""The parts that messages are made of, and how they are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

GAP = "\n\n"
"""What stands between two parts of one message."""


class Said(msgspec.Struct, frozen=True):
    """What became of a module of a long prompt, and why: `always`, `tag sql`, `fits: invoice, tax`, `tags sql does not hold`, `no room`."""

    title: str
    tokens: int
    kept: bool
    why: str


class Part(NamedTuple):
    """A part of a message."""

    name: str  # what it is: "role", "task", "material", ...
    text: str  # with its heading
    of: str = ""  # of which file, task, tool or skill it is, where there may be several


def present(*parts: Part) -> Sequence[Part]:
    """The parts that say anything."""
    return [part for part in parts if part.text]


def joined(parts: Iterable[Part]) -> str:
    """The text of a message that has these parts."""
    return GAP.join(part.text for part in parts)
