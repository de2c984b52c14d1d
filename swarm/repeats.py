"""Calls that are not made: an earlier one was asked the same, or another one is asked it at this moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import anyio
import msgspec

from events.blobs import Pack
from events.log import Clock, EventLog
from events.types.answer import AnswerServed
from events.types.base import NOUGHT, Said
from events.types.call import CallKey
from events.views.accepted import accepted
from events.views.answers import answers
from events.views.kept import Followed
from swarm.cache.answers import Answers, Found
from swarm.cache.caching import Caching
from swarm.cache.fingerprint import Basis, key_of
from swarm.cache.near import Cosine, lexical_cosine
from swarm.cache.suggestions import Suggested, Suggestions
from swarm.choice.bounds import below
from swarm.orders import Answer, Pick
from swarm.prompts.build import module, suggestion_text
from swarm.text.tokens import quick_tokens
from swarm.tries import Connected, Order

ROLES = ("explorer", "worker", "validator")
"""Whose calls may get an earlier answer. An audit is a second look, and a hand-over says how things stand."""

LEAST_RIGHT, DOUBT = 0.99, 0.05
"""An answer is given as long as it is this improbable that fewer than this share of those who get it get a right one."""

PRIOR_RIGHT, PRIOR_WRONG = 300.0, 0.5
"""What is believed of an answer that nobody has judged: it is given, and one wrong verdict ends that, unless about a hundred
right ones outweigh it."""

T = TypeVar("T")


def is_trusted(right: int, wrong: int) -> bool:
    """Whether an answer that was judged so often is still given."""
    return below(LEAST_RIGHT, PRIOR_RIGHT + right, PRIOR_WRONG + wrong) <= DOUBT


class _UnderWay:
    """A call that is made now, and whether another one waits for its answer."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.awaited = False


class Repeats:
    """Gives the calls of one session the answers of earlier ones, and lets those wait that ask the same at the same time."""

    def __init__(self, found: Answers, models: Mapping[str, Connected], *, project: str) -> None:
        """`project` is the folder whose answers may be given: no other's are."""
        self._answers, self._models, self._project = found, models, project
        self._under_way: dict[str, _UnderWay] = {}

    async def answer(self, order: Order, pick: Pick, live: Callable[[Order], Awaitable[T]]) -> Answer | T:
        """The answer of an earlier call, recorded as given again; else what `live` makes of the order.

        What is waited for is recorded before it is taken. Where it came to nothing, the next one asks.
        """
        key = self._key(order, pick)
        if key is None:
            return await live(order)
        while (other := self._under_way.get(key.all)) is not None:
            other.awaited = True
            if order.seat is not None:
                order.seat.leave()  # that call may wait at the same table
            await other.over.wait()
        mine = self._under_way[key.all] = _UnderWay()
        try:
            question = order.ask.messages[-1].text
            found = await self._answers.find(key, question, room=order.ask.output_tokens)
            if found is not None:
                return await _given(order, pick, found)
            outcome = await live(msgspec.structs.replace(order, key=key))
            if mine.awaited:
                await order.attempt.flush()
            return outcome
        finally:
            del self._under_way[key.all]
            mine.over.set()

    def _key(self, order: Order, pick: Pick) -> CallKey | None:
        ask, arm = order.ask, pick.arm
        if order.attempt.role not in ROLES or order.attempt.branch or ask.follows:
            return None
        basis = Basis(
            messages=ask.messages,
            role=order.attempt.role,
            agent=arm.agent,
            model=arm.model,
            server=self._models[arm.model].server,
            tier=arm.tier,
            project=self._project,
            answer_schema=ask.answer_schema,
            tools=ask.tools,
            temperature=ask.temperature,
            skills=ask.skills,
        )
        return key_of(basis)


async def _given(order: Order, pick: Pick, found: Found) -> Answer:
    ask, arm, known = order.ask, pick.arm, found.known

    def served(pack: Pack) -> AnswerServed:
        schema = msgspec.json.encode(ask.answer_schema).decode() if ask.answer_schema is not None else None
        return AnswerServed(
            source=known.source,
            key=found.key,
            how=found.how,
            role=order.attempt.role,
            agent=arm.agent,
            model=arm.model,
            tier=arm.tier,
            messages=tuple(Said(message.speaker, pack.put(message.text)) for message in ask.messages),
            answer=pack.put(found.text),
            max_output_tokens=ask.output_tokens,
            ordinal=order.ordinal,
            answer_schema=pack.put(schema) if schema is not None else None,
            why=pick.why,
            captured=order.attempt.captures(pack),
            cosine=round(found.cosine, 4) or NOUGHT,
            saved_input_tokens=known.input_tokens,
            saved_output_tokens=known.output_tokens,
            saved_nanos=known.cost_nanos,
            skills=ask.skills,
        )

    await order.attempt.give(served)
    return Answer(
        text=found.text,
        finish="stop",
        agent=arm.agent,
        model=arm.model,
        tier=arm.tier,
        limit=ask.output_tokens,
        why=pick.why,
        ordinal=order.ordinal,
    )


async def open_repeats(
    log: EventLog, caching: Caching, models: Mapping[str, Connected], *, project: str, clock: Clock
) -> Repeats:
    """What a session may give again. Raises LogError where the log cannot be read."""
    found = Answers(
        log,
        await answers(log),
        caching,
        trusts=is_trusted,
        clock=clock,
        cosine=_cosine() if caching.near else lexical_cosine,
    )
    return Repeats(found, models, project=project)


MOST_SUGGESTED = 150
"""Tokens that what is told of an earlier answer has at the most. What would have more is not told: half an answer misleads."""


async def open_suggestions(
    log: EventLog, caching: Caching, *, project: str, clock: Clock
) -> Callable[[str], Awaitable[Suggested | None]]:
    """What the workers of a session may be told of earlier answers. Raises LogError where the log cannot be read."""
    found = Suggestions(
        log,
        Followed(log, await accepted(log)),
        directory=project,
        ttl_s=caching.ttl_s,
        cosine=_cosine(),
        clock=clock,
    )
    return partial(found.find, told=_short_suggestion)


def _short_suggestion(question: str, answer: str) -> str:
    """What is told of it; "" where that would have too many tokens."""
    text = suggestion_text(question, answer)
    return text if quick_tokens(f"{text}\n\n{module('worker_material')}") <= MOST_SUGGESTED else ""


def _cosine() -> Cosine:
    """By the vectors that are installed; by words and letters where none are."""
    from swarm.text.embed import installed_embedder

    embedder = installed_embedder()
    if embedder is None:
        return lexical_cosine

    def cosine(one: str, other: str) -> float:
        first, second = embedder.embed([one, other])
        return float(first @ second)

    return cosine
