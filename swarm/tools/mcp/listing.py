"""What a server offers, and the tools of ours that are made of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, cast

import msgspec

from swarm.messages import ToolSpec
from swarm.settings.mcpserver import VARIABLE, McpServer
from swarm.settings.providers import is_local
from swarm.toolnames import SERVER_MARK
from swarm.tools.base import Fresh, Said, Tool
from swarm.tools.mcp.plain import Unusable, one_line, plain, plain_schema, table_of

MOST_TOOLS = 500
"""Of one server."""

MOST_DESCRIPTION = 2_000
MOST_INSTRUCTIONS = 2_000
_MOST_NAME = 64  # as every provider takes it
_MOST_PREFIX = 32
_MOST_OWN_NAME = 256

Use = Callable[[str, Mapping[str, Any]], Awaitable[Said]]
"""Uses a tool by the name that its server gave it."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server describes it, made harmless."""

    name: str  # the server's own
    description: str
    parameters: dict[str, Any]
    idempotent: bool = False  # the server's own word
    read_only: bool = False  # the same


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of itself."""

    title: str = ""
    version: str = ""
    protocol: str = ""
    instructions: str = ""
    definitions: tuple[Definition, ...] = ()
    oddities: tuple[str, ...] = ()  # what of it was left out, and why


def redacted(listing: Listing, redact: Callable[[str], str]) -> Listing:
    """The same without secrets: a server may say with which key it was started. Names stay, for calls name them."""

    def texts(value: object) -> Any:
        match value:
            case str():
                return redact(value)
            case dict():
                return {key: texts(each) for key, each in cast("dict[str, object]", value).items()}
            case list():
                return [texts(each) for each in cast("list[object]", value)]
            case _:
                return value

    definitions = tuple(
        msgspec.structs.replace(each, description=redact(each.description), parameters=texts(each.parameters))
        for each in listing.definitions
    )
    return msgspec.structs.replace(
        listing,
        title=redact(listing.title),
        instructions=redact(listing.instructions),
        definitions=definitions,
        oddities=tuple(map(redact, listing.oddities)),
    )


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """The tools of all servers, and what a person should know of them."""

    tools: tuple[Tool, ...]
    oddities: tuple[str, ...]


def definitions_of(entries: Sequence[object]) -> tuple[tuple[Definition, ...], tuple[str, ...]]:
    """Read the entries of `tools/list`: those that can be offered, and of the others why they cannot."""
    found: dict[str, Definition] = {}
    oddities: list[str] = []
    for entry in entries[:MOST_TOOLS]:
        try:
            definition = _definition(entry)
        except Unusable as error:
            oddities.append(str(error))
            continue
        if definition.name in found:
            oddities.append(f"it has two tools named {definition.name}; the first holds")
        else:
            found[definition.name] = definition
    if len(entries) > MOST_TOOLS:
        oddities.append(f"it has {len(entries):,} tools; those behind the first {MOST_TOOLS} are left out")
    return tuple(found.values()), tuple(oddities)


def _definition(entry: object) -> Definition:
    table = table_of(entry)
    name = table.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _MOST_OWN_NAME or not name.isprintable():
        raise Unusable("it has a tool without a name that can be used; the tool is left out")
    hints = table_of(table.get("annotations"))
    said = next((each for each in (table.get("description"), table.get("title")) if isinstance(each, str)), "")
    try:
        parameters = plain_schema(table.get("inputSchema"))
    except Unusable as error:
        raise Unusable(f"its tool {one_line(name, 80)} is left out: {error}") from error
    return Definition(
        name=name,
        description=plain(said, MOST_DESCRIPTION),
        parameters=parameters,
        idempotent=hints.get("idempotentHint") is True,
        read_only=hints.get("readOnlyHint") is True,
    )


def is_allowed(server: McpServer, tool: str) -> bool:
    """Whether the user's lists let a tool in; what is denied is out, whatever allows it."""
    if any(fnmatchcase(tool, each) for each in server.deny):
        return False
    return not server.allow or any(fnmatchcase(tool, each) for each in server.allow)


