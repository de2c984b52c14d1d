"""The golden log of what persons say of how a session goes on, beside those of `tests/events/golden.py` and made as they are.

`python -m tests.events.golden_steered` makes it again beside its expected views; never done for a released one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import msgspec

from events.log import EventLog, open_log, session_name
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.choice import Excluded
from events.types.control import (
    PauseRequested,
    PinRequested,
    RequestAnswered,
    RetryRequested,
    TierPinned,
    TierUnpinned,
    UnpauseRequested,
    WorkPaused,
    WorkUnpaused,
)
from events.types.task import TaskFailed, TaskReopened
from tests.events.golden import DATA, Scribe, views_of

STEERED, STEERED_EXPECTED = DATA / "golden-steered.db", DATA / "golden-steered.json"
ADA = "ada@host"


async def _asked(scribe: Scribe, request: AnyEvent, *done: AnyEvent, refused: str = "") -> int:
    """A request, and its answer with what it caused; returns the position of the first event of that."""
    (position,) = await scribe.append(scribe.new(request, f"control/{session_name(1)}"))
    task, answer = scribe.task, RequestAnswered(request=position, refused=refused)
    events = [scribe.new(event) for event in done]
    scribe.at("")
    first, *_ = await scribe.append(*events, scribe.new(answer), cause=position)
    scribe.at(task)
    return first


async def write_steered(log: EventLog, clock: SetClock) -> None:
    """A session that is paused and goes on, a task that is paused for longer, a retry after a pin that is met and one that is not."""
    scribe = Scribe(log, clock)
    opened = make.opened(title="steered", settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(1)}"))
    for name in ("build", "slow"):
        scribe.at(name)
        await scribe.append(scribe.new(make.submitted(title=name)))
        scribe.at(name, 1)
        await scribe.append(scribe.new(make.planned(title=name)))
    scribe.at("")
    await _asked(scribe, PauseRequested(by=ADA, reason="lunch"), WorkPaused(by=ADA, reason="lunch"))
    await _asked(scribe, PauseRequested(by=ADA), refused="it is paused already")
    await _asked(scribe, UnpauseRequested(by=ADA), WorkUnpaused(by=ADA))
    scribe.at("slow")
    await _asked(scribe, PauseRequested(by=ADA), WorkPaused(by=ADA))
    scribe.at("build")
    await scribe.append(scribe.new(TaskFailed(reason="the answer was empty", cause="no draft")))
    pin = await _asked(
        scribe, PinRequested(by=ADA, tier="paid", confirmed=True), TierPinned(tier="paid", by=ADA, confirmed=True)
    )
    word = TaskReopened(reason="ada@host has it tried again", by=ADA, attempts=1)
    again = await _asked(scribe, RetryRequested(by=ADA), word)
    scribe.at("build", 1, 2)
    excluded = (Excluded("large", "its price is unknown"),)
    missed = "of the tier paid, its one model is left out"
    chosen = make.chosen(excluded=excluded, pinned="paid", pin=pin, missed=missed, asked=again)
    await scribe.append(scribe.new(chosen))
    scribe.at("")
    await _asked(scribe, PinRequested(by=ADA, tier="local"), TierPinned(tier="local", by=ADA, reason="at home"))
    scribe.at("build")
    await _asked(scribe, PinRequested(by=ADA, tier=""), TierUnpinned(by=ADA))
    scribe.at("")
    await scribe.append(scribe.new(make.closed(exit_code=130), f"claim/{session_name(1)}"))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        clock = SetClock()
        async with open_log(path, clock=clock) as log:
            await write_steered(log, clock)
        async with open_log(path, read_only=True) as log:
            expected = await views_of(log)
        shutil.copyfile(path, STEERED)
    STEERED_EXPECTED.write_bytes(msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
