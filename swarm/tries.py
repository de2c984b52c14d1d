"""One try of a call: slot, money, the request, and the record of what came of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import anyio
import msgspec

from events.blobs import Pack
from events.log import Conflict, NewEvent
from events.scopes import path_of
from events.types.base import TextRef
from events.types.call import CallFailed, CallKey, CallReleased, CallSettled, CallUnknown
from events.types.model import ModelCooled
from swarm.cooldowns import Cooldowns, is_down
from swarm.errors import BudgetExceeded, Failure, ProviderError
from swarm.journal import Attempt
from swarm.messages import Arm, Price, Reply, Request, Tier, ToolCall
from swarm.models.base import Model
from swarm.models.limits import Limits, Slot
from swarm.money import ledger as money
from swarm.money.bill import Bill, bill, overrun
from swarm.money.caps import Grant, Need, Wait
from swarm.money.foresight import fitting
from swarm.orders import Answer, Ask, Pick, Terms
from swarm.pauses import Pauses
from swarm.pauses import Stopped as Stopped
from swarm.reservation import Share, reservation
from swarm.text.tokens import most_tokens

LONGEST_PAUSE_S = 30.0
"""A call waits no longer for its next try at the same model: one that wants a longer silence cools down."""

TOO_MANY = (429, 529)
"""Too many requests, and Anthropic's word for too many of everybody's: the provider takes fewer at a time."""

LEAST_USEFUL = 2  # an answer clamped to less than 1/2 of what was asked for is of no use


class Connected(msgspec.Struct, frozen=True):
    """A model that can be asked, with the limits of its provider; `server` is its host and port."""

    model: Model
    limits: Limits
    max_output_tokens: int | None = None  # the most that the model can give; None = unknown
    price: Price | None = None
    server: str = ""
    context_tokens: int | None = None  # the most that it can read and write in one call; None = unknown


class Seat(Protocol):
    """The place of a task's first call among calls of other tasks that are made in one request."""

    async def join(self, order: Order, pick: Pick) -> tuple[Answer | None, int]:
        """Have the call made together with the others. Return its answer, or None where it has to be made alone, and how many
        tries are recorded of it by then."""
        ...

    def leave(self) -> None:
        """Say that the call is not made together with the others. Nothing where it is, or was."""
        ...


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it is made, try for try."""

    attempt: Attempt
    ask: Ask
    ordinal: int
    terms: Callable[[], Terms]
    more: Callable[[BudgetExceeded], Awaitable[bool]]
    level: int  # how urgent it is
    key: CallKey | None = None  # by which its answer may be given again
    seat: Seat | None = None  # with which it may be made together with calls of other tasks


class Turn(msgspec.Struct, frozen=True):
    """One try: who takes it, which number it has, whether it is the last on this arm."""

    pick: Pick
    nth: int
    last: bool
    trial: ModelCooled | None = None  # it finds out whether a model that cools down answers again
    share: Share | None = None  # in one request with calls of other tasks


class Tries:
    """Makes the tries of one session."""

    def __init__(
        self,
        *,
        ledger: money.Ledger,
        models: Mapping[str, Connected],
        cooldowns: Cooldowns,
        redact: Callable[[str], str],
        confirm: Callable[[Arm], Awaitable[None]],
    ) -> None:
        self._ledger, self._models, self._cooldowns = ledger, models, cooldowns
        self._redact, self._confirm = redact, confirm
        self.in_flight: dict[int, Tier] = {}  # reservation -> tier of the model that is to answer
        self.pauses = Pauses()

    @property
    def stopping(self) -> bool:
        return self.pauses.stopping

    async def make(self, order: Order, turn: Turn) -> Answer | ProviderError | None:
        """Make one try; None, with nothing recorded, where another call found meanwhile that the model does not answer, and where
        the task was paused."""
        arm = turn.pick.arm
        connected = self._models[arm.model]
        if self.stopping:
            raise Stopped
        if arm.price is None or not arm.price.is_free:
            await self._confirm(arm)
        allowed = min(order.ask.output_tokens, connected.max_output_tokens or order.ask.output_tokens)
        foreseen = fitting(turn.pick.foreseen, allowed)
        turn = msgspec.structs.replace(turn, pick=msgspec.structs.replace(turn.pick, foreseen=foreseen))
        need = self._need(order, turn.pick, allowed)
        ticket = self._ledger.ticket()
        slot = connected.limits.slot(tokens=need.input_tokens + need.output_tokens, level=order.level)
        try:
            while True:
                async with slot:
                    if self.stopping:
                        raise Stopped
                    reserved = await self._reserve(order, turn, need, ticket) if self._may(order, turn) else None
                    if isinstance(reserved, money.Reserved):
                        return await self._send(order, turn, connected, reserved, slot)
                    slot.unused()  # who waits for money counts against no minute of the provider
                if reserved is None:
                    return None
                if isinstance(reserved, Wait):
                    await self._ledger.room(ticket=ticket)
                elif not await order.more(reserved):
                    raise reserved
                need = msgspec.structs.replace(need, **_terms(order, arm))
        finally:
            self._ledger.give_up(ticket)

    def _may(self, order: Order, turn: Turn) -> bool:
        """Whether the model may still be sent the call: more may have been found out, or been said, while it waited in line."""
        if self.pauses.hold(order.attempt.state.name):
            return False
        return turn.trial is not None or self._cooldowns.is_well(turn.pick.arm.model)

    def _need(self, order: Order, pick: Pick, allowed: int) -> Need:
        arm, foreseen = pick.arm, pick.foreseen
        assert arm.price is not None, "an arm without a price is never allowed"
        asked, least = (foreseen.tokens, foreseen.tokens) if foreseen else (allowed, max(1, allowed // LEAST_USEFUL))
        return Need(
            **_terms(order, arm),
            price=arm.price,
            input_tokens=most_tokens(order.ask.messages, order.ask.answer_schema, order.ask.tools),
            output_tokens=asked,
            least_output_tokens=least,
            model=arm.model,
        )

    async def _reserve(
        self, order: Order, turn: Turn, need: Need, ticket: int
    ) -> money.Reserved | Wait | BudgetExceeded | None:
        """Take the money. None: another process tries the model at this moment, and one call is enough to find out."""
        attempt, model = order.attempt, turn.pick.arm.model
        topic, claim = self._cooldowns.topic(model), attempt.owner.claim
        if turn.trial is not None:
            claim = {**claim, topic: self._cooldowns.position(model)}
        try:
            intent = self._intent(order, turn)
            with self.pauses.beginning(attempt.state.name):
                reserved = await self._ledger.reserve(need, intent, ticket=ticket, claim=claim)
        except Conflict as conflict:
            if conflict.topic == topic:
                await self._cooldowns.recall_one(attempt.log, model)
                return None
            raise await attempt.owner.lost() from conflict
        except BudgetExceeded as refusal:
            return refusal
        if isinstance(reserved, money.Reserved):
            attempt.owner.known.learn(reserved.intent.texts, reserved.ack.place)
            attempt.captures_are_stored()
            if turn.trial is not None:
                positions = reserved.ack.positions
                self._cooldowns.take(model, turn.trial, positions[positions.index(reserved.position) - 1])
        return reserved

    def _intent(self, order: Order, turn: Turn) -> Callable[[Need, Grant], money.Intent]:
        """What is appended where the call is granted: the choice, that it tries a model which cools down, the reservation."""
        attempt, pick = order.attempt, turn.pick

        def intent(decided: Need, grant: Grant) -> money.Intent:
            pack = Pack(attempt.owner.known)
            call = reservation(
                attempt,
                order.ask,
                pick,
                decided,
                grant,
                ordinal=order.ordinal,
                nth=turn.nth,
                key=order.key,
                pack=pack,
                share=turn.share,
            )
            events: list[NewEvent] = attempt.held(pack)
            if pick.choice is not None:
                events.append(attempt.new(pick.choice))
            if turn.trial is not None:
                events.append(attempt.new(turn.trial, topic=self._cooldowns.topic(pick.arm.model)))
            events.append(attempt.new(call, topic=money.TOPIC))
            durable = not decided.price.is_free
            return money.Intent(events=events, reserved=len(events) - 1, texts=pack.texts, durable=durable)

        return intent

    async def _send(
        self, order: Order, turn: Turn, connected: Connected, reserved: money.Reserved, slot: Slot
    ) -> Answer | ProviderError:
        request = Request(
            messages=order.ask.messages,
            max_output_tokens=reserved.grant.output_tokens,
            temperature=order.ask.temperature,
            answer_schema=order.ask.answer_schema,
            tools=order.ask.tools,
        )
        began = time.monotonic()
        sent = False
        self.in_flight[reserved.position] = turn.pick.arm.tier
        try:
            await anyio.lowlevel.checkpoint()  # the last moment at which nothing was sent
            sent = True
            reply = await connected.model.ask(request)
        except ProviderError as error:
            if not error.sent:
                slot.unused()
            if error.failure is Failure.WAIT and error.status in TOO_MANY:
                slot.refused(by_rate=error.retry_after_s is not None)
            return await self._failed(order, turn, reserved, error)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._interrupted(order, turn, reserved, sent)
            raise
        finally:
            del self.in_flight[reserved.position]
        slot.answered()
        if reply.usage is not None:
            slot.used(reply.usage.input_tokens + reply.usage.output_tokens)
        milliseconds = int((time.monotonic() - began) * 1000)
        return self._settled(order, turn, reserved, reply, milliseconds)

    def _settled(self, order: Order, turn: Turn, reserved: money.Reserved, reply: Reply, milliseconds: int) -> Answer:
        attempt, need, pick, text = order.attempt, reserved.need, turn.pick, self._redact(reply.text)
        billed = bill(need, reserved.grant, reply, order.ask.messages)
        calls = _redacted(reply.calls, self._redact)
        well = [self._recovered(attempt, pick.arm.model)] if turn.trial is not None else []

        def events(pack: Pack) -> Sequence[NewEvent]:
            settled = settlement(
                reserved,
                billed,
                pack.put(text),
                finish=reply.finish,
                answered_by="" if reply.model == pick.arm.model else self._redact(reply.model),
                milliseconds=milliseconds,
                calls=pack.put(msgspec.json.encode(calls).decode()) if calls else None,
            )
            overran = overrun(reserved.position, need, reserved.grant, billed)
            return [attempt.new(settled), *([attempt.new(overran, topic=money.TOPIC)] if overran else []), *well]

        attempt.settle(events, durable=not need.price.is_free)
        return Answer(
            text=text,
            finish=reply.finish,
            agent=pick.arm.agent,
            model=pick.arm.model,
            tier=pick.arm.tier,
            limit=reserved.grant.output_tokens,
            why=pick.why,
            short=reply.finish == "length" and pick.foreseen is not None,
            calls=calls,
            ordinal=order.ordinal,
        )

    async def _failed(self, order: Order, turn: Turn, reserved: money.Reserved, error: ProviderError) -> ProviderError:
        attempt, model, reason = order.attempt, turn.pick.arm.model, self._redact(str(error))
        event: CallFailed | CallUnknown
        if error.charged:
            event = CallUnknown(reservation=reserved.position, reason=reason)
        else:
            event = CallFailed(
                reservation=reserved.position, failure=error.failure, reason=reason, status=error.status or 0
            )
        events, cooled = [attempt.new(event)], None
        if is_down(error) and is_the_end(error, turn.last):
            cooled = self._cooldowns.after(model, error, self.reason(model, error), tried=turn.trial is not None)
            events += [attempt.new(cooled, topic=self._cooldowns.topic(model))] if cooled is not None else []
        elif turn.trial is not None:
            events.append(self._recovered(attempt, model))  # it answers, if only that it does not take this request
        ack = await attempt.owner.append(events, cause=reserved.position)
        if cooled is not None:
            self._cooldowns.take(model, cooled, ack.positions[-1])
        return error

    def _recovered(self, attempt: Attempt, model: str) -> NewEvent:
        return attempt.new(self._cooldowns.recovered(model), topic=self._cooldowns.topic(model))

    async def _interrupted(self, order: Order, turn: Turn, reserved: money.Reserved, sent: bool) -> None:
        """A call was cut off by our own end: it stays charged where it was sent."""
        attempt, position, model = order.attempt, reserved.position, turn.pick.arm.model
        event = (
            CallUnknown(reservation=position, reason="interrupted while the answer was awaited")
            if sent
            else CallReleased(reservation=position, reason="interrupted before anything was sent")
        )
        left = self._cooldowns.given_up(turn.trial) if turn.trial is not None else None
        events = [attempt.new(event)]
        events += [attempt.new(left, topic=self._cooldowns.topic(model))] if left is not None else []
        ack = await attempt.owner.append(events, cause=position)
        if left is not None:
            self._cooldowns.take(model, left, ack.positions[-1])

    def reason(self, model: str, error: ProviderError) -> str:
        return self._redact(str(error)).removeprefix(f"{model}: ")


def settlement(
    reserved: money.Reserved,
    billed: Bill,
    answer: TextRef,
    *,
    finish: str,
    answered_by: str,
    milliseconds: int,
    calls: TextRef | None = None,
) -> CallSettled:
    """The event that a call was answered, and what it came to."""
    usage = billed.usage
    return CallSettled(
        reservation=reserved.position,
        answer=answer,
        finish=finish,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        tokens=billed.tokens,
        cost_nanos=billed.nanos,
        price=reserved.need.price.row,
        basis=billed.basis,
        doubts=billed.doubts,
        answered_by=answered_by,
        duration_ms=milliseconds,
        calls=calls,
    )


def is_the_end(error: ProviderError, last: bool) -> bool:
    """Whether a call gives a model up for now."""
    return last or error.failure is not Failure.WAIT or (error.retry_after_s or 0) > LONGEST_PAUSE_S


def _redacted(calls: Sequence[ToolCall], redact: Callable[[str], str]) -> tuple[ToolCall, ...]:
    """What the model wants done, without the secrets that it knows of: the next request says it again.

    What is kept for its provider goes back unchanged or, where a secret stands in it, not at all: changed it is refused.
    """
    return tuple(
        ToolCall(
            redact(call.id),
            redact(call.name),
            redact(call.arguments),
            call.kept if redact(call.kept) == call.kept else "",
        )
        for call in calls
    )


def _terms(order: Order, arm: Arm) -> dict[str, Any]:
    attempt, terms = order.attempt, order.terms()
    scopes = path_of(terms.named, project=attempt.owner.project, role=attempt.role, agent=arm.agent)
    caps = tuple(cap for cap in terms.caps if cap.scope in scopes)  # that of another agent bounds only its own calls
    return {"scopes": scopes, "named": terms.named, "caps": caps, "shares": terms.shares}
