"""A provider on loopback that costs next to nothing, in a process of its own: it plays explorer, worker and judge.

python -m bench.provider [--delay-ms 50] [--port N]

It prints its base URL and ends with its standard input. It reads of a request what it needs and no more, so that what is
measured is the client. `--delay-ms` is the mean wait before an answer, evenly spread by 50 % to both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.options import to_its_end

DRAFT = "A line of some sixty letters, as it was asked for, number %08x."
PLAN = {
    "options": [{"option": "at once", "pros": "quick", "cons": "none"}],
    "approach": "Write it in one go.",
    "steps": [{"title": "write it", "instruction": "Write the line."}],
}
PASS = {"verdict": "pass", "score": 0.9, "reason": "It does what was asked."}
PIECES = 4  # of a text that is streamed
USAGE = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140}
LISTING = b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'


def answer(
    text: str,
    *,
    stream: bool,
    usage: Mapping[str, Any] = USAGE,
    finish: str = "stop",
    calls: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """One whole response: a document, or a stream with usage and [DONE] at its end. `calls` are of tools, as the format has them."""
    if not stream:
        message = {"role": "assistant", "content": text, **({"tool_calls": [*calls]} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        body = json.dumps({"id": "c1", "model": "m", "choices": [choice], "usage": usage}).encode()
        return b"HTTP/1.1 200 Said\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
    events = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in _events(text, usage, finish, calls))
    head = b"HTTP/1.1 200 Said\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + events + b"0\r\n\r\n"


def document(body: bytes) -> bytes:
    return b"HTTP/1.1 200 Said\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _events(
    text: str, usage: Mapping[str, Any], finish: str, calls: Sequence[Mapping[str, Any]] = ()
) -> Sequence[bytes]:
    size = max(1, -(-len(text) // PIECES))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[start : start + size]} for start in range(0, len(text), size)]
    deltas += [{"tool_calls": [{"index": number, **call}]} for number, call in enumerate(calls)]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, {"choices": [], "usage": usage}]
    said = [json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", **chunk}) for chunk in chunks]
    return [b"data: %b\n\n" % each.encode() for each in (*said, "[DONE]")]


PLANS = {stream: answer(json.dumps(PLAN), stream=stream) for stream in (False, True)}
VERDICTS = {stream: answer(json.dumps(PASS), stream=stream) for stream in (False, True)}
DRAFTS = {stream: answer(DRAFT % 0, stream=stream) for stream in (False, True)}


def played(body: bytes) -> bytes:
    """The response to a request: by the first words of its first message, and with a draft that depends on the brief."""
    stream = b'"stream":true' in body
    first = body.find(b'"content":"') + len(b'"content":"')
    asked = body[first : first + 60]
    if b"explorer" in asked:
        return PLANS[stream]
    if b"validator" in asked:
        return VERDICTS[stream]
    # a stream cuts the text elsewhere: only the digits are changed, and they stand in one piece of it
    return DRAFTS[stream].replace(b"00000000", b"%08x" % zlib.crc32(body))


class Serving(asyncio.Protocol):
    """One connection: requests one after the other, answered as `play` says."""

    def __init__(self, delay_s: float, play: Callable[[bytes], bytes] = played) -> None:
        self._delay_s, self._held, self._play = delay_s, b"", play

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            body, self._held = self._held[end + 4 : end + 4 + length], self._held[end + 4 + length :]
            self._answer(self._play(body) if head.startswith(b"post") else b"")

    def _answer(self, response: bytes) -> None:
        if not response:  # its models are listed at once
            self._transport.write(document(LISTING))
        elif self._delay_s:
            wait = self._delay_s * random.uniform(0.5, 1.5)
            asyncio.get_running_loop().call_later(wait, self._transport.write, response)
        else:
            self._transport.write(response)


async def serve(delay_s: float, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Serving(delay_s), "127.0.0.1", port, backlog=512)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    asyncio.run(serve(args.delay_ms / 1000, args.port))


if __name__ == "__main__":
    to_its_end(main)
