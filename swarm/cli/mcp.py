"""`swarm mcp`: lists the servers of tools that are configured here, confirms those of the project, shows their tools, tries one."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, cast

import anyio
import msgspec

from swarm.cli.output import Declined, Output, counted
from swarm.cli.recorded import log_errors
from swarm.cli.secrets import secrets_of
from swarm.confirmed import record_server_trust, trusted_at
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.settings.load import Loaded, load_settings
from swarm.settings.mcpfile import nearest
from swarm.settings.mcpfound import McpFound, find_mcp_servers, kept_folder
from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.errors import ServerUnready
from swarm.tools.mcp.kept import place_of, read_kept
from swarm.tools.mcp.listing import Listing, is_allowed
from swarm.tools.mcp.variables import environment, filled, shown_of

if TYPE_CHECKING:
    from swarm.tools.base import Said, Tool
    from swarm.tools.mcp.host import McpHost

_ACTIONS = """
actions:
  list                       the servers, where each is configured, and whether it takes part (default)
  tools [SERVER]             the tools that they offer; starts a server whose tools are not known yet
  test SERVER [TOOL [JSON]]  start a server and say what it is; with TOOL use that, with JSON as its arguments
  trust [SERVER]             confirm what the servers of this project run or speak to, all or one of them
"""

NO_SERVER = "no server of tools is configured here; write one into .mcp.json, or into your own settings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    actions = ("list", "tools", "test", "trust")
    parser.add_argument(
        "action", nargs="?", choices=actions, default="list", metavar="ACTION", help="list, tools, test or trust"
    )
    parser.add_argument("server", nargs="?", metavar="SERVER", help="a server that `list` shows")
    parser.add_argument(
        "tool", nargs="?", metavar="TOOL", help="test: one of its tools, by the server's own name for it"
    )
    parser.add_argument(
        "arguments", nargs="?", metavar="JSON", help='test: what it is given, such as \'{"path": "."}\''
    )
    parser.add_argument("--yes", action="store_true", help="trust: confirm without being asked")


def run(args: argparse.Namespace) -> int:
    if args.server and args.action == "list":
        raise UsageError(f"`swarm mcp list` takes no name; `swarm mcp test {quote(args.server)}` tries one")
    if args.tool and args.action != "test":
        raise UsageError(f"`swarm mcp {args.action}` takes at most one name; `swarm mcp test SERVER TOOL` uses a tool")
    action = {"list": _list, "tools": _tools, "test": _test, "trust": _trust}[args.action]
    return action(args, _here(args), args.output)


class _Here(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured in this folder, and what of it is confirmed."""

    loaded: Loaded
    found: McpFound
    trusted: frozenset[str]
    redact: Callable[[str], str]

    def state(self, server: McpServer) -> str:
        """Why a server takes no part; empty where it does."""
        if said := self.found.state(server, self.trusted):
            return said
        try:
            filled(server, os.environ)
        except ServerUnready as error:
            return str(error).partition(";")[0]
        return ""

    def shown(self, server: McpServer) -> str:
        return self.redact(shown_of(server))

    def kept(self, server: McpServer) -> Listing | None:
        """What is known of its tools without starting it."""
        try:
            ready = filled(server, os.environ)
        except ServerUnready:
            return None
        return read_kept(place_of(kept_folder(os.environ), server, environment(ready, os.environ)))

    def named(self, name: str) -> McpServer:
        """The server of that name that a run takes; else one that takes no part. Raises UsageError."""
        named = [each for each in self.found.servers if each.name == name]
        if not named:
            raise UsageError(
                f"there is no server {name!r}; {nearest(name, {each.name: 0 for each in self.found.servers})}"
            )
        taken = [each for each in named if not self.found.state(each, self.trusted)]
        return (taken or named)[0]


def _here(args: argparse.Namespace) -> _Here:
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})

    async def trusted() -> frozenset[str]:
        with log_errors():
            return await trusted_at(loaded.settings.log)

    found = find_mcp_servers(loaded, Path.cwd(), os.environ)
    output: Output = args.output
    for said in (*found.problems, *(found.warnings if args.action == "list" else ())):
        output.problem(said, "yellow")
    return _Here(loaded=loaded, found=found, trusted=anyio.run(trusted), redact=secrets_of(loaded.settings).redact)