def offered(
    listings: Iterable[tuple[McpServer, Listing]], use: Callable[[str], Use], identity: Callable[[str], str]
) -> Offered:
    """The tools that may be offered, in the order of servers and of their lists.

    `use` gives what uses those of a server, `identity` a digest of what it is and of all that it is given.
    """
    tools: dict[str, Tool] = {}
    prefixes: set[str] = set()
    oddities: list[str] = []
    for server, listing in listings:
        prefix = _prefix(server.name, prefixes)
        prefixes.add(prefix)
        oddities += [f"MCP server {server.name!r}: {said}" for said in (*listing.oddities, *_idle(server, listing))]
        for definition in listing.definitions:
            if is_allowed(server, definition.name):
                name = _unique(f"{prefix}{SERVER_MARK}{definition.name}", tools)
                tool = _tool(name, server, definition, use(server.name))
                if is_kept(server, definition):
                    tool = _kept(tool, server, (identity(server.name), listing.title, listing.version, definition))
                tools[name] = tool
    return Offered(tools=tuple(tools.values()), oddities=tuple(oddities))


def _tool(name: str, server: McpServer, definition: Definition, use: Use) -> Tool:
    async def call(arguments: Mapping[str, Any]) -> Said:
        return await use(definition.name, arguments)

    told = f"From the MCP server {one_line(server.name, _MOST_NAME)}: {definition.description}".rstrip(": ")
    return Tool(
        spec=ToolSpec(name=name, description=told, parameters=definition.parameters),
        effect="world",  # what it says of itself is no more than a hint
        in_copy=False,  # its server may work anywhere
        use=call,
        subject=_subject(definition.parameters),
        repeatable=server.trust_hints and (definition.idempotent or definition.read_only),
        tags=tuple(dict.fromkeys(re.findall(r"[a-z0-9]+", server.name.lower()))),
        source=server.name,
    )


def is_kept(server: McpServer, definition: Definition) -> bool:
    """Whether what a tool says may be given again: the user lets it be, and by the server's word it only looks."""
    return server.trust_hints and server.keep_s > 0 and definition.read_only and definition.idempotent


def _kept(tool: Tool, server: McpServer, said: object) -> Tool:
    """The tool with how long its results hold, and what they depend on."""

    async def call(arguments: Mapping[str, Any]) -> Said:
        return msgspec.structs.replace(await tool.use(arguments), fresh=Fresh(seconds=server.keep_s))

    far = server.kind != "stdio" and not VARIABLE.search(server.url) and not is_local(server.url)
    depends_on = hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()
    return msgspec.structs.replace(tool, use=call, depends_on=depends_on, sees_files=not far)


def _subject(parameters: Mapping[str, Any]) -> str:
    """The argument that says what a tool is used on: the first text that it wants."""
    properties = table_of(parameters.get("properties"))
    required = parameters.get("required")
    names = cast("list[object]", required) if isinstance(required, list) else []
    wanted = [name for name in properties if name in names] or list(properties)
    for name in wanted:
        if table_of(properties[name]).get("type") == "string":
            return name
    return "path"


def _prefix(name: str, taken: Collection[str]) -> str:
    """What the names of a server's tools begin with: of no other server, so that a rule for one never means another's tools."""
    prefix = re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9_-]", "_", name)).strip("_") or "server"
    if len(prefix) <= _MOST_PREFIX and prefix not in taken:
        return prefix
    return f"{prefix[: _MOST_PREFIX - 9]}_{_mark(name)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _unique(wanted: str, taken: Mapping[str, object]) -> str:
    """A name that every provider takes. Where it is too long or taken, what tells it apart is made of what it was."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", wanted)
    if len(name) <= _MOST_NAME and name not in taken:
        return name
    name = f"{name[: _MOST_NAME - 9]}_{_mark(wanted)}"
    return name if name not in taken else _unique(f"{wanted} ", taken)


def _idle(server: McpServer, listing: Listing) -> list[str]:
    """Say of entries of the lists that they mean no tool: a tool that is misspelt there would be used unseen."""
    names = [definition.name for definition in listing.definitions]
    found: list[str] = []
    for key, globs in (("allow", server.allow), ("deny", server.deny)):
        for each in globs:
            if not any(fnmatchcase(name, each) for name in names):
                near = get_close_matches(each, names, n=1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                found.append(f"`{key}` names {each!r}, and it has no such tool{meant}")
    return found
