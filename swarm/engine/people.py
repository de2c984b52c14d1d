"""How a session asks people: a question stands in the log before anybody is asked, and the first word on it counts.

Whoever is at the terminal can say it, and another process. After a crash an open question is asked again, and a word that was
given is found in the record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from events.blobs import Pack
from events.bus import follow
from events.types.tool import ApprovalAsked, ApprovalGiven, QuestionAnswered, QuestionAsked
from events.views.base import View, fold
from swarm.errors import SwarmError
from swarm.journal import Attempt
from swarm.owner import Owner

V = TypeVar("V", bound=View)


class People(Generic[V]):
    """Asks them in one session. `view` folds the questions of a kind and the words on them."""

    def __init__(self, owner: Owner, view: Callable[[], V]) -> None:
        self._owner, self._begin = owner, view
        self._view: V | None = None
        self._reading = anyio.Lock()

    async def known(self) -> V:
        """What the log says of the session's questions, read when it is first needed."""
        async with self._reading:
            if self._view is None:
                self._view = await fold(self._owner.log, self._begin(), session=self._owner.session)
            return self._view

    async def ask(self, attempt: Attempt, question: Callable[[Pack], ApprovalAsked | QuestionAsked]) -> V:
        """Record a question, and before it all that the attempt did."""
        view = await self.known()
        await attempt.leave()
        pack = Pack(self._owner.known)
        ack = await self._owner.append([attempt.new(question(pack))], texts=pack.texts)
        (entry,) = await self._owner.log.read(after=ack.positions[0] - 1, limit=1)
        view.apply(entry)
        return view

    async def first_word(self, asked: int, face: Callable[[], Awaitable[None]] | None) -> V:
        """Wait until the first word on the question at a position stands in the log.

        Meanwhile `face` asks whoever is there, and records the word; None: nobody is there. Raises what it raises.
        """
        failed: list[SwarmError] = []
        heard: V | None = None
        async with anyio.create_task_group() as both:

            async def ask(face: Callable[[], Awaitable[None]]) -> None:
                try:
                    await face()
                except SwarmError as error:  # by itself, in no group of errors
                    failed.append(error)
                    both.cancel_scope.cancel()

            if face is not None:
                both.start_soon(ask, face)
            heard = await self.heard(asked)
            both.cancel_scope.cancel()
        if heard is None:
            raise failed[0]
        return heard

    async def heard(self, asked: int) -> V:
        """Wait until the first word on the question at a position stands in the log."""
        view = await self.known()
        async for entries in follow(self._owner.log, after=asked):
            for entry in entries:
                if isinstance(entry.event, ApprovalGiven | QuestionAnswered) and entry.event.asked == asked:
                    view.apply(entry)
                    return view
        raise AssertionError("following a log never ends")
