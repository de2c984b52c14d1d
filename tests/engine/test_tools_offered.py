"""What a step is offered of many tools follows from what fits it, and from what served steps before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from events.log import open_log
from swarm.messages import ToolCall
from swarm.settings.toolrules import ToolSettings
from tests.provider import Answer
from tests.running import Cast, model, run, serving

TASK = "tasks:\n  build: {prompt: 'Prepare the zebra paddock', tools: [look], check: {contains: done}}\n"


def offered(cast: Cast, call: int) -> list[str]:
    return [tool["function"]["name"] for tool in cast.seen[call][1].get("tools", [])]


async def test_a_tool_that_served_an_accepted_step_is_offered_for_the_next_like_it(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("two zebras\n")

    def look(_: dict[str, Any]) -> Answer:
        return Answer("", calls=[ToolCall("1", "use_tool", '{"name": "search", "arguments": {"pattern": "zebra"}}')])

    async with open_log(tmp_path / "log.db") as log:
        cast = Cast(worker=[look, "done"])
        async with serving(cast, model("m1", judge=False), tools=ToolSettings(most_offered=1)) as (_, plan):
            for _ in range(2):
                cast.play("worker", look, "done")
                assert (await run(log, TASK, plan, tmp_path)).exit_code == 0
    before, after = offered(cast, 0), offered(cast, 2)
    assert before[0] != "search"
    assert after[0] == "search"
    assert before[1:] == after[1:] == ["find_tool", "use_tool"]
