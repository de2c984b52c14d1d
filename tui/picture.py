"""A screen as a picture (SVG) that brings all it needs."""

from __future__ import annotations

import re

# they would be fetched from the network by whoever looks at it
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FAMILY = re.compile(r"font-family: Fira Code, monospace")
_OF_THE_SYSTEM = "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def self_contained(picture: str) -> str:
    """The picture with fonts of the machine that shows it."""
    return _FAMILY.sub(_OF_THE_SYSTEM, _FONTS.sub("", picture))
