"""Who allows the uses of tools in a session: the policy, and where that asks, a person, whose word is recorded."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from events.blobs import Pack
from events.bus import read_all
from events.log import EventLog, NewEvent
from events.types.tool import ApprovalAsked, ApprovalGiven
from events.views.approvals import PROJECTS, ApprovalsView, Asked, Held
from swarm.engine.faces import Faces, Wanted, Word
from swarm.engine.hands import Allow, Allowed
from swarm.engine.people import People
from swarm.engine.requests import control_topic, person
from swarm.errors import ConfirmationNeeded
from swarm.journal import Attempt
from swarm.messages import ToolCall
from swarm.owner import Owner
from swarm.settings.toolrules import ACTIONS, ToolSettings
from swarm.task import Task
from swarm.tools.base import Tool
from swarm.tools.policy import COMMANDS, NOBODY, Decision, Remembered, decide, question_of, said_of

Decide = Callable[[], Awaitable[Decision]]
"""What the policy says of a use at this moment."""


class Approvals:
    """Allows the uses of tools of one session. `backend` says what holds commands, and is asked only where there is one."""

    def __init__(
        self,
        owner: Owner,
        rules: ToolSettings,
        *,
        faces: Faces,
        directory: str,
        redact: Callable[[str], str],
        backend: Callable[[], Awaitable[str]],
    ) -> None:
        self._owner, self._rules, self._faces = owner, rules, faces
        self._directory, self._redact, self._backend = directory, redact, backend
        self._people = People(owner, ApprovalsView)

    def of(self, task: Task, attempt: Attempt) -> Allow:
        async def allow(
            tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /, *, really: str = ""
        ) -> Allowed:
            async def decided() -> Decision:
                decision = await self._decided(tool, arguments, task)
                if not really:
                    return decision
                other = await self._decided(tool, {**arguments, tool.subject: really}, task)
                return max(decision, other, key=lambda each: ACTIONS.index(each.action))

            decision = await decided()
            if decision.action == "ask":
                return await self._by_a_person(attempt, tool, arguments, call, ordinal, decision, decided)
            return _told(decision.action == "allow", decision.rule)

        return allow

    async def _decided(self, tool: Tool, arguments: Mapping[str, Any], task: Task) -> Decision:
        is_command = tool.name in COMMANDS and not tool.source
        ruled = partial(
            decide,
            tool,
            arguments,
            rules=self._rules,
            backend=await self._backend() if is_command else "",
            headless=False,
            network=task.network,
        )
        decision = ruled()
        return ruled(remembered=await self._remembered()) if decision.action == "ask" else decision

    async def _remembered(self) -> tuple[Remembered, ...]:
        view = await self._people.known()
        held = [*await held_for(self._owner.log, self._directory), *view.held.get(self._owner.session, ())]
        held.sort(key=lambda each: each.at)
        return tuple(Remembered(pattern=each.pattern, allowed=each.allowed, until=each.until) for each in held)

    async def _by_a_person(
        self,
        attempt: Attempt,
        tool: Tool,
        arguments: Mapping[str, Any],
        call: ToolCall,
        ordinal: int,
        decision: Decision,
        decided: Decide,
    ) -> Allowed:
        view = await self._people.known()
        use = (*attempt.place, ordinal)
        asked = view.asked.get(use)
        word = view.given.get(asked.position) if asked is not None else None
        if word is None:
            if self._faces.approve is None and self._rules.headless == "deny":
                return _told(False, f"{decision.rule}, and {NOBODY}")
            wanted = self._wanted(attempt, tool, arguments, decision)
            if asked is None:
                pattern = self._redact(decision.pattern)
                asked = await self._ask(attempt, wanted, pattern=pattern, call=call.id, ordinal=ordinal)
            word = await self._word(asked, wanted, decided)
        return _told(word.allowed, f"{word.by} {'allowed' if word.allowed else 'refused'} it", word.reason)

    def _wanted(self, attempt: Attempt, tool: Tool, arguments: Mapping[str, Any], decision: Decision) -> Wanted:
        return Wanted(
            task=f"{self._owner.name}/{attempt.state.name}",
            tool=tool.name,
            question=question_of(tool, arguments, self._redact),
            arguments=self._redact(json.dumps(dict(arguments), indent=1, ensure_ascii=False)),
            rule=self._redact(decision.rule),
            likes=self._redact(said_of(decision.pattern)),
        )

    async def _ask(self, attempt: Attempt, wanted: Wanted, *, pattern: str, call: str, ordinal: int) -> Asked:
        def question(pack: Pack) -> ApprovalAsked:
            return ApprovalAsked(
                tool=wanted.tool,
                call=call,
                ordinal=ordinal,
                question=wanted.question,
                arguments=pack.put(wanted.arguments),
                rule=wanted.rule,
                pattern=pattern,
                role=attempt.role,
                branch=attempt.branch,
            )

        view = await self._people.ask(attempt, question)
        return view.asked[(*attempt.place, ordinal)]

    async def _word(self, asked: Asked, wanted: Wanted, decided: Decide) -> ApprovalGiven:
        """The first word. Raises ConfirmationNeeded where nobody can be asked, and nobody is waited for."""
        if self._faces.approve is None and self._rules.headless != "wait":
            raise _nobody_for(wanted, self._owner.name)
        approve = self._faces.approve
        face = partial(self._take_down, asked, wanted, approve, decided) if approve is not None else None
        return (await self._people.first_word(asked.position, face)).given[asked.position]

    async def _take_down(
        self, asked: Asked, wanted: Wanted, approve: Callable[[Wanted], Awaitable[Word]], decided: Decide
    ) -> None:
        """Ask whoever is there and record the word: what was said to another question meanwhile may be one for this, too."""
        async with self._faces.asking:
            meanwhile = await decided()
            if meanwhile.action == "ask":
                word = await approve(wanted)
            else:
                word = Word(allowed=meanwhile.action == "allow", reason=meanwhile.rule)
            word = msgspec.structs.replace(word, reason=self._redact(word.reason))
            new = _given(asked, word, project=self._owner.project, directory=self._directory, topic=self._owner.name)
            await self._owner.append([new], durable=True)
            await self._people.heard(asked.position)  # before the next one is asked


def _told(allowed: bool, rule: str, reason: str = "") -> Allowed:
    if allowed:
        return Allowed(True, rule)
    why = f"{rule}: {reason}" if reason else rule
    return Allowed(
        False, rule, f"This was not done, for it is not allowed ({why}). Go on without it, or in another way."
    )


async def held_for(log: EventLog, directory: str) -> list[Held]:
    """The words that hold for uses in the project in that folder, the oldest first."""
    entries = [entry async for page in read_all(log, topic=PROJECTS) for entry in page]
    return [
        Held(word.pattern, word.allowed, "project", entry.position)
        for entry in entries
        if isinstance(word := entry.event, ApprovalGiven) and word.directory == directory and word.pattern
        if await _is_first(log, word.asked, entry.position, session=entry.session)
    ]


async def give(log: EventLog, asked: Asked, word: Word, *, project: str, directory: str) -> bool:
    """Record the word of another process on a question; say whether it is the first, which counts."""
    new = _given(asked, word, project=project, directory=directory, topic=control_topic(asked.session))
    ack = await log.append([new], cause=asked.position, durable=True)
    return await _is_first(log, asked.position, ack.positions[0], session=asked.session)


async def _is_first(log: EventLog, asked: int, word: int, *, session: int) -> bool:
    """Whether no word on a question stands before the one at a position."""
    async for page in read_all(log, after=asked, until=word - 1, session=session):
        if any(isinstance(entry.event, ApprovalGiven) and entry.event.asked == asked for entry in page):
            return False
    return True


def _given(asked: Asked, word: Word, *, project: str, directory: str, topic: str) -> NewEvent:
    lasts = word.remember == "project"
    event = ApprovalGiven(
        asked=asked.position,
        allowed=word.allowed,
        remember=word.remember,
        pattern=asked.event.pattern if word.remember else "",
        directory=directory if lasts else "",
        by=person(),
        reason=word.reason,
    )
    return NewEvent(
        event=event,
        topic=PROJECTS if lasts else topic,
        project=project,
        session=asked.session,
        task=asked.task,
        step=asked.step,
        attempt=asked.attempt,
    )


def _nobody_for(wanted: Wanted, session: str) -> ConfirmationNeeded:
    remedy = f"say `swarm approve {wanted.task}` or `swarm deny {wanted.task}`, and then `swarm resume {session}`"
    return ConfirmationNeeded(wanted.question, remedy=remedy)
