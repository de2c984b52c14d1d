"""Where in a text a credential stands, and what its mark is called."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple


class Found(NamedTuple):
    """A stretch of a text that is a credential, or a part of one."""

    start: int
    end: int
    kind: str  # lower case and underscores, as it stands in the mark [secret:KIND]


@cache
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern, compiled when it is first asked for: most texts need none, and all of them take 15 ms."""
    return re.compile(pattern, flags)
