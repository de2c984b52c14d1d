"""Whether a tool may be used as a model wants it: allowed, asked about, or refused, and by which rule.

The user's rules come before those built in, and the first that matches counts. Of a project's rules the strictest counts, where it
is stricter. What a person allowed once and for all takes the place of a question, and of nothing else.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from swarm.settings.toolrules import ACTIONS, Action, Rule, ToolSettings
from swarm.toolnames import GROUPS, stands_for
from swarm.tools.base import Tool, used_on
from swarm.tools.commandline import INTERPRETERS, SHELLS, WRAPPERS, may_mean, simple_words, surely_means
from swarm.tools.diffs import BadDiff, paths_of

LOOKING = frozenset((*GROUPS["look"], "find_tool", "find_skill"))
CHANGING = frozenset(GROUPS["edit"])
COMMANDS = frozenset(("run", "python"))
HARMLESS = frozenset(("ask_human", "task"))

NOBODY = "nobody is there to be asked"
_SUBCOMMAND = re.compile(r"[a-z][a-z0-9-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_.+-]+")


class Like(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The uses that a person's word is for, beside the one that was asked about."""

    tool: str
    match: str | Mapping[str, Any] = ""  # as in a rule
    network: bool = False  # also those that reach the network
    bare: bool = False  # also those that no sandbox holds


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said once and for all."""

    pattern: str  # a Like, as `written` has it
    allowed: bool
    until: str  # "session" or "project"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a use."""

    action: Action
    rule: str  # which decided, in words for people, the record, and, where it refuses, the model
    pattern: str = ""  # the uses like it, as a person's word may hold for them, too


class _Use(msgspec.Struct, frozen=True, kw_only=True):
    tool: Tool
    arguments: Mapping[str, Any]
    network: bool
    bare: bool

    @property
    def subject(self) -> Any:
        return self.arguments.get(self.tool.subject)

    @property
    def has_path(self) -> bool:
        return self.tool.name in LOOKING | CHANGING and not self.tool.source

    @property
    def is_command(self) -> bool:
        return self.tool.name == "run" and not self.tool.source


def decide(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    rules: ToolSettings,
    remembered: Sequence[Remembered] = (),
    backend: str,
    headless: bool,
    network: bool = False,
) -> Decision:
    """Decide about a use with arguments that fit the tool's schema.

    `backend` is what holds commands, "none" where nothing does; `headless` says that what wants a person's word is refused;
    `network` that the task's commands would reach the network. Of what is remembered the last that fits counts.
    """
    commands = tool.name in COMMANDS and not tool.source
    use = _Use(tool=tool, arguments=arguments, network=commands and network, bare=commands and backend not in _HOLDING)
    action, rule = _ruled(use, rules, backend)
    if action != "ask":
        return Decision(action=action, rule=rule)
    said = next((each for each in reversed(remembered) if _is_like(each.pattern, use)), None)
    if said is not None:
        words = f"{'allowed' if said.allowed else 'refused'} by a person for the {said.until}"
        return Decision(action="allow" if said.allowed else "deny", rule=words)
    if headless:
        return Decision(action="deny", rule=f"{rule}, and {NOBODY}")
    return Decision(action="ask", rule=rule, pattern=written(_like(use)))


_HOLDING = ("bubblewrap", "landlock")


def _ruled(use: _Use, rules: ToolSettings, backend: str) -> tuple[Action, str]:
    own = next((rule for rule in rules.rules if _matches(rule, use)), None)
    action, words = (own.action, _words(own)) if own is not None else _built_in(use, rules, backend)
    for rule in rules.stricter:
        if ACTIONS.index(rule.action) > ACTIONS.index(action) and _matches(rule, use):
            action, words = rule.action, _words(rule)
    return action, words


def _words(rule: Rule) -> str:
    match = f" {_shown(rule.match)}" if rule.match else ""
    return f"rule {rule.action} {rule.tool}{match}" + (f" ({rule.place})" if rule.place else "")


