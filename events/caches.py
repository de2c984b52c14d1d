"""The caches of a log: segments and snapshots, compared with what they are made of, and made anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from events.log import EventLog, open_log
from events.views.base import decode_state
from events.views.standing import FORM, NAME, Standing, snapshot_of, standing

_SNAPSHOT = f"snapshot {NAME}"


class Cache(msgspec.Struct, frozen=True, kw_only=True):
    """One segment, one snapshot, or a stretch of events that has no segment where one is due."""

    what: str  # "segment 1..4096" or "snapshot standing"
    state: Literal["right", "wrong", "missing"]
    reason: str = ""  # of a wrong one


class CacheReport(msgspec.Struct, frozen=True):
    """What was found: segments in the order of the log, then snapshots."""

    caches: tuple[Cache, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong; what is missing comes by itself."""
        return not self.wrong

    @property
    def wrong(self) -> list[Cache]:
        return [cache for cache in self.caches if cache.state == "wrong"]

    @property
    def missing(self) -> list[Cache]:
        return [cache for cache in self.caches if cache.state == "missing"]


async def check_caches(url: str | Path) -> CacheReport:
    """Compare each cache of the log at `url` with the events that it is made of, all of which are read.

    A log of a schema without caches has none. Raises LogError where the log cannot be read.
    """
    from events.sqlite.caches import compared

    async with open_log(url, read_only=True) as log:
        found = [
            Cache(
                what=f"segment {stretch.first}..{stretch.last}",
                state="right" if stretch.segment is not None else "wrong" if stretch.wrong else "missing",
                reason=stretch.wrong,
            )
            for stretch in await asyncio.to_thread(compared, Path(log.url))
        ]
        snapshot = await _snapshot(log)
    return CacheReport((*found, *([snapshot] if snapshot else ())))


async def _snapshot(log: EventLog) -> Cache | None:
    snapshot = await log.snapshot(NAME, FORM)
    if snapshot is None:
        return None
    wrong = snapshot.wrong
    if not wrong:
        again = await standing(log, until=snapshot.position, anew=True)
        try:
            wrong = "" if decode_state(Standing, snapshot.state) == again.standing else "its events say otherwise"
        except ValueError as error:
            wrong = str(error)
    return Cache(what=_SNAPSHOT, state="wrong" if wrong else "right", reason=wrong)


async def rebuild_caches(url: str | Path) -> None:
    """Make the caches of the log at `url` anew where they are wrong or missing.

    Raises LogError where the log cannot be read or written, or where events are damaged.
    """
    from events.sqlite.caches import rebuilt

    async with open_log(url, read_only=True) as log:
        snapshot = await _snapshot(log)
    await asyncio.to_thread(rebuilt, Path(url))
    async with open_log(url) as log:
        if snapshot is not None and snapshot.state == "wrong":
            await log.keep(snapshot_of(await standing(log, anew=True)))
        else:
            await standing(log)  # which keeps one where it is due
