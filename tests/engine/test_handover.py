"""At its cap a task hands over: always for free, in a model's words where they are paid for, and a resume is told it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import EventLog, open_log
from events.types.call import BudgetSet, CallReserved
from events.types.task import TaskFailed, TaskHalted
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.errors import BudgetExceeded
from swarm.money.recording import record_caps
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, PASS, Cast, Line, faces, model, money_of, plan_text, resume, run, serving, verdict

PLANNED = "tasks:\n  garden: {{prompt: Plan the garden, explore: true, limits: {{answer: 1024}}, budget: {budget}}}\nbudget: 100k\n"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def taking(text: str, tokens: int, *, output: int = 1_000) -> Answer:
    """An answer for which the provider counts so many tokens, of them at most `output` for the answer."""
    said = min(output, tokens - 100)
    return Answer(text, usage={"prompt_tokens": tokens - said, "completion_tokens": said, "total_tokens": tokens})


def judging(text: str, tokens: int) -> Answer:
    """The same of a judge, who is asked for 400 tokens at the most."""
    return taking(text, tokens, output=400)


def gardeners(**more: Sequence[Line]) -> Cast:
    """A plan of two steps, of which each call takes some of the budget."""
    given: dict[str, Sequence[Line]] = {
        "explorer": [taking(plan_text("Choose the beds", "Choose the plants", approach="Beds first."), 1_500)],
        "worker": [taking("Four beds of two by one metres.", 1_200), taking("Beans and roses.", 1_200)],
        "validator": [judging(PASS, 1_000)],
    }
    return Cast(**(given | more))


async def halt_of(log: EventLog) -> TaskHalted:
    (halt,) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskHalted)]
    return halt


async def summary_of(log: EventLog) -> str:
    task = (await fold(log, TasksView())).of(1)["garden"]
    assert task.summary is not None
    return await log.text(task.summary.ref, at=task.summary.at)


def long_plan() -> Cast:
    """A plan of five beds, of which the budget pays for three and a draft of the fourth."""
    return gardeners(
        explorer=[taking(plan_text(*(f"Bed {number}" for number in range(1, 6)), approach="Beds first."), 2_000)],
        worker=[taking("Four beds of two by one metres.", 1_220)],
        validator=[judging(PASS, 1_200)],
    )


async def test_a_task_that_is_halted_in_mid_plan_hands_over_what_was_done_and_what_is_left(
    log: EventLog, root: Path
) -> None:
    cast = gardeners()
    async with serving(cast) as (_, plan):
        result = await run(log, PLANNED.format(budget="4.6k"), plan, root)
    assert (result.exit_code, result.tasks[0].status, cast.roles) == (3, "halted", ["explorer", "worker", "validator"])
    halt, told = await halt_of(log), await summary_of(log)
    assert (halt.scope, halt.cap, halt.held, halt.summary_by) == ("s1/garden", 4_600, 460, "")
    assert "(460 tokens of that for the hand-over)" in halt.reason
    for said in (
        "Hand-over of s1/garden: garden",
        "Task: Plan the garden",
        f"Stopped: {halt.reason.partition(';')[0]}\n",
        "Spent: 3,700 tokens and $0 in 3 calls.",
        "Approach: Beds first.",
        "1. Choose the beds: accepted by architect@m1",
        "Its text begins: Four beds of two by one metres. (whole: `swarm show s1/garden/1 --text`)",
        "2. Choose the plants: not begun",
        "Left: step 2 of 2.",
    ):
        assert said in told
    assert (await replay(log, 1)).divergence is None


async def test_a_rejected_draft_is_handed_over_with_the_reason(log: EventLog, root: Path) -> None:
    cast = gardeners(
        worker=[taking("Beds.", 600), taking("Beds of stone.", 600)],
        validator=[judging(verdict(False, "Say how long they are."), 1_000)],
        summariser=[""],
    )
    async with serving(cast) as (_, plan):
        await run(log, PLANNED.format(budget="5.2k"), plan, root)
    told = await summary_of(log)
    assert "1. Choose the beds: drafted, not judged yet by architect@m1" in told
    assert "The last draft begins: Beds of stone." in told
    assert "Why the one before was not accepted: Say how long they are." in told
    assert "Left: step 1, 2 of 2." in told


async def test_a_model_writes_the_hand_over_anew_from_what_the_task_held_back_for_it(log: EventLog, root: Path) -> None:
    cast = long_plan()
    dear = model("dear", "paid", price=DEAR)
    async with serving(cast, model("m1"), dear) as (_, plan):
        result = await run(log, PLANNED.format(budget="12.4k"), plan, root)
    assert (result.exit_code, cast.roles[-1]) == (3, "summariser")
    halt = await halt_of(log)
    assert (halt.summary_by, await summary_of(log)) == ("scribe@m1", "Step 1 is done; do step 2.")
    assert "4. Bed 4: drafted, not judged yet by architect@m1" in cast.prompts("summariser")[0]
    last = [entry.event for entry in await entries_of(log) if isinstance(entry.event, CallReserved)][-1]
    assert (last.role, last.tokens > 12_400 * 9 // 10 - halt.used) == ("summariser", True), (
        "no other call could take so much"
    )
    money = await money_of(log)
    assert money.scope("s1/garden").spent.tokens <= 12_400
    assert money.scope("s1/garden/summariser").calls == 1
    assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize(
    "said", [Answer("", usage=None), Answer("Half of it", finish="length"), Answer(status=500), Answer(status=401)]
)
async def test_where_the_rewriting_comes_to_nothing_the_folded_hand_over_stands(
    log: EventLog, root: Path, said: Answer
) -> None:
    cast = long_plan()
    cast.play("summariser", said)
    async with serving(cast, tries=1) as (_, plan):
        result = await run(log, PLANNED.format(budget="12.4k"), plan, root)
    assert (result.exit_code, cast.roles[-1]) == (3, "summariser")
    assert (await halt_of(log)).summary_by == ""
    assert "Left: step 4, 5 of 5." in await summary_of(log)


async def test_a_model_that_is_too_small_to_judge_writes_no_hand_over(log: EventLog, root: Path) -> None:
    cast = gardeners()
    small, paid = model("small", "local", judge=False), model("m1", "paid", price=DEAR)
    async with serving(cast, small, paid) as (provider, plan):
        await run(log, PLANNED.format(budget="5k"), plan, root)
    assert (await halt_of(log)).summary_by == "scribe@m1"
    assert [str(seen.body["model"]) for seen in provider.requests][-1] == "m1"


async def test_nobody_is_paid_for_words_on_a_task_of_which_nothing_was_done(log: EventLog, root: Path) -> None:
    cast = Cast()
    async with serving(cast, model("m1", "paid", price=DEAR)) as (_, plan):
        given = f"input: {{text: {'Clay. ' * 800}}}"
        file = f"tasks:\n  garden: {{prompt: Plan the garden, {given}, budget: {{usd: 0.005}}}}\nbudget: 100k\n"
        result = await run(log, file, plan, root)
    assert (result.exit_code, result.tasks[0].status, cast.roles) == (3, "halted", [])
    assert (await halt_of(log)).summary_by == ""
    assert "1. garden: not begun" in await summary_of(log)


async def test_a_task_without_a_cap_of_its_own_holds_nothing_back_and_hands_over_for_free(
    log: EventLog, root: Path
) -> None:
    cast = gardeners()
    async with serving(cast) as (_, plan):
        worker = "roles: {worker: {budget: 2k}}"
        await run(
            log,
            f"tasks:\n  garden: {{prompt: Plan the garden, explore: true, limits: {{answer: 1024}}, {worker}}}\n",
            plan,
            root,
        )
    halt = await halt_of(log)
    assert (halt.scope, halt.held, halt.summary_by) == ("s1/garden/worker", 0, "")
    assert cast.roles.count("summariser") == 0, "there would be room for it, but it is no reserve"
    assert "Left: step 2 of 2." in await summary_of(log)


async def test_at_the_cap_a_task_fails_where_that_was_asked_for_and_one_that_is_ruled_by_it_is_done(
    log: EventLog, root: Path
) -> None:
    file = """
