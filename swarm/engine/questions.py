"""What an agent asks a person in a session: recorded before anybody is asked, answered once, and given back from the record.

Whoever is at the terminal and `swarm answer` in another process can answer; the first answer counts. After a crash an open
question is asked again, and one that was answered meanwhile is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from events.blobs import Known, Pack
from events.bus import follow
from events.log import EventLog, NewEvent
from events.types.tool import QuestionAnswered, QuestionAsked
from events.views.base import fold
from events.views.questions import Answered, Question, QuestionsView
from swarm.engine.faces import Asking, Faces
from swarm.engine.requests import control_topic, person
from swarm.errors import ConfirmationNeeded, SwarmError
from swarm.journal import Attempt
from swarm.owner import Owner
from swarm.settings.toolrules import ToolSettings
from swarm.tools.base import ToolRefused
from swarm.tools.person import NOBODY, chosen


class Questions:
    """Asks for the agents of one session."""

    def __init__(self, owner: Owner, rules: ToolSettings, *, faces: Faces, redact: Callable[[str], str]) -> None:
        self._owner, self._rules, self._faces, self._redact = owner, rules, faces, redact
        self._view: QuestionsView | None = None
        self._reading = anyio.Lock()

    async def answer(self, attempt: Attempt, question: str, options: Sequence[str]) -> str:
        """A person's answer to what the attempt asks in the use of a tool that it is at; "" leaves it to the agent.

        Raises ToolRefused where nobody is there to be asked, and where that is to halt the task ConfirmationNeeded.
        """
        view = await self._known()
        asked = view.asked.get((*attempt.place, attempt.use))
        answered = view.answers.get(asked.position) if asked is not None else None
        if answered is None:
            if self._faces.reply is None and self._rules.headless == "deny":
                raise ToolRefused(NOBODY)
            if asked is None:
                asked = await self._ask(attempt, question, options)
            answered = await self._wait_for(asked)
        return await self._owner.log.text(answered.event.answer, at=answered.at)

    async def _known(self) -> QuestionsView:
        """What the log says of the session's questions, read when it is first needed."""
        async with self._reading:
            if self._view is None:
                self._view = await fold(self._owner.log, QuestionsView(), session=self._owner.session)
            return self._view

    async def _ask(self, attempt: Attempt, question: str, options: Sequence[str]) -> Question:
        """Record the question, and before it all that the attempt did."""
        await attempt.leave()
        event = QuestionAsked(
            question=self._redact(question),
            options=tuple(self._redact(option) for option in options),
            ordinal=attempt.use,
            role=attempt.role,
            branch=attempt.branch,
        )
        ack = await self._owner.append([attempt.new(event)])
        (entry,) = await self._owner.log.read(after=ack.positions[0] - 1, limit=1)
        view = await self._known()
        view.apply(entry)
        return view.asked[(*attempt.place, attempt.use)]

    async def _wait_for(self, asked: Question) -> Answered:
        """Ask whoever is there, and listen for another process: the first answer counts.

        Raises ConfirmationNeeded where nobody can be asked, and nobody is waited for.
        """
        if self._faces.reply is None:
            if self._rules.headless != "wait":
                raise _nobody_for(asked, self._owner.name)
            return await self._heard(asked)
        failed: list[SwarmError] = []
        async with anyio.create_task_group() as both:

            async def face() -> None:
                try:
                    await self._take_down(asked)
                except SwarmError as error:
                    failed.append(error)
                    both.cancel_scope.cancel()

            both.start_soon(face)
            answered = await self._heard(asked)
            both.cancel_scope.cancel()
            return answered
        raise failed[0]

    async def _take_down(self, asked: Question) -> None:
        """Ask whoever is there and record the answer."""
        assert self._faces.reply is not None, "somebody is there"
        event = asked.event
        async with self._faces.asking:
            said = await self._faces.reply(Asking(task=asked.name, question=event.question, options=event.options))
        pack = Pack(self._owner.known)
        answer = self._redact(chosen(said, event.options))
        new = _answered(asked, answer, pack, topic=self._owner.name, project=self._owner.project)
        await self._owner.append([new], texts=pack.texts, durable=True)

    async def _heard(self, asked: Question) -> Answered:
        """Wait until the first answer stands in the log."""
        view = await self._known()
        async for entries in follow(self._owner.log, after=asked.position):
            for entry in entries:
                if entry.session == self._owner.session:
                    view.apply(entry)
                if asked.position in view.answers:
                    return view.answers[asked.position]
        raise AssertionError("following a log never ends")


def _answered(asked: Question, answer: str, pack: Pack, *, topic: str, project: str) -> NewEvent:
    return NewEvent(
        event=QuestionAnswered(asked=asked.position, answer=pack.put(answer), by=person()),
        topic=topic,
        project=project,
        session=asked.session,
        task=asked.task,
        step=asked.step,
        attempt=asked.attempt,
    )


async def reply(log: EventLog, asked: Question, answer: str, *, project: str) -> bool:
    """Record the answer of another process, secrets taken out; say whether it is the first, which counts."""
    pack = Pack(Known())
    said = chosen(answer, asked.event.options)
    new = _answered(asked, said, pack, topic=control_topic(asked.session), project=project)
    ack = await log.append([new], cause=asked.position, durable=True, texts=pack.texts)
    view = await fold(log, QuestionsView(), session=asked.session)
    return view.answers[asked.position].at == ack.positions[0]


def _nobody_for(asked: Question, session: str) -> ConfirmationNeeded:
    remedy = f'say `swarm answer {asked.name} "..."`, and then `swarm resume {session}`'
    return ConfirmationNeeded(f"{asked.name} asks: {asked.event.question}", remedy=remedy)
