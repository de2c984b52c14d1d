"""What can be done to a log that has grown: drop the texts of old sessions, cut its beginning off into a file of its own.

The functions block, so that Ctrl-C ends them at once and nothing is half done; an event loop calls them in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from events.log import Clock, LogError, session_name, system_clock

WhyKept = Literal["unfinished", "fork"]
"""Why an old session keeps its texts: it can still be resumed, or a session that keeps its own was forked from it."""


class Prunable(msgspec.Struct, frozen=True, kw_only=True):
    """What would go: the sessions, the number of their texts, and the bytes that these take."""

    sessions: tuple[int, ...]
    texts: int
    size: int
    kept: dict[int, WhyKept]  # sessions that began before and keep theirs


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What went. `shrunk` says whether the file gave its room back; else it is used again."""

    what: Prunable
    position: int  # of the texts.pruned
    shrunk: bool


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive would take: everything behind `after` up to `position`. None of it where the two are the same."""

    after: int
    position: int
    hash: str  # of the chain at `position`, hex
    events: int
    sessions: tuple[int, ...]
    blocking: tuple[
        int, ...
    ]  # unfinished sessions that began before and keep themselves, and what is newer, in the log


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What was cut off, into which file. `shrunk` says whether the log's file gave its room back."""

    cut: Cut
    file: str
    size: int  # bytes of the file
    position: int  # of the log.archived
    shrunk: bool


class NothingToArchive(LogError):
    """No event can be cut off. Nothing was written."""

    def __init__(self, *, url: str, cut: Cut) -> None:
        self.cut = cut
        said = "no session that is older than that has ended with all of its events"
        if cut.blocking:
            names = ", ".join(map(session_name, cut.blocking[:5])) + (" and others" if len(cut.blocking) > 5 else "")
            one = session_name(min(cut.blocking))
            said = f"{names} can still be resumed; end what is not to go on with `swarm cancel {one}`, and archive then"
        super().__init__(f"nothing of the log {url} can be archived: {said}")


class ArchiveInTheWay(LogError):
    """Where the archive was to be written something stands already. Nothing was written."""

    def __init__(self, *, file: str, what: str) -> None:
        super().__init__(f"{file} {what}; name another file with `--to`, or move this one away")


Tell = Callable[[str], None]


def _nothing(_: str) -> None:
    pass


def prunable(url: str | Path, *, before: int) -> Prunable:
    """What `prune` would drop now. Reads only. Raises LogError."""
    from events.sqlite.prune import look

    return look(Path(url), before)


def prune(url: str | Path, *, before: int, clock: Clock = system_clock) -> Pruned | None:
    """Drop the texts of the sessions that had ended before a moment (microseconds since 1970); None: there are none to drop.

    Events stay, and so do the digests. Raises LogError.
    """
    from events.sqlite.prune import prune

    return prune(Path(url), before, clock)


def archivable(url: str | Path, *, before: int) -> Cut:
    """What `archive` would cut off now. Reads only. Raises LogError."""
    from events.sqlite.archive import look

    return look(Path(url), before)


def archive(
    url: str | Path, *, before: int, to: Path | None = None, clock: Clock = system_clock, tell: Tell = _nothing
) -> Archived:
    """Cut off what is older than a moment (microseconds since 1970) into a file, by default one beside the log.

    The file is complete, on the disk and verified before the log lets go of anything. `tell` is called with each step as it
    begins: "write", "verify", "place", "cut", "shrink". Raises NothingToArchive, ArchiveInTheWay, LogError.
    """
    from events.sqlite.archive import archive

    return archive(Path(url), before, to, clock, tell)
