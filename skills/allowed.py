"""`allowed-tools` of a skill: it can only take tools away. A text of somebody else's grants nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from skills.skill import Skill

ALWAYS = ("find_skill", "read_skill", "find_tool", "read_output", "ask_human")
"""They look at skills, tools and what was said already, or ask a person: no skill takes them away."""


def narrowed(tools: Iterable[str], skills: Sequence[Skill], allows: Callable[[str, str], bool]) -> tuple[str, ...]:
    """Those of the tools, in their order, that every one of the skills allows which says what it allows.

    `allows` says whether a word of such a list, which may be another program's name such as `Bash(git:*)`, stands for a tool of ours.
    """
    lists = [skill.allowed_tools for skill in skills if skill.allowed_tools is not None]
    return tuple(
        tool for tool in tools if tool in ALWAYS or all(any(allows(word, tool) for word in words) for words in lists)
    )
