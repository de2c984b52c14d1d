"""Whether what stands at a log's path is still the log that was opened: an open file outlives its name, and can be overwritten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from events.log import LogError, LogLost

Present = Callable[[], Awaitable[None]]
"""Raises LogLost where the log that was opened is no longer what stands at its path. Cheap: asked at each idle look."""


async def reason(error: LogError, present: Present) -> str:
    """Why nothing more can be read: that the file is another one says more than what is found in it."""
    try:
        await present()
    except LogLost as lost:
        return str(lost)
    return str(error)


async def always() -> None:
    """The presence of what nobody can take away, such as a log in memory."""


def presence_of(url: str) -> Present:
    """Return what tells whether the log that stands at the path now is still there, as long as somebody reads it."""
    if url == "memory:":
        return always
    from events.sqlite.presence import Presence

    return Presence(Path(url).expanduser()).require
