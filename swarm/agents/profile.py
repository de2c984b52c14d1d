"""What an agent is: a named profile that fills a place in the cycle, on whichever model the choice takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from swarm.messages import Tier

MOST_WORDS = 10_000
"""Of an answer; who wants more cuts the task."""

TAG = r"[a-z0-9][a-z0-9_.+-]{0,39}"
"""What a tag may be."""

MOST_PROMPT_BYTES = 128 * 1024
"""Of a profile's prompt, about 30,000 tokens: it is sent with every call, unless the stage `prompt` leaves sections out."""


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile. Empty tiers are all; an agent without types and tags takes part only where it is named."""

    name: str
    description: str = ""  # for people
    prompt: str = ""  # what it is told of itself; each call carries it
    types: tuple[str, ...] = ()  # of tasks that it takes
    tags: tuple[str, ...] = ()
    words: int = 0  # that an answer has at most; 0 = what the task's level has room for
    tiers: tuple[Tier, ...] = ()
    tools: tuple[str, ...] = ()  # of those of a task the ones that it uses, as `toolnames` reads them; empty = all
    skills: tuple[str, ...] | None = None  # of those of a task the ones that it uses; None = all
    tokens: int | None = None  # the cap of its calls for a task
    usd_nanos: int | None = None  # the same in billionths of a US dollar

    @property
    def at_work(self) -> Agent:
        """What of it a run needs, and records with the task."""
        return msgspec.structs.replace(self, description="", types=(), tags=())


PLAIN: Mapping[str, Agent] = {
    "explorer": Agent(name="scout", words=300),
    "worker": Agent(name="generalist", words=350),
    "validator": Agent(name="critic", words=150),
}
"""Who fills a role where no other agent is named or matched."""


@cache
def shipped() -> Mapping[str, Agent]:
    """The agents that ship, by their names, without the plain ones of the roles."""
    raw = Path(__file__).with_name("shipped.json").read_bytes()
    return {agent.name: agent for agent in msgspec.json.decode(raw, type=tuple[Agent, ...])}