def _built_in(use: _Use, rules: ToolSettings, backend: str) -> tuple[Action, str]:
    name = use.tool.name
    if use.tool.source:
        return "ask", f"built in: tools of MCP servers are asked about ({use.tool.source})"
    if name in COMMANDS:
        return _of_command(use, rules, backend)
    if name == "fetch":
        host = _host(use.subject)
        if host and any(_fits_host(pattern, host) for pattern in rules.fetch_hosts):
            return "allow", f"built in: {host} is among tools.fetch_hosts"
        return "ask", "built in: other hosts than those of tools.fetch_hosts are asked about"
    if name in LOOKING or name in HARMLESS or use.tool.effect == "none":
        return "allow", "built in: it only looks" if name not in HARMLESS else "built in: it does nothing by itself"
    if name in CHANGING or use.tool.effect == "copy":
        return "allow", "built in: it changes the copy alone"
    return "ask", "built in: what outlives the copy is asked about"


def _of_command(use: _Use, rules: ToolSettings, backend: str) -> tuple[Action, str]:
    if use.bare:
        return "ask", "built in: without a sandbox commands are asked about"
    if use.network and not rules.network:
        return "ask", "built in: commands that reach the network are asked about (tools.network)"
    return "allow", f"built in: {backend} holds it"


def _matches(rule: Rule, use: _Use) -> bool:
    if not stands_for(rule.tool, use.tool.name, server=use.tool.source):
        return False
    return not rule.match or _means(rule.match, use, surely=rule.action == "allow")


def _means(match: str | Mapping[str, Any], use: _Use, *, surely: bool) -> bool:
    """Whether a pattern means the use: `surely`, or so that it may."""
    if not isinstance(match, str):
        return _means_values(match, use, surely=surely)
    if use.is_command:
        return (surely_means if surely else may_mean)(match, str(use.subject or ""))
    texts = list(_subjects(use))
    met: Callable[[Iterator[bool]], bool] = all if surely else any
    return bool(texts) and met(_fits_subject(match, text, use, surely=surely) for text in texts)


def _means_values(match: Mapping[str, Any], use: _Use, *, surely: bool) -> bool:
    """The same of values of arguments; what one of our own tools is used on is no mere text."""
    name = use.tool.subject
    pattern = None if use.tool.source else match.get(name)
    if isinstance(pattern, str):
        is_same = _is_literal(pattern) and use.subject == _unescaped(pattern)
        if not is_same and not _means(pattern, use, surely=surely):
            return False
        match = {key: value for key, value in match.items() if key != name}
    return _is_part(match, use.arguments)


def _subjects(use: _Use) -> Iterator[str]:
    """What the use is of: a path, a host, the files of a patch; of tools that name no such argument all texts."""
    if use.tool.name == "patch" and not use.tool.source:
        yield from _files_of_patch(str(use.subject or ""))
    elif use.tool.subject in use.arguments:
        yield from _texts(use.subject)
    elif use.has_path:
        yield "."
    else:
        yield from _texts(use.arguments)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in cast("Mapping[str, Any]", value).values():
                yield from _texts(each)
        case list() | tuple():
            for each in cast("Sequence[Any]", value):
                yield from _texts(each)
        case _:
            pass


def _files_of_patch(text: str) -> Iterator[str]:
    with suppress(BadDiff):  # which the tool refuses, too: it is read in the same way
        yield from paths_of(text)


def _fits_subject(pattern: str, text: str, use: _Use, *, surely: bool) -> bool:
    if use.tool.name == "fetch" and not use.tool.source:
        host = _host(text)
        return _fits_host(pattern.lower(), host) if host else not surely
    if use.has_path:
        return _fits_path(pattern, text, surely=surely)
    if use.tool.name == "python" and not use.tool.source and surely:
        return text == pattern  # of a program no pattern says what it does
    return fnmatchcase(text, pattern)


def _host(url: Any) -> str:
    """The host of a URL, with its port where it names one; "" where it has none."""
    try:
        parts = urlsplit(str(url))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return ""
    return f"{host}:{port}" if host and port is not None else host


def _fits_host(pattern: str, host: str) -> bool:
    """Whether a host is meant; a pattern without a port is for the usual ones and any other."""
    bare = host if ":" in pattern else host.partition(":")[0]
    return bare == pattern or (pattern[:1] == "*" and fnmatchcase(bare, pattern))


def _fits_path(pattern: str, path: str, *, surely: bool) -> bool:
    """Whether a glob means a path of the project; what is not written as one may be meant by any."""
    name = posixpath.normpath(path) if path else ""
    if not name or name.startswith(("/", "../", "~")) or name == ".." or "\0" in name:
        return not surely
    wanted = posixpath.normpath(pattern)
    if not surely:
        name, wanted = name.lower(), wanted.lower()
    return _fits_parts(tuple(name.split("/")), tuple(wanted.split("/")))


