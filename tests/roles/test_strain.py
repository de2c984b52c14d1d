"""What a role is told and given near a cap, and that what it was given is recorded with its request."""

from __future__ import annotations

import re

import msgspec
import pytest

from events.views.money import Amount, MoneyView, ScopeState
from swarm.cycle import Work
from swarm.journal import Attempt, Journal
from swarm.money.caps import Cap
from swarm.prompts.build import Material
from swarm.prompts.length import TOKENS_A_WORD
from swarm.roles.explorer import explore
from swarm.roles.job import PLAN_TOKENS
from swarm.roles.strain import Strain, strain_of
from swarm.roles.worker import work
from tests.ledger_agents import entries_of
from tests.roles.stage import Stage, on_stage

CAPS = (Cap(scope="s1/t", tokens=10_000),)


def strain(percent: int) -> Strain:
    money = MoneyView()
    money.scopes["s1/t"] = ScopeState(spent=Amount(percent * 100, 0))
    return strain_of(CAPS, money)


async def worked(stage: Stage, percent: int) -> tuple[str, int]:
    """What the worker was told at that share of its cap, and how much output was asked for."""
    job = msgspec.structs.replace(await stage.job(Work.DRAFT), strain=strain(percent))
    await work(job, attempt=stage.attempt, call=stage.says("A limerick."))
    return stage.asked[-1].messages[-1].text, stage.asked[-1].output_tokens


async def test_below_80_percent_no_prompt_is_another_one_for_what_is_spent() -> None:
    async with on_stage() as stage:
        await stage.plan()
        assert await worked(stage, 0) == await worked(stage, 79)


async def test_from_80_percent_on_the_worker_is_told_in_one_line_what_is_left() -> None:
    async with on_stage() as stage:
        await stage.plan()
        told, asked = await worked(stage, 82)
        *_, line, _, length = told.splitlines()
        assert length.endswith(" words.")
        assert line == "The budget of this work has 1,800 tokens of 10,000 tokens left (s1/t): be brief."
        assert asked == 1024


async def test_from_90_percent_on_half_the_output_is_asked_for_and_what_came_before_is_cut_short() -> None:
    async with on_stage() as stage:
        await stage.plan("gather", "write", approach="Go about it. " * 200)
        await stage.draft("What was gathered. " * 400)
        await stage.accept("What was gathered. " * 400)
        await stage.draft("no", step=2)
        await stage.reject("It does not rhyme. " * 100, step=2)
        wide: list[bool] = []

        async def material(_: object, compact: bool) -> list[Material]:
            wide.append(not compact)
            return []

        for percent in (89, 90):
            job = await stage.job(Work.DRAFT, step=2, attempt=2)
            world = msgspec.structs.replace(job.world, material=material)
            job = msgspec.structs.replace(job, strain=strain(percent), world=world)
            await work(job, attempt=stage.attempt, call=stage.says("A limerick."))
        before, after = stage.asked
        assert wide == [True, False]
        assert (after.output_tokens, len(after.messages)) == (before.output_tokens // 2, 2)
        assert len(after.messages[-1].text) < len(before.messages[-1].text) / 3
        assert after.messages[-1].text.count("left out to save tokens]") == 3
        told = after.messages[-1].text
        words = re.search(r"Answer in at most (\d+) words\.\n\n.* at most (\d+) words", told)
        assert words is not None and int(words[1]) == after.output_tokens // TOKENS_A_WORD >= int(words[2])


async def test_the_explorer_is_told_as_well_and_asked_for_a_shorter_plan() -> None:
    async with on_stage() as stage:
        job = msgspec.structs.replace(await stage.job(Work.EXPLORE), strain=strain(95))
        await explore(job, attempt=stage.attempt, call=stage.says("no plan"))
        assert "500 tokens of 10,000 tokens left" in stage.asked[0].messages[-1].text
        assert stage.asked[0].output_tokens == PLAN_TOKENS // 2


@pytest.mark.parametrize("then", [0, 92])
@pytest.mark.parametrize("now", [0, 85, 99])
async def test_an_attempt_that_goes_on_builds_its_request_as_it_was_however_much_was_spent_since(
    then: int, now: int
) -> None:
    async with on_stage() as stage:
        await stage.plan()
        job = msgspec.structs.replace(await stage.job(Work.DRAFT), strain=strain(then))
        outcome = await work(job, attempt=stage.attempt, call=stage.says("A limerick."))
        await stage.attempt.finish(outcome, {})
        journal = Journal()
        for entry in await entries_of(stage.owner.log):
            journal.apply(entry)
        recorded = journal.of("t", 1, 1, "worker")
        assert set(recorded.captures) == ({"brief", "strain"} if then else {"brief"}), (
            "recorded is what changed a request"
        )
        attempt = Attempt(stage.owner, job.state, step=1, attempt=1, role="worker", recorded=recorded)
        await work(msgspec.structs.replace(job, strain=strain(now)), attempt=attempt, call=stage.says("x"))
        first, again = stage.asked
        assert (again.messages, again.output_tokens) == (first.messages, first.output_tokens)
