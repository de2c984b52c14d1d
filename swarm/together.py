"""Calls of several tasks that wait for one another, so that one request is made for them.

Nobody waits for a clock: who is expected is known before the first call is ready, and each of them comes with its call or leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

import anyio

from swarm.errors import OwnerLost, SwarmError
from swarm.orders import Answer, Pick
from swarm.prompts.batch import may_share
from swarm.sharing import Part, Shared
from swarm.text.tokens import quick_tokens
from swarm.tries import Order

MOST_TOKENS = 400
"""Of a task that shares a request: what is said to all of them is then a good part of what is sent."""

Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
"""Has something done by a task group that lives as long as the session works."""


class Sharing(Protocol):
    """Makes one request for several calls."""

    def fitting(self, parts: Sequence[Part], most: int) -> list[list[Part]]: ...

    async def share(self, parts: Sequence[Part]) -> Sequence[Shared]: ...


class Place:
    """Where one task's first call waits for the others. It keeps `swarm.tries.Seat`."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self.part: Part | None = None
        self.is_over = False  # it left, or its call was made
        self._over = anyio.Event()
        self._came = Shared(None, 0)

    @property
    def is_awaited(self) -> bool:
        """Whether nobody knows yet if a call comes from here."""
        return self.part is None and not self.is_over

    async def join(self, order: Order, pick: Pick) -> tuple[Answer | None, int]:
        if self.is_over:
            return None, 0
        self.part = order, pick
        self._look()
        try:
            await self._over.wait()
        finally:
            self.end(Shared(None, 0))
        return self._came

    def leave(self) -> None:
        if not self.is_over:
            self.end(Shared(None, 0))
            self._look()

    def end(self, came: Shared) -> None:
        """Let it go on with what came of its call; nothing where it went on before."""
        if not self.is_over:
            self._came, self.is_over = came, True
            self._over.set()


class Table:
    """The places of tasks of one shape. Once it is closed and all have come or left, requests are made for those that came."""

    def __init__(self, sharing: Sharing, start: Start, *, most: int) -> None:
        """`most` is how many calls one request is made for."""
        self._sharing, self._start, self._most = sharing, start, most
        self._places: list[Place] = []
        self._is_closed = self._is_served = False

    def place(self) -> Place:
        """One place more. No more of them once it is closed."""
        self._places.append(Place(self._look))
        return self._places[-1]

    @property
    def is_full(self) -> bool:
        return len(self._places) >= self._most

    def close(self) -> None:
        self._is_closed = True
        self._look()

    def _look(self) -> None:
        if self._is_closed and not self._is_served and not any(place.is_awaited for place in self._places):
            self._is_served = True
            self._serve()

    def _serve(self) -> None:
        by_kind: dict[object, list[Place]] = {}
        for place in self._places:
            if place.part is not None and not place.is_over:
                by_kind.setdefault(_kind(*place.part), []).append(place)
        for kind, places in by_kind.items():
            parts = [place.part for place in places if place.part is not None]
            groups = self._sharing.fitting(parts, self._most) if kind is not None else [[part] for part in parts]
            waiting = iter(places)
            for group in groups:
                together = [next(waiting) for _ in group]
                if len(together) > 1:
                    self._start(partial(self._share, together))
                else:
                    together[0].end(Shared(None, 0))

    async def _share(self, places: Sequence[Place]) -> None:
        try:
            parts = [place.part for place in places if place.part is not None and not place.is_over]
            if len(parts) > 1:
                here = [place for place in places if not place.is_over]
                for place, came in zip(here, await self._sharing.share(parts), strict=True):
                    place.end(came)
        except OwnerLost:
            raise
        except SwarmError:
            pass  # each of them meets it alone, where it is told
        finally:
            for place in places:
                place.end(Shared(None, 0))


def _kind(order: Order, pick: Pick) -> object:
    """Calls of the same kind may share a request; None: it shares with nobody.

    That holds for a call that says more than a small task, wants tools, or has to have a form of its own.
    """
    ask = order.ask
    if ask.answer_schema is not None or ask.tools or ask.follows or not may_share(ask.messages):
        return None
    if quick_tokens(ask.messages[1].text) > MOST_TOKENS:
        return None
    return pick.arm.name, ask.messages[0].text, ask.temperature, order.level
