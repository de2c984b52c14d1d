"""How a budget is split: who has which share of it, held against the whole."""

from __future__ import annotations

from swarm.errors import amount as written
from swarm.task import AGENTS, BUFFER, CONTEXT, SUMMARY, WHOLE, Budget, Portion, parse_portion, portion_of
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Wrong
from swarm.taskfile.values import At, Key, Keys, Kind, amount, fields, mapping_schema
from swarm.taskfile.yamltree import Node

_NUMBER = r"[0-9]{0,12}(\.[0-9]{1,15})?"
_PORTION = amount(
    parse_portion, {"type": "string", "pattern": rf"^(\${_NUMBER}|{_NUMBER}[kKM]|[0-9]{{1,3}}(\.[0-9]{{1,2}})? *%)$"}
)

_KEYS: Keys = {
    CONTEXT: Key(_PORTION, "what is given to read, with the system's words: in each prompt no more than that"),
    **{role: Key(_PORTION, f"the calls of the {role}") for role in AGENTS},
    **{agent: Key(_PORTION, f"the calls of this agent, which is the {role}") for role, agent in AGENTS.items()},
    SUMMARY: Key(_PORTION, "held back for the hand-over of a task that its cap stops"),
    BUFFER: Key(_PORTION, "whoever needs more than its share; all that is given to nobody is part of it"),
}


def _split(node: Node, at: At) -> dict[str, Portion]:
    found: dict[str, Portion] = fields(node, at, _KEYS)
    if not found:
        raise Wrong(node.place, f"{at.where} is empty", "write it as {worker: 50%, validator: 20%}")
    for role, agent in AGENTS.items():
        if role in found and agent in found:
            raise Wrong(node.place, f"{at.where} names {role} and {agent}, its agent", "name one of them")
    return found


SPLIT = Kind(_split, mapping_schema(_KEYS))


def check_split(budget: Budget, node: yamltree.Mapping, at: At) -> None:
    """Raise Wrong where the shares are more than the budget, or of a kind that it does not cap."""
    under = node.get("split")
    if under is None:
        return
    where = f"'split' of {at.where}"
    percent = sum(portion.hundredths or 0 for portion in budget.split.values())
    if percent > WHOLE:
        over = f"{percent / 100:g} % in all"
        raise Wrong(
            under.place, f"{where} gives more than the whole: {over}", f"take {(percent - WHOLE) / 100:g} % off"
        )
    for unit, whole, key in (("tokens", budget.tokens, "tokens"), ("nanos", budget.usd_nanos, "usd")):
        named = {name: portion for name, portion in budget.split.items() if _has(portion, unit)}
        if named and whole is None:
            hint = f"add '{key}' to the budget, or write it as a percentage"
            kind = "dollars" if unit == "nanos" else "tokens"
            raise Wrong(under.place, f"{where} gives {next(iter(named))} {kind}, and the budget caps none", hint)
        if whole is None:
            continue
        given = sum(portion_of(portion, whole, unit) for portion in budget.split.values())
        if given > whole:
            over = f"{written(given, unit)} in all, of {written(whole, unit)}"
            hint = f"take {written(given - whole, unit)} off, or raise '{key}'"
            raise Wrong(under.place, f"{where} gives more than the whole: {over}", hint)


def _has(portion: Portion, unit: str) -> bool:
    return portion.tokens is not None if unit == "tokens" else portion.usd_nanos is not None
