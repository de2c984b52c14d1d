"""A log that is written at once and whole, as one file: another program reads it, and nobody goes on with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from events.log import Clock, EventLog, LogError, open_log


class FileInTheWay(LogError):
    """Where the file was to be written it cannot be. Nothing was written."""

    def __init__(self, *, file: str, what: str) -> None:
        super().__init__(f"{file} {what}; name another file with `--to`, or move this one away")


@asynccontextmanager
async def write_log(file: Path, *, clock: Clock) -> AsyncGenerator[EventLog]:
    """Open a new log that becomes `file` when the body ends well, and leaves nothing where it does not.

    What is appended is stamped with `clock`. Raises FileInTheWay where something is there already, LogUnusable.
    """
    import asyncio

    from events.sqlite.sealed import part_of, place, remove, seal

    part = part_of(file)
    try:
        async with open_log(part, clock=clock) as log:
            yield log
        await asyncio.to_thread(seal, part)
        place(part, file)
    finally:
        remove(part)
