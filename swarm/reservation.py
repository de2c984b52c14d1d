"""The event with which a call begins: who is asked what, and the most that it can cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.blobs import Pack
from events.types.base import NOUGHT, Said, TextRef
from events.types.call import CallKey, CallReserved, SharedRequest
from swarm.journal import Attempt
from swarm.messages import Message, ToolCall
from swarm.money.caps import Grant, Need
from swarm.orders import Ask, Pick
from swarm.text.tokens import likely_tokens


class Joint(msgspec.Struct, frozen=True, array_like=True):
    """What a message is to others, as `call.reserved` holds it of a conversation that begins anew."""

    calls: tuple[ToolCall, ...]
    answers: str


def joined(said: Sequence[tuple[str, str]], anew: str) -> tuple[Message, ...]:
    """The messages of such a conversation, of which each speaker and text are recorded."""
    joints = msgspec.json.decode(anew, type=tuple[Joint, ...])
    return tuple(
        Message(speaker, text, joint.calls, joint.answers)  # type: ignore[arg-type]  # the log holds what a Message held
        for (speaker, text), joint in zip(said, joints, strict=True)
    )


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A call's part in a request that is made for several."""

    part: int
    parts: int
    messages: Sequence[Message]
    answer_schema: Mapping[str, Any]
    quick_tokens: int  # about how many of its tokens are this call's


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
    share: Share | None = None,
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
        messages=_said(ask.messages[ask.said_now :], pack),
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
        anew=pack.put(msgspec.json.encode([Joint(each.calls, each.answers) for each in ask.messages]).decode())
        if ask.anew
        else None,
        branch=attempt.branch,
        key=key,
        quick_tokens=share.quick_tokens if share else likely_tokens(ask.messages, ask.answer_schema, ask.tools),
        shared=_shared(share, pack) if share else None,
    )


def _said(messages: Sequence[Message], pack: Pack) -> tuple[Said, ...]:
    return tuple(Said(message.speaker, pack.put(message.text)) for message in messages)


def _shared(share: Share, pack: Pack) -> SharedRequest:
    schema = pack.put(msgspec.json.encode(share.answer_schema).decode())
    return SharedRequest(share.part, share.parts, _said(share.messages, pack), schema)
