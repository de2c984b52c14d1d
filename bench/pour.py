"""Pours events into a log at a rate: python -m bench.pour LOG --rate N --seconds S; ends with the last position on stdout.

One session of 200 tasks that make calls, each chosen, reserved and settled: all of it is what a view of the session shows.
The last event is its end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from events.log import EventLog, NewEvent, open_log
from events.testing.builders import chosen, claimed, closed, new, opened, reserved, settled, submitted
from events.types.any import AnyEvent

TASKS = 200
TICK_S = 0.02


async def pour(log: EventLog, rate: int, seconds: float) -> int:
    """Append so many events a second, as evenly as the clock allows; return the last position."""
    begun = [new(opened(title="poured"), topic="sessions"), new(claimed(), topic="claim/1")]
    begun += [new(submitted(title=f"t{number}"), task=f"t{number}") for number in range(TASKS)]
    await log.append(begun)
    scopes = ("log", f"day:{datetime.now(UTC).date()}@UTC", "s1")
    began, done, calls, sent = time.monotonic(), 0, 0, deque[tuple[int, str]]()
    while done < rate * seconds:
        await asyncio.sleep(max(0.0, began + done / rate + TICK_S - time.monotonic()))
        events: list[NewEvent] = []
        asked: list[tuple[int, str]] = []  # where among the events each reservation is, and of which task
        while len(events) < rate * TICK_S:
            task = f"t{calls % TASKS}"
            if sent:
                position, of = sent.popleft()
                events.append(_event(settled(position), of))
            events += [
                _event(chosen(seed=f"{calls}"), task),
                _event(reserved(ordinal=1, scopes=(*scopes, f"s1/{task}")), task),
            ]
            asked.append((len(events) - 1, task))
            calls += 1
        ack = await log.append(events)
        sent += [(ack.positions[place], task) for place, task in asked]
        done += len(events)
    return (await log.append([new(closed(), topic="claim/1")])).positions[0]


def _event(event: AnyEvent, task: str) -> NewEvent:
    return new(event, task=task, step=1, attempt=1)


async def _main(path: Path, rate: int, seconds: float) -> None:
    async with open_log(path) as log:
        sys.stdout.write(f"{await pour(log, rate, seconds)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    asyncio.run(_main(args.log, args.rate, args.seconds))
