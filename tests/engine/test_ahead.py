"""What is likely to be read next is made ready, told to nobody, and only where guesses are mostly right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.log import EventLog, NewEvent, open_log
from events.testing import builders as make
from events.types.stage import StageApplied, StageUndone
from events.views.follows import Read
from swarm.cache.prefetch import LEAST_GUESSED
from swarm.context.blocks import _FILES  # pyright: ignore[reportPrivateUsage]  # what is made ready stands there
from swarm.engine.ahead import Ahead, open_ahead
from swarm.engine.outputs import Outputs
from swarm.messages import ToolSpec
from swarm.stages import Drawn, Stages
from swarm.tools.base import Said, Tool, ToolRefused
from tests.running import Cast, run, serving
from tests.test_session_tools import told, use
from tests.test_tool_results import OUTPUTS

CODE = "\n\n".join(f"def part_{number}(order):\n    return order.total * {number}" for number in range(120))


async def recorded(log: EventLog, *read: str) -> None:
    events = [
        NewEvent(event=make.tool_finished(tool="read", on=name), topic="s1", project="p", session=1) for name in read
    ]
    await log.append([msgspec.structs.replace(each, task="t", step=1, attempt=1) for each in events])


def an_outputs(told: list[StageApplied | StageUndone]) -> Outputs:
    attempt: Any = None  # nothing of it is asked
    stages = Stages({"outputs": Drawn("used", 0.5)}, tell=told.append, role="worker")
    return Outputs(attempt, stages, sought="part 7")


class Reading:
    """A tool that reads, and says when it did."""

    def __init__(self, fails: bool = False, ends: bool = True) -> None:
        self.read: list[str] = []
        self.was_used, self.was_given_up = anyio.Event(), False
        self._fails, self._ends = fails, ends

    @property
    def tools(self) -> Mapping[str, Tool]:
        async def used(arguments: Mapping[str, Any]) -> Said:
            self.read.append(arguments["path"])
            self.was_used.set()
            if self._fails:
                raise ToolRefused("gone")
            if not self._ends:
                try:
                    await anyio.sleep_forever()
                finally:
                    self.was_given_up = True
            return Said(text=CODE)

        return {"read": Tool(spec=ToolSpec("read", "", {}), effect="none", use=used)}


async def test_what_followed_before_is_read_and_divided_and_nobody_is_told() -> None:
    applied: list[StageApplied | StageUndone] = []
    reading = Reading()
    async with open_log("memory:") as log:
        await recorded(log, *["a.py", "b.py"] * 4)
        async with anyio.create_task_group() as tasks:  # which is over when all of it is done
            Ahead(log, "p", tasks).after(Read("read", "a.py"), reading.tools, an_outputs(applied))
    assert reading.read == ["b.py"] and applied == []
    assert any(key[0] == "b.py" for key in _FILES._found if isinstance(key, tuple))  # pyright: ignore


@pytest.mark.parametrize("project", ["p", "q"])
async def test_nothing_is_read_by_another_projects_past_nor_where_guesses_are_mostly_wrong(project: str) -> None:
    reading = Reading()
    async with open_log("memory:") as log:
        await recorded(log, *["a.py", "b.py"] * 4)
        if project == "p":
            for number in range(4 * LEAST_GUESSED):
                await recorded(log, "b.py", f"{number}.py")
        async with anyio.create_task_group() as tasks:
            Ahead(log, project, tasks).after(Read("read", "a.py"), reading.tools, an_outputs([]))
    assert reading.read == []


async def test_a_file_that_is_gone_ends_nothing_and_what_is_under_way_at_the_end_is_given_up() -> None:
    async with open_log("memory:") as log:
        await recorded(log, *["a.py", "b.py"] * 4)
        gone = Reading(fails=True)
        async with open_ahead(log, project="p") as ahead:
            ahead.after(Read("read", "a.py"), gone.tools, an_outputs([]))
            await gone.was_used.wait()
        endless = Reading(ends=False)
        async with open_ahead(log, project="p") as ahead:
            ahead.after(Read("read", "a.py"), endless.tools, an_outputs([]))
            await endless.was_used.wait()
            assert not endless.was_given_up
        assert endless.was_given_up


async def test_a_session_that_reads_ahead_comes_to_the_same(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(CODE)
    text = "tasks:\n- id: t\n  prompt: What does part_7 return?\n  tools: [look]\n"
    said: list[list[str]] = []
    async with open_log("memory:") as log:
        for _ in range(4):
            cast = Cast(worker=[use("read", path="a.py"), use("read", path="b.py"), "Seven orders."])
            async with serving(cast, stages=OUTPUTS) as (_, plan):
                assert (await run(log, text, plan, tmp_path)).exit_code == 0
            said.append(told(cast)[-1])
    assert all(each == said[0] for each in said)
