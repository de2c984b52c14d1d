"""The words of this program: what a name of a shared log may still say. Any other one was written by a person or a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Any

from msgspec import inspect

from events.types.any import KINDS
from events.types.tree import BASE64, FILE, LARGE, LINK, PROGRAM, SECRET
from swarm.agents.profile import PLAIN, shipped
from swarm.choice import choose
from swarm.engine.picks import CUT, GOES_ON
from swarm.messages import (
    PART_TOO_LARGE,
    TOO_LITTLE_INPUT,
    TOO_LITTLE_OUTPUT,
    TOO_MUCH_INPUT,
    TOO_MUCH_OUTPUT,
    TOTAL_DIFFERS,
)
from swarm.models.catalogue import CATALOGUE
from swarm.plan import AUDITOR, SUB_AGENT, SUMMARISER, Plan
from swarm.settings.pricetable import known_models
from swarm.settings.providers import PRESETS
from swarm.settings.ruletable import shipped as shipped_rules
from swarm.settings.stages import STAGES
from swarm.task import ROLES, Task
from swarm.toolnames import GROUPS, OWN
from swarm.tools.sandbox.box import BACKENDS, NOTHING_KEPT

_SAID = frozenset(
    {
        *("file", "direct", "fork", "cron", "sub-agent", "demo"),  # types of sessions
        *("simple", "moderate", "complex"),
        *("system", "user", "assistant", "tool"),  # speakers
        *("stop", "length", "refusal", "tools", "other", "loop", "turns"),  # ends of answers
        *("provider", "reservation", "invoice", "person"),  # bases of amounts
        *("wait", "stop", "switch"),  # failures of calls
        *(
            "rejected",
            "no draft",
            "no verdict",
            "no model",
            "input",
            "output",
            "items",
            "time",
            "budget",
            "not worth it",
        ),
        *("tokens", "nanos", "confirmation"),
        *("copy", "world", "session", "project"),  # effects of tools; for how long a word holds
        *("model", "type", "role"),  # what an expectation is like
        *("exact", "canonical", "near"),
        *("trails", "roulette", "planned", "free", "checks", "validator", "processes", "udp"),
        *("brief", "skills", "find_tool", "skill"),
    }
)


@cache
def vocabulary() -> frozenset[str]:
    """Every word that ships with this program, in the fields that name things."""
    agents = [agent.name for agent in PLAIN.values()]
    models = [name for preset in PRESETS.values() for name in preset.get("models", ())]
    reasons = (choose.STAYED, choose.PLANNED, choose.ESCALATED, choose.REJECTED, CUT, GOES_ON)
    doubts = (TOTAL_DIFFERS, PART_TOO_LARGE, TOO_LITTLE_INPUT, TOO_LITTLE_OUTPUT, TOO_MUCH_INPUT, TOO_MUCH_OUTPUT)
    return frozenset(
        word
        for words in (
            *(_SAID, ROLES, (AUDITOR, SUB_AGENT, SUMMARISER), agents, shipped(), PRESETS, models, known_models()),
            (model.name for model in CATALOGUE),
            *(reasons, doubts, OWN, GROUPS, STAGES, BACKENDS, NOTHING_KEPT, shipped_rules().types, skills()),
            (FILE, PROGRAM, LINK, BASE64, SECRET, LARGE),
            *(_literals(struct) for struct in (*KINDS.values(), Task, Plan)),
        )
        for word in words
    )


@cache
def keys() -> frozenset[str]:
    """The names of all fields of a plan and of a task, as JSON has them."""
    return frozenset(
        field.encode_name
        for struct in (Task, Plan)
        for each in _types(inspect.type_info(struct))
        if isinstance(each, inspect.StructType)
        for field in each.fields
    )


@cache
def skills() -> tuple[str, ...]:
    """The names of the skills that ship."""
    folders = resources.files("skills").iterdir()
    return tuple(folder.name for folder in folders if folder.joinpath("SKILL.md").is_file())


def _literals(struct: type[Any]) -> Iterable[str]:
    for each in _types(inspect.type_info(struct)):
        if isinstance(each, inspect.LiteralType):
            yield from (value for value in each.values if isinstance(value, str))


def _types(found: inspect.Type, seen: set[type[Any]] | None = None) -> Iterator[inspect.Type]:
    """A type, and those that it is made of."""
    seen = set() if seen is None else seen
    yield found
    inner: list[inspect.Type] = []
    match found:
        case inspect.UnionType(types=types):
            inner = list(types)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            inner = [item]
        case inspect.TupleType(item_types=items):
            inner = list(items)
        case inspect.DictType(key_type=key, value_type=value):
            inner = [key, value]
        case inspect.StructType(cls=cls, fields=fields) if cls not in seen:
            seen.add(cls)
            inner = [field.type for field in fields]
        case _:
            pass
    for each in inner:
        yield from _types(each, seen)
