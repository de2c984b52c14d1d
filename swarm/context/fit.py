"""Texts that are given to read, made to fit in a room for all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from swarm.context.pack import relevant
from swarm.context.sizes import size_of

_MARK_BYTES = 60
FRAME_BYTES = 12  # around a text in a prompt: its fence, and what stands behind its name


def fit(texts: Sequence[tuple[str, str]], sought: str, room: int) -> list[str]:
    """Return the named texts whole where they fit in `room` bytes, names included, else the parts that fit `sought` best.

    A token has at least one byte, so a room in tokens holds as one in bytes. A text of which no part has room is empty.
    """
    room -= sum(size_of(name) + FRAME_BYTES for name, _ in texts)
    if sum(size_of(text) for _, text in texts) <= room:
        return [text for _, text in texts]
    found = relevant(texts, sought, max(0, room))
    if any(found) or not texts:
        return found
    return [_head(texts[0][1], room), *("" for _ in texts[1:])]


def _head(text: str, room: int) -> str:
    """The first bytes of a text, with what is missing; nothing where not even that has room."""
    keep = room - _MARK_BYTES
    if keep <= 0:
        return ""
    head = text.encode("utf-8", "replace")[:keep].decode("utf-8", "ignore").rstrip()
    return f"{head}\n[cut: {size_of(text) - size_of(head):,} bytes are left out to fit the context]"
