"""A model that answers from a script: for tests, demonstrations and replay. It costs nothing and needs no network."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

import anyio

from swarm.errors import Failure, ProviderError
from swarm.messages import Reply, Request, Usage

Line = str | Reply | ProviderError
"""What a script says to one request: a text, a whole reply, or the failure to raise."""


class ScriptedModel:
    """Answers in order, or as a function says; see `Model` for the contract.

    A text is cut at `max_output_tokens` words and counted in words; a Reply is given as it is. `requests` holds the last
    `keep` requests, oldest first, `asked` counts all of them.
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
        return line if isinstance(line, Reply) else spoken(line, request, self._name)


def spoken(text: str, request: Request, model: str) -> Reply:
    """Return `text` as the reply to `request`: a word is a token, and words beyond what was asked for are cut off."""
    words = text.split()
    limit = request.max_output_tokens
    is_cut = len(words) > limit
    usage = Usage(
        input_tokens=sum(len(message.text.split()) for message in request.messages),
        output_tokens=min(len(words), limit),
    )
    return Reply(
        text=" ".join(words[:limit]) if is_cut else text,
        finish="length" if is_cut else "stop",
        usage=usage,
        model=model,
    )


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
