"""A new run goes on from an earlier session: what was accepted is taken over, what was stopped is told how far it had come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.lineage import fold_session
from events.log import EventLog, open_log, system_clock
from events.types.task import TaskSkipped, TaskSubmitted
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.cli.ps import listed
from swarm.engine.earlier import earlier_of, is_same_work
from swarm.errors import SessionBusy, UsageError
from swarm.owner import take_session
from swarm.plan import Plan
from swarm.replay import replay
from swarm.session import Result
from swarm.task import Budget, Limits, RoleConfig, Task
from tests.engine.test_handover import gardeners, judging, summary_of, taking
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, resume, run, serving, state_of, verdict

TWO = """
tasks:
  survey: Survey the ground
  garden: {{prompt: {prompt}, explore: true, needs: survey, limits: {{answer: 1024}}, budget: {budget}}}
budget: 100k
"""


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def two(prompt: str = "Plan the garden", budget: str = "4.6k") -> str:
    return TWO.format(prompt=prompt, budget=budget)


async def go_on(log: EventLog, text: str, plan: Plan, root: Path, *, session: int = 1, task: str = "") -> Result:
    return await run(log, text, plan, root, earlier=await earlier_of(log, session, task, root=root))


async def test_a_halted_task_goes_on_in_the_next_session_with_its_plan_and_what_was_accepted(
    log: EventLog, root: Path
) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), taking("Beans and roses.", 1_200)])
    async with serving(cast) as (_, plan):
        first = await run(log, two(), plan, root)
        assert [task.status for task in first.tasks] == ["accepted", "halted"], first
        halted, told = len(cast.seen), await summary_of(log)
        second = await go_on(log, two(budget="40k"), plan, root)
    assert (second.session, second.exit_code) == ("s2", 0)
    assert [(task.status, task.text) for task in second.tasks] == [
        ("accepted", "Clay."),
        ("accepted", "Beans and roses."),
    ]
    assert cast.roles[halted:] == ["worker", "validator"], (
        "neither the survey, the plan nor the first step is paid again"
    )
    assert told in cast.prompts("worker")[-1]
    assert "Four beds." in cast.prompts("worker")[-1]
    assert second.tokens == 2_200, "what the first session paid is no cost of the second one"
    for session in (1, 2):
        assert (await replay(log, session)).divergence is None


async def test_what_a_run_goes_on_from_may_itself_have_gone_on_from_another(log: EventLog, root: Path) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), taking("Beans and roses.", 1_200)])
    async with serving(cast) as (_, plan):
        await run(log, two(), plan, root)
        second = await go_on(log, two(budget="0.9k"), plan, root)
        assert (second.exit_code, second.tasks[1].status) == (3, "halted")
        third = await go_on(log, two(budget="40k"), plan, root, session=2)
    assert (third.session, third.exit_code, cast.roles.count("explorer")) == ("s3", 0, 1)
    assert "Four beds." in cast.prompts("worker")[-1]
    assert (await replay(log, 3)).divergence is None


async def test_a_task_that_asks_for_something_else_begins_anew_and_every_role_but_the_judge_is_told_the_hand_over(
    log: EventLog, root: Path
) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), taking("Beans.", 1_200)])
    async with serving(cast) as (_, plan):
        await run(log, two(), plan, root)
        halted, told = len(cast.seen), await summary_of(log)
        second = await go_on(log, two(prompt="Plan the garden without roses", budget="40k"), plan, root)
    assert second.exit_code == 0
    assert cast.roles[halted:] == ["explorer", "worker", "validator", "worker", "validator"]
    assert told in cast.prompts("explorer")[-1]
    assert [told in prompt for prompt in cast.prompts("worker")[-2:]] == [True, True]
    assert (await replay(log, 2)).divergence is None


async def test_a_prompt_goes_on_from_the_task_that_is_named(log: EventLog, root: Path) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), "Five beds."])
    async with serving(cast) as (_, plan):
        await run(log, two(), plan, root)
        told = await summary_of(log)
        second = await go_on(log, "prompt: Make it five beds\n", plan, root, task="garden")
    assert [task.text for task in second.tasks] == ["Five beds."], "the tasks of the earlier one are none of this run's"
    assert told in cast.prompts("worker")[-1]
    assert (await replay(log, 2)).divergence is None


async def test_tasks_that_the_new_run_does_not_have_are_left_out_by_who_runs_it(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["Clay.", "no", "no", "no", "Sand."], validator=[verdict(True), verdict(False)])
    file = "tasks:\n  soil: Say what the soil is\n  name: {prompt: Find a name, limits: {attempts: 1}}\n"
    async with serving(cast) as (_, plan):
        first = await run(log, file, plan, root)
        assert [task.status for task in first.tasks] == ["accepted", "failed"]
        second = await go_on(log, "tasks: {soil: Say what the soil is}\n", plan, root)
    assert (second.exit_code, [(task.status, task.text) for task in second.tasks]) == (
        0,
        [("accepted", "Clay."), ("skipped", None)],
    )
    (skipped,) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskSkipped)]
    assert (skipped.by != "", "goes on from s1" in skipped.reason) == (True, True)
    assert (await replay(log, 2)).divergence is None


async def test_a_task_that_failed_is_tried_anew_and_told_why_and_so_is_what_needs_it(log: EventLog, root: Path) -> None:
    file = """
