"""The golden log of schedules, beside those of `tests/events/golden.py` and made as they are.

`python -m tests.events.golden_schedules` makes it again beside its expected views; never done for a released one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from events.log import EventLog, open_log, session_name
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.types.schedule import (
    SCHEDULES,
    FiringCancelled,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringQueued,
    FiringSkipped,
    FiringStarted,
    Process,
    Rule,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleRewound,
    ScheduleSet,
    firing_topic,
)
from tests.events.golden import DATA, Scribe, views_of

SCHEDULED, SCHEDULED_EXPECTED = DATA / "golden-schedules.db", DATA / "golden-schedules.json"
HOUR = 3_600_000_000
STARTER, CHILD = Process("host", "boot", 4711, 99), Process("host", "boot", 4712, 100)


async def write_schedules(log: EventLog, clock: SetClock) -> None:
    """Two schedules: of the one a run, a run that is ended, one that is lost and tried again; the other comes and goes."""
    scribe = Scribe(log, clock)
    nightly, other = firing_topic("nightly"), firing_topic("other")
    rule = Rule(cron="30 2 * * *", zone="Europe/Berlin", jitter_s=60, overlap="queue", retries=1, end=MORNING + 10**15)
    terms: dict[str, Any] = {"directory": "/home/ada/demo", "by": "ada@host", "since": MORNING}
    every = Rule(every_s=1200, anchor=MORNING, catch_up="all", overlap="cancel-old", approvals="fail", timeout_s=60)
    await scribe.append(
        scribe.new(
            ScheduleSet(schedule="nightly", path="docs.yaml", rule=rule, options=("--local",), **terms), SCHEDULES
        )
    )
    await scribe.append(scribe.new(ScheduleSet(schedule="other", path="other.yaml", rule=every, **terms), SCHEDULES))
    (first,) = await scribe.append(scribe.new(FiringDue(schedule="nightly", due=MORNING, starter=STARTER), nightly))
    await scribe.append(scribe.new(FiringStarted(schedule="nightly", firing=first, process=CHILD), nightly))
    opened = make.opened(type="cron", schedule="nightly", firing=first, settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(1)}"))
    await scribe.append(scribe.new(FiringQueued(schedule="nightly", due=MORNING + HOUR, reason="overlap"), nightly))
    await scribe.append(scribe.new(make.closed(), f"claim/{session_name(1)}"))
    await scribe.append(scribe.new(FiringFinished(schedule="nightly", firing=first, exit_code=0, run=1), nightly))
    due = FiringDue(schedule="nightly", due=MORNING + HOUR, starter=STARTER)
    (second,) = await scribe.append(scribe.new(due, nightly))
    await scribe.append(scribe.new(FiringOrphaned(schedule="nightly", firing=second), nightly))
    (third,) = await scribe.append(scribe.new(msgspec.structs.replace(due, nth=2, goes_on=1), nightly))
    await scribe.append(scribe.new(FiringCancelled(schedule="nightly", firing=third, reason="timeout"), nightly))
    failed = FiringFinished(schedule="nightly", firing=third, exit_code=143, detail="it was stopped")
    await scribe.append(scribe.new(failed, nightly))
    missed = FiringMissed(schedule="other", first_due=MORNING, last_due=MORNING + HOUR, slots=3, reason="late")
    await scribe.append(scribe.new(missed, other))
    await scribe.append(scribe.new(FiringSkipped(schedule="other", due=MORNING + 2 * HOUR, reason="full"), other))
    by_hand = FiringDue(schedule="other", due=MORNING + 2 * HOUR, starter=STARTER, manual=True)
    (fourth,) = await scribe.append(scribe.new(by_hand, other))
    idle = FiringFinished(schedule="other", firing=fourth, exit_code=0, run=2, idle="no file had changed")
    await scribe.append(scribe.new(idle, other))
    await scribe.append(scribe.new(ScheduleRewound(schedule="other", since=MORNING, ahead=MORNING + 40 * HOUR), other))
    await scribe.append(scribe.new(SchedulePaused(schedule="other", by="ada@host", reason="on holiday"), SCHEDULES))
    await scribe.append(scribe.new(ScheduleResumed(schedule="other", by="ada@host", since=MORNING + HOUR), SCHEDULES))
    await scribe.append(scribe.new(ScheduleRemoved(schedule="other", by="ada@host"), SCHEDULES))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        clock = SetClock()
        async with open_log(path, clock=clock) as log:
            await write_schedules(log, clock)
        async with open_log(path, read_only=True) as log:
            expected = await views_of(log)
        shutil.copyfile(path, SCHEDULED)
    SCHEDULED_EXPECTED.write_bytes(msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
