"""What was worked out before, kept in memory up to a size: that which was not asked for the longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Values by key. Threads may share it."""

    def __init__(self, most: int) -> None:
        """`most` is what the sizes of all that is kept may come to."""
        self._most, self._size = most, 0
        self._found: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T], size: int) -> T:
        """Return what stands for the key, made where nothing does. What is larger than all that may be kept is not kept."""
        with self._lock:
            known = self._found.get(key)
            if known is not None:
                self._found.move_to_end(key)
                return known[0]
        made = make()  # outside of the lock: another thread may make the same meanwhile, which is the same
        with self._lock:
            if key not in self._found and size <= self._most:
                self._found[key] = made, size
                self._size += size
            while self._size > self._most:
                _, (_, gone) = self._found.popitem(last=False)
                self._size -= gone
        return made
