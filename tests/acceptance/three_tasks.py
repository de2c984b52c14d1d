"""Runs three tasks in a process that kills itself once a position of the log is acknowledged: python three_tasks.py LOG URL POSITION."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from events.blobs import Text
from events.log import Ack, EventLog, NewEvent, open_log
from swarm.connect import Roster, endpoint
from swarm.engine.faces import Faces
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.session import run_file
from swarm.taskfile.read import parse_task_file

TASKS = """
budget: $0.50
tasks:
  plan:
    prompt: Plan the garden.
    explore: true
    limits: {attempts: 2}
  plant:
    prompt: Plant the garden.
    needs: plan
    check: {contains: draft}
    output: garden.txt
  water:
    prompt: Water the garden.
    needs: plant
    accept: The garden is wet.
"""
PRICE = "1/2"


class KillingLog:
    """A log that kills its process when an append behind a position is acknowledged; everything else is the log's own."""

    def __init__(self, log: EventLog, position: int) -> None:
        self._log, self._position = log, position

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        ack = await self._log.append(events, expect=expect, durable=durable, cause=cause, texts=texts)
        if ack.positions and ack.positions[-1] >= self._position:
            os.kill(os.getpid(), signal.SIGKILL)
        return ack


async def main(url: str, server: str, position: int) -> None:
    model, provider = await endpoint(server, model="m", price=PRICE, environ={}, transport="aiohttp")
    plan = Plan(roster=Roster(models=(model,), providers=(provider,)), day_nanos=500_000_000, paid_confirmed=True)
    file = parse_task_file(TASKS, Path("garden.yaml"))

    async def confirm(_: str) -> bool:
        return True

    faces = Faces(observe=lambda _: None, confirm=confirm, stop=anyio.Event(), abort=anyio.Event())
    async with open_log(url) as log:
        await run_file(
            KillingLog(log, position),  # type: ignore[arg-type]  # it forwards what it does not define
            file,
            plan,
            root=Path.cwd(),
            environ={},
            faces=faces,
            secrets=Secrets([]),
        )


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
