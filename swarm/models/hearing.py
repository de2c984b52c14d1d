"""A transport that hears what a provider says of its limits in the head of each answer, before its body."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from swarm.models.limits import Left
from swarm.models.rates import left_in


class Hearing(httpx.AsyncBaseTransport):
    """Tells `hear` of it, for all models of one provider. The transport below it is lent and stays open."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        hear: Callable[[list[Left]], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport, self._hear, self._now = transport, hear, now

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        if left := left_in(response.headers.raw, self._now()):
            self._hear(left)
        return response
