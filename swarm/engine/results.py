"""What tools said that is given again: found by all that it depends on, given as long as it holds, else asked about."""

from __future__ import annotations

import msgspec

from events.log import Clock, EventLog, TextMissing
from events.types.tool import Keeping
from events.views.kept import Followed
from events.views.results import Result, ResultsView, results
from swarm.cache.fingerprint import ResultBasis, result_key
from swarm.tools.base import Fresh, Said, Tool

MOST_CHARS = 1_000_000
"""A longer result is not kept."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a result, and where it is known what the tool said."""

    key: str
    files: str = ""  # the state of the files that the tool can see
    source: int = 0  # position of the tool.finished whose result it is; 0: none is known
    text: str = ""
    cut: bool = False
    is_fresh: bool = False  # it is given without asking
    ask_by: Fresh | None = None  # by what it is asked whether it still holds


class Results:
    """The results of one log, as one session may give them again."""

    def __init__(
        self, log: EventLog, followed: Followed[ResultsView], *, project: str, ttl_s: int, clock: Clock
    ) -> None:
        """`project` is the folder whose results may be given, `ttl_s` after how long none is, whatever its giver said."""
        self._log, self._followed, self._project = log, followed, project
        self._ttl, self._clock = ttl_s * 1_000_000, clock

    async def find(self, tool: Tool, arguments: str, *, files: str) -> Found:
        """What is known of the result of a use. `files` is the state of those that the tool can see, "" where it sees none."""
        basis = ResultBasis(
            tool=tool.name,
            description=msgspec.json.encode(tool.spec, order="sorted").decode(),
            depends_on=tool.depends_on,
            arguments=arguments,
            server=tool.source,
            project=self._project,
            files=files,
        )
        key = result_key(basis)
        known = (await self._followed.catch_up()).known.get(key)
        if known is None or known.at + self._ttl <= self._clock():
            return Found(key=key, files=files)
        try:
            text = await self._log.text(known.answer, at=known.source)
        except TextMissing:  # texts of old sessions are dropped
            return Found(key=key, files=files)
        return Found(
            key=key,
            files=files,
            source=known.source,
            text=text,
            cut=known.cut,
            is_fresh=self._clock() < known.keeping.until,
            ask_by=_ask_by(known),
        )

    def keeping(self, found: Found, said: Said) -> Keeping | None:
        """How long what a tool said now may be given again; None: not at all."""
        fresh = _still_asked_by(found, said.fresh) if said.same else said.fresh
        if fresh is None or said.failed or len(said.text) > MOST_CHARS:
            return None
        until = self._clock() + round(min(fresh.seconds * 1_000_000, self._ttl))
        return Keeping(key=found.key, until=until, url=fresh.url, etag=fresh.etag, modified=fresh.modified)


def _ask_by(known: Result) -> Fresh | None:
    keeping = known.keeping
    return Fresh(url=keeping.url, etag=keeping.etag, modified=keeping.modified) if keeping.url else None


def _still_asked_by(found: Found, fresh: Fresh | None) -> Fresh | None:
    """By what a result is asked about that still holds: who says so need not say again by what."""
    before = found.ask_by
    if fresh is None or before is None or fresh.url:
        return fresh or before
    return msgspec.structs.replace(before, seconds=fresh.seconds)


async def open_results(log: EventLog, *, project: str, ttl_s: int, clock: Clock) -> Results:
    """What a session may give again. Raises LogError where the log cannot be read."""
    return Results(log, Followed(log, await results(log)), project=project, ttl_s=ttl_s, clock=clock)
