"""Agents at work: what they are told and bounded by, and that a resume, a fork's items and a replay take them from the record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.choice import ChoiceMade
from events.types.task import TaskSubmitted
from events.views.tasks import TasksView
from swarm.engine.teams import with_team
from swarm.errors import UsageError
from swarm.plan import allowed_arms
from swarm.prompts.build import module
from swarm.replay import replay
from swarm.task import Task, TaskFile
from swarm.taskfile.read import parse_task_file
from tests.engine.test_handover import taking
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, resume, run, serving, verdict

AGENTS = """
agents:
  rhymer: {prompt: You write in rhymes., tags: [verse], words: 20}
  haikist: {prompt: You write haikus., tags: [verse]}
  strict: You accept nothing easily.
"""


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


def system_words(cast: Cast, role: str) -> list[str]:
    return [str(body["messages"][0]["content"]) for who, body in cast.seen if who == role]


async def agents_asked(log: EventLog) -> list[tuple[str, str]]:
    events = [entry.event for entry in await entries_of(log)]
    return [(event.role, event.agent) for event in events if isinstance(event, CallReserved)]


async def submitted(log: EventLog) -> Mapping[str, TaskSubmitted]:
    return {entry.task: entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskSubmitted)}


async def test_an_agent_is_told_what_it_is_behind_its_role_and_how_long_its_answer_may_be(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast()
    text = f"{AGENTS}prompt: Write a line\nagent: rhymer\nroles: {{validator: {{agent: strict}}}}\n"
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 0
    assert system_words(cast, "worker") == [f"{module('worker')}\n\nYou write in rhymes."]
    assert cast.prompts("worker")[0].endswith(
        "\n\nBe brief: at most 20 words, unless the task asks for another length."
    )
    assert system_words(cast, "validator")[0].startswith(f"{module('validator')}\n\nYou accept nothing easily.\n\n")
    assert await agents_asked(log) == [("worker", "rhymer"), ("validator", "strict")]
    assert (await submitted(log))["tasks"].team == ("worker: rhymer (named)", "validator: strict (named)")
    assert (await replay(log, 1)).divergence is None


async def test_of_several_agents_each_is_told_its_own_words_and_another_may_try_after_a_rejection(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast(validator=[verdict(False), verdict(False), verdict(True)])
    async with serving(cast) as (_, plan):
        result = await run(log, f"{AGENTS}prompt: Write a line\ntags: verse\n", plan, tmp_path)
    assert result.exit_code == 0
    asked = [agent for role, agent in await agents_asked(log) if role == "worker"]
    assert asked[0] == asked[1] != asked[2], "the first gets another try, then the other one"
    told = {"rhymer": "You write in rhymes.", "haikist": "You write haikus."}
    for agent, words in zip(asked, system_words(cast, "worker"), strict=True):
        assert [name for name, said in told.items() if said in words] == [agent]
    choices = [entry.event for entry in await entries_of(log) if isinstance(entry.event, ChoiceMade)]
    assert {each.agent for each in choices[0].candidates} == {"rhymer", "haikist"}
    assert (await replay(log, 1)).divergence is None


async def test_a_verdict_that_is_none_is_asked_for_again_of_the_agent_that_gave_it(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast(validator=["no object", verdict(True)])
    text = f"{AGENTS}prompt: Write a line\nroles: {{validator: {{agent: [strict, rhymer]}}}}\n"
    async with serving(cast) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    first, again = system_words(cast, "validator")
    assert first == again
    assert (await replay(log, 1)).divergence is None


async def test_a_resume_takes_the_agents_from_the_record(log: EventLog, tmp_path: Path) -> None:
    cast, stop = Cast(), anyio.Event()

    def interrupts(_: dict[str, Any]) -> Answer:
        stop.set()
        return Answer("A line.")

    cast.play("worker", interrupts)
    text = (
        f"{AGENTS}tasks: {{a: {{prompt: Write a line, agent: rhymer}}, b: {{prompt: More, needs: a, agent: haikist}}}}"
    )
    async with serving(cast) as (_, plan):
        first = await run(log, text, plan, tmp_path, looks=faces(stop=stop))
        assert first.interrupted
        cast.play("worker", "Another line.")
        assert (await resume(log, plan)).exit_code == 0
    assert "You write haikus." in system_words(cast, "worker")[-1]
    assert (await replay(log, 1)).divergence is None


async def test_the_tasks_of_items_have_the_agents_of_their_task(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=['["rain", "sun"]', "A line."])
    text = (
        f"{AGENTS}tasks:\n  words: {{prompt: List two words}}\n"
        '  lines: {prompt: "A line on {{item}}", needs: words, each: "words.output[]", tags: verse, agent: haikist}\n'
    )
    async with serving(cast) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    assert sum("You write haikus." in words for words in system_words(cast, "worker")) == 2
    assert (await replay(log, 1)).divergence is None


async def test_the_budget_of_an_agent_caps_its_calls_and_not_those_of_another(log: EventLog, tmp_path: Path) -> None:
    text = (
        "agents:\n  poor: {prompt: You are poor., budget: 1.2k, tags: [a]}\n  rich: {prompt: You are rich., tags: [a]}\n"
        "tasks:\n  one: {prompt: Write, agent: poor, limits: {attempts: 5}}\n  two: {prompt: Write, agent: rich, limits: {attempts: 5}}\n"
    )
    cast = Cast(worker=["Rain. " * 200], validator=[verdict(False)] * 8 + [verdict(True)])
    async with serving(cast) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    one, two = result.tasks
    assert one.status == "halted" and one.reason.startswith("the budget of s1/one/worker/poor has ")
    assert two.status != "halted"


async def test_an_agent_is_not_told_to_save_because_another_one_s_budget_is_nearly_spent(
    log: EventLog, tmp_path: Path
) -> None:
    """Whichever of the two begins: both have a budget, and the other one takes over after two drafts."""
    agent = "{{prompt: You are {0}., budget: 4k, tags: [a]}}"
    text = f"agents:\n  ann: {agent.format('ann')}\n  ben: {agent.format('ben')}\nprompt: Write\ntags: a\n"
    cast = Cast(worker=[taking("Rain.", 1_850)], validator=[verdict(False), verdict(False), verdict(True)])
    async with serving(cast, model("m"), model("judge", judge=True)) as (_, plan):
        result = await run(log, text + "roles: {worker: {models: [m]}}\n", plan, tmp_path)
    assert result.exit_code == 0, result
    first, again, other = (str(body["messages"]) for role, body in cast.seen if role == "worker")
    assert ("You are ann" in first) == ("You are ann" in again) != ("You are ann" in other)
    assert "/worker/" not in other


@pytest.mark.parametrize(
    ("tiers", "allowed", "said"),
    [
        (("paid",), ["b"], "its tier free is not among paid, the tiers of x"),
        (("free", "paid"), ["a", "b"], ""),
        (("local",), [], "its tier free is not among local, the tiers of x"),
    ],
)
async def test_the_tiers_of_an_agent_bound_its_models(tiers: tuple[str, ...], allowed: list[str], said: str) -> None:
    agents = f"agents: {{x: {{prompt: X., tiers: [{', '.join(tiers)}]}}}}\n"
    file = parse_task_file(f"{agents}prompt: Write\nagent: x\n", Path("t.yaml"))
    task = with_team(file.tasks[0], "writing", file).task
    async with serving(Cast(), model("a"), model("b", "paid", price=DEAR)) as (_, plan):
        arms, excluded = allowed_arms(plan, task, "worker")
    assert [arm.model for arm in arms if arm.model not in excluded] == allowed
    assert excluded.get("a", "") == said


async def test_a_model_that_only_one_of_two_agents_may_work_on_is_an_arm_of_that_one() -> None:
    agents = "agents: {x: {prompt: X., tiers: [paid]}, y: Y.}\n"
    file = parse_task_file(f"{agents}prompt: Write\nagent: [x, y]\n", Path("t.yaml"))
    task = with_team(file.tasks[0], "writing", file).task
    async with serving(Cast(), model("a"), model("b", "paid", price=DEAR)) as (_, plan):
        arms, excluded = allowed_arms(plan, task, "worker")
    assert ({arm.name for arm in arms}, excluded) == ({"x@b", "y@a", "y@b"}, {})


def test_a_split_that_names_a_plain_agent_keeps_it_and_goes_with_no_other() -> None:
    file = parse_task_file(
        "budget: {tokens: 9k, split: {generalist: 30%}}\ntasks: {a: Write tests for x}", Path("t.yaml")
    )
    assert with_team(file.tasks[0], "tests", file).task.team == {}
    named = Task(id="a", prompt="Write", agent=("tester",))
    with pytest.raises(UsageError, match="a split budget gives a share to generalist; name worker in the split"):
        with_team(named, "tests", file)


def test_what_is_recorded_of_an_agent_is_what_a_run_needs() -> None:
    team = with_team(Task(id="a", prompt="Write tests"), "tests", TaskFile(path="", name="", tasks=()))
    (tester,) = team.task.team["worker"]
    assert team.why == ("worker: tester (type tests)",)
    assert (tester.description, tester.types, tester.tags) == ("", (), ())
    assert tester.prompt and tester.words == 150


async def test_whoever_names_no_agent_and_has_none_that_fits_works_with_the_plain_ones(
    log: EventLog, tmp_path: Path
) -> None:
    async with serving(Cast()) as (_, plan):
        assert (await run(log, "prompt: What is the capital of France?\n", plan, tmp_path)).exit_code == 0
    view = TasksView()
    for entry in await entries_of(log):
        view.apply(entry)
    assert view.of(1)["tasks"].type == "question"
    assert await agents_asked(log) == [("worker", "generalist"), ("validator", "critic")]
    assert (await submitted(log))["tasks"].team == ()
