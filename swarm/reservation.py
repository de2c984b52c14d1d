"""The event with which a call begins: who is asked what, and the most that it can cost."""

from __future__ import annotations

import msgspec

from events.blobs import Pack
from events.types.base import NOUGHT, Said, TextRef
from events.types.call import CallKey, CallReserved
from swarm.journal import Attempt
from swarm.money.caps import Grant, Need
from swarm.orders import Ask, Pick
from swarm.text.tokens import likely_tokens


def reservation(
    attempt: Attempt,
    ask: Ask,
    pick: Pick,
    need: Need,
    grant: Grant,
    *,
    ordinal: int,
    nth: int,
    key: CallKey | None,
    pack: Pack,
) -> CallReserved:
    """The event; its texts, and what the attempt captured since its last one, are put into `pack`."""
    schema: TextRef | None = None
    if ask.answer_schema is not None:
        schema = pack.put(msgspec.json.encode(ask.answer_schema).decode())
    tools = pack.put(msgspec.json.encode(ask.tools).decode()) if ask.tools else None
    return CallReserved(
        role=attempt.role,
        agent=pick.arm.agent,
        model=pick.arm.model,
        tier=pick.arm.tier,
        messages=tuple(Said(message.speaker, pack.put(message.text)) for message in ask.messages[ask.said_now :]),
        max_output_tokens=grant.output_tokens,
        tokens=grant.tokens,
        cost_nanos=grant.nanos,
        price=need.price.row,
        scopes=need.named,
        ordinal=ordinal,
        nth=nth,
        answer_schema=schema,
        temperature=ask.temperature or NOUGHT,
        why=pick.why,
        captured=attempt.captures(pack),
        foreseen=pick.foreseen,
        tools=tools,
        skills=ask.skills,
        skill_tokens=ask.skill_tokens,
        follows=ask.follows,
        branch=attempt.branch,
        key=key,
        quick_tokens=likely_tokens(ask.messages, ask.answer_schema, ask.tools),
    )
