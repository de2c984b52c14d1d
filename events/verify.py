"""What a verification of a log comes to."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec

from events.log import Head


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    where: str  # "event 17", "batch 12..17", "texts of event 12", "file", "schema", "head"
    what: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what is wrong with it. `head` is where the log ends now."""

    events: int
    batches: int
    texts: int
    head: Head
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


async def verify_log(url: str | Path, *, kept: Head | None = None) -> Report:
    """Read everything that the log at `url` holds and say what is not as it was written.

    With a `kept` head it also says whether the log's tail is missing. Raises LogForeign, LogNewer, LogUnusable.
    """
    from events.sqlite.verify import verify_file

    return await asyncio.to_thread(verify_file, Path(url), kept)


def parse_head(text: str) -> Head:
    """Read a head as `Head.__str__` writes it: position:hash. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-fA-F]{64})", text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no head; it is a position, a colon and 64 hex digits, as `swarm verify` prints it"
        )
    return Head(position=int(found[1]), hash=found[2].lower())
