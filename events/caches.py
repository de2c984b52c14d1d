"""The caches of a log: segments and snapshots, compared with what they are made of, and made anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import msgspec

from events.log import EventLog, open_log
from events.views.accepted import ACCEPTED
from events.views.answers import ANSWERS_KEPT
from events.views.base import decode_state
from events.views.experience import EXPERIENCE
from events.views.follows import FOLLOWS
from events.views.hits import HITS
from events.views.kept import Kept, fold_kept, snapshot_of
from events.views.results import RESULTS
from events.views.schedules import SCHEDULES_KEPT
from events.views.skills import SKILLS
from events.views.stages import STAGES
from events.views.standing import STANDING
from events.views.toolpast import TOOL_PAST
from events.views.waste import WASTE

KEPT: tuple[Kept[Any], ...] = (
    STANDING,
    EXPERIENCE,
    ANSWERS_KEPT,
    ACCEPTED,
    FOLLOWS,
    HITS,
    RESULTS,
    SCHEDULES_KEPT,
    SKILLS,
    STAGES,
    TOOL_PAST,
    WASTE,
)
"""The views of which a log keeps snapshots."""


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
        snapshots = [await _snapshot(log, each) for each in KEPT]
    return CacheReport((*found, *(snapshot for snapshot in snapshots if snapshot)))


async def _snapshot(log: EventLog, of: Kept[Any]) -> Cache | None:
    snapshot = await log.snapshot(of.name, of.form)
    if snapshot is None:
        return None
    wrong = snapshot.wrong
    if not wrong:
        again = await fold_kept(log, of, until=snapshot.position, anew=True)
        try:
            wrong = "" if decode_state(of.kind, snapshot.state) == again.view else "its events say otherwise"
        except ValueError as error:
            wrong = str(error)
    return Cache(what=f"snapshot {of.name}", state="wrong" if wrong else "right", reason=wrong)


async def rebuild_caches(url: str | Path) -> None:
    """Make the caches of the log at `url` anew where they are wrong or missing.

    Raises LogError where the log cannot be read or written, or where events are damaged.
    """
    from events.sqlite.caches import rebuilt

    async with open_log(url, read_only=True) as log:
        snapshots = [(each, await _snapshot(log, each)) for each in KEPT]
    await asyncio.to_thread(rebuilt, Path(url))
    async with open_log(url) as log:
        for of, snapshot in snapshots:
            if snapshot is not None and snapshot.state == "wrong":
                await log.keep(snapshot_of(await fold_kept(log, of, anew=True)))
            elif snapshot is not None or of is STANDING:  # another one is kept by who first asks for it
                await fold_kept(log, of)  # which keeps one where it is due
