"""The tool with which a model hands a part of its work to a sub-agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from swarm.messages import ToolSpec
from swarm.toolnames import GROUPS, NONE, is_known
from swarm.tools.base import Said, Tool, ToolRefused

TASK = "task"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the work as a model hands it over."""

    prompt: str
    tools: tuple[str, ...] | None = None  # names, globs and groups, as in a task file; None: all that the model has
    tokens: int | None = None


def part_of(arguments: Mapping[str, Any]) -> Part:
    """Raises ToolRefused where it is none."""
    prompt, words, tokens = str(arguments["prompt"]).strip(), arguments.get("tools"), arguments.get("budget_tokens")
    if not prompt:
        raise ToolRefused("the prompt is empty")
    if tokens is not None and tokens < 1:
        raise ToolRefused(f"a budget of {tokens} tokens buys nothing; name more, or leave it out")
    for word in words or ():
        if word != NONE and not is_known(word.removeprefix("-")):
            raise ToolRefused(f"there is no tool {word[:80]!r}; name tools, or groups of them: {', '.join(GROUPS)}")
    return Part(prompt=prompt, tools=None if words is None else tuple(words), tokens=tokens)


def task_tool(delegate: Callable[[Part], Awaitable[Said]]) -> Tool:
    """What a sub-agent changes, it changes in the work copy of who handed it its part: its tools do it, each as it may."""

    async def use(arguments: Mapping[str, Any]) -> Said:
        return await delegate(part_of(arguments))

    spec = ToolSpec(
        TASK,
        "Hand a part of the work to a sub-agent, which begins with nothing but your prompt and works on the same files. "
        "You are told its answer alone. For what takes much reading and comes to little: what you do yourself stays in "
        "your own context.",
        {
            "type": "object",
            "properties": {
                "prompt": {"type": "string", "description": "all that it has to know, and what it is to answer with"},
                "tools": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "the only tools that it gets, such as look; without it all of yours but this one",
                },
                "budget_tokens": {"type": "integer", "description": "the most tokens that it may take"},
            },
            "required": ["prompt"],
            "additionalProperties": False,
        },
    )
    tags = ("agent", "delegate", "subtask", "explore")
    return Tool(spec=spec, effect="copy", use=use, subject="prompt", repeatable=True, tags=tags)
