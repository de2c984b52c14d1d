"""The one place where a model is called: journal, ledger, limits, model, record.

A call is given back where its answer is recorded. Else it is made: slot, then money, then the request; its answer and the
settlement are one append, made before anything acts on the answer. Each try has a reservation of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import anyio
import msgspec

from events.blobs import Pack
from events.log import Conflict, NewEvent
from events.scopes import path_of
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from swarm.errors import BudgetExceeded, ConfirmationNeeded, Failure, NoModelAvailable, ProviderError, SwarmError
from swarm.journal import Attempt, Try
from swarm.messages import Arm, Message, Price, Reply, Request, Tier
from swarm.models.base import Model
from swarm.models.limits import Limits, Slot
from swarm.money import ledger as money
from swarm.money.bill import bill, overrun
from swarm.money.caps import Grant, Need, Wait
from swarm.orders import Answer, Ask, Call, Pick, Picker, Terms
from swarm.reservation import reservation
from swarm.text.tokens import most_tokens

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
REFUSES_ALL = (401, 402, 403, 404, 429)  # key, credit, no such model, quota: where waiting does not help
NOT_CONFIRMED = "it is paid, and nobody confirmed paid calls"
LEAST_USEFUL = 2  # an answer clamped to less than 1/2 of what was asked for is of no use


class Stopped(SwarmError):
    """The session is coming to its end: no new call is started."""

    def __init__(self) -> None:
        super().__init__("the run was interrupted; no new call is started")


class Connected(msgspec.Struct, frozen=True):
    """A model that can be asked, with the limits of its provider."""

    model: Model
    limits: Limits
    max_output_tokens: int | None = None  # the most that the model can give; None = unknown
    price: Price | None = None


async def _no_more(_: BudgetExceeded) -> bool:
    return False


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it is made, try for try."""

    attempt: Attempt
    ask: Ask
    ordinal: int
    terms: Callable[[], Terms]
    more: Callable[[BudgetExceeded], Awaitable[bool]]


