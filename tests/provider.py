"""A provider on loopback for tests: speaks a wire format, well or badly, as a test's behaviour says.

The OpenAI-compatible one by default; tests/wires.py has the others.

async with Provider(lambda body: Answer("hello")) as provider: ...     in the test's own loop
with provider_thread(lambda body: Answer("hello")) as provider: ...    in a thread, for subprocesses
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit

from swarm.messages import ToolCall, ToolSpec

Pause = float | Callable[[], Awaitable[object]]
"""Seconds, or what to wait for: `event.wait`."""


class _Counted:
    """Stands for the usage that an honest provider would count."""


COUNTED = _Counted()
ABSENT = object()
"""As `usage`: the field is left out."""


@dataclass(frozen=True)
class Answer:
    """How one request is answered. The defaults are an honest stream with usage and [DONE]."""

    text: str = "ok"
    calls: Sequence[ToolCall] = ()  # behind the text; with "stop" the answer ends for them
    chunks: int = 4  # pieces of the text in a stream
    stream: bool = True  # False: one JSON document, though a stream was asked for
    usage: Any = COUNTED  # a mapping, None for null, ABSENT, or COUNTED: a word is a token
    finish: str | None = "stop"
    model: str = "served-model"
    done: bool = True  # end a stream with [DONE]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None  # sent instead of what `text` makes, with its length
    pieces: Sequence[bytes] | None = None  # the same, one write each, ended by closing the connection
    before_head: Pause = 0.0
    before_piece: Pause = 0.0
    cut_after: int | None = None  # pieces of the body that are sent before the connection breaks; -1: not even the head
    cut_by: Literal["close", "reset"] = "close"


Behaviour = Callable[[dict[str, Any]], Answer]


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]  # lower-case names
    body: dict[str, Any]


def say_ok(_: dict[str, Any]) -> Answer:
    return Answer()


@dataclass(frozen=True)
class Wire:
    """How providers of one format are asked, and how they answer. `read` returns all texts of a request."""

    base: str  # the path of the base URL
    asks: Callable[[str], bool]  # whether this is the path of a question
    listing: Callable[[Sequence[str]], dict[str, Any]]  # how the models are listed
    usage: Callable[[int, int], dict[str, Any]]  # how honest counts of input and output are said
    document: Callable[[Answer, dict[str, Any]], dict[str, Any]]  # an answer in one piece, from it and its usage
    events: Callable[[Answer, dict[str, Any]], list[bytes]]  # the same in a stream
    read: Callable[[dict[str, Any]], list[str]]
    offered: Callable[[dict[str, Any]], list[ToolSpec]]  # the tools of a request
    called: Callable[[dict[str, Any]], list[ToolCall]]  # all calls that stand in it, by their order
    results: Callable[[dict[str, Any]], list[tuple[str, str]]]  # the name of each tool that said something, and what


class Provider:
    """The server. `requests` holds what was asked, `connections` counts the connections that were opened."""

    def __init__(
        self,
        behaviour: Behaviour = say_ok,
        *,
        models: Sequence[str] = ("served-model",),
        listing: Answer | None = None,  # how the question for the models is answered, instead of with `models`
        tls: ssl.SSLContext | None = None,
        wire: Wire | None = None,  # the OpenAI-compatible one where none is named
        pages: Mapping[str, Answer] | None = None,  # how other paths are answered
    ) -> None:
        self.behaviour, self.models, self.listing, self._tls = behaviour, models, listing, tls
        self.pages = pages or {}
        self.wire = wire or OPENAI
        self.requests: list[Seen] = []
        self.connections = 0
        self.asked = asyncio.Event()  # set when a request has come
        self.hung_up = asyncio.Event()  # set when a client left before its answer was whole
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The base URL, as a client of the format wants it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{self.wire.base}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, limit=2**24, backlog=512)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._open.add(task)
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._turn(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the server's end is no failure of this connection
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False ends the connection."""
        seen = await _read_request(reader)
        self.requests.append(seen)
        self.asked.set()
        answer = self._answer(seen)
        if not answer.before_head and not answer.before_piece:
            return await _send(self.wire, answer, seen.body, writer)
        return await self._send_while_connected(answer, seen.body, reader, writer)

    def _answer(self, seen: Seen) -> Answer:
        if seen.method == "CONNECT":
            return Answer(status=407, body=b"")
        path = urlsplit(seen.target).path
        if path in self.pages:
            return self.pages[path]
        if self.wire.asks(path):
            return self.behaviour(seen.body)
        if path.endswith("/models") and path in (f"{self.wire.base}/models", "/v1/models"):
            return self.listing or Answer(body=json.dumps(self.wire.listing(self.models)).encode())
        return Answer(status=404, body=b'{"error": {"message": "no such address"}}')

    async def _send_while_connected(
        self, answer: Answer, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        sending = asyncio.create_task(_send(self.wire, answer, asked, writer))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                if isinstance(sending.exception(), ConnectionError):
                    self.hung_up.set()
                return sending.result() and leaving.cancel()
            self.hung_up.set()
            return False
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    method, target, _ = line.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, json.loads(body) if body else {})


