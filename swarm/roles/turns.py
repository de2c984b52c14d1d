"""A conversation with tools: the model says what it wants done, is told what came of it, and answers in the end."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from swarm.messages import Message
from swarm.orders import Answer, Ask, Call
from swarm.roles.guard import Guard, Used
from swarm.roles.job import Hands, Job
from swarm.task import TURNS

LAST_TURN = "[This was your last use of tools. Answer now, without using one.]"


class Said(msgspec.Struct, frozen=True):
    """How a conversation ended: with an answer, and where its use of tools was ended, why."""

    answer: Answer
    finish: str
    stopped: str = ""


async def converse(job: Job, call: Call, ask: Ask, hands: Hands) -> Said:
    """Ask, use the tools that are asked for, tell what came of them, and so on until there is an answer.

    The history only grows, so that a provider's prompt cache holds all of it, but where it is compacted. The arm that answered
    first goes on, as long as it can.
    """
    turns = job.task.limits.turns or TURNS
    ask = msgspec.structs.replace(ask, tools=await hands.offered(ask.skills))
    guard, pick, turn = Guard(), job.pick, 1
    while True:
        answer = await call(ask, pick=pick)
        if not answer.calls or answer.finish == "length":
            return Said(answer, answer.finish)
        if turn == turns:
            return Said(answer, "turns", f"it went on using tools in the last of its {turns} turns")
        used = [await hands.use(each, ask.told(answer.agent).messages) for each in answer.calls]
        if stopped := guard.after(used):
            return Said(answer, "loop", stopped)
        turn += 1
        ask = _following(ask, answer, used, last=turn == turns)
        ask = await hands.remembered(ask, arm=answer.arm, turns=turns)
        if ask.anew:
            guard.forget()
        pick = job.go_on(answer.arm)


def _following(ask: Ask, answer: Answer, used: Sequence[Used], *, last: bool) -> Ask:
    """What is asked next: all that was said, what the tools said, and nothing else."""
    told = [Message("tool", use.answer, answers=call.id) for call, use in zip(answer.calls, used, strict=True)]
    if last:
        told[-1] = msgspec.structs.replace(told[-1], text=f"{told[-1].text}\n\n{LAST_TURN}")
    before = (*ask.told(answer.agent).messages, Message("assistant", answer.text, answer.calls))
    follows, fresh = answer.ordinal, len(told)
    return msgspec.structs.replace(
        ask, messages=(*before, *told), by_agent={}, follows=follows, fresh=fresh, anew=False
    )
