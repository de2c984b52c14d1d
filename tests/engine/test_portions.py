"""Runs under a split budget: each role has its share, and what one does not need is there for the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import EventLog, open_log
from events.scopes import session_of
from events.types.call import CallReserved
from events.types.task import TaskHalted
from events.views.money import Amount, MoneyView
from events.views.tasks import StepState, TaskState
from swarm.engine.portions import Portions, calls_left
from swarm.insight.reason import Reason
from swarm.insight.refusals import lacking_of
from swarm.insight.why import explain
from swarm.messages import FREE
from swarm.money.caps import Need
from swarm.replay import replay
from swarm.session import recorded_plan
from swarm.task import ROLES, parse_budget, with_budget
from swarm.taskfile.read import parse_task_file
from tests.ledger_agents import entries_of
from tests.running import DEAR, Cast, a_state, model, money_of, resume, run, serving, state_of, verdict

NO = verdict(False, "Not yet.")


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


def said(reason: Reason) -> str:
    return "\n".join([reason.said, *map(said, reason.because)])


def all_of(reason: Reason) -> list[Reason]:
    return [reason, *(each for part in reason.because for each in all_of(part))]


def a_file(budget: str, **more: str) -> str:
    lines = [f"{key}: {value}" for key, value in more.items()]
    return "\n".join([f"prompt: Write a limerick\nbudget: {budget}\nlimits: {{attempts: 9}}", *lines, ""])


async def test_a_role_ends_at_its_share_where_the_others_need_theirs(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Rain. " * 250], validator=[NO])
    text = a_file("{tokens: 6k, split: {worker: 1k, validator: 3k, summary: 2k}}")
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 3
    (halt,) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskHalted)]
    scopes = (await money_of(log)).scopes
    assert (halt.scope, halt.share) in {("s1/*/worker", 1_000), ("s1/*/validator", 3_000)}
    assert scopes["s1/*/worker"].spent.tokens == scopes["s1/tasks/worker"].spent.tokens
    assert scopes["s1"].spent.tokens <= 4_000
    reason = await explain(log, 1, task="tasks")
    assert "by the split of s1" in said(reason)
    assert (await replay(log, 1)).divergence is None
    least = next(each.facts["least_cap"] for each in all_of(reason) if "least_cap" in each.facts)
    assert isinstance(least, int) and least > 6_000, "more than the run had"
    async with serving(cast) as (provider, plan):
        split = msgspec.structs.replace(await recorded_plan(log, await state_of(log)), roster=plan.roster)
        await resume(log, msgspec.structs.replace(split, session_tokens=least))
        assert len(provider.requests) > 0, "with that it goes on"


async def test_what_the_others_do_not_need_flows_to_who_has_no_share_at_all(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Rain. " * 250])
    text = a_file("{tokens: 12k, split: {explorer: 8k, validator: 4k}}", explore="false", check="{contains: Rain}")
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 0, result.tasks[0].reason
    assert (await money_of(log)).scopes["s1/*/worker"].spent.tokens > 0


async def test_the_summary_is_held_back_from_every_role(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(validator=[NO])
    text = a_file("{tokens: 5k, split: {summary: 60%}}")
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 3
    assert (await money_of(log)).scopes["s1"].spent.tokens <= 2_000


@pytest.mark.parametrize(("share", "name"), [("worker: 10%", "worker"), ("generalist: 10%", "generalist")])
async def test_a_share_of_money_is_of_the_role_or_its_agent_in_all_tasks_of_the_run(
    log: EventLog, tmp_path: Path, share: str, name: str
) -> None:
    text = (
        f"budget: {{usd: 0.02, split: {{{share}, summary: 60%}}}}\n"
        "defaults: {limits: {attempts: 5}}\ntasks: {a: Write, b: Write, c: Write}\n"
    )
    cast = Cast(worker=["Rain. " * 250], validator=[NO])
    async with serving(cast, model("dear", "paid", price=DEAR)) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 3
    scopes = (await money_of(log)).scopes
    part = "s1/*/worker" if name == "worker" else "s1/*/worker/generalist"
    assert scopes[part].spent.nanos == sum(scopes[f"s1/{task}/worker"].spent.nanos for task in "abc")
    assert scopes["s1"].spent.nanos + scopes["s1"].reserved.nanos <= 8_000_000
    reasons = {task.reason for task in result.tasks if task.status == "halted"}
    assert any(reason.startswith("the split of s1 gives ") for reason in reasons), reasons


async def test_a_task_has_a_split_of_its_own_and_a_higher_cap_of_the_run_lets_it_go_on(
    log: EventLog, tmp_path: Path
) -> None:
    text = (
        "tasks:\n  a: {prompt: Write, limits: {attempts: 4}, "
        "budget: {tokens: 5k, split: {worker: 5%, validator: 60%, summary: 30%}}}\n  b: Write\n"
    )
    cast = Cast(worker=["Rain. " * 250], validator=[NO, NO, NO, verdict(True)])
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
        halted = {task.name: task.reason for task in result.tasks if task.status == "halted"}
        assert list(halted) == ["a"] and halted["a"].startswith("the split of s1/a gives ")
        again = await resume(log, msgspec.structs.replace(plan, session_tokens=50_000, task_caps=False))
    assert again.exit_code == 0, again.tasks


async def test_without_a_split_a_reservation_names_no_scope_of_a_role(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, a_file("9k"), plan, tmp_path)
    calls = [entry.event for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    assert all([scope for scope in call.scopes if session_of(scope)] == ["s1", "s1/tasks"] for call in calls)


def staged(*stages: str, **more: object) -> TaskState:
    steps = [StepState(number=n, title="", stage=stage) for n, stage in enumerate(stages, 1)]  # type: ignore[arg-type]
    return a_state(steps=steps, **more)


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (staged(), (0, 1, 1)),
        (staged(explore=True), (1, 3, 3)),
        (staged("accepted", "drafted", "planned", total=3, explore=True), (0, 1, 2)),
        (staged("rejected", total=1), (0, 1, 1)),
        (staged("accepted", total=1), (0, 0, 0)),
        (staged("planned", total=1, status="halted"), (0, 0, 0)),
        (staged(children=("t.1",)), (0, 0, 0)),
    ],
)
def test_what_is_left_of_a_task_is_counted_by_role(state: TaskState, left: tuple[int, int, int]) -> None:
    assert tuple(calls_left(state, role, judged=True) for role in ROLES) == left
    if left[2]:
        assert calls_left(state, "validator", judged=False) == left[2] - 1


async def test_tasks_side_by_side_share_a_split_and_none_of_them_passes_the_whole(
    log: EventLog, tmp_path: Path
) -> None:
    """Ten tasks at once for which the shares do not suffice: what flows is given once, and nobody waits for ever."""
    tasks = "".join(f"  t{n}: {{prompt: Write, explore: {n % 2 == 0}}}\n" for n in range(10))
    text = f"budget: {{tokens: 16k, split: {{explorer: 10%, worker: 20%, summary: 30%}}}}\ntasks:\n{tasks}"
    with anyio.fail_after(30):
        async with serving(Cast(worker=["Rain. " * 250])) as (_, plan):
            result = await run(log, text, plan, tmp_path)
    statuses = [task.status for task in result.tasks]
    assert set(statuses) <= {"accepted", "halted"} and statuses.count("accepted") >= 3, statuses
    money = MoneyView()
    for entry in await entries_of(log):
        money.apply(entry)
        roles = [state for name, state in money.scopes.items() if name.startswith("s1/*/")]
        taken = sum(state.spent.tokens + state.reserved.tokens for state in roles)
        assert taken <= 11_200, "the hand-over's share is left alone"
        session = money.scope("s1")
        assert taken == session.spent.tokens + session.reserved.tokens


async def test_what_such_work_took_before_says_what_a_role_will_need(log: EventLog, tmp_path: Path) -> None:
    """Once judges are known to answer in a few words, what they do not need of their share lets the worker begin."""
    tight = a_file("{tokens: 2.2k, split: {validator: 95%}}")
    async with serving(Cast()) as (_, plan):
        first = await run(log, tight, plan, tmp_path)
        assert first.tasks[0].reason.startswith("the split of s1 gives worker 0 tokens, and 400 tokens flowed to it")
        for _ in range(10):
            assert (await run(log, a_file("20k"), plan, tmp_path)).exit_code == 0
        assert (await run(log, tight, plan, tmp_path)).exit_code == 0


async def test_a_share_of_money_is_kept_whole_until_what_work_costs_is_known(log: EventLog, tmp_path: Path) -> None:
    text = a_file("{usd: 0.003, split: {validator: 80%}}")
    async with serving(Cast(), model("dear", "paid", price=DEAR)) as (provider, plan):
        result = await run(log, text, plan, tmp_path)
        assert provider.requests == []
    assert result.tasks[0].reason.startswith("the split of s1 gives worker $0, and $0.0006 flowed to it")


def test_another_cap_from_the_command_line_is_split_as_the_file_says(tmp_path: Path) -> None:
    file = parse_task_file(a_file("{tokens: 2k, split: {worker: 1k, validator: 20%}}"), tmp_path / "t.yaml")
    budget = with_budget(file, parse_budget("$0.10")).budget
    assert budget is not None and file.budget is not None
    assert (budget.tokens, budget.usd_nanos, budget.split) == (None, 100_000_000, file.budget.split)


async def test_a_share_at_which_nobody_can_be_asked_is_said_to_be_one(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Rain. " * 250], validator=[NO])
    text = a_file("{tokens: 6k, on_exceed: ask, split: {worker: 1k, validator: 3k, summary: 2k}}")
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    (halt,) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskHalted)]
    assert (halt.cause, halt.whole) == ("confirmation", 6_000), result.tasks[0].reason
    assert halt.share in (1_000, 3_000)
    lacking = lacking_of(halt)
    assert (lacking.scope, lacking.cap) == ("s1", 6_000), "the whole is raised, and the share with it"


async def test_what_a_task_holds_back_for_its_hand_over_is_in_nobodys_share(log: EventLog, tmp_path: Path) -> None:
    """Else who comes first takes its share whole, and the last one's is cut short by what is held back."""
    text = "tasks:\n  t: {prompt: Write, budget: {tokens: 10k, split: {worker: 50%, validator: 50%}}}\n"
    task = parse_task_file(text, tmp_path / "t.yaml").tasks[0]
    async with serving(Cast()) as (_, plan):
        portions = Portions(plan, 1, log=log, money=MoneyView, tasks=lambda: {"t": staged()})
        await portions.learn(task)
        found: dict[str, int | None] = {}
        for role in ROLES:
            caps = plan.caps(1, "p", task, role, 0)
            need = Need(
                scopes=(), caps=caps, price=FREE, input_tokens=1, output_tokens=1, least_output_tokens=1, model="m1"
            )
            shares = portions.shares(task, role)
            assert shares is not None
            found |= {cap.name: cap.tokens for cap in shares(need, lambda _: Amount())}
    assert found["worker"] == found["validator"] == 4_500, found
