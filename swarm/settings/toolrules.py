"""How settings bound what tools may do: rules for approval, limits, and what a project may change in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import msgspec

from swarm.task import CHANGES
from swarm.toolnames import GROUPS, OWN, is_known
from swarm.units import kind_of, shortened

if TYPE_CHECKING:
    from swarm.settings.layers import Layers

Action = Literal["allow", "ask", "deny"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""From the laxest to the strictest."""

SandboxName = Literal["auto", "bubblewrap", "landlock", "none"]
SANDBOXES: tuple[SandboxName, ...] = get_args(SandboxName)

MOST_RULES = 500
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*(:[0-9]{1,5})?|\*")
_MATCHABLE = (str, int, float, bool, type(None))


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of the uses of a tool that match."""

    tool: str  # a name, a glob or a group
    action: Action
    match: str | Mapping[str, Any] = ""  # a pattern over what the tool is used on, or the values of arguments; "" = any
    place: str = ""  # where it stands, for people; "" = built in


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What bounds the tools of a session."""

    rules: tuple[Rule, ...] = ()  # the user's: the first that matches counts, before those built in
    stricter: tuple[
        Rule, ...
    ] = ()  # of a project: the strictest that matches counts where it is stricter than the user's
    headless: Literal["deny", "fail", "wait"] = (
        "deny"  # where a use wants a person's word and nobody is there to give it
    )
    changes: Literal["apply", "ask", "keep"] = "ask"  # to the user's files, beside the outputs
    most_offered: int = 10  # tools that a model is told of at once
    output_kib: int = 256  # that is kept of what one use said
    timeout_s: float = 120.0  # of one use
    memory_mib: int = 2048  # of a command
    processes: int = 256  # of a command
    network: bool = False  # whether commands may reach the network unasked
    fetch_hosts: tuple[str, ...] = ()  # hosts, and globs of hosts, from which may be fetched unasked
    sandbox: SandboxName = "auto"


def parse_rules(value: object, source: object) -> tuple[Rule, ...]:
    """Read `[{tool = "run", match = "git push*", action = "ask"}]`; a variable of the environment has it as such a text."""
    listed = _from_text(value) if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(
            'a list of rules is expected, such as [{ tool = "run", match = "git push*", action = "ask" }], not '
            f"{kind_of(value)}"
        )
    rules = list(cast("Iterable[Any]", listed))
    if len(rules) > MOST_RULES:
        raise ValueError(f"at most {MOST_RULES} rules are expected, not {len(rules):,}; a glob stands for several")
    return tuple(_rule(each, number) for number, each in enumerate(rules, 1))


def _from_text(text: str) -> object:
    import tomllib  # only such a variable needs it

    try:
        return tomllib.loads(f"rules = {text}", parse_float=Decimal)["rules"]
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError, KeyError):
        return text


def _rule(value: object, number: int) -> Rule:
    if not isinstance(value, Mapping):
        raise ValueError(f'rule {number} is {kind_of(value)}; write it as {{ tool = "run", action = "ask" }}')
    table = cast("Mapping[str, object]", value)
    if unknown := [key for key in table if key not in ("tool", "match", "action")]:
        raise ValueError(
            f"rule {number} has the unknown key {shortened(unknown[0])}{_near(unknown[0], ('tool', 'match', 'action'))}; "
            "a rule has tool, match and action"
        )
    if missing := [key for key in ("tool", "action") if key not in table]:
        raise ValueError(
            f"rule {number} has no {missing[0]}; a rule has a tool and an action, and a match if it needs one"
        )
    return Rule(tool=_tool(table["tool"], number), action=_action(table["action"], number), match=_match(table, number))


def _tool(value: object, number: int) -> str:
    known = tuple(dict.fromkeys((*GROUPS, *OWN)))
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"the tool of rule {number} is no name; known here: {', '.join(known)}, and SERVER__TOOL")
    if not is_known(value):
        raise ValueError(
            f"rule {number} names {shortened(value)}, which is no tool here{_near(value, known)}; "
            f"known here: {', '.join(known)}, and SERVER__TOOL of an MCP server"
        )
    return value


def _action(value: object, number: int) -> Action:
    for action in ACTIONS:
        if value == action:
            return action
    shown = shortened(value) + _near(value, ACTIONS) if isinstance(value, str) else kind_of(value)
    raise ValueError(f"the action of rule {number} is one of {', '.join(ACTIONS)}, not {shown}")


def _match(table: Mapping[str, object], number: int) -> str | Mapping[str, Any]:
    value = table.get("match", "")
    if isinstance(value, str):
        if "match" in table and not value.strip():
            raise ValueError(f"the match of rule {number} is empty; take it out, and the rule is for every use")
        return value.strip()
    if isinstance(value, Mapping) and value:
        return {str(key): _plain(each, number) for key, each in cast("Mapping[str, object]", value).items()}
    shown = "an empty table" if isinstance(value, Mapping) else kind_of(value)
    raise ValueError(
        f'the match of rule {number} is a pattern such as "git push*", or arguments such as {{ path = "docs/*" }}, not {shown}'
    )


def _plain(value: object, number: int) -> Any:
    """The value as JSON has it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each, number) for key, each in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_plain(each, number) for each in cast("Iterable[object]", value)]
    if isinstance(value, _MATCHABLE):
        return value
    raise ValueError(f"the match of rule {number} holds {kind_of(value)}, which no argument can be")


def parse_hosts(value: object, source: object) -> tuple[str, ...]:
    listed = [each.strip() for each in value.split(",")] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(f'a list of hosts is expected, such as ["docs.python.org"], not {kind_of(value)}')
    return tuple(dict.fromkeys(_host(each) for each in cast("Iterable[object]", listed) if each != ""))


def _host(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'a host is a text such as "docs.python.org", not {kind_of(value)}')
    if not _HOST.fullmatch(value.lower()):
        raise ValueError(
            f'{shortened(value)} is no host; write "docs.python.org", "*.python.org" for all below it, or "*" for any, '
            "without https:// and path"
        )
    return value.lower()


def tool_settings(layers: Layers) -> ToolSettings:
    """What the layers say. The rules of a later layer of the user's stand before those of an earlier one."""
    table = {key[1]: value for key, value in layers.values.items() if key[0] == "tools" and key[1] != "approve"}
    own = [rule for kind in ("flag", "environment", "user file") for rule in layers.rules.get(kind, ())]
    stricter = [rule for kind in ("project file", "task file") for rule in layers.rules.get(kind, ())]
    return ToolSettings(**table, rules=tuple(own), stricter=tuple(stricter))


def laxer(key: str, new: Any, allowed: Any) -> str:
    """Why a project may not set a key of `tools` to a value while the user's is `allowed`; "" where it may."""
    if key in ("output_kib", "timeout_s", "memory_mib", "processes") and new > allowed:
        return f"can lower {key} from {allowed:g} but not raise it to {new:g}"
    if key == "changes" and CHANGES.index(new) < CHANGES.index(allowed):
        return f"can be more careful than {allowed!r} with changed files, and {new!r} is less"
    return ""


def _near(word: str, options: Iterable[str]) -> str:
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(word.lower(), list(options), n=1) if len(word) <= 64 else []
    return f", did you mean '{near[0]}'?" if near else ""