class Calls:
    """Makes the calls of one session."""

    def __init__(
        self,
        *,
        ledger: money.Ledger,
        models: Mapping[str, Connected],
        redact: Callable[[str], str],
        tries: int,
        on_unknown: Literal["repeat", "ask", "fail"],
        confirm: Callable[[Arm], Awaitable[None]],
        ask: Callable[[str], Awaitable[bool]],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._ledger, self._models, self._redact = ledger, models, redact
        self._tries, self._on_unknown, self._sleep = tries, on_unknown, sleep
        self._confirm, self._ask = confirm, ask
        self._out: dict[str, str] = {}  # models that will not answer in this session, and why
        self.in_flight: dict[int, Tier] = {}  # reservation -> tier of the model that is to answer
        self.stopping = False

    def for_attempt(
        self,
        attempt: Attempt,
        terms: Callable[[], Terms],
        *,
        turns: int | None = None,
        more: Callable[[BudgetExceeded], Awaitable[bool]] = _no_more,
    ) -> Call:
        """The call as a role gets it. `more` says at a refusal whether there is more room by now: then it is made after all."""

        async def call(ask: Ask, *, pick: Picker) -> Answer:
            await attempt.flush()
            ordinal, recorded = attempt.next_call()
            given = await self._given_back(attempt, recorded)
            if given is not None:
                return given
            if turns is not None and ordinal > turns:
                raise SwarmError(f"the attempt has used its {turns} turns")
            order = _Order(attempt=attempt, ask=ask, ordinal=ordinal, terms=terms, more=more)
            return await self._live(order, pick, recorded)

        return call

    async def _given_back(self, attempt: Attempt, recorded: Sequence[Try]) -> Answer | None:
        for each in recorded:
            if isinstance(each.outcome, CallSettled):
                text = await attempt.log.text(each.outcome.answer, at=each.outcome_at)
                return _answer(text, each.outcome.finish, each.reserved)
        return None

    async def _live(self, order: _Order, pick: Picker, recorded: Sequence[Try]) -> Answer:
        await self._repeatable(order, recorded)
        excluded = dict(self._out)
        nth = len(recorded)
        picked = await self._pick_of_record(order, recorded)
        order, current = picked or (order, _pick(pick, excluded, nth + 1, order))
        while current is not None:
            tried = current.arm.model
            others = partial(_pick, pick, {**excluded, tried: ""}, nth + 1, order)
            told = msgspec.structs.replace(order, ask=order.ask.told(current.arm.agent))
            try:
                outcome, nth = await self._tries_of(told, current, nth, others)
            except ConfirmationNeeded as refusal:
                excluded[tried] = NOT_CONFIRMED
                current = _fresh(_pick(pick, excluded, nth + 1, order), refusal)
                continue
            if isinstance(outcome, Answer):
                return outcome
            excluded[tried] = reason = self._redact(str(outcome)).removeprefix(f"{tried}: ")
            if _is_out(outcome):
                self._out[tried] = reason
            current = _pick(pick, excluded, nth + 1, order)
        raise NoModelAvailable(role=order.attempt.role, reasons=excluded)

    async def _tries_of(
        self, order: _Order, pick: Pick, nth: int, others: Callable[[], Pick | None]
    ) -> tuple[Answer | ProviderError, int]:
        """Try one arm as often as its failures are worth waiting for; return what came of it and the number of the last try.

        One that asks for a long silence is waited for only where there are no others.
        """
        last = nth + self._tries
        while True:
            nth += 1
            outcome = await self._try(order, pick, nth)
            if isinstance(outcome, Answer) or outcome.failure is not Failure.WAIT or nth == last:
                return outcome, nth
            if (outcome.retry_after_s or 0) > LONGEST_PAUSE_S and others() is not None:
                return outcome, nth
            pick = msgspec.structs.replace(pick, choice=None)  # it was made once, and stands before the first try
            await self._pause(pick.arm, outcome, nth)

    async def _repeatable(self, order: _Order, recorded: Sequence[Try]) -> None:
        """Return where a call whose last try may have been paid can be made again, by whichever model."""
        if not recorded or not isinstance(recorded[-1].outcome, CallUnknown) or self._on_unknown == "repeat":
            return
        doubt = f"a call of {recorded[-1].reserved.model} for {order.attempt.key} may have been paid and has no answer"
        if self._on_unknown == "fail":
            raise SwarmError(f'{doubt}, and the settings say `on_unknown = "fail"`: it is not made again')
        question = f"{doubt[0].upper()}{doubt[1:]}. Make it again?"
        try:
            allowed = await self._ask(question)
        except ConfirmationNeeded:
            allowed = False
        if not allowed:
            raise ConfirmationNeeded(question, remedy="to make it again, resume with `--yes`")

    async def _pick_of_record(self, order: _Order, recorded: Sequence[Try]) -> tuple[_Order, Pick] | None:
        """The request and the arm of the last recorded try: a resume takes a recorded request, it never builds it again."""
        if not recorded:
            return None
        last = recorded[-1]
        model = last.reserved.model
        if model not in self._models or model in self._out or self._models[model].price is None:
            return None
        if isinstance(last.outcome, CallFailed) and last.outcome.failure != Failure.WAIT:
            return None
        texts = [await order.attempt.log.text(said.text, at=last.position) for said in last.reserved.messages]
        messages = tuple(
            Message(said.speaker, text)  # type: ignore[arg-type]  # the log holds what a Message held
            for said, text in zip(last.reserved.messages, texts, strict=True)
        )
        call = last.reserved
        asked = msgspec.structs.replace(
            order.ask, messages=messages, by_agent={**order.ask.by_agent, call.agent: messages}
        )
        arm = Arm(agent=call.agent, model=model, tier=call.tier, price=self._models[model].price)  # type: ignore[arg-type]
        return msgspec.structs.replace(order, ask=asked), Pick(
            arm, None, call.why or "asked again after an interruption"
        )

    async def _try(self, order: _Order, pick: Pick, nth: int) -> Answer | ProviderError:
        connected = self._models[pick.arm.model]
        if self.stopping:
            raise Stopped
        if pick.arm.price is None or not pick.arm.price.is_free:
            await self._confirm(pick.arm)
        need = self._need(order, pick.arm, connected)
        ticket = self._ledger.ticket()
        slot = connected.limits.slot(tokens=need.input_tokens + need.output_tokens)
        try:
            while True:
                async with slot:
                    if self.stopping:
                        raise Stopped
                    reserved = await self._reserve(order, pick, need, nth, ticket)
                    if isinstance(reserved, money.Reserved):
                        return await self._send(order, pick, connected, reserved, slot)
                    slot.unused()  # who waits for money counts against no minute of the provider
                if isinstance(reserved, Wait):
                    await self._ledger.room(ticket=ticket)
                elif not await order.more(reserved):
                    raise reserved
                need = msgspec.structs.replace(need, **_terms(order, pick.arm))
        finally:
            self._ledger.give_up(ticket)

    def _need(self, order: _Order, arm: Arm, connected: Connected) -> Need:
        assert arm.price is not None, "an arm without a price is never allowed"
        asked = min(order.ask.output_tokens, connected.max_output_tokens or order.ask.output_tokens)
        return Need(
            **_terms(order, arm),
            price=arm.price,
            input_tokens=most_tokens(order.ask.messages, order.ask.answer_schema),
            output_tokens=asked,
            least_output_tokens=max(1, asked // LEAST_USEFUL),
            model=arm.model,
        )

    async def _reserve(
        self, order: _Order, pick: Pick, need: Need, nth: int, ticket: int
    ) -> money.Reserved | Wait | BudgetExceeded:
        attempt = order.attempt

        def intent(decided: Need, grant: Grant) -> money.Intent:
            pack = Pack(attempt.owner.known)
            call = reservation(attempt, order.ask, pick, decided, grant, ordinal=order.ordinal, nth=nth, pack=pack)
            events: list[NewEvent] = [attempt.new(pick.choice)] if pick.choice is not None else []
            events.append(attempt.new(call, topic=money.TOPIC))
            return money.Intent(
                events=events, reserved=len(events) - 1, texts=pack.texts, durable=not need.price.is_free
            )

        try:
            reserved = await self._ledger.reserve(need, intent, ticket=ticket, claim=attempt.owner.claim)
        except Conflict as conflict:
            raise await attempt.owner.lost() from conflict
        except BudgetExceeded as refusal:
            return refusal
        if isinstance(reserved, money.Reserved):
            attempt.owner.known.learn(reserved.intent.texts, reserved.ack.place)
            attempt.captures_are_stored()
        return reserved

    async def _send(
        self, order: _Order, pick: Pick, connected: Connected, reserved: money.Reserved, slot: Slot
    ) -> Answer | ProviderError:
        request = Request(
            messages=order.ask.messages,
            max_output_tokens=reserved.grant.output_tokens,
            temperature=order.ask.temperature,
            answer_schema=order.ask.answer_schema,
        )
        began = time.monotonic()
        sent = False
        self.in_flight[reserved.position] = pick.arm.tier
        try:
            await anyio.lowlevel.checkpoint()  # the last moment at which nothing was sent
            sent = True
            reply = await connected.model.ask(request)
        except ProviderError as error:
            if not error.sent:
                slot.unused()
            return await self._failed(order, reserved, error)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._interrupted(order, reserved, sent)
            raise
        finally:
            del self.in_flight[reserved.position]
        if reply.usage is not None:
            slot.used(reply.usage.input_tokens + reply.usage.output_tokens)
        milliseconds = int((time.monotonic() - began) * 1000)
        return self._settled(order, pick, reserved, reply, milliseconds)

    def _settled(self, order: _Order, pick: Pick, reserved: money.Reserved, reply: Reply, milliseconds: int) -> Answer:
        attempt, need, text = order.attempt, reserved.need, self._redact(reply.text)
        billed = bill(need, reserved.grant, reply, order.ask.messages)
        usage = billed.usage

        def events(pack: Pack) -> Sequence[NewEvent]:
            settled = CallSettled(
                reservation=reserved.position,
                answer=pack.put(text),
                finish=reply.finish,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_tokens=usage.cached_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                reasoning_tokens=usage.reasoning_tokens,
                tokens=billed.tokens,
                cost_nanos=billed.nanos,
                price=need.price.row,
                basis=billed.basis,
                doubts=billed.doubts,
                answered_by="" if reply.model == pick.arm.model else self._redact(reply.model),
                duration_ms=milliseconds,
            )
            overran = overrun(reserved.position, need, reserved.grant, billed)
            return [attempt.new(settled), *([attempt.new(overran, topic=money.TOPIC)] if overran else [])]

        attempt.settle(events, durable=not need.price.is_free)
        return Answer(
            text=text,
            finish=reply.finish,
            agent=pick.arm.agent,
            model=pick.arm.model,
            tier=pick.arm.tier,
            limit=reserved.grant.output_tokens,
            why=pick.why,
        )

    async def _failed(self, order: _Order, reserved: money.Reserved, error: ProviderError) -> ProviderError:
        attempt, reason = order.attempt, self._redact(str(error))
        event: CallFailed | CallUnknown
        if error.charged:
            event = CallUnknown(reservation=reserved.position, reason=reason)
        else:
            event = CallFailed(
                reservation=reserved.position, failure=error.failure, reason=reason, status=error.status or 0
            )
        await attempt.owner.append([attempt.new(event)], cause=reserved.position)
        return error

    async def _interrupted(self, order: _Order, reserved: money.Reserved, sent: bool) -> None:
        """A call was cut off by our own end: it stays charged where it was sent."""
        attempt, position = order.attempt, reserved.position
        event = (
            CallUnknown(reservation=position, reason="interrupted while the answer was awaited")
            if sent
            else CallReleased(reservation=position, reason="interrupted before anything was sent")
        )
        await attempt.owner.append([attempt.new(event)], cause=position)

    async def _pause(self, arm: Arm, error: ProviderError, nth: int) -> None:
        """Wait as the provider asks, else with doubling, jittered pauses."""
        if error.retry_after_s is not None:
            limits = self._models[arm.model].limits
            limits.pause(limits.now() + error.retry_after_s)
            return
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (nth - 1))
        await self._sleep(pause * (0.5 + random.random() / 2))


def _is_out(error: ProviderError) -> bool:
    """Whether the model will answer no call of this session, whatever is asked."""
    return error.failure is Failure.SWITCH or (error.failure is Failure.STOP and error.status in REFUSES_ALL)


def _fresh(pick: Pick | None, refusal: ConfirmationNeeded) -> Pick:
    """Who takes a call in place of a paid model that nobody confirmed. Raises the refusal where only rejected ones could."""
    rejected = {each.arm for each in pick.choice.tried} if pick is not None and pick.choice is not None else set[str]()
    if pick is None or pick.arm.name in rejected:
        raise refusal
    return pick


def _pick(pick: Picker, excluded: Mapping[str, str], nth: int, order: _Order) -> Pick | None:
    return pick(excluded, nth, most_tokens(order.ask.messages))


def _terms(order: _Order, arm: Arm) -> dict[str, Any]:
    attempt, terms = order.attempt, order.terms()
    scopes = path_of(terms.named, project=attempt.owner.project, role=attempt.role, agent=arm.agent)
    caps = tuple(cap for cap in terms.caps if cap.scope in scopes)  # that of another agent bounds only its own calls
    return {"scopes": scopes, "named": terms.named, "caps": caps, "shares": terms.shares}


def _answer(text: str, finish: str, call: CallReserved) -> Answer:
    return Answer(
        text=text,
        finish=finish,  # type: ignore[arg-type]  # the log holds what a Reply held
        agent=call.agent,
        model=call.model,
        tier=call.tier,
        limit=call.max_output_tokens,
        why=call.why,
    )
