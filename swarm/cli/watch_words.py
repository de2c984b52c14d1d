"""A person's words from the live view, recorded as `swarm approve`, `swarm deny` and `swarm answer` record them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from events.log import EventLog, LogError, open_log
from events.views.approvals import Asked
from events.views.asked import Waiting
from events.views.questions import Question
from events.views.sessions import SessionState
from swarm.cli import answer, approval
from swarm.cli.asked_tool import arguments_of
from swarm.cli.waiting import to_go_on
from swarm.engine.faces import Word
from swarm.errors import UsageError
from swarm.tools.person import chosen
from swarm.tools.policy import said_of
from tui.control import NotSaid, Remember


class LogControl:
    """The `Control` of the screen over a log, which it opens for writing only where something is said."""

    def __init__(self, log: EventLog, redact: Callable[[str], str], *, named: str | None) -> None:
        self._log, self._redact, self._named = log, redact, named

    async def arguments(self, asked: Asked) -> Sequence[str]:
        try:
            return arguments_of(await self._log.text(asked.event.arguments, at=asked.position))
        except LogError as problem:
            raise NotSaid(str(problem)) from problem

    def likes(self, asked: Asked) -> str:
        return said_of(asked.event.pattern)

    async def allow(self, asked: Asked, remember: Remember = "") -> str:
        return await self._say(asked, Word(allowed=True, remember=remember))

    async def refuse(self, asked: Asked, reason: str = "") -> str:
        return await self._say(asked, Word(allowed=False, reason=self._redact(reason)))

    async def answer(self, question: Question, text: str) -> str:
        text = self._redact(chosen(text, question.event.options))
        async with self._written() as log:
            state = await answer.take_down(log, question, text)
        return self._with_the_rest(answer.told(question, text), state, question)

    async def _say(self, asked: Asked, word: Word) -> str:
        async with self._written() as log:
            state = await approval.take_down(log, asked, word)
        return self._with_the_rest(approval.told(asked, word), state, asked)

    @asynccontextmanager
    async def _written(self) -> AsyncGenerator[EventLog]:
        try:
            async with open_log(self._log.url) as log:
                yield log
        except (LogError, UsageError) as problem:
            raise NotSaid(str(problem)) from problem

    def _with_the_rest(self, said: str, state: SessionState, waits: Waiting) -> str:
        command = to_go_on(state, waits.session, log=self._named)
        return f"{said}\ngo on with: {command}" if command else said
