"""What a worker is told of skills, as the stage `skills` leaves it; recorded once an attempt."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from anyio import to_thread

from swarm.journal import Attempt
from swarm.prompts.guide import GuidePart, guide_in_short, guide_text
from swarm.roles.job import NO_GUIDE, Guide, Job, wants_guide
from swarm.stages import Shorter

STAGE = "skills"

LEAST = 100
"""Tokens from which on it is told in short: three lines. They stand in each request of a conversation, and nothing marks a line."""

ROOM = 400
"""Tokens that there are for it at the least: less of the best skill says too little of how the work is done."""


async def guided(job: Job, attempt: Attempt) -> Guide:
    """The skills that the worker is told of, as they were when the attempt began."""
    if not wants_guide(job.task):
        return NO_GUIDE

    async def guide() -> str:
        found = await job.world.guide(job.task, job.open.step)
        if job.task.skills is None:  # what somebody names is told whole
            found = await to_thread.run_sync(passed, job, found)
        return msgspec.json.encode(msgspec.structs.replace(found, parts=())).decode()

    return msgspec.json.decode(await attempt.capture("skills", guide), type=Guide)


def passed(job: Job, guide: Guide) -> Guide:
    """What is told of skills as the stage leaves it."""
    from swarm.prompts.modules import query_of  # only for who is told of skills

    query = query_of(job.task, job.state.type)
    short: list[Guide] = []

    def shorten(text: str, room: int, whole: bool) -> Shorter:
        if whole or not guide.parts:
            return Shorter(text)
        short.append(guide_of(guide_in_short(guide.parts, query, max(room, ROOM)), lists=True))
        return Shorter(short[0].text, STAGE)

    text = job.stages.passed(STAGE, guide.text, shorten, on=STAGE, least=LEAST)
    return short[0] if short and text != guide.text else guide


def guide_of(parts: Sequence[GuidePart], *, lists: bool) -> Guide:
    """What is told by these parts, with `lists` of skills whose text is not told, too."""
    from swarm.library import about_tokens

    given = [part for part in parts if part.is_body]
    return Guide(
        skills=tuple(part.name for part in given),
        text=guide_text(parts, lists=lists),
        tokens=tuple(about_tokens(part.text) for part in given),
        parts=tuple(parts),
    )