tasks:
  garden: {prompt: Plan the garden, explore: true, limits: {answer: 1024}, budget: {tokens: 4.6k, on_exceed: fail}}
  lawn: {prompt: Sow a lawn, needs: garden, when: garden.status == failed}
"""
    cast = gardeners()
    async with serving(cast) as (_, plan):
        result = await run(log, file, plan, root)
    assert [(task.status, task.cause) for task in result.tasks] == [("failed", "budget"), ("accepted", "")]
    assert result.exit_code == 3
    (failed,) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskFailed)]
    assert "the budget of s1/garden has" in failed.reason
    assert (await replay(log, 1)).divergence is None


async def test_what_happens_at_the_cap_of_the_run_is_what_its_budget_says(log: EventLog, root: Path) -> None:
    file = "prompt: Write it\nbudget: {tokens: 700, on_exceed: fail}\n"
    async with serving(Cast()) as (_, plan):
        result = await run(log, file, plan, root)
    assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (3, "failed", "budget")


async def test_a_resume_with_a_higher_cap_goes_on_where_it_stood_and_is_told_the_hand_over_once(
    log: EventLog, root: Path
) -> None:
    cast = gardeners()
    async with serving(cast) as (_, plan):
        await run(log, PLANNED.format(budget="4.6k"), plan, root)
        told = await summary_of(log)
        halted = len(cast.seen)
        again = await resume(log, msgspec.structs.replace(plan, session_tokens=100_000, task_caps=False))
    assert (again.exit_code, again.tasks[0].status) == (0, "accepted")
    assert cast.roles[halted:] == ["worker", "validator"], "what was accepted is not paid for again"
    assert told in cast.prompts("worker")[-1]
    assert all(told not in prompt for prompt in cast.prompts("validator"))
    assert (await replay(log, 1)).divergence is None


async def test_a_task_that_is_halted_again_is_summed_up_anew(log: EventLog, root: Path) -> None:
    cast = long_plan()
    cast.play("summariser", "The first words.", "The second words.")
    async with serving(cast) as (_, plan):
        await run(log, PLANNED.format(budget="12.4k"), plan, root)
        again = await resume(log, plan)
    assert again.exit_code == 3
    halts = [entry for entry in await entries_of(log) if isinstance(entry.event, TaskHalted)]
    told = [entry.event.summary_by for entry in halts if isinstance(entry.event, TaskHalted)]
    assert told == ["scribe@m1", "scribe@m1"]
    assert await summary_of(log) == "The second words.", "the first answer is not given back for the second halt"


ASKED = "tasks:\n  garden: {{prompt: Plan the garden, explore: true, limits: {{answer: 1024}}, budget: {{tokens: 4.6k, on_exceed: ask}}}}\n"


async def test_a_person_is_asked_at_the_cap_whether_it_is_raised_and_the_answer_is_recorded(
    log: EventLog, root: Path
) -> None:
    refusals: list[BudgetExceeded] = []

    async def raise_by(refusal: BudgetExceeded) -> int:
        refusals.append(refusal)
        return 3_000

    cast = gardeners()
    async with serving(cast) as (_, plan):
        result = await run(log, ASKED.format(), plan, root, looks=faces(raise_by=raise_by))
    assert (result.exit_code, cast.roles) == (0, ["explorer", *["worker", "validator"] * 2])
    assert (refusals[0].scope, refusals[0].cap) == ("s1/garden", 4_600)
    raised = [entry.event for entry in await entries_of(log) if isinstance(entry.event, BudgetSet)]
    assert (raised[0].scope, raised[0].tokens, raised[0].by != "") == ("s1/garden", 7_600, True)
    assert len(raised) == len(refusals)
    assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize(("by", "code", "cause"), [(0, 3, "budget"), (None, 5, "confirmation")])
async def test_where_nobody_raises_the_cap_the_task_halts_with_a_hand_over(
    log: EventLog, root: Path, by: int | None, code: int, cause: str
) -> None:
    async def declines(_: BudgetExceeded) -> int:
        return 0

    looks = faces() if by is None else faces(raise_by=declines)
    async with serving(gardeners()) as (_, plan):
        result = await run(log, ASKED.format(), plan, root, looks=looks)
        assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (code, "halted", cause)
        assert "Left: step 2 of 2." in await summary_of(log)
        assert ("nobody can be asked here" in result.tasks[0].reason) is (by is None)
        again = await resume(log, msgspec.structs.replace(plan, session_tokens=100_000, task_caps=False))
    assert again.exit_code == 0


@pytest.mark.parametrize(("typed", "most"), [(3_000, [9_000, 12_000]), (0, [9_000])])
async def test_a_cap_that_was_raised_elsewhere_while_a_person_was_asked_is_never_lowered_by_the_answer(
    log: EventLog, root: Path, typed: int, most: list[int]
) -> None:
    async def raise_by(_: BudgetExceeded) -> int:
        await record_caps(log, [BudgetSet(scope="s1/garden", tokens=9_000, by="ada@host")])
        return typed

    async with serving(gardeners()) as (_, plan):
        result = await run(log, ASKED.format(), plan, root, looks=faces(raise_by=raise_by))
    assert result.exit_code == 0, result.tasks[0].reason
    raised = [entry.event.tokens for entry in await entries_of(log) if isinstance(entry.event, BudgetSet)]
    assert raised == most


async def test_two_tasks_at_one_cap_ask_once(log: EventLog, root: Path) -> None:
    asked: list[str] = []

    async def raise_by(refusal: BudgetExceeded) -> int:
        asked.append(refusal.scope)
        return 50_000

    file = "budget: {tokens: 700, on_exceed: ask}\ntasks:\n  a: Write one\n  b: Write two\n"
    async with serving(Cast()) as (_, plan):
        result = await run(log, file, plan, root, looks=faces(raise_by=raise_by))
    assert (result.exit_code, asked) == (0, ["s1"])


async def test_a_task_whose_time_runs_out_while_its_hand_over_is_written_halts_all_the_same(
    log: EventLog, root: Path
) -> None:
    cast = long_plan()
    cast.play("summariser", Answer("late", before_head=anyio.Event().wait))
    file = PLANNED.replace("answer: 1024", "answer: 1024, time: 3s").format(budget="12.4k")
    async with serving(cast) as (_, plan):
        result = await run(log, file, plan, root)
    assert (result.exit_code, result.tasks[0].status, cast.roles[-1]) == (3, "halted", "summariser")
    assert "Left: step 4, 5 of 5." in await summary_of(log)
    assert result.tasks[0].maybe_paid == 1, "the call that was cut stays charged"
