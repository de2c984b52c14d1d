"""A fold that is kept between two looks: forwards it reads on, backwards (in a replay) it folds anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from events.bus import read_all
from events.log import EventLog
from events.views.base import View

V = TypeVar("V", bound=View)


class Folded(Generic[V]):
    """One view, as of where it was asked for last. A look that is cancelled leaves it at a place from which it goes on."""

    def __init__(
        self,
        log: EventLog,
        begin: Callable[[EventLog], Awaitable[tuple[V, int]]],
        *,
        session: int | None = None,
    ) -> None:
        """`begin` gives the view as it begins, and the position behind which it reads on."""
        self._log, self._begin, self._session = log, begin, session
        self._view: V | None = None
        self._position, self._cut = 0, 0

    async def at(self, position: int) -> V:
        """The view with everything up to a position, which is not behind the end of the log. It moves with the next look.

        Raises LogError.
        """
        archived = await self._log.archived()
        cut = archived.position if archived is not None else 0
        view = self._view
        if view is None or position < self._position or cut != self._cut:
            self._view = None
            view, self._position = await self._begin(self._log)
            self._view, self._cut = view, cut
        async for entries in read_all(self._log, after=self._position, until=position, session=self._session):
            for entry in entries:
                view.apply(entry)
            self._position = entries[-1].position
            await asyncio.sleep(0)  # the screen is drawn between two pages
        self._position = max(self._position, position)
        return view
