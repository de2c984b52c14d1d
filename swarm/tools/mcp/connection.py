"""One server that runs or is connected to: the SDK, in one task that owns all of its scopes. Imported where one is used."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import anyio
import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client._transport import ReadStream, TransportStreams
from mcp.client.session import ClientRequestContext, IncomingMessage
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.errors import CallFailed, ConnectionLost, ServerUnready
from swarm.tools.mcp.listing import MOST_INSTRUCTIONS, MOST_TOOLS, Listing, definitions_of
from swarm.tools.mcp.pipe import open_pipe
from swarm.tools.mcp.plain import one_line, plain, table_of
from swarm.tools.mcp.web import open_web
from swarm.tools.mcp.words import LastWords
from swarm.version import VERSION

_MOST_PAGES = 50
_MOST_WORDS = 300
_ABOUT = 80  # characters of what a server calls itself


class Connection:
    """A server while it can be asked. `run` is its life, in a task of its own; everything else may be called from any task."""

    def __init__(
        self, server: McpServer, *, directory: Path, environment: Mapping[str, str], roots: Callable[[], Sequence[Path]]
    ) -> None:
        """`server` is filled in; `roots` is asked whenever the server wants to know where it may work."""
        self._server, self._directory, self._environment, self._roots = server, directory, environment, roots
        self._client: Client | None = None
        self._stop = anyio.Event()
        self._scope = anyio.CancelScope()
        self._pages = _Pages()
        self.words = LastWords()
        self.listing = Listing()
        self.failure = ""  # why it could not be started, or ended
        self.stale = False  # it said that its tools are others now
        self.settled = anyio.Event()  # it can be asked, or has failed
        self.ended = anyio.Event()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked: it is ready, and has not ended."""
        return self.settled.is_set() and self._client is not None and not self._stop.is_set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, is about to, or could not be started."""
        return self.settled.is_set() and not self.is_open

    async def run(self) -> None:
        """Start it, read what it offers, and keep it until `end`, or its own end. Never raises but for cancellation."""
        _silence()
        self._scope.deadline = anyio.current_time() + self._server.start_s
        try:
            with self._scope:
                async with Client(
                    self._transport(),
                    client_info=types.Implementation(name="swarm", version=VERSION),
                    list_roots_callback=self._answer_roots,
                    message_handler=self._heard,
                    cache=None,
                ) as client:
                    self._client = client
                    await self.refresh()
                    self._scope.deadline = math.inf
                    await self._live(client)
            if self._scope.cancelled_caught and not self._stop.is_set():
                self.failure = f"it was not ready within {self._server.start_s:g} s (`start_s`)"
        except Exception as error:
            self.failure = self.failure or why(error, self._server)
        finally:
            self._client = None
            self._stop.set()
            self.settled.set()
            self.ended.set()

    def end(self) -> None:
        """Have it end. `ended` says when it has."""
        self._stop.set()
        if not self.settled.is_set():
            self._scope.cancel()

    async def refresh(self) -> None:
        """Read again what it offers. Raises ConnectionLost, CallFailed."""
        client, self.stale = self._open_client(), False
        self._pages.entries.clear()
        with self._pages, _told(self._server):
            cursor: str | None = None
            for _ in range(_MOST_PAGES):
                page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
                cursor = page.next_cursor
                if cursor is None or len(self._pages.entries) > MOST_TOOLS:
                    break
        self.listing = self._listed(client)

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Use a tool, and return the result as the protocol writes it. Cancelling tells the server so.

        Raises ConnectionLost, CallFailed.
        """
        client = self._open_client()
        with _told(self._server):
            result = await client.call_tool(tool, dict(arguments))
            return result.model_dump(by_alias=True, mode="json", exclude_none=True)

    def _open_client(self) -> Client:
        if self._client is None or self._stop.is_set():
            raise ConnectionLost(self.failure or "it has ended")
        return self._client

    async def _live(self, client: Client) -> None:
        self.settled.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow_changes, client)
            await self._stop.wait()
            tasks.cancel_scope.cancel()

    def _transport(self) -> AbstractAsyncContextManager[TransportStreams]:
        if self._server.kind != "stdio":
            return self._watched(open_web(self._server, self.words))
        return self._watched(
            open_pipe(self._server, directory=self._directory, environment=self._environment, words=self.words)
        )

    @asynccontextmanager
    async def _watched(
        self, transport: AbstractAsyncContextManager[TransportStreams]
    ) -> AsyncGenerator[TransportStreams]:
        async with transport as (read, write):
            yield _Watched(read, self._pages, self._ended_by_itself), write

    def _ended_by_itself(self) -> None:
        if not self._stop.is_set():
            gone = "it ended" if self._server.kind == "stdio" else "it closed the connection"
            self.failure = gone if self.settled.is_set() else f"{gone} before it was ready"
            self._stop.set()

    async def _answer_roots(self, context: ClientRequestContext) -> types.ListRootsResult | types.ErrorData:
        return types.ListRootsResult(roots=[types.Root(uri=cast("Any", path.as_uri())) for path in self._roots()])

    async def _heard(self, message: IncomingMessage) -> None:
        match message:
            case types.ToolListChangedNotification():
                self.stale = True
            case Exception():
                self.words.add(f"{one_line(str(message), _MOST_WORDS)}\n".encode())
            case _:
                pass

    async def _follow_changes(self, client: Client) -> None:
        """Of a server of the newer protocol, which says that its tools are others only to those who listen."""
        tools = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or tools is None or not tools.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.stale = True
        except Exception as error:
            self.words.add(f"(its changes cannot be followed: {one_line(str(error), _MOST_WORDS)})\n".encode())

    def _listed(self, client: Client) -> Listing:
        info = client.server_info
        definitions, oddities = definitions_of(self._pages.entries)
        return Listing(
            title=one_line(info.name, _ABOUT) if info else "",
            version=one_line(info.version, _ABOUT) if info else "",
            protocol=client.protocol_version,
            instructions=plain(client.instructions or "", MOST_INSTRUCTIONS),
            definitions=definitions,
            oddities=oddities,
        )


