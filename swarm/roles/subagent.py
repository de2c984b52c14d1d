"""The sub-agent: does a part of a worker's step in a conversation of its own, and answers with what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.types.tree import FileChange
from swarm.errors import BudgetExceeded, NoModelAvailable
from swarm.messages import Message, ToolCall, ToolSpec
from swarm.orders import Answer, Ask, Call, NotWorthIt, Picker
from swarm.prompts.build import subagent_messages
from swarm.roles.guard import Used
from swarm.roles.job import Hands, Job, answer_tokens
from swarm.roles.turns import converse
from swarm.task import agents_of

MOST_TOLD = 20
"""So many of its uses of tools are named where it came to no answer, the last ones."""
USE_CHARS = 120


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told of a sub-agent. `failed`: it came to no answer."""

    text: str
    failed: bool = False


async def assist(prompt: str, budget: int, *, job: Job, call: Call, hands: Hands) -> Report:
    """Do the part that `prompt` asks for, with a budget of so many tokens. `job` is the worker's, with who may take the calls.

    Whatever refuses a call ends the part with what it has come to by then.
    """
    messages = {
        agent.name: subagent_messages(prompt, agent=agent.prompt, budget=budget)
        for agent in agents_of(job.task, "worker")
    }
    ask = Ask(
        messages=next(iter(messages.values())),
        by_agent=messages if len(messages) > 1 else {},
        output_tokens=answer_tokens(job),
    )
    seen = _Seen(call, hands)
    try:
        said = await converse(job, seen.call, ask, seen)
    except (BudgetExceeded, NoModelAvailable, NotWorthIt) as error:
        why = str(error).partition("; ")[0]  # without what to do about it, which is for people
        return seen.cut_short(f"The sub-agent was ended, for its next call was refused: {why}.")
    if said.stopped:
        return seen.cut_short(f"The sub-agent was ended: {said.stopped}.")
    text = said.answer.text.strip()
    if said.finish == "length":
        return Report(text=f"{text}\n\n[The answer was cut here: it reached its limit.]")
    return Report(text=text or "The sub-agent answered nothing.", failed=not text)


class _Seen:
    """Calls and hands of a sub-agent, whose answers and uses of tools are kept for a report."""

    def __init__(self, call: Call, hands: Hands) -> None:
        self._call, self._hands = call, hands
        self._said: list[str] = []
        self._used: list[Used] = []

    async def call(self, ask: Ask, *, pick: Picker) -> Answer:
        answer = await self._call(ask, pick=pick)
        self._said.append(answer.text.strip())
        return answer

    async def offered(self, skills: Sequence[str]) -> tuple[ToolSpec, ...]:
        return await self._hands.offered(skills)

    def files(self) -> tuple[FileChange, ...]:
        return self._hands.files()

    async def remembered(self, ask: Ask, *, arm: str, turns: int) -> Ask:
        return await self._hands.remembered(ask, arm=arm, turns=turns)

    async def use(self, call: ToolCall, stands: Sequence[Message] = ()) -> Used:
        used = await self._hands.use(call, stands)
        self._used.append(used)
        return used

    def cut_short(self, why: str) -> Report:
        """What it had come to when it was ended."""
        said = [text for text in self._said if text][-1:]
        parts = [why, *(f"What it said last:\n{text}" for text in said)]
        if self._used:
            parts.append("What it did:\n" + "\n".join(_lines(self._used)))
        return Report(text="\n\n".join(parts), failed=True)


def _lines(used: Sequence[Used]) -> list[str]:
    left_out = [f"- ({len(used) - MOST_TOLD} more before)"] if len(used) > MOST_TOLD else []
    told = [
        f"- {each.tool} {each.arguments[:USE_CHARS]}{' (failed)' if each.failed else ''}" for each in used[-MOST_TOLD:]
    ]
    return [*left_out, *told]
