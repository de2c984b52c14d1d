"""Logs with a past: sessions that ended long ago, and others since."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from events.log import Entry, EventLog, open_log
from events.testing import builders as make
from events.testing.builders import SetClock
from events.testing.contract import everything
from events.testing.histories import scenes

DAY = 24 * 3600


async def live(
    log: EventLog, clock: SetClock, random: Random, *, first: int, sessions: int, finish: bool = True
) -> None:
    """Let some sessions run side by side, seconds pass, and, where they are to `finish`, end with nothing left to do."""
    scene = scenes(random, sessions=sessions, first=first)
    append = next(scene)
    while True:
        clock.move(random.randrange(1, 9))
        ack = await log.append(append.events, texts=append.texts)
        try:
            append = scene.send(ack.positions)
        except StopIteration:
            break
    for number in range(first, first + sessions) if finish else ():
        await log.append([make.new(make.closed(), session=number, topic=f"claim/s{number}")])


async def aged(path: Path, clock: SetClock, *, seed: int = 1, first: int = 1, sessions: int = 3) -> int:
    """Make a log with as many old sessions as new ones; return a moment between the two."""
    async with open_log(path, clock=clock) as log:
        await live(log, clock, Random(seed), first=first, sessions=sessions)
        clock.move(DAY)
        between = clock.now
        clock.move(DAY)
        await live(log, clock, Random(seed + 1), first=first + sessions, sessions=sessions)
    return between


async def entries_of(path: Path) -> list[Entry]:
    async with open_log(path, read_only=True) as log:
        return await everything(log)


def without_upkeep(entries: Sequence[Entry]) -> list[Entry]:
    """What is not about the log itself, and not told again because it would be gone."""
    own = ("texts.pruned", "log.archived", "ledger.carried")
    return [entry for entry in entries if entry.kind not in own and (entry.session or entry.kind != "file.trusted")]
