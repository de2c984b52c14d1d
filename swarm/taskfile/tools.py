"""How tools and skills are named in a task file and in a profile of an agent."""

from __future__ import annotations

import re

from swarm.taskfile.problems import Wrong, nearest
from swarm.taskfile.values import At, Kind, items_in, text
from swarm.taskfile.yamltree import Node
from swarm.toolnames import GROUPS, NONE, OWN, is_known
from swarm.units import shortened

_WORDS = (*dict.fromkeys((*GROUPS, NONE, *OWN)),)
_MEANT = {"bash": "run", "shell": "run", "grep": "search", "glob": "list", "web": "fetch", "browser": "fetch"}
_SKILL = r"[a-z0-9][a-z0-9_-]{0,63}"


def _tool(node: Node, at: At) -> str:
    word = text(node, at).strip()
    name = word.removeprefix("-")
    if name == NONE and word != NONE:
        raise Wrong(node.place, f"{word!r} in {at.where} takes nothing away", "take it out")
    if name != NONE and not is_known(name):
        message = f"{at.where} names {shortened(name)}, which is no tool here{nearest(name, _WORDS, _MEANT)}"
        known = f"known here: {', '.join(_WORDS)}, and SERVER__TOOL of an MCP server; '-' before a name leaves it out"
        raise Wrong(node.place, message, known)
    return word


_LISTED = items_in(
    Kind(_tool, {"type": "string", "anyOf": [{"enum": list(_WORDS)}, {"pattern": r"^-.|[*?\[]|__"}]}), unique=True
)


def _tools(node: Node, at: At) -> tuple[str, ...]:
    words: tuple[str, ...] = _LISTED.read(node, at)
    if NONE in words and len(words) > 1:
        raise Wrong(node.place, f"{at.where} names tools and 'none'", "write one or the other")
    if words and all(word.startswith("-") for word in words):
        hint = f"say from what, such as [all, {words[0]}]"
        raise Wrong(node.place, f"{at.where} only leaves out, and there is nothing to leave it out of", hint)
    return words


def _none_is_empty(node: Node, at: At) -> tuple[str, ...]:
    return tuple(word for word in _tools(node, at) if word != NONE)


def _skill(node: Node, at: At) -> str:
    name = text(node, at).strip()
    if not re.fullmatch(_SKILL, name):
        hint = "a-z, 0-9, '_' and '-' make one, up to 64 characters; `none` loads no skill"
        raise Wrong(node.place, f"{shortened(name)} in {at.where} cannot be the name of a skill", hint)
    return name


_NAMES = items_in(Kind(_skill, {"type": "string", "pattern": f"^\\s*{_SKILL}\\s*$"}), unique=True)


def _skills(node: Node, at: At) -> tuple[str, ...]:
    names: tuple[str, ...] = _NAMES.read(node, at)
    if NONE in names and len(names) > 1:
        raise Wrong(node.place, f"{at.where} names skills and 'none'", "write one or the other")
    return tuple(name for name in names if name != NONE)


TOOLS = Kind(_none_is_empty, _LISTED.schema)
"""Of a task: without a word it has none."""

AGENT_TOOLS = Kind(_tools, _LISTED.schema)
"""Of an agent: without a word it narrows nothing, and `none` leaves none."""

SKILLS = Kind(_skills, _NAMES.schema)
"""`none` is an empty list, which is not the same as nothing said."""