def _fits_parts(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As `globs.matches`, but that a name with a dot at its beginning is one like others: nothing is hidden from a rule."""
    ends = {0}
    for number, wanted in enumerate(pattern, 1):
        if wanted == "**":
            least = min(ends) + (1 if number == len(pattern) else 0)
            ends = set(range(least, len(parts) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(parts) and fnmatchcase(parts[end], wanted)}
        if not ends:
            return False
    return len(parts) in ends


def _is_part(wanted: Any, value: Any) -> bool:
    """Whether a value holds what is wanted: its keys, its entries; a text may have wildcards."""
    if isinstance(wanted, Mapping):
        keys = cast("Mapping[str, Any]", wanted)
        held = cast("Mapping[str, Any]", value)
        return isinstance(value, Mapping) and all(key in held and _is_part(keys[key], held[key]) for key in keys)
    if isinstance(wanted, list | tuple):
        entries = cast("Sequence[Any]", wanted)
        held_entries = cast("Sequence[Any]", value)
        return isinstance(value, list) and all(any(_is_part(each, one) for one in held_entries) for each in entries)
    if isinstance(wanted, str):
        return isinstance(value, str) and fnmatchcase(value, wanted)
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return bool(wanted == value)


def _like(use: _Use) -> Like:
    """The uses like it: as wide as a person can see at a glance, and no wider."""
    tool = use.tool
    if tool.source:
        return Like(tool=tool.name)
    if tool.name == "fetch" and (host := _host(use.subject)):
        return Like(tool=tool.name, match=_exactly(host))
    match: str | Mapping[str, Any] = ""
    if use.is_command:
        match = _like_command(str(use.subject or "")) or _same(use)
    elif tool.subject in use.arguments:
        match = _same(use)
    return Like(tool=tool.name, match=match, network=use.network, bare=use.bare)


def _same(use: _Use) -> Mapping[str, Any]:
    return {use.tool.subject: _exactly(use.subject) if isinstance(use.subject, str) else use.subject}


def _like_command(command: str) -> str:
    """The pattern of a program with its subcommand; "" where only the same command is like it."""
    words = simple_words(command)
    if not words or not _PROGRAM.fullmatch(words[0]):
        return ""
    if any(programs.fullmatch(words[0]) for programs in (SHELLS, WRAPPERS, INTERPRETERS)):
        return ""
    if len(words) > 1 and _SUBCOMMAND.fullmatch(words[1]):
        return f"{words[0]} {words[1]} *"
    return ""


def _exactly(text: str) -> str:
    """A pattern that means the text alone."""
    return re.sub(r"([*?[])", r"[\1]", text)


def _is_like(pattern: str, use: _Use) -> bool:
    like = read_like(pattern)
    if like is None or like.tool != use.tool.name or (use.network and not like.network) or (use.bare and not like.bare):
        return False
    return not like.match or _means(like.match, use, surely=True)


def written(like: Like) -> str:
    return msgspec.json.encode(like).decode()


def read_like(pattern: str) -> Like | None:
    """The Like that was written; None where it is none, for instance because a secret was taken out of it."""
    try:
        return msgspec.json.decode(pattern, type=Like)
    except msgspec.DecodeError:
        return None


def said_of(pattern: str) -> str:
    """What a person's word would hold for, in words."""
    like = read_like(pattern)
    if like is None:
        return "the same use"
    if not like.match:
        return f"{like.tool}, whatever it is given"
    if isinstance(like.match, str):
        return f"{like.tool} {_unescaped(like.match)}"
    return f"{like.tool} of the same {' and '.join(like.match)}"


def _shown(match: str | Mapping[str, Any]) -> str:
    return match if isinstance(match, str) else json.dumps(match, ensure_ascii=False)


def _is_literal(pattern: str) -> bool:
    return not re.search(r"[*?[]", re.sub(r"\[[*?[]\]", "", pattern))


def _unescaped(text: str) -> str:
    return re.sub(r"\[([*?[])\]", r"\1", text)


def question_of(tool: Tool, arguments: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """In one line what a person is asked, with secrets taken out."""
    of_server = f" of the MCP server {tool.source}" if tool.source else ""
    cut = used_on(tool, arguments, redact)
    return f"May {tool.name}{of_server} be used: {cut}" if cut else f"May {tool.name}{of_server} be used?"
