"""Which of many things moved since somebody looked last, in the time that those that moved take."""

from __future__ import annotations

from collections.abc import Iterable


class Moved:
    """Names, those that moved last at the end. `count` goes up with each time that some did."""

    def __init__(self) -> None:
        self.count = 0
        self._at: dict[str, int] = {}

    def add(self, names: Iterable[str]) -> None:
        self.count += 1
        for name in names:
            self._at.pop(name, None)
            self._at[name] = self.count

    def since(self, count: int) -> list[str]:
        """Those that moved after the count was this one."""
        found: list[str] = []
        for name, at in reversed(self._at.items()):
            if at <= count:
                break
            found.append(name)
        return found
