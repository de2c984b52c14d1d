"""How a conversation with tools goes on: as it was said, or compacted. Decided once, and taken from the record ever after.

A request that follows a compaction records all that it says; each one behind it goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from anyio import to_thread

from events.types.stage import StageApplied
from events.views.tasks import Place
from swarm.compress.history import Compacted, Past, Talk, digest, keeps, lost, results
from swarm.compress.when import Rates, State, due, further_requests
from swarm.journal import Attempt
from swarm.messages import Arm, Message
from swarm.orders import Ask
from swarm.reservation import joined
from swarm.settings.stages import Strategy
from swarm.stages import Drawn
from swarm.text.families import prior
from swarm.text.tokens import likely_tokens, most_tokens, quick_tokens

READ_OUTPUT = "read_output"
"""The tool that gives the whole of an output by its handle."""

EDITING = frozenset({"edit", "patch", "write"})

STAGE = "history"

NO_RATES = Rates()


class Summarise(Protocol):
    async def __call__(self, talk: Talk, tokens: int, ordinal: int, /) -> tuple[str, str]:
        """Older turns in so many tokens, in the words of a free model; or "", and why there is none."""
        ...


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How the conversation of an attempt is compacted, and what bounds it."""

    drawn: Drawn
    strategy: Strategy
    sought: str  # what the attempt wants to know
    arm: Callable[[str], Arm | None]  # by name
    left: Callable[[], int | None]  # tokens that the caps above the attempt leave
    summarise: Summarise


class _Kept(msgspec.Struct, frozen=True):
    """What the record says of a compaction, beside the request that followed it."""

    past: Past


