"""`allowed-tools` of a skill: it can only take tools away. A text of somebody else's grants nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skills.skill import Skill

NAMES = {
    "bash": ("run", "python"),
    "shell": ("run", "python"),
    "read": ("read", "read_output"),
    "ls": ("list",),
    "glob": ("list", "search"),
    "grep": ("search",),
    "write": ("write",),
    "edit": ("edit", "patch"),
    "multiedit": ("edit", "patch"),
    "webfetch": ("fetch",),
    "agent": ("task",),
}
"""What public skills call the tools of the program that they were written for, and ours that do the same."""

ALWAYS = ("find_skill", "read_skill", "find_tool", "ask_human")
"""They look at skills and tools, or ask a person: no skill takes them away."""


def narrowed(tools: Iterable[str], skills: Sequence[Skill]) -> tuple[str, ...]:
    """Those of the tools, in their order, that every one of the skills allows which says what it allows.

    Of `Bash(git:*)` the name alone counts: what a tool may be used for is the policy's to say, which asks all the same.
    """
    lists = [_ours(skill.allowed_tools) for skill in skills if skill.allowed_tools is not None]
    return tuple(tool for tool in tools if tool in ALWAYS or all(tool in allowed for allowed in lists))


def _ours(allowed: Sequence[str]) -> frozenset[str]:
    names = [each.partition("(")[0].strip() for each in allowed]
    return frozenset(ours for name in names for ours in (name, *NAMES.get(name.lower(), (name.lower(),))))
