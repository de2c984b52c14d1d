"""What `swarm plan` says of tools: what would hold commands, and which uses a person would be asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from events.types.tool import SandboxProbed
from swarm.cli.outline import Planned
from swarm.engine.toolchest import COMMANDS
from swarm.insight.uses import sandbox_said
from swarm.messages import ToolSpec
from swarm.settings.toolrules import ToolSettings
from swarm.tools.base import Said, Tool
from swarm.tools.policy import decide


async def held(planned: Sequence[Planned], rules: ToolSettings) -> SandboxProbed | None:
    """What would hold the commands of the tasks, found by trying it; None where they have none."""
    if not any(name in COMMANDS for one in planned for name in one.tools):
        return None
    from swarm.tools.sandbox.probe import SandboxMissing, probe

    try:
        found = await probe(rules.sandbox)
    except SandboxMissing as missing:
        return SandboxProbed(backend="none", reason=str(missing))
    return SandboxProbed(backend=found.backend, reason=found.reason, missing=found.missing, version=found.version)


def lines(planned: Sequence[Planned], rules: ToolSettings, sandbox: SandboxProbed | None) -> Iterator[str]:
    """Yield what holds commands, then each tool whose uses are not simply allowed, with the rule."""
    if sandbox is not None:
        yield sandbox_said(sandbox)
    backend = sandbox.backend if sandbox is not None else ""
    for name in dict.fromkeys(name for one in planned for name in one.tools):
        networks = {one.task.network for one in planned if name in one.tools}
        for said in dict.fromkeys(_said(name, rules, backend, network) for network in sorted(networks)):
            if said:
                yield f"{name}: {said}"


def _said(name: str, rules: ToolSettings, backend: str, network: bool) -> str:
    """What becomes of uses of a tool for which no rule has a pattern of its own; "" where they are allowed."""
    is_own = name != "mcp" and "__" not in name
    tool = Tool(
        spec=ToolSpec(name, "", {}), effect="none", use=_unused, source="" if is_own else name.partition("__")[0]
    )
    decision = decide(tool, {}, rules=rules, backend=backend, headless=False, network=network)
    words = {"allow": "", "ask": "a person is asked", "deny": "refused"}[decision.action]
    return f"{words} ({decision.rule})" if words else ""


async def _unused(_: Mapping[str, Any]) -> Said:
    raise AssertionError("a plan uses no tool")
