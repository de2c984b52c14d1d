"""What a role orders of a model and what comes back: the request, who takes it, under which caps, the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from events.types.call import CallReserved, Foreseen
from events.types.choice import ChoiceMade, ChoiceStopped
from swarm.errors import SwarmError, dollars
from swarm.messages import Arm, Finish, Message, ToolCall, ToolSpec
from swarm.money.caps import Cap, Shares


class Pick(msgspec.Struct, frozen=True):
    """Who takes a call: by a draw, which is an event of its own, or by a rule, which is said in the call's."""

    arm: Arm
    choice: ChoiceMade | None = None
    why: str = ""
    foreseen: Foreseen | None = None  # what its answer will have at the most; None = what is allowed


class NotWorthIt(SwarmError):
    """One more try is not worth its cost. `stopped` is the event that says so."""

    def __init__(self, stopped: ChoiceStopped) -> None:
        self.stopped = stopped
        drafts = len(stopped.tried)
        least = min(each.cost_nanos for each in stopped.candidates)
        super().__init__(
            f"{drafts} draft{'s were' if drafts != 1 else ' was'} rejected, and one more try is not worth its cost: the "
            f"cheapest would cost {dollars(least)}, and right work is worth {dollars(stopped.worth_nanos)} (`choice.value` in "
            "your settings)"
        )


class Picker(Protocol):
    def __call__(self, excluded: Mapping[str, str], nth: int, input_tokens: int, /) -> Pick | None:
        """Pick an arm whose model is not in `excluded` (model -> why); None where there is none.

        The input is that of our quick count (`swarm/text/tokens.py::likely_tokens`); what a model makes of it is the picker's to know.
        Raises NotWorthIt where none of those that are left is worth its cost, NoModelAvailable where what is asked is too
        long for them.
        """
        ...


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a role wants of a model."""

    messages: tuple[Message, ...]
    output_tokens: int
    answer_schema: Mapping[str, Any] | None = None
    temperature: float = 0.0
    by_agent: Mapping[str, tuple[Message, ...]] = {}  # where several agents may take it, what each of them is told
    tools: tuple[ToolSpec, ...] = ()
    skills: tuple[str, ...] = ()  # those whose texts stand in the messages
    skill_tokens: tuple[int, ...] = ()  # about how many tokens each of these texts has
    follows: int = 0  # the attempt's call whose messages and answer stand before the last messages; 0: none
    fresh: int = 0  # how many those last ones are
    anew: bool = False  # what stands before the last messages is another than that call's: all is recorded again

    def told(self, agent: str) -> Ask:
        """The same, as it is said to an agent."""
        return msgspec.structs.replace(self, messages=self.by_agent.get(agent, self.messages))

    @property
    def said_now(self) -> int:
        """The index of the first message that no earlier call of the attempt has recorded."""
        return len(self.messages) - self.fresh if self.follows and not self.anew else 0

    def changed(self, change: Callable[[tuple[Message, ...]], tuple[Message, ...]]) -> Ask:
        """The same with other messages, whoever takes it."""
        by_agent = {agent: change(messages) for agent, messages in self.by_agent.items()}
        return msgspec.structs.replace(self, messages=change(self.messages), by_agent=by_agent)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, secrets taken out, and who gave it."""

    text: str
    finish: Finish
    agent: str
    model: str
    tier: str
    limit: int  # the most tokens that it could have
    why: str = ""
    short: bool = False  # it was cut at a limit that was foreseen, and may have more
    calls: tuple[ToolCall, ...] = ()  # of tools
    ordinal: int = 0  # of the call within its attempt

    @property
    def arm(self) -> str:
        return f"{self.agent}@{self.model}"


def answer_to(call: CallReserved, text: str, finish: str, calls: tuple[ToolCall, ...] = ()) -> Answer:
    """The answer to a call, with the text, the finish and the calls of tools that are recorded of it."""
    return Answer(
        text=text,
        finish=finish,  # type: ignore[arg-type]  # the log holds what a Reply held
        agent=call.agent,
        model=call.model,
        tier=call.tier,
        limit=call.max_output_tokens,
        why=call.why,
        short=finish == "length" and call.foreseen is not None,
        calls=calls,
        ordinal=call.ordinal,
    )


class Call(Protocol):
    async def __call__(self, ask: Ask, *, pick: Picker) -> Answer:
        """Raises BudgetExceeded, NoModelAvailable, ConfirmationNeeded, Stopped."""
        ...


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The scopes that a reservation names, and the caps above a call. Asked for at each call: the day changes."""

    named: tuple[str, ...]
    caps: tuple[Cap, ...]
    shares: Shares | None = None  # of the splits above it
