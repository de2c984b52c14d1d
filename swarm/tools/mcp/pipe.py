"""A server as a child process: its messages over pipes, bounded; its last words; its end, and that of all that it started.

Imported where a server is started, and nowhere else: it brings the SDK.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import mcp_types as types
from anyio.abc import Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage

from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.errors import ServerUnready
from swarm.tools.mcp.words import LastWords

MOST_MESSAGE = 8 << 20
"""Bytes of one message of a server. What is longer is thrown away as it comes, and its call fails."""

_MOST_THROWN_AWAY = 1 << 30  # of one message: a server that never ends a line is ended
_CHUNK = 65_536
_FREE_WORDS = 1 << 20  # bytes of stderr that are read as fast as they come
_PAUSE_S = 0.01  # between pieces behind them: a flood is held up instead of keeping us busy
_LEAVE_S = 1.0  # for a server to go once its stdin is closed, and again once it was asked to
_QUEUE = 64  # messages that wait for a server which does not read

_GUARDED = '(read -r _ <"/dev/fd/$0"; kill -s KILL -- "-$$") >/dev/null 2>&1 & exec "$@"'
"""The server, and beside it in its process group what ends the group once we are gone: then its pipe has no other end."""

_ENDS = 256  # bytes of a message, at either end, in which its id is looked for without reading the rest
_TOO_LONG = f"its answer is longer than {MOST_MESSAGE >> 20} MiB, and was thrown away"
_ID_FIRST = re.compile(rb'\A\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*([0-9]{1,15})\s*,')
_ID_LAST = re.compile(rb'[\]},]\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*([0-9]{1,15})\s*\}\s*\Z')


@asynccontextmanager
async def open_pipe(
    server: McpServer, *, directory: Path, environment: Mapping[str, str], words: LastWords
) -> AsyncGenerator[TransportStreams]:
    """Start a server that is filled in, and give the streams of its messages. `words` gets what else it says.

    When this ends, its process group is ended: asked by the end of its stdin, then by a signal, then killed.
    Raises ServerUnready where it cannot be started.
    """
    command, folder = _found(server, directory, environment)
    sent, to_send = anyio.create_memory_object_stream[SessionMessage](_QUEUE)
    received, to_read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    async with sent, to_send, received, to_read:
        with _pipes() as ends:
            process = await _start([command, *server.args], folder, environment, ends)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_write, ends.ours_in, to_send)
                    tasks.start_soon(_read, ends.ours_out, received, words)
                    tasks.start_soon(_listen, ends.ours_err, words)
                    try:
                        yield to_read, sent
                    finally:
                        tasks.cancel_scope.cancel()
            finally:
                with anyio.move_on_after(4 * _LEAVE_S, shield=True):
                    await _end(process, ends)


def _found(server: McpServer, directory: Path, environment: Mapping[str, str]) -> tuple[str, Path]:
    folder = directory / Path(server.cwd).expanduser() if server.cwd else directory
    if not folder.is_dir():
        raise ServerUnready(f"its folder {folder} is not there; correct `cwd`")
    command = str(Path(server.command).expanduser())
    path = str(folder / command) if "/" in command else shutil.which(command, path=environment.get("PATH"))
    if path is None or not os.access(path, os.X_OK) or Path(path).is_dir():
        raise ServerUnready(
            f"its command {server.command!r} is not installed here; install it, or write its whole path"
        )
    return path, folder


class _Ends:
    """The ends of the pipes: ours, and those that the server is given."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: set[int] = set()
        self.their_in, self.ours_in = self._pipe()
        self.ours_out, self.their_out = self._pipe()
        self.ours_err, self.their_err = self._pipe()
        self.their_guard, self.ours_guard = self._pipe()
        os.set_blocking(self.ours_in, False)

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        for end in ends:
            self._open.add(end)
            self._stack.callback(self.close, end)
        return ends

    def close(self, end: int) -> None:
        """Close an end, once."""
        if end in self._open:
            self._open.discard(end)
            os.close(end)

    @property
    def theirs(self) -> tuple[int, ...]:
        return self.their_in, self.their_out, self.their_err, self.their_guard


