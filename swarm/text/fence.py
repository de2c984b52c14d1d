"""The code fence that models put around an answer."""

from __future__ import annotations

import re

FENCE = re.compile(r"\A\s*```[^\n`]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def unfenced(text: str) -> str:
    """The answer without one code fence around all of it."""
    fenced = FENCE.match(text)
    return fenced.group(1) if fenced else text
