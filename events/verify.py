"""What a verification of a log comes to."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    dropped: int = 0  # texts that are no longer kept, of which only the digests are left
    head: Head
    problems: tuple[Problem, ...] = ()
    archives: tuple[str, ...] = ()  # files with what was before, which were read and join
    elsewhere: str = ""  # the file that goes before these, where it was not found

    @property
    def ok(self) -> bool:
        return not self.problems


async def verify_log(url: str | Path, *, kept: Head | None = None, archives: Sequence[Path] = ()) -> Report:
    """Read everything that the log at `url` holds and say what is not as it was written.

    With a `kept` head it also says whether the log's tail is missing. What was archived is looked for among `archives`, then
    where the log says that it was written, then beside the log. Raises LogForeign, LogNewer, LogUnusable.
    """
    import asyncio

    from events.sqlite.joined import verify_joined

    return await asyncio.to_thread(verify_joined, Path(url), kept, archives)


def parse_head(text: str) -> Head:
    """Read a head as `Head.__str__` writes it: position:hash. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-fA-F]{64})", text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no head; it is a position, a colon and 64 hex digits, as `swarm verify` prints it"
        )
    return Head(position=int(found[1]), hash=found[2].lower())