async def _send(wire: Wire, answer: Answer, asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
    await _pause(answer.before_head)
    if answer.cut_after == -1:
        return _cut(answer, writer)
    head, pieces, last = _framed(wire, answer, asked)
    writer.write(head)
    if not answer.before_piece and answer.cut_after is None and answer.pieces is None:
        writer.write(b"".join(pieces) + last)
        await writer.drain()
        return True
    for number, piece in enumerate(pieces):
        if number == answer.cut_after:
            return _cut(answer, writer)
        await _pause(answer.before_piece)
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    if answer.cut_after is not None:
        return _cut(answer, writer)
    writer.write(last)
    await writer.drain()
    return answer.pieces is None


def _cut(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    if answer.cut_by == "reset":
        plain = cast(socket.socket, writer.get_extra_info("socket"))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    return False


async def _pause(pause: Pause) -> None:
    if callable(pause):
        await pause()
    elif pause:
        await asyncio.sleep(pause)


def _framed(wire: Wire, answer: Answer, asked: dict[str, Any]) -> tuple[bytes, list[bytes], bytes]:
    """Return the head, the pieces of the body and what ends it."""
    fields = {"content-type": "text/event-stream"}
    last = b""
    if answer.pieces is not None:
        pieces = list(answer.pieces)
        fields["connection"] = "close"
    elif answer.body is not None or not answer.stream:
        whole = answer.body
        if whole is None:
            whole = json.dumps(wire.document(answer, _usage(wire, answer, asked))).encode()
        pieces = [whole]
        fields = {"content-type": "application/json", "content-length": str(len(whole))}
    else:
        events = wire.events(answer, _usage(wire, answer, asked))
        pieces = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
        fields["transfer-encoding"] = "chunked"
        last = b"0\r\n\r\n"
    fields |= answer.headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {answer.status} Said\r\n{lines}\r\n".encode(), pieces, last


def _usage(wire: Wire, answer: Answer, asked: dict[str, Any]) -> dict[str, Any]:
    if answer.usage is ABSENT:
        return {}
    if answer.usage is not COUNTED:
        return {"usage": answer.usage}
    read = sum(len(text.split()) for text in wire.read(asked))
    said = len(answer.text.split()) + sum(len(f"{call.name} {call.arguments}".split()) for call in answer.calls)
    return {"usage": wire.usage(read, said)}


def pieces_of(answer: Answer, text: str | None = None) -> list[str]:
    """The text of an answer, or another one, in as many pieces as it is to come in."""
    text = answer.text if text is None else text
    size = max(1, -(-len(text) // max(1, answer.chunks)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _openai_reason(answer: Answer) -> str | None:
    return "tool_calls" if answer.calls and answer.finish == "stop" else answer.finish


def _openai_call(call: ToolCall, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _openai_document(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.calls:
        message["tool_calls"] = [_openai_call(call, call.arguments) for call in answer.calls]
    choice = {"index": 0, "message": message, "finish_reason": _openai_reason(answer)}
    return {"id": "c1", "model": answer.model, "choices": [choice], **usage}


def _openai_events(answer: Answer, usage: dict[str, Any]) -> list[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces_of(answer)]
    for index, call in enumerate(answer.calls):
        deltas.append({"tool_calls": [{"index": index, **_openai_call(call, "")}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in pieces_of(answer, call.arguments)
        ]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    if answer.finish is not None:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": _openai_reason(answer)}]})
    if usage:
        chunks.append({"choices": [], **usage})
    shown = [{"id": "c1", "object": "chat.completion.chunk", "model": answer.model, **chunk} for chunk in chunks]
    return [b"data: %b\n\n" % json.dumps(each).encode() for each in shown] + (
        [b"data: [DONE]\n\n"] if answer.done else []
    )


def _openai_called(asked: dict[str, Any]) -> list[ToolCall]:
    calls = [call for message in asked["messages"] for call in message.get("tool_calls", ())]
    return [ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls]


def _openai_results(asked: dict[str, Any]) -> list[tuple[str, str]]:
    names = {call.id: call.name for call in _openai_called(asked)}
    said = [message for message in asked["messages"] if message["role"] == "tool"]
    return [(names[message["tool_call_id"]], message["content"]) for message in said]


OPENAI = Wire(
    base="/v1",
    asks=lambda path: path == "/v1/chat/completions",
    listing=lambda names: {"object": "list", "data": [{"id": name, "object": "model"} for name in names]},
    usage=lambda read, said: {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said},
    document=_openai_document,
    events=_openai_events,
    read=lambda asked: [str(each["content"]) for each in asked.get("messages", ()) if each["content"] is not None],
    offered=lambda asked: [ToolSpec(**each["function"]) for each in asked.get("tools", ())],
    called=_openai_called,
    results=_openai_results,
)


@contextmanager
def provider_thread(
    behaviour: Behaviour = say_ok,
    *,
    models: Sequence[str] = ("served-model",),
    wire: Wire | None = None,
    pages: Mapping[str, Answer] | None = None,
) -> Generator[Provider]:
    """Run a provider in a thread with a loop of its own. `requests` and `connections` may be read from any thread."""
    ready: list[Provider] = []
    is_up, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with Provider(behaviour, models=models, wire=wire, pages=pages) as provider:
            ready.append(provider)
            is_up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not is_up.wait(10):
        raise RuntimeError("the provider did not start")
    try:
        yield ready[0]
    finally:
        stop.set()
        thread.join(10)
