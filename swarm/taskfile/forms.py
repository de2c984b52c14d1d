"""The forms in which people may write a task, and what each becomes: every key with its kind and what it is for."""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Mapping
from typing import Any, get_args

from swarm.messages import TIER_WORDS, TIERS
from swarm.task import (
    CHANGES,
    MOST_ATTEMPTS,
    PRIORITIES,
    ROLES,
    Budget,
    Check,
    Format,
    Input,
    Limits,
    Load,
    OnExceed,
    Output,
    RoleConfig,
    parse_budget,
)
from swarm.taskfile import yamltree
from swarm.taskfile.agents import AGENT, AGENT_NAMES, PROMPT, PROMPT_FILES, TAGS
from swarm.taskfile.conditions import WHEN
from swarm.taskfile.items import EACH
from swarm.taskfile.problems import Wrong
from swarm.taskfile.scope import fill, fill_command
from swarm.taskfile.split import SPLIT, check_split
from swarm.taskfile.tools import SKILLS, TOOLS
from swarm.taskfile.values import (
    FILLED,
    OUTPUT_PATH,
    PATH,
    PROSE,
    TEXT,
    TRUTH,
    At,
    Key,
    Keys,
    Kind,
    Reader,
    amount,
    any_text,
    exactly_one,
    fields,
    items_in,
    kind,
    level_of,
    mapping_schema,
    named,
    one_of,
    share,
    text,
    whole,
)
from swarm.taskfile.yamltree import Node, Scalar
from swarm.text.lookups import NAME
from swarm.units import parse_seconds, parse_tokens, parse_usd

_FORMATS: dict[str, Format] = {".md": "markdown", ".json": "json", ".patch": "patch", ".diff": "patch"}


def ref(form: str) -> dict[str, Any]:
    """Return the JSON Schema that stands for one of FORMS."""
    return {"$ref": f"#/$defs/{form}"}


def _command(node: Node, at: At) -> str:
    return fill_command(text(node, at), node, at.where, at.scope, at.report)


def _env_value(node: Node, at: At) -> str:
    """Read the value of an environment variable; its lookups are known, and filled when a command is run."""
    written = any_text(node, at)
    fill(written, node, at.where, at.scope, at.report)
    return written


def _regex(node: Node, at: At) -> str:
    pattern = text(node, at)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(
            node.place,
            f"{at.where} is no regular expression: {error}",
            "look at the brackets; in single quotes, YAML leaves backslashes alone",
        ) from None
    return pattern


def _schema(node: Node, at: At) -> dict[str, Any] | str:
    if isinstance(node, yamltree.Mapping):
        return dict[str, Any](yamltree.value(node))
    path: str = PATH.read(node, at)
    return path


def _budget(node: Node, at: At) -> Budget:
    """Read `$0.05`, `20k`, or {tokens, usd, on_exceed}."""
    if isinstance(node, Scalar):
        one: Budget = _ONE_AMOUNT.read(node, at)
        return one
    found = fields(node, at, _BUDGET)
    if not found.keys() & {"tokens", "usd_nanos"}:
        raise Wrong(node.place, f"{at.where} caps nothing", "add 'tokens' or 'usd', such as {usd: 0.05}")
    budget = Budget(**found)
    assert isinstance(node, yamltree.Mapping), "what has keys is one"
    check_split(budget, node, at)
    return budget


def _limits(node: Node, at: At) -> Limits:
    return Limits(**fields(node, at, _LIMITS))


def _input(node: Node, at: At) -> Input:
    if isinstance(node, Scalar):
        return Input(files=(PATH.read(node, at),))
    found = fields(node, at, _INPUT)
    source = exactly_one(node, at, found, _SOURCES)
    load = found.get("load", "full")
    if load not in _LOADS[source]:
        raise Wrong(node.place, f"'load: {load}' in {at.where} does not go with {source!r}", "take it out")
    return Input(**found)


def _source(node: Node, at: At) -> str:
    """Read the task whose result is taken; `survey.output` is the same as `survey`."""
    return text(node, at).removesuffix(".output")