class History:
    """The conversation of one attempt. Without `rules` nothing is compacted but what the record says was."""

    def __init__(
        self, attempt: Attempt, rules: Rules | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempt, self._rules, self._clock = attempt, rules, clock
        self._past, self._since = Past(), 0  # requests that were made when it was compacted last
        self._shadow: tuple[Message, ...] = ()  # where it is only measured: how the conversation would be
        self._seen = 0  # and for how many of its messages that stands
        self._answered_at: float | None = None

    async def going_on(self, ask: Ask, *, arm: str, turns: int) -> Ask:
        """What is asked next in place of `ask`. `arm` answered last, `turns` is how many requests the attempt may make."""
        ordinal, tries = self._attempt.coming_call
        made = ordinal - 1
        if tries:
            return await self._recorded(ask, ordinal, tries[0].reserved.anew is not None)
        rules, idle_s = self._rules, self._idle_s()
        if rules is None:
            return ask
        talk = self._talk(ask, rules)
        found = await to_thread.run_sync(_made, rules, talk)
        reason = due(self._state(ask, talk, found, rules, arm, made, turns, idle_s)) if found is not None else ""
        if found is None or not reason:
            return ask
        if rules.strategy == "summary" and rules.drawn.how == "used" and rules.drawn.keep < 1:
            found = await self._summarised(rules, talk, found, ordinal)
        return self._taken(ask, found, reason, rules, ordinal)

    def _idle_s(self) -> float:
        """How long ago the last answer came; as far as this process knows it."""
        before, self._answered_at = self._answered_at, self._clock()
        return self._answered_at - before if before is not None else 0.0

    def _talk(self, ask: Ask, rules: Rules) -> Talk:
        names = {tool.name for tool in ask.tools}
        return Talk(
            messages=(*self._shadow, *ask.messages[self._seen :]),
            sought=rules.sought,
            edits=bool(EDITING & names),
            handles=READ_OUTPUT in names,
            past=self._past,
        )

    def _state(
        self, ask: Ask, talk: Talk, found: Compacted, rules: Rules, arm: str, made: int, turns: int, idle_s: float
    ) -> State:
        takes = rules.arm(arm)
        window = takes.context_tokens if takes is not None else None
        return State(
            tokens=likely_tokens(talk.messages, ask.answer_schema, ask.tools),
            removed=found.before - found.after,
            rewritten=found.rewritten,
            turns=made - self._since,
            further=further_requests(made, turns),
            rates=rates_of(takes),
            window=int((window - ask.output_tokens) / prior(takes.model)) if window and takes is not None else None,
            reserved=most_tokens(talk.messages, ask.answer_schema, ask.tools) + ask.output_tokens,
            left=rules.left(),
            idle_s=idle_s,
        )

    async def _summarised(self, rules: Rules, talk: Talk, found: Compacted, ordinal: int) -> Compacted:
        """The same with a summary in place of the digest, where a model writes one that keeps what must not be lost."""
        await self._attempt.leave()  # what was done is recorded before somebody is waited for
        said, why = await rules.summarise(talk, found.after, ordinal)
        if said and not keeps(talk, said):
            said, why = "", f"the summary lost {lost(talk, said)[0][:60]}"
        made = digest(talk, rules.drawn.keep, quick_tokens, said) if said else None
        if made is None or made.after > found.before:
            return found._replace(form=f"digest, as {why or 'the summary was too long'}")
        return made._replace(form="summary")

    def _taken(self, ask: Ask, found: Compacted, reason: str, rules: Rules, ordinal: int) -> Ask:
        """What is asked of a conversation that was compacted; it goes with that request into the record."""
        self._attempt.note(_name(ordinal), msgspec.json.encode(_Kept(found.past)).decode())
        self._attempt.tell(
            StageApplied(
                stage=STAGE,
                before=found.before,
                after=found.after,
                on=reason,
                how=rules.drawn.how,
                form=found.form,
                role=self._attempt.role,
                branch=self._attempt.branch,
            )
        )
        self._past, self._since = found.past, ordinal - 1
        if rules.drawn.how == "used":
            return _anew(ask, found.messages)
        self._shadow, self._seen = found.messages, len(ask.messages)
        return ask

    async def _recorded(self, ask: Ask, ordinal: int, is_anew: bool) -> Ask:
        """What was asked, as the record has it."""
        place = self._attempt.recorded.captures.get(_name(ordinal))
        if place is not None:
            self._since = ordinal - 1
            if not is_anew and self._rules is not None:
                self._measure(ask, self._rules)
            else:
                self._past = msgspec.json.decode(await self._attempt.text(place), type=_Kept).past
        return _anew(ask, await self._said(ordinal)) if is_anew else ask

    def _measure(self, ask: Ask, rules: Rules) -> None:
        """Go on from how the conversation would be, had it been compacted as the record says that it was measured."""
        found = _made(rules, self._talk(ask, rules))
        if found is not None:
            self._past, self._shadow, self._seen = found.past, found.messages, len(ask.messages)

    async def _said(self, ordinal: int) -> Sequence[Message]:
        at, call = (first := self._attempt.recorded.calls[ordinal][0]).position, first.reserved
        assert call.anew is not None, "it is asked of what begins anew"
        said = [(each.speaker, await self._attempt.text(Place(each.text, at))) for each in call.messages]
        return joined(said, await self._attempt.text(Place(call.anew, at)))


def _made(rules: Rules, talk: Talk) -> Compacted | None:
    """The conversation compacted; by `minimal` only what stands in it twice goes, whatever the strategy."""
    if rules.strategy == "results" or rules.drawn.keep >= 1 or not talk.handles:
        return results(talk, rules.drawn.keep, quick_tokens)
    return digest(talk, rules.drawn.keep, quick_tokens)


def rates_of(arm: Arm | None) -> Rates:
    """What cached input and written input cost beside uncached; where nothing is paid, the one weighs as much as the other."""
    if arm is None or arm.price is None or not arm.price.input_nanos:
        return NO_RATES
    price = arm.price
    return Rates(price.of_cached / price.input_nanos, price.of_written / price.input_nanos)


def _anew(ask: Ask, messages: Sequence[Message]) -> Ask:
    return msgspec.structs.replace(ask, messages=tuple(messages), by_agent={}, anew=True)


def _name(ordinal: int) -> str:
    """The name under which it is recorded what a compaction before the call of that number left."""
    return f"history/{ordinal}"
