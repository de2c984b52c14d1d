"""One server of a run: the connection to it while there is one, what is known of what it offers, how often it has failed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup

from swarm.redact import Secrets
from swarm.settings.mcpserver import McpServer
from swarm.tools.base import Said, ToolRefused
from swarm.tools.mcp.errors import CallFailed, ConnectionLost, ServerUnready
from swarm.tools.mcp.kept import identity_of, keep, place_of, read_kept
from swarm.tools.mcp.listing import Listing, redacted
from swarm.tools.mcp.result import said_of
from swarm.tools.mcp.variables import environment, filled, secrets_of

if TYPE_CHECKING:
    from swarm.tools.mcp.connection import Connection

MOST_FAILURES = 3
"""So often a server may break, or fail to start, before it is left out for the rest of the run."""

MOST_SILENT = 2
"""So many calls in a row may get no answer in time before a server is ended; the next call starts it again."""


class Slot:
    """One server of the configuration. Nothing of it is started before it is needed."""

    def __init__(
        self,
        server: McpServer,
        *,
        tasks: TaskGroup,
        directory: Path,
        roots: Callable[[], Sequence[Path]],
        redact: Callable[[str], str],
    ) -> None:
        self.server, self._tasks, self._directory, self._roots = server, tasks, directory, roots
        self._redact_known, self._secrets = redact, Secrets(())
        self._lock = anyio.Lock()
        self._ready: McpServer | None = None
        self._environment: dict[str, str] = {}
        self._place: Path | None = None
        self._connection: Connection | None = None
        self._failures = self._silent = 0
        self._heard: Listing | None = None  # as the server said it
        self.listing: Listing | None = None  # without secrets
        self.failure = ""  # why it could not be started the last time
        self.out = ""  # why it takes no part any more

    def prepare(self, environ: Mapping[str, str], kept: Path | None) -> None:
        """Fill its variables in, and take what is known of it from before. Where that cannot be, it is out."""
        try:
            ready = filled(self.server, environ)
        except ServerUnready as error:
            self.out = self.failure = str(error)
            return
        self._ready, self._environment = ready, environment(ready, environ)
        self._secrets = secrets_of(ready)
        if kept is not None:
            self._place = place_of(kept, self.server, self._environment)
            if (known := read_kept(self._place)) is not None:
                self.listing = redacted(known, self._redact)

    def identity(self) -> str:
        """A digest of what it is and of all that it is given, its keys among it: with another account it says something else."""
        digest = self._ready.digest if self._ready is not None else ""
        said = [identity_of(self.server, self._environment), sorted(self._environment.items()), digest]
        return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()

    async def learn(self) -> None:
        """See that what it offers is known, and still holds; where that cannot be, `failure` says why."""
        connection = self._connection
        if connection is not None and connection.is_open and connection.stale:
            await self._renew(connection)
        elif self.listing is None and not self.failure and not self.out:
            try:
                await self.connection()
            except ToolRefused:
                return

    async def use(self, tool: str, arguments: Mapping[str, Any]) -> Said:
        """Use a tool, by the server's name for it. A call that gets no answer may have been carried out, and says so.

        Raises ToolRefused where nothing was done.
        """
        connection = await self.connection()
        if self.listing is not None and all(each.name != tool for each in self.listing.definitions):
            raise ToolRefused(f"the MCP server {self.server.name!r} has no tool {tool!r} any more")
        try:
            with anyio.fail_after(self.server.call_s):
                answer = await connection.call(tool, arguments)
        except TimeoutError:
            return self._unanswered(connection)
        except CallFailed as error:
            return Said(text=self._redact(str(error)), failed=True)
        except ConnectionLost as error:
            connection.end()
            return self._doubtful(f"went away during the call ({self._redact(str(error))})")
        self._silent = 0
        said = said_of(answer)
        return msgspec.structs.replace(said, text=self._redact(said.text))

    async def connection(self) -> Connection:
        """The connection to it, made anew where there is none. Raises ToolRefused where there can be none."""
        async with self._lock:
            if self._connection is not None and self._connection.is_over:
                await self._buried(self._connection)
            if self._connection is None:
                self._connection = await self._launched()
            connection = self._connection  # whoever began to start it may have been cancelled since
            await connection.settled.wait()
            if connection.is_open:
                self.failure = ""
                self._take(connection.listing)
                return connection
            await self._buried(connection)
            raise ToolRefused(
                f"the MCP server {self.server.name!r} could not be used: {self.failure or 'it was ended'}"
            )

    def words(self) -> tuple[str, ...]:
        """The last lines that it wrote beside its messages, secrets taken out."""
        return self._connection.words.lines(self._redact) if self._connection is not None else ()

    def end(self) -> None:
        """Have it end, where it runs."""
        if self._connection is not None:
            self._connection.end()

    async def ended(self) -> None:
        """Wait until it has ended."""
        if self._connection is not None:
            await self._connection.ended.wait()

    def _redact(self, text: str) -> str:
        return self._redact_known(self._secrets.redact(text))

    async def _launched(self) -> Connection:
        if self.out or self._ready is None:
            raise ToolRefused(f"the MCP server {self.server.name!r} is left out: {self.out}")
        # the SDK takes .6 s to be imported, and the loop does not wait for that
        module: Any = await anyio.to_thread.run_sync(import_module, "swarm.tools.mcp.connection")
        connection: Connection = module.Connection(
            self._ready, directory=self._directory, environment=self._environment, roots=self._roots
        )
        self._tasks.start_soon(connection.run)
        return connection

    async def _buried(self, connection: Connection) -> None:
        """Let a connection go that ends. An end that nobody wanted counts; where there were too many, the server is left out."""
        await connection.ended.wait()
        self._connection = None
        if not connection.failure:
            return
        words = connection.words.lines(self._redact)
        said = f"; it wrote: {' | '.join(words)}" if words else ""
        self._count(self._redact(connection.failure) + said)

    async def _renew(self, connection: Connection) -> None:
        """Read again what it offers, since it said that this is not the same any more; where that fails, what was known stays."""
        try:
            with anyio.fail_after(self.server.start_s):
                await connection.refresh()
        except (TimeoutError, CallFailed, ConnectionLost):
            return
        self._take(connection.listing)

    def _take(self, heard: Listing) -> None:
        if heard is self._heard:
            return
        self._heard, listing = heard, redacted(heard, self._redact)
        if listing != self.listing and self._place is not None:
            keep(self._place, listing)
        self.listing = listing

    def _count(self, why: str) -> None:
        self._failures, self.failure = self._failures + 1, why
        if self._failures >= MOST_FAILURES:
            self.out = self.failure = f"{why} ({self._failures} times)"

    def _unanswered(self, connection: Connection) -> Said:
        self._silent += 1
        if self._silent >= MOST_SILENT:
            self._silent = 0
            connection.end()
            self._count("it does not answer in time")
        return self._doubtful(f"did not answer within {self.server.call_s:g} s (`call_s`)")

    def _doubtful(self, what: str) -> Said:
        said = f"the MCP server {self.server.name!r} {what}; whether the call was carried out is not known"
        return Said(text=said, failed=True)