tasks:
  soil: Say what the soil is
  name: {prompt: Find a name, limits: {attempts: 1}, needs: soil}
  sign: {prompt: Make a sign, needs: name}
"""
    no = verdict(False, "It is no name.")
    cast = Cast(worker=["Clay.", "x", "Rosewood"], validator=[verdict(True), no, verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, file, plan, root)
        assert [task.status for task in first.tasks] == ["accepted", "failed", "cancelled"]
        asked = len(cast.seen)
        second = await go_on(log, file, plan, root)
    assert [task.status for task in second.tasks] == ["accepted"] * 3
    assert cast.roles[asked:] == ["worker", "validator"] * 2
    assert "Why it was not accepted: It is no name." in cast.prompts("worker")[2]
    assert "done before" not in cast.prompts("worker")[3], "what never began has nothing to hand over"
    assert (await replay(log, 2)).divergence is None


async def test_items_that_were_done_stay_done_and_the_others_go_on_as_the_new_run_has_them(
    log: EventLog, root: Path
) -> None:
    file = "tasks:\n  write: {{prompt: 'Write on {{{{item}}}}', each: [bees, ants], budget: {}}}\nbudget: 100k\n"
    urgent = "defaults: {priority: critical, start: planned, limits: {answer: 3000}}\nagents: {critic: Be harsh.}\n"

    def line(body: dict[str, Any]) -> Answer:
        long = "Write on ants" in str(body["messages"])
        return taking("On ants." if long else "On bees.", 1_200 if long else 200)

    cast = Cast(worker=[line])
    async with serving(cast) as (_, plan):
        first = await run(log, file.format("2.2k"), plan, root)
        assert {task.name: task.status for task in first.tasks} == {
            "write": "open",
            "write.1": "accepted",
            "write.2": "halted",
        }
        asked = len(cast.seen)
        second = await go_on(log, urgent + file.format("30k"), plan, root)
    assert [task.status for task in second.tasks] == ["accepted"] * 3
    assert cast.roles[asked:] == ["validator"], "the draft of the second item stands and is judged"
    tasks = (await fold_session(log, TasksView(), 2)).of(2)
    specs = [await log.text(tasks[name].spec.ref, at=tasks[name].spec.at) for name in ("write", "write.2")]
    for spec in (msgspec.json.decode(text, type=Task) for text in specs):
        assert (spec.budget, spec.priority, spec.start) == (Budget(tokens=30_000), 0, "planned")
    assert tasks["write.2"].answer_tokens == 3_000 and "Be harsh." in str(cast.seen[-1])
    assert (await replay(log, 2)).divergence is None


async def test_an_interrupted_session_is_gone_on_from_where_it_stands(log: EventLog, root: Path) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), taking("Beans.", 1_200)])
    async with serving(cast) as (_, plan):
        await run(log, two(), plan, root)
        await go_on(log, two(budget="0.9k"), plan, root)
        again = await resume(log, plan, session=2)
        assert (again.exit_code, again.tasks[1].status) == (3, "halted"), "the same cap stops it again"
    submitted = [e.event for e in await entries_of(log) if isinstance(e.event, TaskSubmitted) and e.session == 2]
    assert [event.keeps for event in submitted] == [True]
    tasks = (await fold_session(log, TasksView(), 2)).of(2)
    assert [step.stage for step in tasks["garden"].steps] == ["accepted", "planned"]


async def test_what_cannot_be_gone_on_from_is_refused_with_the_reason(
    log: EventLog, root: Path, tmp_path: Path
) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, "tasks: {soil: Say what the soil is, rain: Say when it rains}\n", plan, root)
        with pytest.raises(UsageError, match=r"it ran in .*project, and this is .*; change to that folder"):
            await earlier_of(log, 1, "", root=tmp_path)
        file = "tasks: {sign: Make a sign, gate: Make a gate}\n"
        with pytest.raises(UsageError, match="none of them is soil"):
            await go_on(log, file, plan, root, task="soil")
        with pytest.raises(UsageError, match="nothing of it is of use to this run"):
            await go_on(log, file, plan, root)
        await take_session(log, await state_of(log), settings="{}", project="p", clock=system_clock, take_over=False)
        with pytest.raises(SessionBusy):
            await earlier_of(log, 1, "", root=root)
        assert await log.last("claim/s2") is None


bounds = st.fixed_dictionaries(
    {
        "budget": st.builds(Budget, tokens=st.integers(1, 10**6)),
        "limits": st.builds(Limits, attempts=st.integers(1, 9)),
        "priority": st.integers(0, 8),
        "start": st.sampled_from(["", "free", "planned"]),
    }
)


@given(bounds, bounds, st.sampled_from(["prompt", "tiers", "accept", None]))
def test_work_is_the_same_whatever_bounds_it(one: dict[str, Any], other: dict[str, Any], changed: str | None) -> None:
    task = Task(id="t", prompt="Write.", roles={"worker": RoleConfig(budget=one["budget"])}, **one)
    again = msgspec.structs.replace(task, roles={"worker": RoleConfig(budget=other["budget"])}, **other)
    if changed is not None:
        again = msgspec.structs.replace(again, **{changed: "Else." if changed == "prompt" else ("free",)})
    assert is_same_work(task, again) is (changed is None)


async def test_a_fold_of_the_whole_log_knows_of_such_a_session_what_it_knows_of_a_fork(
    log: EventLog, root: Path
) -> None:
    cast = gardeners(worker=[taking("Clay.", 200), taking("Four beds.", 1_200), taking("Beans.", 1_200)])
    async with serving(cast) as (_, plan):
        await run(log, two(), plan, root)
        await go_on(log, two(budget="40k"), plan, root)
    assert list((await fold(log, TasksView())).of(2)) == [], "what is inherited is folded by who wants it"
    shown, _ = await listed(log, None, now=system_clock())
    assert [[task.status for task in one.tasks] for one in shown] == [["accepted", "accepted"], ["accepted", "halted"]]


async def test_what_needs_a_task_that_begins_anew_begins_anew_though_it_was_accepted(log: EventLog, root: Path) -> None:
    file = "tasks:\n  soil: {}\n  name: {{prompt: Find a name, needs: soil}}\n  rain: Say when it rains\n"
    cast = Cast(worker=["one", "two", "three", "four", "five"])
    async with serving(cast) as (_, plan):
        await run(log, file.format("Say what the soil is"), plan, root)
        asked = len(cast.seen)
        second = await go_on(log, file.format("Say how deep the soil is"), plan, root)
    assert [task.status for task in second.tasks] == ["accepted"] * 3
    assert cast.roles[asked:] == ["worker", "validator"] * 2, "rain stays as it is"


async def test_an_answer_that_was_recorded_before_the_halt_is_given_back_in_the_next_session(
    log: EventLog, root: Path
) -> None:
    file = "tasks: {{soil: {{prompt: Say what the soil is, limits: {{answer: 1024}}, budget: {}}}}}\nbudget: 100k\n"
    cast = Cast(worker=[taking("Clay.", 1_200)], validator=[judging("hm", 900), verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, file.format("2.7k"), plan, root)
        assert (first.tasks[0].status, cast.roles) == ("halted", ["worker", "validator"])
        second = await go_on(log, file.format("20k"), plan, root)
    assert (second.exit_code, cast.roles) == (0, ["worker", "validator", "validator"])
    assert "That was not the JSON object" in cast.prompts("validator")[-1], (
        "the first answer was no verdict: it is repaired"
    )
    assert (await replay(log, 2)).divergence is None


async def test_a_given_back_answer_was_asked_for_by_the_agent_of_then_whatever_it_is_told_by_now(
    log: EventLog, root: Path
) -> None:
    file = "{}tasks: {{soil: {{prompt: Say what the soil is, limits: {{answer: 1024}}, budget: {}}}}}\nbudget: 100k\n"
    cast = Cast(worker=[taking("Clay.", 1_200)], validator=[judging("hm", 900), verdict(True)])
    async with serving(cast) as (_, plan):
        await run(log, file.format("", "2.7k"), plan, root)
        harsh = "agents: {critic: {prompt: Be harsh., words: 40}}\n"
        second = await go_on(log, file.format(harsh, "20k"), plan, root)
    assert (second.exit_code, cast.roles) == (0, ["worker", "validator", "validator"])
    assert "Be harsh." in str(cast.seen[-1])
    assert (await replay(log, 2)).divergence is None, "what the first session asked is its own to be played"


async def test_a_task_that_goes_on_may_have_longer_answers_than_it_had_before(log: EventLog, root: Path) -> None:
    file = "tasks: {{soil: {{prompt: Say what the soil is, explore: true, limits: {{answer: {}}}, budget: {}}}}}\nbudget: 100k\n"
    cast = gardeners(worker=[taking("Four beds.", 1_200)])
    async with serving(cast) as (_, plan):
        first = await run(log, file.format(1024, "4.6k"), plan, root)
        assert first.tasks[0].status == "halted"
        asked = len(cast.seen)
        assert (await go_on(log, file.format(2048, "40k"), plan, root)).exit_code == 0
    assert "explorer" not in cast.roles[asked:], "its plan is taken over"
    drafts = [body for role, body in cast.seen[asked:] if role == "worker"]
    assert {body["max_tokens"] for body in drafts} == {2048}
    assert (await replay(log, 2)).divergence is None
