"""When the use of tools goes in circles: the same again and again, or nothing that is new for several turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

SAME = 3
"""So often the same use may come to the same; the third one ends the attempt."""

IDLE_TURNS = 4
"""So many turns in a row may hold nothing that was not done before."""

FAILED_TURNS = 6
"""So many turns in a row may come to nothing but failures."""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a tool, as the guard sees it."""

    tool: str
    arguments: str  # in one form, whatever spaces the model wrote
    answer: str
    failed: bool = False
    tree: str = ""  # digest of what differs in the work copy afterwards


class Guard:
    """Looks at the turns of one attempt."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str, str, str]] = Counter()
        self._known: set[tuple[str, str, str]] = set()
        self._idle = self._failed = 0

    def forget(self) -> None:
        """What was seen so far was compacted: whoever looks again goes in no circle."""
        self._times.clear()
        self._known.clear()

    def after(self, turn: Sequence[Used]) -> str:
        """Return why the attempt is to end after a turn; empty where it may go on."""
        for use in turn:
            key = (use.tool, use.arguments, use.answer, use.tree)
            self._times[key] += 1
            if self._times[key] >= SAME:
                return f"it used {use.tool} {SAME} times with the same arguments and the same result"
        seen = {(use.tool, use.arguments, use.tree) for use in turn}
        self._idle = 0 if seen - self._known else self._idle + 1
        self._failed = self._failed + 1 if turn and all(use.failed for use in turn) else 0
        self._known |= seen
        if self._idle >= IDLE_TURNS:
            return f"it did nothing new for {IDLE_TURNS} turns"
        if self._failed >= FAILED_TURNS:
            return f"none of its tools came to anything for {FAILED_TURNS} turns"
        return ""
