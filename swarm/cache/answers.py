"""Where an answer to a call is found that was given before. The log is the store: what is known is a fold of it, kept up with it.

Nothing is evicted by a clock or by chance: of `events.views.answers.MOST` answers the one that was longest of no use goes, which
the log says, so that every process and every replay remembers the same. What is forgotten is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import msgspec

from events.log import Clock, EventLog, TextMissing
from events.types.answer import EXACT, NEAR
from events.types.call import CallKey
from events.views.answers import AnswersView, Known
from events.views.kept import Followed, Start
from swarm.cache.caching import Caching
from swarm.cache.near import Cosine, Near, lexical_cosine

MOST_LOADED = 2_000
"""Questions that are read for near matches, the newest ones: about half a millisecond each, once a session."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that may be given."""

    key: str
    known: Known
    text: str
    how: str  # EXACT, CANONICAL or NEAR
    cosine: float = 0.0  # of a near match


class Answers:
    """The answers of one log, as one session may use them."""

    def __init__(
        self,
        log: EventLog,
        start: Start[AnswersView],
        caching: Caching,
        *,
        trusts: Callable[[int, int], bool],
        clock: Clock,
        cosine: Cosine = lexical_cosine,
    ) -> None:
        """`trusts` says of an answer that was judged right and wrong so often whether it is still given."""
        self._log, self._followed, self._caching = log, Followed(log, start), caching
        self._view = start.view
        self._trusts, self._clock, self._cosine = trusts, clock, cosine
        self._near: dict[str, tuple[Near, dict[str, int]]] = {}  # by what questions share; with those that are in it

    async def find(self, key: CallKey, question: str, *, room: int) -> Found | None:
        """The answer to a call of that key, of at most `room` tokens; None where there is none that may be given.

        Raises LogError where the log cannot be read.
        """
        self._view = await self._followed.catch_up()
        if self._may(key.all, EXACT, room):
            return await self._read(key.all, EXACT)
        if not self._caching.near or not key.but_question:
            return None
        near = await self._near_of(key.but_question)
        match = near.find(question, may=lambda entry, how: self._may(entry, how, room))
        return await self._read(match.entry, match.how, match.cosine) if match is not None else None

    def _may(self, key: str, how: str, room: int) -> bool:
        """Whether an answer may be given to a question that was found so."""
        known = self._view.known.get(key)
        if known is None or known.withdrawn or known.output_tokens > room:
            return False
        if known.at + self._caching.ttl_s * 1_000_000 < self._clock():
            return False
        same, near = known.same, known.near
        return self._trusts(same.right, same.wrong) and (how != NEAR or self._trusts(near.right, near.wrong))

    async def _read(self, key: str, how: str, cosine: float = 0.0) -> Found | None:
        known = self._view.known[key]
        try:
            text = await self._log.text(known.answer, at=known.source)
        except TextMissing:  # texts of old sessions are dropped
            return None
        return Found(key=key, known=known, text=text, how=how, cosine=cosine if how == NEAR else 0.0)

    async def _near_of(self, shared: str) -> Near:
        """The questions that share all else, with those that came since."""
        near, loaded = self._near.setdefault(shared, (Near(self._cosine), {}))
        newest = list(islice(reversed(self._view.alike.get(shared, {}).items()), MOST_LOADED))
        for key, source in reversed(newest):
            if loaded.get(key) == source or key not in self._view.known:
                continue
            known = self._view.known[key]
            loaded[key] = source
            try:
                near.put(await self._log.text(known.question, at=known.asked), key)
            except TextMissing:  # it cannot be asked again: nobody knows what it was
                continue
        return near
