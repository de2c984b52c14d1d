"""`allowed-tools` of a skill: it can only take tools away. A text of somebody else's grants nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from skills.skill import Skill

ALWAYS = ("find_skill", "read_skill", "find_tool", "read_output", "ask_human")
"""They look at skills, tools and what was said already, or ask a person: no skill takes them away."""


def lists_of(skills: Iterable[Skill]) -> list[Sequence[str]]:
    """The words of each of the skills that says what it allows."""
    return [skill.allowed_tools for skill in skills if skill.allowed_tools is not None]


def narrowed(
    tools: Iterable[str], lists: Sequence[Sequence[str]], allows: Callable[[str, str], bool]
) -> tuple[str, ...]:
    """Those of the tools, in their order, for which a word stands in each of the lists.

    `allows` says whether a word, which may be another program's name such as `Bash(git:*)`, stands for a tool of ours.
    """
    return tuple(
        tool for tool in tools if tool in ALWAYS or all(any(allows(word, tool) for word in words) for words in lists)
    )
