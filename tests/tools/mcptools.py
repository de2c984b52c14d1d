"""The 57 tools of seven public MCP servers, as they describe themselves (tests/data/mcp_tools.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool

_PATH = Path(__file__).parents[1] / "data/mcp_tools.json"


async def _nothing(arguments: Mapping[str, Any]) -> Said:
    return Said(text=f"{len(arguments)} arguments")


def tool(name: str, description: str = "", parameters: Mapping[str, Any] | None = None, **more: Any) -> Tool:
    spec = ToolSpec(name, description, parameters or {"type": "object", "properties": {}})
    return Tool(spec=spec, effect="none", use=_nothing, **more)


def mcp_tools() -> tuple[Tool, ...]:
    return tuple(
        tool(each["name"], each["description"], each["inputSchema"], source=server["server"])
        for server in json.loads(_PATH.read_text())
        for each in server["tools"]
    )