def _output(node: Node, at: At) -> Output:
    if isinstance(node, Scalar):
        path = OUTPUT_PATH.read(node, at)
        return Output(path=path, format=_format_of(path))
    found = fields(node, at, _OUTPUT)
    if "path" not in found:
        raise Wrong(node.place, f"{at.where} has no 'path'", "name the file that is written: {path: out/result.md}")
    has_schema = found.get("schema") is not None
    if has_schema and found.get("format", "json") != "json":
        hint = "take 'format' out: what a schema judges is JSON"
        raise Wrong(node.place, f"{at.where} has a schema, and is no JSON", hint)
    found.setdefault("format", "json" if has_schema else _format_of(found["path"]))
    return Output(**found)


def _format_of(path: str) -> Format:
    return _FORMATS.get(posixpath.splitext(path)[1].lower(), "text")


def _outputs(node: Node, at: At) -> dict[str, Output]:
    found: dict[str, Output] = _NAMED_OUTPUTS.read(node, at)
    if not found:
        raise Wrong(node.place, f"{at.where} names no file", "write it as {page: docs/page.md, data: out/data.json}")
    lines: dict[str, str] = {}
    for name, output in found.items():
        if output.path in lines:
            message = f"{name!r} of {at.where} is the same file as {lines[output.path]!r}: {output.path}"
            raise Wrong(node.place, message, "name two files")
        lines[output.path] = name
    return found


def _check(node: Node, at: At) -> Check:
    if isinstance(node, Scalar):
        return Check(run=_command(node, at))
    found = fields(node, at, _CHECK)
    gate = exactly_one(node, at, found, _GATES)
    for key, name, gates in _GOES_WITH:
        if name in found and gate not in gates:
            known = f"goes with {gates[0]!r} only" if len(gates) == 1 else f"does not go with {gate!r}"
            raise Wrong(node.place, f"{key!r} in {at.where} {known}", "take it out")
    return Check(**found)


def _role(node: Node, at: At) -> RoleConfig:
    config = RoleConfig(**fields(node, at, _ROLE))
    if config.budget is not None and config.budget.split:
        raise Wrong(
            node.place, f"the budget in {at.where} has a 'split'", "split the budget of the task or of the file"
        )
    return config


def _roles(node: Node, at: At) -> dict[str, RoleConfig]:
    if not isinstance(node, yamltree.Mapping):
        hint = "write it as {worker: {tiers: free}}; to leave the explorer out, write `explore: false`"
        raise Wrong(node.place, f"{at.where} is {kind(node)}, but must be roles with what is asked of them", hint)
    return fields(node, at, _ROLES)


def _one(read: Reader, short: Kind, form: str) -> Kind:
    """Make a kind of what is written in a short form, or as one of FORMS."""
    return Kind(read, {"anyOf": [short.schema, ref(form)]})


_AMOUNT = r"[0-9]{0,12}(\.[0-9]{1,15})?"
_TOKENS_FORM = {"type": "string", "pattern": rf"^{_AMOUNT}[kKM]?$"}
_USD_FORM = {"type": "string", "pattern": rf"^\$?{_AMOUNT}$"}

_TOKENS = amount(parse_tokens, {"type": "integer", "minimum": 1}, _TOKENS_FORM)
_SECONDS = amount(
    parse_seconds, {"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": rf"^{_AMOUNT}[smhd]?$"}
)
_USD = amount(parse_usd, {"type": "number", "minimum": 0}, _USD_FORM)
_ONE_AMOUNT = amount(parse_budget, {"type": "string", "pattern": rf"^(\${_AMOUNT}|{_AMOUNT}[kKM])$"})
_PRIORITY = level_of(PRIORITIES, 0, 9)
_TIERS = items_in(one_of(*TIERS, meant=TIER_WORDS), unique=True)
_JSON_SCHEMA = Kind(_schema, {"type": ["object", "string"]})
_COMMAND = Kind(_command, {"type": "string", "minLength": 1})

_BUDGET: Keys = {
    "tokens": Key(_TOKENS, "tokens, as the provider counts them"),
    "usd": Key(_USD, "US dollars; 0 allows what is free", "usd_nanos"),
    "split": Key(SPLIT, "what of it each role has, the context and the hand-over: 2.5k, $0.01 or 10%"),
    "on_exceed": Key(one_of(*get_args(OnExceed)), "what happens at the cap: a hand-over, a failure, or a question"),
}

