"""Whether the tools of a session may be used as a model wants it: the policy decides, or a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from swarm.engine.hands import Allow, Allowed
from swarm.engine.toolchest import Toolchest
from swarm.journal import Attempt
from swarm.messages import ToolCall
from swarm.plan import Plan
from swarm.task import Task
from swarm.tools.base import Tool
from swarm.tools.policy import COMMANDS, decide


class Permission:
    """The policy over the tools of one session."""

    def __init__(self, plan: Plan, chest: Toolchest, ask: Callable[[str], Awaitable[bool]]) -> None:
        self._plan, self._chest, self._ask = plan, chest, ask

    def of(self, task: Task, attempt: Attempt) -> Allow:
        async def allow(tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /) -> Allowed:
            decision = decide(
                tool,
                arguments,
                rules=self._plan.tools,
                backend=await self._backend(tool),
                headless=False,
                network=task.network,
            )
            if decision.action == "ask":
                return Allowed(yes=await self._ask(decision.question), rule=decision.rule, reason="a person refused it")
            return Allowed(
                yes=decision.action == "allow",
                rule=decision.rule,
                reason=f"this was refused ({decision.rule}); do without it",
            )

        return allow

    async def _backend(self, tool: Tool) -> str:
        """What holds commands; of other tools nobody asks."""
        return (await self._chest.sandbox()).backend if tool.name in COMMANDS and not tool.source else "none"
