"""A model that answers from a script: for tests, demonstrations and replay. It costs nothing and needs no network."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import anyio

from swarm.errors import Failure, ProviderError
from swarm.messages import Reply, Request, ToolCall, Usage

Line = str | tuple[ToolCall, ...] | Reply | ProviderError
"""What a script says to one request: a text, calls of tools, a whole reply, or the failure to raise."""


class ScriptedModel:
    """Answers in order, or as a function says; see `Model` for the contract.

    A text is cut at `max_output_tokens` words and counted in words, and so are calls, of which nothing is left where they are
    cut; a Reply is given as it is. `requests` holds the last `keep` requests, oldest first, `asked` counts all of them.
    """

    def __init__(
        self,
        name: str,
        script: Iterable[Line] | Callable[[Request], Line],
        *,
        latency_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        keep: int = 1_000,
    ) -> None:
        self._name, self._latency_s, self._sleep = name, latency_s, sleep
        self._say = script if callable(script) else _in_order(name, script)
        self.requests: deque[Request] = deque(maxlen=keep)
        self.asked = 0

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def ask(self, request: Request) -> Reply:
        self.requests.append(request)
        self.asked += 1
        line = self._say(request)
        if self._latency_s:
            await self._sleep(self._latency_s)
        if isinstance(line, ProviderError):
            raise line
        if isinstance(line, Reply):
            return line
        return spoken(line, request, self._name) if isinstance(line, str) else spoken("", request, self._name, line)


def spoken(text: str, request: Request, model: str, calls: tuple[ToolCall, ...] = ()) -> Reply:
    """Return `text` and `calls` as the reply to `request`: a word is a token, and what is beyond the limit is cut off."""
    words = text.split()
    wanted = len(words) + len(words_of(calls).split())
    limit = request.max_output_tokens
    is_cut = wanted > limit
    usage = Usage(
        input_tokens=sum(len(f"{each.text} {words_of(each.calls)}".split()) for each in request.messages),
        output_tokens=min(wanted, limit),
    )
    return Reply(
        text=" ".join(words[:limit]) if is_cut else text,
        finish="length" if is_cut else "tools" if calls else "stop",
        usage=usage,
        model=model,
        calls=() if is_cut else calls,
    )


def words_of(calls: Sequence[ToolCall]) -> str:
    """What is counted of calls."""
    return " ".join(f"{call.name} {call.arguments}" for call in calls)


def _in_order(name: str, script: Iterable[Line]) -> Callable[[Request], Line]:
    lines = iter(script)
    said = 0

    def say(_: Request) -> Line:
        nonlocal said
        line = next(lines, None)
        if line is None:
            return ProviderError(
                f"{name}: the script has {said} answers and was asked once more; add an answer to it",
                failure=Failure.STOP,
                sent=False,
                charged=False,
            )
        said += 1
        return line

    return say
