"""Where calls wait for a provider, the tasks that are more urgent are served first."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from events.log import open_log
from swarm.plan import Plan
from tests.running import Cast, run, serving

TASKS = """
tasks:
  later: {prompt: Say one., priority: low, check: {contains: fine}}
  usual: {prompt: Say two., check: {contains: fine}}
  soon: {prompt: Say three., priority: 1, check: {contains: fine}}
  now: {prompt: Say four., priority: critical, check: {contains: fine}}
  also: {prompt: Say five., check: {contains: fine}}
"""


def one_at_a_time(plan: Plan) -> Plan:
    (provider,) = plan.roster.providers
    narrow = msgspec.structs.replace(provider, concurrency=1)
    return msgspec.structs.replace(plan, roster=msgspec.structs.replace(plan.roster, providers=(narrow,)))


async def test_the_urgent_tasks_are_served_first_and_equals_as_they_stand_in_the_file(tmp_path: Path) -> None:
    cast = Cast()
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, TASKS, one_at_a_time(plan), tmp_path)
    assert result.exit_code == 0
    said = "\n".join(cast.prompts("worker"))
    assert re.findall(r"Say (\w+)\.", said) == ["four", "three", "two", "five", "one"]
