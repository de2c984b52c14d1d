"""A person's words from the live view, recorded as the commands of their names record them; and who may say them."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from events.log import EventLog, LogError, open_log, session_name
from events.views.approvals import Asked
from events.views.asked import Waiting
from events.views.questions import Question
from events.views.sessions import SessionState
from swarm.cli import answer, approval
from swarm.cli.asked_tool import arguments_of
from swarm.cli.budget_change import foreseen, held_in
from swarm.cli.budget_scope import here_by
from swarm.cli.foretold import foretold, of_caps
from swarm.cli.names import parse_name
from swarm.cli.secrets import secrets_of
from swarm.cli.spoken import spoken
from swarm.cli.waiting import to_go_on
from swarm.connect import Roster
from swarm.engine import faces
from swarm.errors import ConfirmationNeeded, SwarmError, UsageError
from swarm.owner import account, owned_by
from swarm.session import recorded_plan
from swarm.settings.load import Loaded
from swarm.tools.person import chosen
from swarm.tools.policy import said_of
from tui.control import Foretold, NeedsYes, NotSaid, Remember, Word
from tui.live import Live

Speaks = Literal["never", "at home", "anywhere"]
"""To which sessions words are given: to none, to those that we run or nobody does, or to anybody's."""

NOBODY = Roster(models=(), providers=())


class LogControl:
    """The `Control` of the screen over a log, which it opens for writing only where something is said."""

    def __init__(self, log: EventLog, loaded: Loaded, *, named: str | None, speaks: Speaks = "at home") -> None:
        """`named` is the log that the command line names."""
        self._log, self._loaded, self._named, self._speaks = log, loaded, named, speaks
        self._redact = secrets_of(loaded.settings).redact
        self._us = account()
        self._unwritable = why_not_written(log.url)

    def barred(self, live: Live) -> str:
        if self._speaks == "never":
            return "it was opened with --read-only"
        if self._unwritable:
            return self._unwritable
        claim = live.state.claim if live.state is not None else None
        if claim is None or self._speaks == "anywhere" or owned_by(claim) == self._us:
            return ""
        return f"{session_name(live.session)} is run by {owned_by(claim)}; `swarm watch --control` speaks to it"

    async def foretell(self, word: Word, live: Live) -> Foretold:
        try:
            if word.verb == "raise":
                return await self._foretold_cap(word)
            name, plan = parse_name(word.name, last=0), None
            if word.verb == "pin" and live.state is not None:
                plan = await recorded_plan(self._log, live.state)
            return foretold(word, name, live, plan.roster if plan is not None else NOBODY)
        except (LogError, SwarmError) as problem:
            raise NotSaid(str(problem)) from problem

    async def _foretold_cap(self, word: Word) -> Foretold:
        where = here_by(self._loaded)
        held = await held_in(self._log, word.name, where=where)
        if not word.more:
            return of_caps(held, None)
        try:
            change, cap = await foreseen(self._log, word.name, word.more, where=where)
        except UsageError as refusal:
            return of_caps(held, None)._replace(refused=str(refusal))
        return of_caps(held, (change.after, cap))

    async def say(self, word: Word, *, confirmed: bool = False) -> str:
        word = word._replace(more=self._redact(word.more))
        async with self._written() as log:
            return await spoken(log, word, loaded=self._loaded, named=self._named, confirmed=confirmed)

    async def arguments(self, asked: Asked) -> Sequence[str]:
        try:
            return arguments_of(await self._log.text(asked.event.arguments, at=asked.position))
        except LogError as problem:
            raise NotSaid(str(problem)) from problem

    def likes(self, asked: Asked) -> str:
        return said_of(asked.event.pattern)

    async def allow(self, asked: Asked, remember: Remember = "") -> str:
        return await self._say(asked, faces.Word(allowed=True, remember=remember))

    async def refuse(self, asked: Asked, reason: str = "") -> str:
        return await self._say(asked, faces.Word(allowed=False, reason=self._redact(reason)))

    async def answer(self, question: Question, text: str) -> str:
        text = self._redact(chosen(text, question.event.options))
        async with self._written() as log:
            state = await answer.take_down(log, question, text)
        return self._with_the_rest(answer.told(question, text), state, question)

    async def _say(self, asked: Asked, word: faces.Word) -> str:
        async with self._written() as log:
            state = await approval.take_down(log, asked, word)
        return self._with_the_rest(approval.told(asked, word), state, asked)

    @asynccontextmanager
    async def _written(self) -> AsyncGenerator[EventLog]:
        try:
            async with open_log(self._log.url) as log:
                yield log
        except ConfirmationNeeded as needed:
            raise NeedsYes(needed.question) from needed
        except (LogError, SwarmError) as problem:
            raise NotSaid(str(problem)) from problem

    def _with_the_rest(self, said: str, state: SessionState, waits: Waiting) -> str:
        command = to_go_on(state, waits.session, log=self._named)
        return f"{said}\ngo on with: {command}" if command else said


def why_not_written(url: str) -> str:
    """Why nothing can be recorded in a log: we may not write to its file, or beside it; "" where we may."""
    path = Path(url).expanduser()
    closed = next(
        (place for place in (path, path.parent) if not os.access(place, os.W_OK, effective_ids=_EFFECTIVE)), None
    )
    return f"{closed} may not be written to by us, and a word is an event in the log" if closed is not None else ""


_EFFECTIVE = os.access in os.supports_effective_ids