def _list(args: argparse.Namespace, here: _Here, output: Output) -> int:
    if output.json:
        rows = [_row(each, here) for each in here.found.servers]
        output.document("swarm.mcp/1", {"servers": rows, "problems": list(here.found.problems)})
        return 0
    if not here.found.servers:
        output.note(NO_SERVER)
        return 0
    output.table(
        ["NAME", "FROM", "KIND", "TOOLS", "STATE", "RUNS"], [_cells(each, here) for each in here.found.servers]
    )
    if waiting := here.found.unconfirmed(here.trusted):
        said = f"{counted(len(waiting), 'server')} of this project {'waits' if len(waiting) == 1 else 'wait'} for you"
        output.note(f"{said}: `swarm mcp trust`", "yellow")
    return 0


def _cells(server: McpServer, here: _Here) -> list[str]:
    row = _row(server, here)
    tools = "" if row["tools"] is None else str(row["tools"])
    return [server.name, server.origin, server.kind, tools, row["state"], row["runs"]]


def _row(server: McpServer, here: _Here) -> dict[str, Any]:
    kept = here.kept(server)
    return {
        "name": server.name,
        "origin": server.origin,
        "place": server.place,
        "kind": server.kind,
        "state": here.state(server),
        "runs": here.shown(server),
        "variables": list(server.variables),
        "tools": None if kept is None else len([each for each in kept.definitions if is_allowed(server, each.name)]),
    }


def _tools(args: argparse.Namespace, here: _Here, output: Output) -> int:
    servers = here.found.taking_part(here.trusted)
    if args.server:
        servers = (_confirmed_one(args.server, here),)

    async def ask() -> tuple[Tool, ...]:
        async with _host(servers, here, output) as host:
            return await host.tools()

    tools = anyio.run(ask)
    if output.json:
        rows = [{"server": each.source, **msgspec.to_builtins(each.spec)} for each in tools]
        output.document("swarm.mcp.tools/1", {"tools": rows})
    elif not here.found.servers:
        output.note(NO_SERVER)
    elif not tools:
        output.note("no tool is offered; `swarm mcp list` says which servers take part, and why others do not")
    else:
        lines = [(each.spec.description.partition(": ")[2] or "-").split("\n")[0] for each in tools]
        output.table(
            ["TOOL", "SERVER", "SAYS"], [[e.name, e.source, line] for e, line in zip(tools, lines, strict=True)]
        )
    return 1 if args.server and not tools else 0


def _confirmed_one(name: str, here: _Here) -> McpServer:
    """The server of that name. Raises ConfirmationNeeded where a person has not confirmed it."""
    server = here.named(name)
    if here.found.state(server, here.trusted) == "not confirmed":
        raise ConfirmationNeeded(
            f"The server {name!r} of this project was not confirmed, and runs: {here.shown(server)}",
            remedy=f"look at it and say `swarm mcp trust {quote(name)}`",
        )
    return server


@asynccontextmanager
async def _host(servers: Sequence[McpServer], here: _Here, output: Output) -> AsyncGenerator[McpHost]:
    from swarm.tools.mcp.host import open_mcp

    root = Path.cwd()
    async with open_mcp(
        servers,
        environ=os.environ,
        directory=root,
        roots=lambda: [root],
        redact=here.redact,
        warn=lambda said: output.problem(said, "yellow"),
        kept=kept_folder(os.environ),
    ) as host:
        yield host


def _test(args: argparse.Namespace, here: _Here, output: Output) -> int:
    if not args.server:
        raise UsageError("which server is to be tried? `swarm mcp list` lists them")
    server, arguments = _confirmed_one(args.server, here), _arguments(args.arguments)
    tried = anyio.run(_try, server, args.tool, arguments, here, output)
    if output.json:
        output.document("swarm.mcp.test/1", _document(server, tried))
    else:
        _page(server, tried, output)
    return 1 if tried.said is not None and tried.said.failed else 0


