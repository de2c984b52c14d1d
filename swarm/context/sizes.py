"""How large a text is where nobody counts its tokens."""

from __future__ import annotations


def size_of(text: str) -> int:
    """The bytes of a text. A token has at least one, so that a room in tokens holds as one in bytes."""
    return len(text.encode("utf-8", "replace"))