_LIMITS: Keys = {
    "time": Key(_SECONDS, "from the task's start to its end: 90s, 10m or 2h", "time_s"),
    "attempts": Key(whole(1, MOST_ATTEMPTS), "drafts of one step"),
    "turns": Key(whole(1, 1000), "calls of one attempt"),
    "escalations": Key(whole(0, 1000), "times that rejected work may lead to a paid model; 3 without it"),
    "answer": Key(_TOKENS, "the most tokens that a draft may have; without it by the task's level", "answer_tokens"),
    "words": Key(whole(1, 1_000_000), "the most words that its result may have: with more it is rejected"),
}

_SOURCES: Keys = {
    "files": Key(items_in(PATH), "paths or globs of files of the project"),
    "text": Key(FILLED, "the text itself"),
    "from": Key(Kind(_source, TEXT.schema), "the result of a task that stands in `needs`", "from_task"),
}

_LOADS: Mapping[str, tuple[Load, ...]] = {
    "files": get_args(Load),
    "from": ("full", "extended", "essential", "relevant"),
    "text": ("full",),
}
"""How much may be asked for of each source."""

_INPUT: Keys = {
    **_SOURCES,
    "max_tokens": Key(_TOKENS, "the most of it that is used"),
    "load": Key(
        one_of(*get_args(Load)),
        "how much of it: all; of the parts that fit the task 70 % of it, 40 %, or about 2,000 tokens; the outline; the names",
    ),
}

_OUTPUT: Keys = {
    "path": Key(OUTPUT_PATH, "the file that is written"),
    "format": Key(one_of("text", "markdown", "json", "patch"), "what the file holds; without it by its name"),
    "schema": Key(_JSON_SCHEMA, "JSON Schema that it must match, or the path of a file that holds one"),
}

_ONE_OUTPUT = _one(_output, PATH, "output")
_NAMED_OUTPUTS = named(NAME.pattern, "use letters, digits and '_'", _ONE_OUTPUT)

_GATES: Keys = {
    "run": Key(_COMMAND, "shell command that must end with 0"),
    "schema": Key(_JSON_SCHEMA, "JSON Schema that the result must match, or the path of a file that holds one"),
    "contains": Key(FILLED, "text that the result must hold"),
    "not_contains": Key(FILLED, "text that the result must not hold"),
    "regex": Key(Kind(_regex, TEXT.schema), "pattern that must be found in the result"),
    "file": Key(PATH, "path that must exist in the work copy"),
    "diff_within": Key(items_in(PATH), "globs of the only files that may differ from the project's"),
    "rubric": Key(PROSE, "what the judge gives a score for, from 0 to 1"),
}

_CHECK: Keys = {
    **_GATES,
    "name": Key(PROSE, "what it is called on screen"),
    "required": Key(TRUTH, "false: shown, rejects nothing"),
    "timeout": Key(_SECONDS, "for `run`; 300s without it", "timeout_s"),
    "feedback": Key(PROSE, "what the next attempt is told when it fails"),
    "ignore_case": Key(TRUTH, "for `contains`, `not_contains` and `regex`"),
    "min_score": Key(Kind(share, {"type": "number", "minimum": 0, "maximum": 1}), "for `rubric`; 0.7 without it"),
    "output": Key(TEXT, "the one of `outputs` that is looked at; without it all of them"),
}

_TEXT_GATES = ("contains", "not_contains", "regex")

_GOES_WITH = (  # key, field, gates
    ("ignore_case", "ignore_case", _TEXT_GATES),
    ("timeout", "timeout_s", ("run",)),
    ("min_score", "min_score", ("rubric",)),
    ("output", "output", (*_TEXT_GATES, "schema")),
)

BUDGET = Kind(_budget, {"anyOf": [_ONE_AMOUNT.schema, ref("budget")]})

