"""The tools with which a model looks for a skill that it was not given, and reads one or a file of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.levels import listed_files
from skills.library import Library, UnknownSkill, is_hidden
from skills.listing import FIND
from skills.lock import SkillChanged, SkillError
from skills.matching import Rank
from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool, ToolRefused

READ = "read_skill"
_MOST_FOUND = 8
_TAGS = ("skill", "guide", "instructions")


def skill_tools(library: Library, rank: Rank) -> tuple[Tool, ...]:
    """`find_skill` and `read_skill` over what the library may give out; none where it has no skill."""
    return (_find(library, rank), _read(library)) if library.skills else ()


def _find(library: Library, rank: Rank) -> Tool:
    async def find(arguments: Mapping[str, Any]) -> Said:
        found = library.match(str(arguments["query"]), rank=rank, most=_MOST_FOUND)
        if not found.shown:
            return Said(text="no skill has to do with that")
        return Said(text="\n".join(f"- {each.skill.name}: {each.skill.description}" for each in found.shown))

    spec = _spec(FIND, f"Find skills: guides for kinds of work. Read one with {READ}.", {"query": _TEXT}, ["query"])
    return Tool(spec=spec, effect="none", use=find, subject="query", repeatable=True, in_copy=False, tags=_TAGS)


def _read(library: Library) -> Tool:
    async def read(arguments: Mapping[str, Any]) -> Said:
        try:
            name = str(arguments["name"])
            return Said(text=_text_of(library, name, str(arguments.get("file") or "")), skill=name)
        except UnknownSkill as error:
            raise ToolRefused(_refusal(error)) from error
        except SkillChanged as error:
            said = (
                f"the skill {error.skill.name!r} was changed since a person trusted it ({error.said}): go on without it"
            )
            raise ToolRefused(said) from error
        except SkillError as error:
            raise ToolRefused(str(error)) from error

    properties = {"name": _TEXT, "file": {"type": "string", "description": "a file of the skill instead of its text"}}
    spec = _spec(READ, "Read a skill, or one of its files.", properties, ["name"])
    return Tool(spec=spec, effect="none", use=read, subject="name", repeatable=True, in_copy=False, tags=_TAGS)


def _text_of(library: Library, name: str, file: str) -> str:
    skill = library.get(name)
    if not file:
        return library.body(skill) + listed_files(library.resources(skill))
    if is_hidden(file):
        raise ToolRefused(f"the skill {name!r} has no file {file[:80]!r} for you")
    try:
        return library.resource(skill, file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolRefused(f"{file!r} of the skill {name!r} is no text") from error


def _refusal(error: UnknownSkill) -> str:
    """What a model is told: how a person would confirm the skill is not for it to know."""
    if error.state:
        return f"the skill {error.name!r} is not used here: go on without it"
    return f"there is no skill {error.name[:80]!r}; " + (
        f"near it: {error.near}" if error.near else f"look with {FIND}"
    )


_TEXT: Mapping[str, Any] = {"type": "string"}


def _spec(name: str, description: str, properties: Mapping[str, Any], required: list[str]) -> ToolSpec:
    return ToolSpec(
        name,
        description,
        {"type": "object", "properties": properties, "required": required, "additionalProperties": False},
    )
