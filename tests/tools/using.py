"""Using a tool as the program does: arguments that fit its schema, and the words that a model gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from swarm.tools.base import Said, Tool, ToolRefused


def tool(tools: Sequence[Tool], name: str) -> Tool:
    return next(each for each in tools if each.name == name)


async def use(one: Tool, **arguments: Any) -> Said:
    """Use a tool; `from_` stands for `from`."""
    given = {name.rstrip("_"): value for name, value in arguments.items()}
    checker: Any = Draft202012Validator(dict(one.spec.parameters))
    checker.validate(given)
    return await one.use(given)


async def refusal(one: Tool, **arguments: Any) -> str:
    """Use a tool that has to refuse, and return its words."""
    with pytest.raises(ToolRefused) as refused:
        await use(one, **arguments)
    return str(refused.value)