_ROLE: Keys = {
    "tiers": Key(_TIERS, "the tiers of its models"),
    "models": Key(items_in(TEXT, unique=True), "its models, by their names in the settings"),
    "agent": Key(AGENT_NAMES, "who fills it: the name of an agent, or of several of which one is taken at a time"),
    "prompt": Key(PROMPT, "added to what the role is told"),
    "prompt_file": Key(PROMPT_FILES, "the files that hold it, or folders of them, from the task file's folder"),
    "budget": Key(BUDGET, "the cap of its calls for the task, within the task's own"),
}

_ENV = named(NAME.pattern, "use letters, digits and '_'", Kind(_env_value, TEXT.schema))

_ROLES: Keys = {role: Key(Kind(_role, ref("role")), f"what is asked of the {role}") for role in ROLES}

TASK: Keys = {
    "prompt": Key(PROSE, "what is to be done"),
    "prompt_file": Key(TEXT, "the file that holds the prompt, from the task file's folder"),
    "title": Key(PROSE, "what it is called on screen"),
    "needs": Key(items_in(TEXT, unique=True), "ids of tasks that must be accepted before it starts"),
    "each": Key(EACH, "the items for each of which it is done once"),
    "when": Key(WHEN, "what must hold for it to be done, of the tasks that it needs"),
    "input": Key(items_in(_one(_input, PATH, "input")), "what it is given to read", "inputs"),
    "output": Key(_ONE_OUTPUT, "the file that its result is written to"),
    "outputs": Key(Kind(_outputs, _NAMED_OUTPUTS.schema), "the files that its result is written to, by names"),
    "check": Key(items_in(_one(_check, _COMMAND, "check")), "what must hold before it is accepted", "checks"),
    "accept": Key(items_in(PROSE), "what must hold, in words, for the judge"),
    "roles": Key(Kind(_roles, mapping_schema(_ROLES)), "what is asked of each role"),
    "agent": Key(AGENT_NAMES, "who works on it: the name of an agent, or of several; without it by type and tags"),
    "tags": Key(TAGS, "words by which agents are matched to it"),
    "tiers": Key(_TIERS, "the tiers that may take part; without it all"),
    "budget": Key(BUDGET, "the cap of this task: $0.05, 20k, or {tokens, usd}"),
    "limits": Key(Kind(_limits, ref("limits")), "what bounds it besides"),
    "priority": Key(_PRIORITY, "how urgent it is where calls wait: critical, high, normal, low, or 0 to 9, 0 first"),
    "judge": Key(one_of("free", "paid"), "whether a paid model may judge"),
    "audit": Key(one_of("free", "paid", "off"), "by whom its result may be looked at again once it is accepted"),
    "start": Key(one_of("free", "planned"), "who has the first try of a step: a free model, or whom the plan takes"),
    "explore": Key(TRUTH, "whether an explorer plans it; without it only if it is complex"),
    "tools": Key(TOOLS, "what it may have done: names, globs and groups of tools; without it nothing"),
    "skills": Key(SKILLS, "skills that are loaded whatever matches, or none; without it those that match"),
    "changes": Key(
        one_of(*CHANGES), "what becomes of files that tools changed beside its outputs, once it is accepted"
    ),
    "network": Key(TRUTH, "whether its commands may reach the network, where your settings allow that"),
    "env": Key(_ENV, "environment variables of its commands"),
}
"""The keys of a task, in the order in which they are told."""

NOT_IN_DEFAULTS = ("prompt", "prompt_file", "needs", "each", "when", "output", "outputs")

DEFAULTS: Keys = {name: key for name, key in TASK.items() if name not in NOT_IN_DEFAULTS}
"""What all tasks of a file may have in common."""

FORMS: Mapping[str, Keys] = {
    "task": TASK,
    "defaults": DEFAULTS,
    "input": _INPUT,
    "output": _OUTPUT,
    "check": _CHECK,
    "role": _ROLE,
    "budget": _BUDGET,
    "limits": _LIMITS,
    "agent": AGENT,
}
"""The mappings to which the schemas of the kinds refer as `#/$defs/NAME`."""

EXACTLY_ONE: Mapping[str, Keys] = {"input": _SOURCES, "check": _GATES}
"""Of these keys of a form exactly one is written."""