class _Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of starting a server, and of using a tool of it."""

    listing: Listing
    ready_s: float
    said: Said | None = None
    took_s: float = 0.0


async def _try(server: McpServer, tool: str | None, arguments: dict[str, Any], here: _Here, output: Output) -> _Tried:
    async with _host([server], here, output) as host:
        before = anyio.current_time()
        listing = await host.start(server.name)
        ready = anyio.current_time()
        if tool is None:
            return _Tried(listing=listing, ready_s=ready - before)
        names = {each.name: 0 for each in listing.definitions}
        if tool not in names:
            raise UsageError(f"server {server.name!r} has no tool {tool!r}; {_nearest_tool(tool, names)}")
        if not is_allowed(server, tool):
            raise UsageError(f"the tool {tool!r} is left out by `allow` or `deny` of server {server.name!r}")
        said = await host.call(server.name, tool, arguments)
        return _Tried(listing=listing, ready_s=ready - before, said=said, took_s=anyio.current_time() - ready)


def _nearest_tool(tool: str, names: Collection[str]) -> str:
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(tool, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(names)) or 'none'}"


def _arguments(text: str | None) -> dict[str, Any]:
    try:
        read: object = json.loads(text or "{}")
    except ValueError as error:
        raise UsageError(f'the arguments are no JSON ({error}); write them as \'{{"name": "value"}}\'') from error
    if not isinstance(read, dict):
        raise UsageError('the arguments are an object of JSON, such as \'{"name": "value"}\'')
    return cast("dict[str, Any]", read)


def _document(server: McpServer, tried: _Tried) -> dict[str, Any]:
    listing = tried.listing
    return {
        "server": server.name,
        "title": listing.title,
        "version": listing.version,
        "protocol": listing.protocol,
        "ready_s": round(tried.ready_s, 3),
        "tools": [each.name for each in listing.definitions if is_allowed(server, each.name)],
        "left_out": [each.name for each in listing.definitions if not is_allowed(server, each.name)],
        "oddities": list(listing.oddities),
        "said": None if tried.said is None else {"text": tried.said.text, "failed": tried.said.failed},
    }


def _page(server: McpServer, tried: _Tried, output: Output) -> None:
    listing, told = tried.listing, _document(server, tried)
    for said in listing.oddities:
        output.problem(f"{server.name}: {said}", "yellow")
    if tried.said is not None:
        output.note(f"{'failed' if tried.said.failed else 'done'} in {tried.took_s:.2f} s", "dim")
        output.line(tried.said.text)
        return
    about = " ".join(word for word in (listing.title, listing.version) if word) or "(it does not say what it is)"
    output.line(f"{server.name}: {about}, protocol {listing.protocol}, ready in {tried.ready_s:.2f} s")
    output.line(f"tools: {', '.join(told['tools']) or 'none'}")
    if told["left_out"]:
        output.line(f"left out by `allow` and `deny`: {', '.join(told['left_out'])}")


def _trust(args: argparse.Namespace, here: _Here, output: Output) -> int:
    waiting = here.found.unconfirmed(here.trusted)
    if args.server:
        server = here.named(args.server)
        waiting = tuple(each for each in waiting if each.name == server.name)
        if not waiting:
            return _told(output, [], f"{server.name} ({server.origin}) needs no confirmation")
    if not waiting:
        return _told(output, [], "no server of this project waits for a confirmation")
    for each in waiting:
        does = "runs" if each.kind == "stdio" else "speaks to"
        output.problem(f"{each.name} ({each.place}) {does}:", "bold")
        output.problem(f"  {here.shown(each)}", exact=True)
        if each.variables:
            output.problem(f"  and is given your {', '.join(each.variables)}")
    remedy = "say `swarm mcp trust --yes`"
    if not args.yes and not output.confirm(f"Confirm {counted(len(waiting), 'server')}?", remedy=remedy):
        raise Declined("Nothing was confirmed", remedy=f"to confirm them, {remedy}")
    anyio.run(_record, here, waiting)
    return _told(
        output,
        waiting,
        f"trusted: {counted(len(waiting), 'server')}, until {'its' if len(waiting) == 1 else 'their'} command, address or environment changes",
    )


async def _record(here: _Here, servers: Sequence[McpServer]) -> None:
    from events.log import open_log

    with log_errors():
        async with open_log(here.loaded.settings.log) as log:
            for each in servers:
                await record_server_trust(log, each, here.shown(each))


def _told(output: Output, servers: Sequence[McpServer], said: str) -> int:
    if output.json:
        output.document("swarm.mcp.trust/1", {"confirmed": [each.name for each in servers]})
    else:
        output.line(said)
    return 0
