"""Calls of a model: money reserved before, settled after. Amounts are nano-dollars, sizes are tokens."""

from __future__ import annotations

import msgspec

from events.types.base import NOUGHT, Captured, Event, Said, TextRef

RECONCILED = ("invoice", "person")
"""Bases of an amount that was found out after nobody knew whether the call was billed."""


class Foreseen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an answer will have at the most, as answers before it say."""

    tokens: int
    answers: int  # how many of them were looked at
    like: str  # what they share with it beside role and level: "model" and type, "type" alone, or "role" and no more


class CallKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an answer depends on, as digests: a call of the same key may get the same answer."""

    all: str
    but_question: str = ""  # of all but the last message; empty: only the same to the letter is the same


MISSING = "missing"
"""How a call ended that was made in one request with those of other tasks, where the answer has nothing for it."""


class SharedRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The one request with which the calls of several tasks were sent. Each has a reservation of its own, for its share."""

    part: int  # the number of this call in it, from 1
    parts: int
    messages: tuple[Said, ...]  # as they were sent
    answer_schema: TextRef


class CallReserved(Event, frozen=True, kw_only=True, tag="call.reserved"):
    """The intent to call, and the most that it can cost in every scope that it counts in. Stands on `ledger`."""

    role: str
    agent: str
    model: str
    tier: str
    messages: tuple[Said, ...]
    max_output_tokens: int
    tokens: int  # reserved against token caps: counted input with its margin + the most output
    cost_nanos: int  # reserved against money caps
    price: str  # id of the price row
    scopes: tuple[str, ...]  # every scope that it counts in, the widest first
    ordinal: int  # number of the call within its attempt, from 1
    nth: int = 1  # number of the try of this call
    answer_schema: TextRef | None = None
    temperature: float = NOUGHT
    why: str = ""  # the rule by which a judge was taken
    captured: tuple[Captured, ...] = ()
    foreseen: Foreseen | None = None  # what `max_output_tokens` was made from; None: what its role is allowed
    tools: TextRef | None = None  # those that were offered, as JSON
    skills: tuple[str, ...] = ()  # those whose texts stand in it
    skill_tokens: tuple[int, ...] = ()  # about how many tokens each of these texts has
    follows: int = 0  # the ordinal of the attempt's call whose messages and answer stand before `messages`; 0: none
    anew: TextRef | None = None  # `messages` are all, of a compacted conversation: what they call and answer, as JSON
    branch: str = ""  # of the attempt, in which a sub-agent makes it; its calls are numbered by themselves
    key: CallKey | None = None  # by which its answer may be given again; None: it is not
    quick_tokens: int = 0  # about how many tokens its input has by our own quick count; 0: nobody counted
    shared: SharedRequest | None = None  # with what it was sent in place of `messages`, which it is if it is made alone


class CallSettled(Event, frozen=True, kw_only=True, tag="call.settled"):
    reservation: int  # position of the call.reserved that it settles
    answer: TextRef
    finish: str  # "stop", "length", "refusal", "tools" or "other"; MISSING: no answer, it cost its share all the same
    input_tokens: int  # as the provider counts: cached tokens and cache writes included
    output_tokens: int  # reasoning included
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    tokens: int  # what counts against token caps: uncached input + cache writes + output
    cost_nanos: int  # at the price then; 0 on a free tier
    price: str
    basis: str = "provider"  # "reservation" where the provider did not say what it counted; else one of RECONCILED
    doubts: tuple[
        str, ...
    ] = ()  # what cannot be of that usage, such as "total-differs"; the amounts follow it all the same
    answered_by: str = ""  # the name under which the provider answered, where it differs
    duration_ms: int = 0
    by: str = ""  # the person who settled it afterwards, where `is_reconciled`
    calls: TextRef | None = None  # of tools, as JSON: what the model wants done

    @property
    def has_answer(self) -> bool:
        """Whether it brought the call an answer: else `answer` is what came for the request, and the call is made alone."""
        return self.finish != MISSING

    @property
    def is_reconciled(self) -> bool:
        """Whether it says what a call cost of which nobody knew: `answer` is a note on that, the model's answer is lost."""
        return self.basis in RECONCILED


class CallFailed(Event, frozen=True, kw_only=True, tag="call.failed"):
    """The try came to nothing and the provider bills nothing for it."""

    reservation: int
    failure: str  # "wait", "stop" or "switch"
    reason: str
    status: int = 0  # HTTP status; 0 = none was received


class CallReleased(Event, frozen=True, kw_only=True, tag="call.released"):
    """The reservation was given back before anything was sent."""

    reservation: int
    reason: str


class CallUnknown(Event, frozen=True, kw_only=True, tag="call.unknown"):
    """Nobody knows whether it was answered and billed: maybe paid. It stays charged at its reservation."""

    reservation: int
    reason: str


class CallOverran(Event, frozen=True, kw_only=True, tag="call.overran"):
    """The provider counted more than was reserved. Stands on `ledger`; the amounts are the excess."""

    reservation: int
    scopes: tuple[str, ...]  # those of the reservation
    tokens: int
    cost_nanos: int
    model: str = ""
    counted_tokens: int = 0  # the most input that was counted for the request
    input_tokens: int = 0  # as the provider counted it
    max_output_tokens: int = 0  # the most output that was asked for
    output_tokens: int = 0  # as the provider counted it


class BudgetMarked(Event, frozen=True, kw_only=True, tag="budget.marked"):
    """What is spent in a scope has passed a share of its cap, for the first time."""

    scope: str
    unit: str  # "tokens" or "nanos"
    percent: int  # 80, 90 or 100
    used: int  # spent; what is only reserved does not count
    cap: int


class BudgetSet(Event, frozen=True, kw_only=True, tag="budget.set"):
    """A person gave a scope a cap, in place of the one that it had from settings or task file. Stands on `ledger`."""

    scope: str
    tokens: int | None = None  # None: the cap of this unit stays as it was
    nanos: int | None = None
    by: str  # for people: user@host
    reason: str = ""