@contextmanager
def _pipes() -> Generator[_Ends]:
    with ExitStack() as stack:
        yield _Ends(stack)


async def _start(words: list[str], folder: Path, environment: Mapping[str, str], ends: _Ends) -> Process:
    try:
        return await anyio.open_process(
            ["/bin/sh", "-c", _GUARDED, str(ends.their_guard), *words],
            stdin=ends.their_in,
            stdout=ends.their_out,
            stderr=ends.their_err,
            cwd=folder,
            env=environment,
            start_new_session=True,
            pass_fds=(ends.their_guard,),
        )
    except (OSError, ValueError) as error:
        raise ServerUnready(f"it could not be started: {error}") from error
    finally:
        for end in ends.theirs:
            ends.close(end)


async def _write(end: int, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
    with suppress(OSError):  # it has gone; who waits for its answer is told by the end of its stdout
        async for each in messages:
            data = memoryview(each.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            while data:
                try:
                    data = data[os.write(end, data) :]
                except BlockingIOError:
                    await anyio.wait_writable(end)


async def _read(end: int, messages: MemoryObjectSendStream[SessionMessage | Exception], words: LastWords) -> None:
    """Hand on each line that is a message; what is none belongs to its words. The end of its stdout ends the session."""
    lines = _Lines()
    async with messages:
        while chunk := await _next(end):
            for line, too_long in lines.feed(chunk):
                message = _error(line, _TOO_LONG) if too_long else _message(line)
                if message is not None:
                    await messages.send(message)
                elif line.strip():
                    words.add(line[:_CHUNK] + b"\n")
            if lines.left_out > _MOST_THROWN_AWAY:
                words.add(b"(it wrote a line without an end)\n")
                return


class _Lines:
    """Lines out of pieces. Of one that is too long its beginning and its end are kept, where its id may stand."""

    def __init__(self) -> None:
        self._line = bytearray()
        self.left_out = 0

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield the lines that this piece ends, and of each whether it was too long."""
        *ended, rest = piece.split(b"\n")
        for each in ended:
            self._add(each)
            yield bytes(self._line), self.left_out > 0
            self._line.clear()
            self.left_out = 0
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > MOST_MESSAGE or self.left_out:
            self.left_out += max(0, len(self._line) - 2 * _ENDS)
            del self._line[_ENDS:-_ENDS]


def _message(line: bytes) -> SessionMessage | None:
    """A line as a message; None where it is none. What is nearly one, and answers a call, is an error for that call."""
    with suppress(ValueError):
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    with suppress(ValueError, RecursionError):  # no UTF-8, or half of a surrogate: both happen where texts are cut
        mended = json.dumps(json.loads(line.decode("utf-8", "replace")), ensure_ascii=False).encode("utf-8", "replace")
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(mended, by_name=False))
    return _error(line, "its answer is no message of the protocol")


def _error(line: bytes, said: str) -> SessionMessage | None:
    """The answer that a call gets whose own cannot be used; None where nobody can say which call that is."""
    found = _ID_FIRST.match(line[:_ENDS]) or _ID_LAST.search(line[-_ENDS:])
    if found is None:
        return None
    error = types.ErrorData(code=types.INTERNAL_ERROR, message=said)
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=error))


async def _listen(end: int, words: LastWords) -> None:
    heard = 0
    while chunk := await _next(end):
        words.add(chunk)
        heard += len(chunk)
        if heard > _FREE_WORDS:
            await anyio.sleep(_PAUSE_S)


async def _next(end: int) -> bytes:
    await anyio.wait_readable(end)
    return os.read(end, _CHUNK)


async def _end(process: Process, ends: _Ends) -> None:
    """End the process group: first by the end of its stdin, as the protocol has it."""
    ends.close(ends.ours_in)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with anyio.move_on_after(_LEAVE_S):
            await process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    await process.wait()
