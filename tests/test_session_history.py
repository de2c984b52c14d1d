"""Whole sessions whose conversations are compacted: what a model is sent, what is recorded, and that a resume goes on from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import read_all
from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.stage import StageApplied
from events.types.tool import ToolFinished
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.insight.requests import TakenApart, read_requests, taken_apart
from swarm.insight.story import read_story
from swarm.replay import replay
from swarm.settings.stages import Rule, StageSettings, Strategy
from tests.engine.test_fork import fork
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, raised, resume, run, serving
from tests.test_session_tools import events, use

TASK = "tasks:\n- id: survey\n  prompt: List the time-out of each service.\n  tools: [look]\n"
FILES = 5


def compacting(strategy: Strategy = "results", **rule: Any) -> StageSettings:
    return StageSettings(rules={"history": Rule(mode="on", keep=0.125, **rule)}, history=strategy)


def content(number: int) -> str:
    lines = [f"limit_{at} = {at * number}  ; of service {number}" for at in range(60)]
    return "\n".join([*lines[:40], f"timeout_s = {number * 10}", *lines[40:]])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(1, FILES + 1):
        (root / f"{number}.ini").write_text(content(number))
    return root


def survey(*last: Any) -> Cast:
    """Reads every file, and notes what it found; then looks at the whole of the first once more."""
    notes = ["", *(f"Noted: {number}.ini has timeout_s = {number * 10}." for number in range(1, FILES))]
    reads = [replace(use("read", path=f"{number}.ini"), text=note) for number, note in enumerate(notes, 1)]
    return Cast(worker=[*reads, *(last or (use("read_output", handle="1", search="limit_17"), "All are listed."))])


def requests(cast: Cast) -> list[list[dict[str, Any]]]:
    return [body["messages"] for who, body in cast.seen if who == "worker"]


def growing(before: Sequence[Any], now: Sequence[Any]) -> bool:
    return list(now[: len(before)]) == list(before)


async def assert_shown_as_sent(log: EventLog, cast: Cast) -> None:
    """What the record says was asked is what the provider got."""
    story = await read_story(log, 1)
    shown = [each for each in await read_requests(log, story, "survey") if each.call.role == "worker"]
    sent = requests(cast)
    assert len(shown) == len(sent)
    for one, messages in zip(shown, sent, strict=True):
        assert [(each.speaker, each.text) for each in one.messages] == [
            (each["role"], each["content"] or "") for each in messages
        ]
        assert [[call.arguments for call in each.calls] for each in one.messages] == [
            [call["function"]["arguments"] for call in each.get("tool_calls", ())] for each in messages
        ]


async def worker_requests(log: EventLog) -> list[TakenApart]:
    task = (await fold(log, TasksView())).of(1)["survey"]
    found = await taken_apart(log, await read_story(log, 1), task)
    return [one for one in found if one.sent.call.role == "worker"]


def names_in(one: TakenApart) -> set[str]:
    return {piece.name for piece in one.pieces}


def told_in(one: TakenApart) -> list[str]:
    return [piece.text for piece in one.pieces if piece.name == "output"]


@pytest.mark.parametrize("strategy", ["results", "digest"])
async def test_a_conversation_that_grew_is_compacted_and_what_went_can_be_had_whole(
    project: Path, strategy: Strategy
) -> None:
    cast = survey()
    async with open_log("memory:") as log, serving(cast, stages=compacting(strategy)) as (_, plan):
        assert (await run(log, TASK, plan, project)).exit_code == 0
        applied = await events(log, StageApplied)
        finished = await events(log, ToolFinished)
        reserved = [each for each in await events(log, CallReserved) if each.role == "worker"]
        assert (await replay(log, 1)).divergence is None
        await assert_shown_as_sent(log, cast)
        apart = await worker_requests(log)
    assert {(each.stage, each.on, each.form, each.how) for each in applied} == {("history", "pays", strategy, "used")}
    assert all(each.after * 3 < each.before for each in applied)
    anew = [each.ordinal for each in reserved if each.anew is not None]
    assert len(anew) == len(applied) < FILES, "seldom"
    for number, (before, now) in enumerate(pairwise(requests(cast)), 2):
        assert growing(before, now) is (number not in anew)
        assert now[:2] == before[:2]
    for number, one in enumerate(apart, 1):
        assert (one.compacted is not None) is (number in anew)
        assert one.framing >= 0 and (strategy == "digest" and number >= anew[0]) is ("history" in names_in(one))
        assert [piece.of for piece in one.pieces if piece.name == "output"][-1:] in ([], ["read"], ["read_output"])
    assert [one.sent.gone for one in apart][-1] == (0 if strategy == "results" else FILES - len(told_in(apart[-1])) + 1)
    last = json.dumps(requests(cast)[-1])
    assert content(1) not in last and "timeout_s = 10" in last
    assert "limit_17 = 17 " in requests(cast)[-1][-1]["content"] and finished[-1].tool == "read_output"


async def test_of_a_compacted_conversation_it_is_said_of_each_result_what_its_own_stage_made_of_it(
    project: Path,
) -> None:
    stages = StageSettings(rules={**compacting().rules, "outputs": Rule(mode="on", keep=0.75)}, history="digest")
    async with open_log("memory:") as log, serving(survey("All are listed."), stages=stages) as (_, plan):
        await run(log, TASK, plan, project)
        last = (await worker_requests(log))[-1]
    outputs = [piece for piece in last.pieces if piece.name == "output"]
    assert last.sent.gone == FILES - len(outputs) > 0
    for number, piece in enumerate(outputs, last.sent.gone + 1):
        assert f"of service {number}" in piece.text
        assert piece.stage is not None and piece.stage.on == f"read {number}.ini"


async def test_a_paid_model_with_a_cache_is_sent_what_it_knows_until_that_costs_more(project: Path) -> None:
    cached = model("cached", "paid", price=DEAR.__class__(row="r", input_nanos=1_000, output_nanos=1, cached_nanos=20))
    async with (
        open_log("memory:") as log,
        serving(survey(), cached, stages=compacting(), paid_confirmed=True) as (_, plan),
    ):
        await run(log, TASK, plan, project)
        assert await events(log, StageApplied) == []


async def test_near_its_window_and_near_its_cap_a_conversation_is_compacted_whatever_it_costs(project: Path) -> None:
    price = DEAR.__class__(row="r", input_nanos=1_000, output_nanos=1, cached_nanos=20)
    for window, room, reason in ((4_000, 10_000_000, "window"), (None, 24_000, "half of the cap")):
        cached = model("cached", "paid", price=price, context_tokens=window)
        more: dict[str, Any] = {"stages": compacting(), "paid_confirmed": True, "session_tokens": room}
        async with open_log("memory:") as log, serving(survey(), cached, **more) as (_, plan):
            await run(log, TASK, plan, project)
            assert {each.on for each in await events(log, StageApplied)} == {reason}


async def test_under_a_cap_that_a_conversation_would_reach_it_comes_to_its_end(project: Path) -> None:
    for stages, finished in ((StageSettings(), False), (compacting(), True)):
        async with open_log("memory:") as log, serving(survey(), stages=stages, session_tokens=15_000) as (_, plan):
            assert ((await run(log, TASK, plan, project)).exit_code == 0) is finished


async def test_what_was_compacted_for_a_request_that_was_refused_is_told_with_the_one_that_is_made(
    project: Path,
) -> None:
    (project / "3.ini").write_text("\n".join(content(number) for number in range(30, 34)))
    async with open_log("memory:") as log, serving(survey(), stages=compacting(), session_tokens=10_000) as (_, plan):
        assert (await run(log, TASK, plan, project)).exit_code == 3
        assert await events(log, StageApplied) == []
        assert (await resume(log, raised(plan, 1_000_000))).exit_code == 0
        anew = [each.ordinal for each in await events(log, CallReserved) if each.anew is not None]
        assert len(await events(log, StageApplied)) == len(anew) > 0
        assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize("rule", [Rule(mode="measure", keep=0.125), Rule(mode="on", keep=0.125, share=1e-9)])
async def test_where_it_is_only_measured_nothing_that_is_sent_changes(project: Path, rule: Rule) -> None:
    cast = survey()
    stages = StageSettings(rules={"history": rule})
    async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
        await run(log, TASK, plan, project)
        applied = await events(log, StageApplied)
        assert (await replay(log, 1)).divergence is None
    assert {each.how for each in applied} == {"measured" if rule.mode == "measure" else "held"}
    assert all(growing(before, now) for before, now in pairwise(requests(cast)))
    used = survey()
    async with open_log("memory:") as log, serving(used, stages=compacting()) as (_, plan):
        await run(log, TASK, plan, project)
        assert [(each.before, each.after) for each in await events(log, StageApplied)] == [
            (each.before, each.after) for each in applied
        ]


@pytest.mark.parametrize(
    "rule", [compacting("digest"), StageSettings(rules={"history": Rule(mode="measure", keep=0.125)})]
)
async def test_a_session_that_was_interrupted_goes_on_with_the_same_conversation(
    project: Path, rule: StageSettings
) -> None:
    whole = survey()
    async with open_log("memory:") as log, serving(whole, stages=rule) as (_, plan):
        await run(log, TASK, plan, project)
        told = await events(log, StageApplied)
    for stop_at in (3, 4, 6):
        cast, stop = survey(), anyio.Event()

        def behave(body: dict[str, Any], cast: Cast = cast, stop: anyio.Event = stop, at: int = stop_at) -> Answer:
            if len(cast.seen) + 1 == at:
                stop.set()
            return cast(body)

        async with open_log("memory:") as log, serving(behave, stages=rule) as (_, plan):
            await run(log, TASK, plan, project, looks=faces(stop=stop))
            await resume(log, plan)
            assert await events(log, StageApplied) == told, stop_at
            assert (await replay(log, 1)).divergence is None
        assert requests(cast) == requests(whole), stop_at


async def test_a_compacted_request_that_was_in_flight_is_asked_again_as_it_was(project: Path) -> None:
    """Its answer is lost, twice: by the provider, and by the end of the process. It is taken from the record, calls and all."""
    cast, abort, stop = survey(), anyio.Event(), anyio.Event()
    asked: list[list[dict[str, Any]]] = []

    def behave(body: dict[str, Any]) -> Answer:
        if "handle=1]" not in json.dumps(body["messages"]) or len(asked) > 2:
            return cast(body)
        asked.append(body["messages"])
        if len(asked) == 1:
            return Answer(status=500)
        if len(asked) == 2:
            stop.set()
            abort.set()
            return Answer("too late", before_head=30)
        return cast(body)

    async with open_log("memory:") as log, serving(behave, stages=compacting()) as (_, plan):
        await run(log, TASK, plan, project, looks=faces(stop=stop, abort=abort))
        assert (await resume(log, plan)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
        anew = [each for each in await events(log, CallReserved) if each.anew is not None]
        assert len(await events(log, StageApplied)) == len({each.ordinal for each in anew})
    assert len(asked) == 3 and asked[0] == asked[1] == asked[2]


async def test_a_summary_stands_for_older_turns_where_it_keeps_what_they_say(project: Path) -> None:
    good = "1.ini has timeout_s = 10, 2.ini has timeout_s = 20, 3.ini has timeout_s = 30, 4.ini has timeout_s = 40."
    for said, form in ((good, "summary"), ("I read some files.", "digest, as the summary lost ")):
        cast = survey("All are listed.")
        cast.play("summariser", said)
        async with open_log("memory:") as log, serving(cast, stages=compacting("summary")) as (_, plan):
            assert (await run(log, TASK, plan, project)).exit_code == 0
            applied = await events(log, StageApplied)
            entries = [entry async for page in read_all(log) for entry in page]
            assert (await replay(log, 1)).divergence is None
            await assert_shown_as_sent(log, cast)
        assert all(each.form.startswith(form) for each in applied) and applied
        asked = [entry.event for entry in entries if isinstance(entry.event, CallReserved)]
        branches = [each.branch for each in asked if each.role == "summariser"]
        assert branches and all(each.startswith("history:") for each in branches)
        for branch in branches:
            at = next(n for n, entry in enumerate(entries) if getattr(entry.event, "branch", "") == branch)
            done = sum(isinstance(entry.event, ToolFinished) for entry in entries[:at])
            assert branch == f"history:{done + 1}", "what was done is recorded before it is waited for"
        assert (good in json.dumps(requests(cast)[-1])) is (form == "summary")


async def test_nobody_who_has_a_price_is_asked_for_a_summary(project: Path) -> None:
    cast = survey("All are listed.")
    paid = model("paid", "paid", price=DEAR)
    async with (
        open_log("memory:") as log,
        serving(cast, paid, stages=compacting("summary"), paid_confirmed=True) as (_, plan),
    ):
        await run(log, TASK, plan, project)
        forms = {each.form for each in await events(log, StageApplied)}
    assert forms == {"digest, as no free model may write a summary"} and "summariser" not in cast.roles


async def test_who_has_a_tool_has_the_one_that_gives_outputs_unless_the_task_leaves_it_out(project: Path) -> None:
    for words, stages, offered in (
        ("[read]", compacting(), True),
        ("[read]", StageSettings(), False),
        ("[read]", StageSettings(rules={"history": Rule(mode="measure", keep=0.125)}), False),
        ("[read, -read_output]", compacting(), False),
    ):
        cast = survey("All are listed.")
        async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
            await run(log, TASK.replace("[look]", words), plan, project)
            assert (await events(log, StageApplied) != []) is offered
        names = [{each["function"]["name"] for each in body["tools"]} for who, body in cast.seen if who == "worker"]
        assert all(("read_output" in each) is offered for each in names) and names


def by_turn(body: dict[str, Any]) -> Answer | str:
    """What comes next of a survey, whoever asks again; all that is read stands in messages of its own."""
    done = sum(message["role"] == "tool" for message in body["messages"])
    return use("read", path=f"{done + 1}.ini") if done < FILES else "All are listed."


async def test_a_fork_behind_a_compaction_goes_on_from_it_and_one_before_it_decides_anew(project: Path) -> None:
    cast = Cast(worker=[by_turn])
    async with open_log("memory:") as log, serving(cast, stages=compacting()) as (_, plan):
        await run(log, TASK, plan, project)
        whole = requests(cast)
        entries = [entry async for page in read_all(log, session=1) for entry in page]
        at = next(entry.position for entry in entries if isinstance(entry.event, CallReserved) and entry.event.anew)
        made = sum(isinstance(entry.event, CallReserved) and entry.position < at for entry in entries)
        for number, place in enumerate((at - 3, at + 1), 2):
            del cast.seen[:]
            assert (await fork(log, plan, place)).exit_code == 0
            assert (await replay(log, number)).divergence is None
            assert requests(cast) == whole[made + (place > at) :], "what is recorded is not asked again"


async def test_the_conversation_of_a_sub_agent_is_compacted_in_its_branch(project: Path) -> None:
    cast = Cast(worker=[use("task", prompt="List the time-outs of services"), "All are listed."], subagent=[by_turn])
    async with open_log("memory:") as log, serving(cast, stages=compacting()) as (_, plan):
        text = TASK.replace("[look]", "[look, task]")
        assert (await run(log, text, plan, project)).exit_code == 0
        applied = await events(log, StageApplied)
        assert {(each.role, each.branch) for each in applied} == {("sub-agent", "task:1")}
        assert (await replay(log, 1)).divergence is None
