"""What a session's tasks take from outside, and the delivery of their results."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel

from events.log import open_log
from swarm.task import Output, Task
from swarm.world import open_surroundings


async def test_a_delivery_that_has_begun_is_over_when_its_task_is_cancelled(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    text = "word." * 4_000_000
    task = Task(id="t", prompt="Write it.", output=Output(path="long.txt"))
    async with (
        open_log("memory:") as log,
        open_surroundings(root, log, dict, lambda text: text) as surroundings,
        anyio.create_task_group() as tasks,
    ):

        async def cancel_once_it_writes() -> None:
            while not list(root.iterdir()):
                await anyio.lowlevel.checkpoint()
            scope.cancel()

        tasks.start_soon(cancel_once_it_writes)
        with anyio.CancelScope() as scope:
            await surroundings.deliver(task, text, ())
        assert [(file.name, file.stat().st_size) for file in root.iterdir()] == [("long.txt", len(text) + 1)]
