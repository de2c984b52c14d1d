"""What an agent asks a person in a session, and who answers it: whoever is at the terminal, or `swarm answer` in another process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from events.blobs import Known, Pack
from events.log import EventLog, NewEvent
from events.types.tool import QuestionAnswered, QuestionAsked
from events.views.base import fold
from events.views.questions import Answered, Question, QuestionsView
from swarm.engine.faces import Asking, Faces
from swarm.engine.people import People
from swarm.engine.requests import control_topic, person
from swarm.errors import ConfirmationNeeded
from swarm.journal import Attempt
from swarm.owner import Owner
from swarm.settings.toolrules import ToolSettings
from swarm.tools.base import ToolRefused
from swarm.tools.person import NOBODY, chosen


class Questions:
    """Asks for the agents of one session."""

    def __init__(self, owner: Owner, rules: ToolSettings, *, faces: Faces, redact: Callable[[str], str]) -> None:
        self._owner, self._rules, self._faces, self._redact = owner, rules, faces, redact
        self._people = People(owner, QuestionsView)

    async def answer(self, attempt: Attempt, question: str, options: Sequence[str]) -> str:
        """A person's answer to what the attempt asks in the use of a tool that it is at; "" leaves it to the agent.

        Raises ToolRefused where nobody is there to be asked, and where that is to halt the task ConfirmationNeeded.
        """
        view = await self._people.known()
        asked = view.asked.get((*attempt.place, attempt.use))
        answered = view.answers.get(asked.position) if asked is not None else None
        if answered is None:
            if self._faces.reply is None and self._rules.headless == "deny":
                raise ToolRefused(NOBODY)
            if asked is None:
                asked = await self._ask(attempt, question, options)
            answered = await self._wait_for(asked)
        return await self._owner.log.text(answered.event.answer, at=answered.at)

    async def _ask(self, attempt: Attempt, question: str, options: Sequence[str]) -> Question:
        event = QuestionAsked(
            question=self._redact(question),
            options=tuple(self._redact(option) for option in options),
            ordinal=attempt.use,
            role=attempt.role,
            branch=attempt.branch,
        )
        view = await self._people.ask(attempt, lambda _: event)
        return view.asked[(*attempt.place, attempt.use)]

    async def _wait_for(self, asked: Question) -> Answered:
        """The first answer. Raises ConfirmationNeeded where nobody can be asked, and nobody is waited for."""
        if self._faces.reply is None and self._rules.headless != "wait":
            raise _nobody_for(asked, self._owner.name)
        face = partial(self._take_down, asked, self._faces.reply) if self._faces.reply is not None else None
        return (await self._people.first_word(asked.position, face)).answers[asked.position]

    async def _take_down(self, asked: Question, reply: Callable[[Asking], Awaitable[str]]) -> None:
        """Ask whoever is there and record the answer."""
        event = asked.event
        async with self._faces.asking:
            said = await reply(Asking(task=asked.name, question=event.question, options=event.options))
        pack = Pack(self._owner.known)
        answer = self._redact(chosen(said, event.options))
        new = _answered(asked, answer, pack, topic=self._owner.name, project=self._owner.project)
        await self._owner.append([new], texts=pack.texts, durable=True)


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
    """Record the answer of another process, in words and without secrets; say whether it is the first, which counts."""
    pack = Pack(Known())
    new = _answered(asked, answer, pack, topic=control_topic(asked.session), project=project)
    ack = await log.append([new], cause=asked.position, durable=True, texts=pack.texts)
    view = await fold(log, QuestionsView(), session=asked.session)
    return view.answers[asked.position].at == ack.positions[0]


def _nobody_for(asked: Question, session: str) -> ConfirmationNeeded:
    remedy = f'say `swarm answer {asked.name} "..."`, and then `swarm resume {session}`'
    return ConfirmationNeeded(f"{asked.name} asks: {asked.event.question}", remedy=remedy)
