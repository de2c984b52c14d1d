"""How much room an answer gets: by its task's level, more once it was cut, and never more than a person allowed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from events.log import EventLog, open_log
from events.types.task import StepRejected
from swarm.engine.picks import CUT, staying_picker
from swarm.messages import FREE, Arm
from swarm.orders import Pick
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, run, serving


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


def room_of(body: dict[str, Any]) -> int:
    return int(str(body.get("max_tokens") or body.get("max_completion_tokens")))


def needing(words: int) -> Any:
    """Says so many words, or as many of them as it is allowed."""

    def line(body: dict[str, Any]) -> Answer:
        room = room_of(body)
        return Answer("word " * min(words, room), finish="stop" if words <= room else "length")

    return line


def rooms(cast: Cast) -> list[int]:
    return [room_of(body) for role, body in cast.seen if role == "worker"]


async def rejections(log: EventLog) -> Sequence[StepRejected]:
    return [entry.event for entry in await entries_of(log) if isinstance(entry.event, StepRejected)]


@pytest.mark.parametrize(
    ("prompt", "room"),
    [
        ("Write a limerick", 300),
        ("Migrate it", 800),
        ("Migrate all of it, refactor the design across several files, and do it well. " + "Please. " * 200, 1_500),
        ("Analyse it", 2_000),
    ],
)
async def test_a_draft_is_asked_for_with_what_its_level_allows(
    log: EventLog, tmp_path: Path, prompt: str, room: int
) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        assert (await run(log, f"prompt: {prompt}\nexplore: false\n", plan, tmp_path)).exit_code == 0
    assert rooms(cast) == [room]


async def test_an_answer_that_was_cut_is_asked_for_again_with_room_for_more_and_counts_against_nobody(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast(worker=[needing(900)])
    async with serving(cast) as (_, plan):
        result = await run(log, "prompt: Write a limerick\n", plan, tmp_path)
    assert (result.exit_code, rooms(cast)) == (0, [300, 1_200])
    assert await rejections(log) == []
    assert len(str(result.tasks[0].text).split()) == 900
    assert (await replay(log, 1)).divergence is None


async def test_the_attempt_behind_a_draft_that_was_cut_begins_with_more_room(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=[needing(3_000)])
    async with serving(cast) as (_, plan):
        result = await run(log, "prompt: Write a limerick\nbudget: 50k\n", plan, tmp_path)
    assert (result.exit_code, rooms(cast)) == (0, [300, 1_200, 1_200, 4_800])
    (rejected,) = await rejections(log)
    assert rejected.reason == "form: the answer was cut at its limit of 1,200 tokens; a shorter one is needed"
    assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize(("limits", "room"), [("answer: 0.5k, attempts: 1", 500), ("turns: 1, attempts: 1", 300)])
async def test_who_bounds_the_answer_or_the_calls_is_obeyed(
    log: EventLog, tmp_path: Path, limits: str, room: int
) -> None:
    cast = Cast(worker=[needing(900)])
    async with serving(cast) as (_, plan):
        result = await run(log, f"prompt: Write a limerick\nlimits: {{{limits}}}\n", plan, tmp_path)
    assert (result.exit_code, rooms(cast)) == (1, [room])
    assert f"cut at its limit of {room} tokens" in (await rejections(log))[0].reason


async def test_what_the_budget_clamped_is_not_asked_for_again(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=[needing(900)])
    async with serving(cast) as (_, plan):
        result = await run(log, "prompt: Write a limerick\nbudget: 0.65k\nlimits: {attempts: 1}\n", plan, tmp_path)
    (room,) = rooms(cast)
    assert room < 300
    assert result.exit_code == 1 and f"cut at its limit of {room} tokens" in (await rejections(log))[0].reason


def test_who_was_cut_is_asked_again_for_as_long_as_it_can_answer() -> None:
    arms = [Arm(agent="maker", model=name, tier="free", price=FREE) for name in ("a", "b")]

    def otherwise(excluded: Mapping[str, str], nth: int, input_tokens: int) -> Pick:
        return Pick(arms[0])

    pick = staying_picker(arms, "maker@b", otherwise, CUT)
    again, other = pick({}, 1, 10), pick({"b": "out of order"}, 2, 10)
    assert again is not None and again.arm == arms[1] and again.choice is None and "cut" in again.why
    assert other is not None and other.arm == arms[0]
