"""What the log says was spent for nothing, as rows: bounded by the calls, and each with what really avoids it."""

from __future__ import annotations

import argparse
import importlib
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import EventLog
from events.memory import MemoryLog
from events.testing import builders as make
from events.types.any import AnyEvent
from events.types.task import AttemptAbandoned, TaskCancelled, TaskFailed, TaskHalted
from events.views.base import fold
from events.views.stages import Kind as Passing
from events.views.stages import StagesView, Texts
from events.views.waste import Told, WasteView
from swarm.cli.main import COMMANDS
from swarm.insight.periods import period_of
from swarm.insight.waste import CALLS, PARTS, Sizes, tool_sizes, waste
from swarm.settings.keys import KEYS, Source, pattern_of
from swarm.taskfile.read import parse_task_file

TODAY = date(2026, 11, 22)
TOOLS = make.a_ref("tools")
SIZES: Sizes = {TOOLS.digest: {"search": 30, "run": 50}}
EVENTS: Mapping[str, AnyEvent] = {
    "accepted": make.accepted(),
    "rejected": make.rejected(),
    "abandoned": AttemptAbandoned(role="worker", reason="unreadable"),
    "judge gone": AttemptAbandoned(role="validator", reason="no verdict"),
    "failed": TaskFailed(reason="no", cause="rejected"),
    "halted": TaskHalted(reason="cap"),
    "cancelled": TaskCancelled(reason="enough"),
    "done": make.task_accepted(),
    "closed": make.closed(finished=True),
}


async def add(log: EventLog, event: AnyEvent, attempt: int = 1) -> int:
    return (await log.append([make.new(event, session=1, task="build", step=1, attempt=attempt)])).positions[0]


async def call(log: EventLog, role: str = "worker", *, day: str = "2026-11-22", attempt: int = 1, **used: int) -> None:
    asked = make.reserved(role=role, scopes=("log", f"day:{day}@UTC"), tools=TOOLS)
    usage = {"input_tokens": 400, "output_tokens": 100, "cost_nanos": 1_000} | used
    await add(log, make.settled(await add(log, asked, attempt), **usage), attempt)


async def test_a_period_holds_what_its_days_wasted_and_shares_of_it_are_of_its_days() -> None:
    log = MemoryLog(clock=make.SetClock())
    await call(log, day="2026-11-21", cost_nanos=7_000)
    await call(log)
    await add(log, make.rejected())
    view = await fold(log, WasteView())
    stages = StagesView(
        texts={
            Passing("inputs", "measured", "2026-11-22", "code"): Texts(count=1, before=90, after=50, saved=40),
            Passing("inputs", "measured", "2026-11-21", "code"): Texts(count=1, before=90, after=50, saved=40),
            Passing("inputs", "held", "2026-11-22", "code"): Texts(count=1, before=90, after=50, saved=40),
        }
    )
    said = waste(view, stages, SIZES, period_of("day", TODAY))
    rows = {row.what: (row.count, row.tokens, row.nanos) for row in said.rows}
    assert rows == {"rejected": (1, 500, 1_000), "tools": (1, 80, 160), "measured": (1, 40, 0)}
    assert (said.all.tokens, said.calls.tokens) == (500, 500)
    whole = waste(view, stages, SIZES)
    assert (whole.all.tokens, whole.calls.nanos) == (1_000, 8_000)
    assert next(row.count for row in whole.rows if row.what == "measured") == 2


async def test_tools_are_never_more_than_the_requests_had_and_a_list_that_is_gone_is_said_to_be() -> None:
    log = MemoryLog(clock=make.SetClock())
    await call(log, input_tokens=10, output_tokens=10)
    view = await fold(log, WasteView())
    (row,) = waste(view, StagesView(), SIZES).rows
    assert (row.what, row.tokens, row.nanos) == ("tools", 20, 1_000)
    assert waste(view, StagesView(), {}).unread == 1
    assert await tool_sizes(log, {"gone": Told(TOOLS, 1)}) == {}


steps = st.lists(
    st.tuples(st.sampled_from(["worker", "validator", "explorer", "sub-agent", *EVENTS]), st.integers(1, 3)),
    max_size=25,
)


@settings(max_examples=60)
@given(steps)
async def test_no_call_is_counted_twice_however_work_goes(history: list[tuple[str, int]]) -> None:
    log = MemoryLog(clock=make.SetClock())
    for n, (what, attempt) in enumerate(history):
        if what in EVENTS:
            await add(log, EVENTS[what], attempt)
        else:
            await call(log, what, attempt=attempt, input_tokens=2**n, output_tokens=0)
    said = waste(await fold(log, WasteView()), StagesView(), SIZES)
    whole = [row for row in said.rows if not row.part]
    bits = [{n for n in range(25) if row.tokens >> n & 1} for row in whole]
    assert all(len(held) == row.count for held, row in zip(bits, whole, strict=True)), "each call stands in it once"
    assert len(set[int]().union(*bits)) == sum(map(len, bits)) == said.calls.count <= said.all.count


TASK_KEYS = {
    "tools": "tools: [look]",
    "skills": "skills: none",
    "tiers": "tiers: free",
    "check": "check: [{contains: x}]",
}


@pytest.mark.parametrize("avoid", [cause.avoid for cause in (*CALLS.values(), *PARTS.values())])
def test_what_avoids_waste_is_a_setting_a_key_of_a_task_or_a_command_that_there_is(avoid: str) -> None:
    named: list[str] = re.findall(r"`([^`]+)`", avoid)
    assert named
    for each in named:
        if each.startswith(("swarm ", "--")):
            require_command(each.split()[1:] if each.startswith("swarm ") else ["resume", *each.split()])
        elif each in TASK_KEYS or each.startswith("limits:"):
            written = f"tasks:\n- id: a\n  prompt: Go.\n  {TASK_KEYS.get(each, each)}\n"
            assert parse_task_file(written, Path("tasks.yaml")).tasks
        else:
            require_setting(each)


def require_command(words: list[str]) -> None:
    (module,) = [group[words[0]][0] for group in COMMANDS.values() if words[0] in group]
    parser = argparse.ArgumentParser()
    importlib.import_module(module).add_arguments(parser)
    parser.parse_args(words[1:])


def require_setting(text: str) -> None:
    value: Any = tomllib.loads(text if "=" in text else f"{text} = 0")
    path: list[str] = []
    while isinstance(value, dict):
        ((name, value),) = cast("dict[str, Any]", value).items()
        path.append(name)
    key = KEYS[pattern_of(tuple(path))]
    if "=" in text:
        key.parse(value, Source(base=Path(), home=Path(), prices="test"))
