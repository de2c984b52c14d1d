"""Pours events into a log at a rate: python -m bench.pour LOG --rate N --seconds S; ends with the last position on stdout.

One session of 200 tasks that make calls, each chosen, reserved and settled: all of it is what a view of the session shows.
The last event is its end.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

from events.log import EventLog, NewEvent, open_log
from events.testing.builders import chosen, claimed, closed, new, opened, reserved, settled, submitted

TASKS = 200
TICK_S = 0.02
SCOPES = ("log", "day:2026-09-21@UTC", "s1")


async def pour(log: EventLog, rate: int, seconds: float) -> int:
    """Append so many events a second, as evenly as the clock allows; return the last position."""
    begun = [new(opened(title="poured"), topic="sessions"), new(claimed(), topic="claim/1")]
    begun += [new(submitted(title=f"t{number}"), task=f"t{number}") for number in range(TASKS)]
    await log.append(begun)
    began, done, calls, open_calls = time.monotonic(), 0, 0, list[tuple[int, int]]()
    while done < rate * seconds:
        await asyncio.sleep(max(0.0, began + done / rate + TICK_S - time.monotonic()))
        events = [_event(settled(position), call) for call, position in open_calls]
        asked: list[tuple[int, int]] = []  # each call, and where among the events its reservation is
        while len(events) < rate * TICK_S:
            scopes = (*SCOPES, f"s1/t{calls % TASKS}")
            events += [_event(chosen(seed=f"{calls}"), calls), _event(reserved(ordinal=1, scopes=scopes), calls)]
            asked.append((calls, len(events) - 1))
            calls += 1
        ack = await log.append(events)
        open_calls = [(call, ack.positions[place]) for call, place in asked]
        done += len(events)
    return (await log.append([new(closed(), topic="claim/1")])).positions[0]


def _event(event: object, call: int) -> NewEvent:
    return new(event, task=f"t{call % TASKS}", step=1, attempt=1)  # type: ignore[arg-type]


async def _main(path: Path, rate: int, seconds: float) -> None:
    async with open_log(path) as log:
        print(await pour(log, rate, seconds), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    asyncio.run(_main(args.log, args.rate, args.seconds))
