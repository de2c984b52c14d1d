"""Who works in a run: free models first, paid ones where rejected work makes it worth its price, nobody where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.lineage import Stretch, inherited_by_fork
from events.log import EventLog, system_clock
from events.memory import MemoryLog
from events.types.choice import ChoiceMade, ChoiceStopped
from events.types.task import TaskFailed
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.messages import Price
from swarm.replay import replay
from swarm.settings.load import ChoiceSettings
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, asked_models, faces, model, resume, run, serving, verdict

ONE = "prompt: Write a limerick.\naccept: It rhymes.\n"
FAIL, PASS = verdict(False, "It does not rhyme."), verdict(True)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(clock=system_clock)


async def choices_of(log: EventLog) -> list[ChoiceMade | ChoiceStopped]:
    return [each.event for each in await entries_of(log) if isinstance(each.event, ChoiceMade | ChoiceStopped)]


async def replays(log: EventLog) -> None:
    again = await replay(log, 1)
    assert (again.divergence, again.skipped) == (None, "")
    assert again.choices == len(await choices_of(log))


def free_and_paid(**more: Any) -> tuple[Any, ...]:
    return model("a"), model("b"), model("dear", "paid", price=DEAR, judge=False, **more)


async def test_after_two_rejected_drafts_of_a_free_model_a_paid_one_takes_the_last_attempt(
    log: MemoryLog, tmp_path: Path
) -> None:
    cast = Cast(validator=[FAIL, FAIL, PASS])
    async with serving(cast, *free_and_paid()) as (_, plan):
        result = await run(log, ONE, plan, tmp_path)
    assert result.exit_code == 0
    first, again, last = await choices_of(log)
    assert isinstance(first, ChoiceMade) and isinstance(again, ChoiceMade) and isinstance(last, ChoiceMade)
    assert first.tier == "free" and (again.arm, again.why) == (first.arm, "another try with feedback")
    assert last.model == "dear"
    assert [each.arm for each in last.tried] == [first.arm] * 2
    assert last.worth_nanos == 20 * max(each.cost_nanos for each in last.candidates)
    drawn = {each.arm: each.draw for each in first.candidates}
    assert {each.arm: each.draw for each in last.candidates} == {
        arm: draw for arm, draw in drawn.items() if arm != first.arm
    }, "drawn once for a step"
    await replays(log)


async def test_a_task_that_may_not_escalate_stays_with_free_models(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(validator=[FAIL, FAIL, PASS])
    async with serving(cast, *free_and_paid()) as (provider, plan):
        result = await run(log, ONE + "limits: {escalations: 0}\n", plan, tmp_path)
    assert result.exit_code == 0
    assert "dear" not in asked_models(provider.requests)
    last = (await choices_of(log))[-1]
    assert ("dear", "the task has gone to paid models as often as it may") in [
        (each.model, each.rule) for each in last.excluded
    ]
    await replays(log)


async def test_a_paid_model_that_did_not_answer_uses_up_none_of_the_times_that_a_task_may_escalate(
    log: MemoryLog, tmp_path: Path
) -> None:
    cast, refused = Cast(validator=[FAIL, FAIL, PASS]), list[str]()

    def first_paid_refuses(body: dict[str, Any]) -> Answer:
        name = str(body["model"])
        if name.startswith("dear") and (not refused or name in refused):
            refused.append(name)
            return Answer(status=400)
        return cast(body)

    models = *free_and_paid(), model("dear-too", "paid", price=DEAR, judge=False)
    async with serving(first_paid_refuses, *models) as (_, plan):
        assert (await run(log, ONE, plan, tmp_path)).exit_code == 0
    last = (await choices_of(log))[-1]
    assert isinstance(last, ChoiceMade) and last.tier == "paid" and last.model not in refused, "the other one took it"
    (task,) = (await fold(log, TasksView())).of(1).values()
    assert (refused, task.escalations) == (refused[:1], 1)


async def test_a_fork_before_a_paid_model_answered_has_not_escalated(log: MemoryLog, tmp_path: Path) -> None:
    async with serving(Cast(validator=[FAIL, FAIL, PASS]), *free_and_paid()) as (_, plan):
        await run(log, ONE, plan, tmp_path)
    chosen = [entry for entry in await entries_of(log) if isinstance(entry.event, ChoiceMade)][-1]
    assert isinstance(chosen.event, ChoiceMade) and chosen.event.model == "dear"
    before = await inherited_by_fork(log, Stretch(1, chosen.position), fork=2)
    view = TasksView()
    for entry in before:
        view.apply(entry)
    (task,) = view.of(2).values()
    assert task.escalations == 0


async def test_a_paid_model_that_nobody_confirms_gives_way_to_a_free_one_that_was_not_tried(
    log: MemoryLog, tmp_path: Path
) -> None:
    async def no(_: str) -> bool:
        return False

    cast = Cast(validator=[FAIL, FAIL, PASS])
    async with serving(cast, *free_and_paid(), paid_confirmed=False) as (provider, plan):
        result = await run(log, ONE, plan, tmp_path, looks=faces(confirm=no))
    assert result.exit_code == 0
    first, _, last = await choices_of(log)
    assert isinstance(first, ChoiceMade) and isinstance(last, ChoiceMade)
    assert {first.model, last.model} == {"a", "b"} and "dear" not in asked_models(provider.requests)
    assert ("dear", "it is paid, and nobody confirmed paid calls") in [
        (each.model, each.rule) for each in last.excluded
    ]
    await replays(log)


async def test_where_only_rejected_models_are_left_a_paid_one_waits_for_a_person(
    log: MemoryLog, tmp_path: Path
) -> None:
    async def no(_: str) -> bool:
        return False

    cast = Cast(validator=[FAIL, FAIL, PASS])
    models = model("a"), model("dear", "paid", price=DEAR, judge=False)
    async with serving(cast, *models, paid_confirmed=False) as (_, plan):
        halted = await run(log, ONE, plan, tmp_path, looks=faces(confirm=no))
        assert (halted.exit_code, halted.tasks[0].cause) == (5, "confirmation")
        assert (await resume(log, plan)).exit_code == 0
    last = (await choices_of(log))[-1]
    assert isinstance(last, ChoiceMade) and last.model == "dear"


async def test_a_try_that_is_not_worth_its_cost_ends_the_task_and_says_so(log: MemoryLog, tmp_path: Path) -> None:
    """A model whose work is hardly ever accepted, at a value of right work that is less than a call of it."""
    models = model("a"), model("dear", "paid", price=DEAR, judge=False)
    frugal = ChoiceSettings(worth=1.0)
    async with serving(Cast(validator=[FAIL]), *models, choice=frugal) as (provider, plan):
        result = await run(log, ONE + "limits: {attempts: 4}\n", plan, tmp_path)
    assert (result.exit_code, result.tasks[0].cause) == (1, "not worth it")
    assert asked_models(provider.requests).count("dear") == 0
    stopped = (await choices_of(log))[-1]
    assert isinstance(stopped, ChoiceStopped)
    assert [each.model for each in stopped.candidates] == ["dear"]
    assert stopped.candidates[0].value_nanos <= 0
    failed = next(each.event for each in await entries_of(log) if isinstance(each.event, TaskFailed))
    assert "one more try is not worth its cost" in failed.reason and "`choice.value`" in failed.reason
    await replays(log)


async def test_where_a_free_model_will_not_be_back_it_is_said_that_no_other_try_is_worth_its_cost(
    log: MemoryLog, tmp_path: Path
) -> None:
    cast = Cast(validator=[FAIL])

    def without_a_key(body: dict[str, Any]) -> Answer:
        return Answer(status=401) if body["model"] == "b" else cast(body)

    async with serving(without_a_key, *free_and_paid(), choice=ChoiceSettings(worth=1.0)) as (_, plan):
        result = await run(log, ONE + "limits: {attempts: 4}\n", plan, tmp_path)
    assert (result.exit_code, result.tasks[0].cause) == (1, "not worth it")
    assert isinstance((await choices_of(log))[-1], ChoiceStopped)
    await replays(log)


async def test_a_try_that_a_person_may_still_allow_is_waited_for_where_another_is_not_worth_its_cost(
    log: MemoryLog, tmp_path: Path
) -> None:
    async def no(_: str) -> bool:
        return False

    dearer = Price(row="dearer-1", input_nanos=100 * DEAR.input_nanos, output_nanos=100 * DEAR.output_nanos)
    models = *free_and_paid()[::2], model("dearer", "paid", price=dearer, judge=False)
    frugal = {"paid_confirmed": False, "choice": ChoiceSettings(worth=1.0)}
    async with serving(Cast(validator=[FAIL]), *models, **frugal) as (_, plan):
        result = await run(log, ONE + "tiers: [free, paid]\n", plan, tmp_path, looks=faces(confirm=no))
    assert (result.exit_code, result.tasks[0].cause) == (5, "confirmation")


async def test_simple_work_goes_up_to_the_cheap_tier_and_a_task_that_names_tiers_as_far_as_they_say(
    log: MemoryLog, tmp_path: Path
) -> None:
    models = model("a"), model("low", "cheap", price=DEAR, judge=False), model("dear", "paid", price=DEAR, judge=False)
    async with serving(Cast(validator=[FAIL, FAIL, PASS]), *models) as (_, plan):
        await run(log, ONE, plan, tmp_path)
        last = (await choices_of(log))[-1]
        assert isinstance(last, ChoiceMade) and last.model == "low"
        assert ("dear", "simple work goes up to the tier cheap") in [(each.model, each.rule) for each in last.excluded]
        await run(log, ONE + "tiers: [free, paid]\n", plan, tmp_path)
    last = (await choices_of(log))[-1]
    assert isinstance(last, ChoiceMade) and [each.rule for each in last.excluded] == [
        "its tier cheap is not among free, paid"
    ]


async def test_start_planned_lets_the_plan_begin_with_a_paid_model(log: MemoryLog, tmp_path: Path) -> None:
    async with serving(Cast(), *free_and_paid()) as (_, plan):
        await run(log, ONE + "start: planned\nlimits: {attempts: 1}\n", plan, tmp_path)
    (choice,) = await choices_of(log)
    assert isinstance(choice, ChoiceMade)
    assert (choice.model, choice.start) == ("dear", "planned"), "one try is left, and the best one is worth its price"
    await replays(log)


async def test_prices_weigh_more_after_tasks_that_took_more_than_their_part_of_the_budget(
    log: MemoryLog, tmp_path: Path
) -> None:
    tasks = "".join(f"  t{n}: {{prompt: Write a limerick., needs: [{f't{n - 1}' if n else ''}]}}\n" for n in range(3))
    wordy = Price(row="wordy", input_nanos=1_000_000, output_nanos=4_000_000_000)
    models = *(model(name, "paid", price=wordy, judge=False) for name in ("one", "two")), model("judge")
    common = "defaults: {roles: {worker: {models: [one, two]}}, limits: {answer: 3000}}\n"
    text = "budget: {usd: 0.02}\n" + common + "tasks:\n" + tasks
    async with serving(Cast(worker=["A fine result. " * 800]), *models) as (_, plan):
        await run(log, text, plan, tmp_path)
    made = [each for each in await choices_of(log) if isinstance(each, ChoiceMade)]
    assert made[0].pressure == 0, "nothing was spent yet"
    assert 1 < made[1].pressure < 1.17
    await replays(log)


async def test_a_budget_of_its_own_that_a_task_used_up_makes_no_price_weigh_more_for_the_others(
    log: MemoryLog, tmp_path: Path
) -> None:
    tasks = "".join(
        f"  t{n}: {{prompt: Write a limerick., budget: {{usd: 0.02}}, needs: [{f't{n - 1}' if n else ''}]}}\n"
        for n in range(3)
    )
    wordy = Price(row="wordy", input_nanos=1_000_000, output_nanos=4_000_000_000)
    models = *(model(name, "paid", price=wordy, judge=False) for name in ("one", "two")), model("judge")
    text = "defaults: {roles: {worker: {models: [one, two]}}, limits: {answer: 3000}}\ntasks:\n" + tasks
    async with serving(Cast(worker=["A fine result. " * 800]), *models) as (_, plan):
        ended = await run(log, text, plan, tmp_path)
    assert ended.exit_code == 0 and all(task.cost_nanos > 9_000_000 for task in ended.tasks)
    assert [each.pressure for each in await choices_of(log)] == [0, 0, 0], "each has as much left as it had before"


@pytest.mark.parametrize(
    ("task", "judged"),
    [
        ("check: {contains: fine}\n", 0),
        ("check: {contains: fine}\naccept: It rhymes.\n", 1),
        ("explore: true\n", 1),
    ],
    ids=["checked", "accepted in words", "explored"],
)
async def test_a_judge_that_costs_makes_dearer_only_the_drafts_that_it_judges(
    log: MemoryLog, tmp_path: Path, task: str, judged: int
) -> None:
    models = model("a", judge=False), model("b", judge=False), model("dear", "paid", price=DEAR)
    async with serving(Cast(), *models) as (provider, plan):
        assert (await run(log, "prompt: Write a limerick.\n" + task, plan, tmp_path)).exit_code == 0
    assert asked_models(provider.requests).count("dear") == judged
    for choice in await choices_of(log):
        costs = [each.cost_nanos for each in choice.candidates if each.tier == "free"]
        assert all(costs) if judged and choice.role == "worker" else costs == [0, 0]


async def test_the_roulette_is_kept_beside_the_plan(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(validator=[FAIL, FAIL, PASS])
    wheel = ChoiceSettings(policy="roulette")
    async with serving(cast, *free_and_paid(), choice=wheel) as (_, plan):
        assert (await run(log, ONE, plan, tmp_path)).exit_code == 0
    first, _, last = await choices_of(log)
    assert isinstance(first, ChoiceMade) and isinstance(last, ChoiceMade)
    assert {first.model, last.model} == {"a", "b"}, "it does not plan: the next free one"
    assert sum(each.weight for each in first.candidates) == pytest.approx(1)
    await replays(log)


async def test_a_model_whose_answer_was_cut_is_not_asked_again_by_a_resume_that_knows_no_price_of_it(
    log: MemoryLog, tmp_path: Path
) -> None:
    looks, asked = faces(), list[str]()

    def cut_then_stopped(body: dict[str, Any]) -> Answer:
        asked.append(str(body["model"]))
        if len(asked) == 1:
            return Answer("A " * 50, finish="length")
        looks.stop.set()
        looks.abort.set()
        return Answer("never", before_head=30)

    cast = Cast(worker=[cut_then_stopped])
    async with serving(cast, model("a", judge=False), model("b", judge=False)) as (_, plan):
        interrupted = await run(
            log, "prompt: Write a limerick.\ncheck: {contains: fine}\n", plan, tmp_path, looks=looks
        )
        assert interrupted.exit_code == 130 and asked[0] == asked[1]
        cast.play("worker", "A fine result.")
        unpriced = [
            msgspec.structs.replace(each, tier="paid", price=None) if each.name == asked[0] else each
            for each in plan.roster.models
        ]
        roster = msgspec.structs.replace(plan.roster, models=tuple(unpriced))
        resumed = await resume(log, msgspec.structs.replace(plan, roster=roster))
    assert resumed.exit_code == 0 and cast.seen[-1][1]["model"] != asked[0]
    await replays(log)