class _Pages:
    """The entries of a list of tools as they came; the SDK gets of them what it can read, so that one does not spoil the rest."""

    def __init__(self) -> None:
        self.entries: list[object] = []
        self._reading = 0

    def __enter__(self) -> None:
        self._reading += 1

    def __exit__(self, *_: object) -> None:
        self._reading -= 1

    def sift(self, result: dict[str, Any]) -> None:
        tools = result.get("tools")
        if not self._reading or not isinstance(tools, list):
            return
        entries = cast("list[object]", tools)
        self.entries += entries
        result["tools"] = [readable for entry in entries if (readable := _readable(entry))]


def _readable(entry: object) -> dict[str, Any]:
    """What the SDK needs of an entry; empty where it cannot be read."""
    name, schema = table_of(entry).get("name"), table_of(entry).get("inputSchema")
    if not isinstance(name, str) or not isinstance(schema, dict):
        return {}
    return {"name": name, "inputSchema": {**table_of(cast("object", schema)), "type": "object"}}


class _Watched:
    """What a server sends, looked through on its way to the SDK; its end is told."""

    def __init__(self, inner: ReadStream[SessionMessage | Exception], pages: _Pages, ended: Callable[[], None]) -> None:
        self._inner, self._pages, self._ended = inner, pages, ended

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        try:
            item = await self._inner.receive()
        except anyio.EndOfStream:
            self._ended()
            raise
        if isinstance(item, SessionMessage) and isinstance(item.message, types.JSONRPCResponse):
            self._pages.sift(item.message.result)
        return item

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


class _told:  # noqa: N801 - used as a function is
    """Translate what the SDK raises for one request."""

    def __init__(self, server: McpServer) -> None:
        self._server = server

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        match error:
            case MCPError(code=types.CONNECTION_CLOSED):
                raise ConnectionLost(one_line(error.message, _MOST_WORDS)) from error
            case MCPError():
                raise CallFailed(plain(error.message, _MOST_WORDS * 10)) from error
            case ValidationError():
                raise CallFailed(f"its answer is none of the protocol: {_first(error)}") from error
            case RuntimeError() | anyio.ClosedResourceError() | anyio.BrokenResourceError():
                raise ConnectionLost(one_line(str(error), _MOST_WORDS)) from error
            case _:
                pass


def why(error: BaseException, server: McpServer) -> str:
    """Why a server could not be used, in words for a person."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    match error:
        case ServerUnready() | CallFailed():
            return str(error)
        case ConnectionLost():
            return "it ended before it was ready" if server.kind == "stdio" else "it closed the connection"
        case httpx2.HTTPStatusError():
            return f"it answers with HTTP {error.response.status_code}"
        case httpx2.TransportError():
            return f"it cannot be reached: {one_line(str(error), _MOST_WORDS) or type(error).__name__}"
        case MCPError(code=types.CONNECTION_CLOSED):
            return "it ended before it was ready" if server.kind == "stdio" else "it closed the connection"
        case MCPError():
            return f"it refuses to begin: {one_line(error.message, _MOST_WORDS)}"
        case ValidationError():
            return f"it does not speak the protocol: {_first(error)}"
        case _:
            return f"{type(error).__name__}: {one_line(str(error), _MOST_WORDS)}"


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return one_line(f"{place}: {first['msg']}", _MOST_WORDS)


def _silence() -> None:
    """What the SDK logs is told by us, or not at all: without a handler it would stand on the user's screen."""
    for name in ("mcp", "client", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
