"""How a profile of an agent is written, in a task file and in the front matter of its own: the keys, and what they become."""

from __future__ import annotations

import re
from typing import Any

from swarm.agents.profile import MOST_WORDS, TAG, Agent
from swarm.messages import TIER_WORDS, TIERS
from swarm.task import NAME_RULE, is_id, parse_budget
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Reported, Wrong
from swarm.taskfile.promptfiles import require_conditions, require_fit
from swarm.taskfile.tools import AGENT_TOOLS, SKILLS
from swarm.taskfile.values import (
    PROSE,
    TEXT,
    At,
    Key,
    Keys,
    Kind,
    amount,
    fields,
    items_in,
    kind,
    mapping_schema,
    one_of,
    prose,
    text,
    whole,
)
from swarm.taskfile.yamltree import Node, Scalar
from swarm.units import parse_tokens, parse_usd, shortened

_TAG_RULE = "a tag is one word of a-z, 0-9, '_', '.', '+' and '-', up to 40 characters"


def _tag(node: Node, at: At) -> str:
    word = text(node, at).strip().lower()
    if not re.fullmatch(TAG, word):
        raise Wrong(node.place, f"{shortened(word)} in {at.where} is no tag", _TAG_RULE)
    return word


def _agent_name(node: Node, at: At) -> str:
    name = text(node, at).strip()
    if not is_id(name):
        raise Wrong(node.place, f"{shortened(name)} in {at.where} cannot be the name of an agent", NAME_RULE)
    return name


def _prompt(node: Node, at: At) -> str:
    said = prose(node, at)
    require_fit(said, node.place, at.where)
    require_conditions(said, node.place, at.where)
    return said


PROMPT = Kind(_prompt, PROSE.schema)
PROMPT_FILES = items_in(TEXT, unique=True)


TAGS = items_in(Kind(_tag, {"type": "string", "pattern": r"^\s*[A-Za-z0-9]"}), unique=True)
AGENT_NAMES = items_in(Kind(_agent_name, {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}), unique=True)

_CAP: Keys = {
    "tokens": Key(amount(parse_tokens, {"type": ["integer", "string"]}), "tokens, as the provider counts them"),
    "usd": Key(amount(parse_usd, {"type": ["number", "string"]}), "US dollars", "usd_nanos"),
}


def _cap(node: Node, at: At) -> dict[str, Any]:
    """Read `$0.05`, `20k` or {tokens, usd}."""
    if not isinstance(node, Scalar):
        found = fields(node, at, _CAP)
        if not found:
            raise Wrong(node.place, f"{at.where} caps nothing", "add 'tokens' or 'usd', such as {usd: 0.05}")
        return found
    one = _ONE_AMOUNT.read(node, at)
    return {"tokens": one.tokens} if one.tokens is not None else {"usd_nanos": one.usd_nanos}


_ONE_AMOUNT = amount(parse_budget, {"type": "string", "pattern": "^[$.0-9]+[kKM]?$"})

AGENT: Keys = {
    "prompt": Key(PROMPT, "what it is told of itself: two or three sentences, or a text of sections"),
    "prompt_file": Key(
        PROMPT_FILES, "the files that hold its prompt, or folders of them, from the folder of this file"
    ),
    "description": Key(PROSE, "what it is for, for people"),
    "types": Key(TAGS, "the types of tasks that it takes"),
    "tags": Key(TAGS, "the tags of tasks that it takes"),
    "words": Key(whole(1, MOST_WORDS), "the most words that its answer has"),
    "tiers": Key(items_in(one_of(*TIERS, meant=TIER_WORDS), unique=True), "the tiers of its models"),
    "tools": Key(AGENT_TOOLS, "of the tools of its tasks those that it uses: names, globs and groups; without it all"),
    "skills": Key(SKILLS, "of the skills of its tasks those that it uses, or none; without it all"),
    "budget": Key(
        Kind(_cap, {"anyOf": [_ONE_AMOUNT.schema, mapping_schema(_CAP)]}), "the cap of its calls for one task"
    ),
}
"""The keys of a profile. One of a file of its own has its name beside them, and its prompt below."""


def agent_of(name: str, found: dict[str, Any]) -> Agent:
    """Make an agent of the fields that were read."""
    return Agent(
        name=name, **{key: value for key, value in found.items() if key != "budget"}, **found.get("budget", {})
    )


def _agents(node: Node, at: At) -> tuple[Agent, ...]:
    """Read `agents` of a task file: names with profiles. One that is only a text is its prompt."""
    if not isinstance(node, yamltree.Mapping):
        hint = "write it as {reviewer: {prompt: ..., types: [analysis]}}; a task names its own by `agent: reviewer`"
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be names with profiles", hint)
    seen, found = at.report.seen, list[Agent]()
    for key, under in node.pairs:
        with at.report.collect():
            name = _agent_name(key, at)
            within = at.within(f"agent {name!r}")
            said = {"prompt": _prompt(under, within)} if isinstance(under, Scalar) else fields(under, within, AGENT)
            if "prompt" not in said:
                raise Wrong(
                    key.place, f"agent {name!r} has no 'prompt'", "say what it is told of itself: {prompt: ...}"
                )
            found.append(agent_of(name, said))
    if at.report.seen > seen:
        raise Reported
    return tuple(found)


AGENTS_KIND = Kind(
    _agents,
    {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"},
        "additionalProperties": {"anyOf": [PROSE.schema, {"$ref": "#/$defs/agent"}]},
    },
)
