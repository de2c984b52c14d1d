"""Whole sessions in which tokens are spent for nothing: what the report says of them is what the provider counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from events.bus import read_all
from events.log import Entry, EventLog, NewEvent, open_log
from events.types.call import CallReserved, CallSettled
from events.types.control import CancelRequested
from swarm.cli.report_waste import read
from swarm.engine.questions import reply
from swarm.insight.waste import Row, Waste, waste
from swarm.settings.stages import Rule, StageSettings
from swarm.settings.toolrules import ToolSettings
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, plan_text, resume, run, serving, verdict
from tests.test_session_questions import question
from tests.test_session_skills import add_skill
from tests.test_session_stages import lines
from tests.test_session_tools import events, use

NO = verdict(False, "it does not say where", 0.1)
MEASURED = StageSettings(rules={"inputs": Rule(mode="measure", keep=0.5)})


class Calls:
    """The answered calls of a log, each with its reservation, in the order of the reservations."""

    def __init__(self, entries: list[Entry]) -> None:
        settled = {entry.event.reservation: entry.event for entry in entries if isinstance(entry.event, CallSettled)}
        self.all = [
            (entry, entry.event, settled[entry.position])
            for entry in entries
            if isinstance(entry.event, CallReserved) and entry.position in settled
        ]

    def of(self, role: str, task: str, *attempts: int) -> tuple[int, int, int]:
        """How many of these calls there are, and their tokens and money."""
        return self.sum(
            [
                settled
                for entry, call, settled in self.all
                if (call.role, entry.task) == (role, task) and (not attempts or entry.attempt in attempts)
            ]
        )

    def sum(self, calls: list[CallSettled]) -> tuple[int, int, int]:
        tokens = sum(each.input_tokens + each.output_tokens for each in calls)
        return len(calls), tokens, sum(each.cost_nanos for each in calls)


async def read_waste(log: EventLog) -> tuple[Mapping[str, Row], Waste, Calls]:
    found = await read(log)
    said = waste(found.waste, found.stages, found.sizes)
    return {row.what: row for row in said.rows}, said, Calls([entry async for page in read_all(log) for entry in page])


def figures(row: Row) -> tuple[int, int, int]:
    return row.count, row.tokens, row.nanos


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home" / ".config")}


async def test_drafts_judges_plans_and_cut_answers_that_came_to_nothing_stand_each_in_its_row(tmp_path: Path) -> None:
    text = (
        "tasks:\n- {id: good, prompt: Say where., accept: It says where.}\n"
        "- {id: bad, needs: [good], explore: true, prompt: Say why., check: [{contains: because}], limits: {attempts: 2}}\n"
    )
    long = Answer("on and on " * 30, finish="length")
    cast = Cast(
        explorer=["I have no plan.", plan_text("say why")],
        worker=["Somewhere.", "In the cellar.", long, "No idea.", "None at all."],
        validator=[NO, NO, verdict(True)],
    )
    async with open_log("memory:") as log, serving(cast, model("m1", "cheap", price=DEAR)) as (_, plan):
        result = await run(log, text, plan, tmp_path)
        assert result.exit_code == 1
        rows, said, calls = await read_waste(log)
    assert {what for what, row in rows.items() if not row.part} >= {"rejected", "judged", "cut", "abandoned", "undone"}
    assert figures(rows["judged"])[0] == cast.roles.count("validator") - 1
    assert figures(rows["cut"]) == calls.sum([each for *_, each in calls.all if each.finish == "length"])
    plans = [entry.attempt for entry, call, _ in calls.all if call.role == "explorer"]
    assert figures(rows["abandoned"]) == calls.of("explorer", "bad", plans[0])
    assert figures(rows["undone"]) == calls.of("explorer", "bad", *plans[1:])
    assert (said.all.count, said.all.tokens, said.all.nanos) == calls.sum([each for *_, each in calls.all])
    useful = [
        next(each for entry, call, each in reversed(calls.all) if (call.role, entry.task) == (role, "good"))
        for role in ("worker", "validator")
    ]
    assert said.calls.tokens == said.all.tokens - calls.sum(useful)[1]
    assert said.calls.nanos == said.all.nanos - calls.sum(useful)[2] > 0


async def test_tools_that_were_not_used_and_what_was_said_before_are_found_in_each_request(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(lines(20))
    text = "tasks:\n- id: find\n  prompt: Which requests were served?\n  tools: [look]\n"
    cast = Cast(worker=[use("search", pattern="request 7"), "Request 7."])
    async with open_log("memory:") as log, serving(cast, model("m1", "cheap", price=DEAR)) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
        rows, _, calls = await read_waste(log)
        found = await read(log)
    (first, second) = [settled for _, call, settled in calls.all if call.role == "worker"]
    again = min(first.input_tokens + first.output_tokens, second.input_tokens)
    share = second.input_tokens + second.output_tokens
    assert figures(rows["resent"]) == (1, again, again * second.cost_nanos // share)
    (sizes,) = found.sizes.values()
    assert "search" in sizes
    unused = sum(size for name, size in sizes.items() if name != "search")
    whole = calls.sum([first, second])
    assert figures(rows["tools"])[:2] == (2, min(2 * unused, whole[1]))
    assert not [row for row in rows.values() if not row.part]


async def test_a_run_that_is_done_twice_repeats_its_calls_and_measured_texts_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(lines(400))
    text = "tasks:\n- {id: why, prompt: Why was it refused?, input: server.log, check: [{contains: quota}]}\n"
    cast = Cast(worker=["The quota."])
    async with open_log("memory:") as log, serving(cast, stages=MEASURED) as (_, plan):
        for _ in range(3):
            assert (await run(log, text, plan, tmp_path)).exit_code == 0
        rows, _, calls = await read_waste(log)
    assert figures(rows["repeated"]) == calls.sum([each for *_, each in calls.all][1:])
    assert rows["measured"].count == 3 and rows["measured"].tokens > 1_000
    assert set(rows) == {"repeated", "measured"}


async def test_the_texts_of_skills_that_a_rejected_draft_was_told_are_found(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    add_skill(home)
    text = "tasks:\n- {id: press, prompt: Press the grapes of the northern slope, tools: [look], check: [{contains: dawn}]}\n"
    async with open_log("memory:") as log, serving(Cast(worker=["Pressed.", "At dawn."])) as (_, plan):
        assert (await run(log, text, plan, tmp_path, environ=home)).exit_code == 0
        rows, _, calls = await read_waste(log)
    told = [sum(call.skill_tokens) for _, call, _ in calls.all]
    assert told[0] > 0 and figures(rows["skills"])[:2] == (1, told[0])
    assert rows["rejected"].count == 1


async def test_a_call_that_broke_off_counts_at_what_was_reserved(tmp_path: Path) -> None:
    text = "tasks:\n- {id: say, prompt: Say it.}\n"
    stop = anyio.Event()

    def behave(_: dict[str, object]) -> Answer:
        stop.set()
        return Answer("It is", cut_after=1)

    async with open_log("memory:") as log, serving(behave) as (_, plan):
        await run(log, text, plan, tmp_path, looks=faces(stop=stop))
        rows, said, _ = await read_waste(log)
        (reserved,) = await events(log, CallReserved)
    assert figures(rows["lost"]) == (1, reserved.tokens, reserved.cost_nanos)
    assert said.calls.tokens == reserved.tokens


async def test_a_try_that_failed_counts_and_costs_nothing(tmp_path: Path) -> None:
    def behave(body: dict[str, object]) -> Answer:
        return Answer(status=400) if body["model"] == "m1" else Answer("Said.")

    models = model("m1", judge=False), model("m2", "paid", price=DEAR, judge=False)
    text = "tasks:\n- {id: say, prompt: Say it., check: [{contains: Said}]}\n"
    async with open_log("memory:") as log, serving(behave, *models) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
        rows, said, _ = await read_waste(log)
    assert figures(rows["failed"]) == (1, 0, 0) and set(rows) == {"failed"}
    assert said.all.count == 1


async def test_what_a_halted_task_took_is_waste_until_somebody_goes_on_with_it(tmp_path: Path) -> None:
    text = "tasks:\n- id: paint\n  prompt: Paint it.\n  tools: [ask]\n"
    cast = Cast(worker=[use("ask_human", question="Which colour?"), "It is green."])
    async with open_log("memory:") as log, serving(cast, tools=ToolSettings(headless="fail")) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 5
        rows, _, calls = await read_waste(log)
        assert figures(rows["halted"]) == calls.of("worker", "paint")
        await reply(log, await question(log), "green", project="a")
        assert (await resume(log, plan)).exit_code == 0
        rows, _, _ = await read_waste(log)
    assert "halted" not in rows


async def test_what_a_cancelled_task_took_is_waste_with_the_call_that_was_under_way(tmp_path: Path) -> None:
    async with open_log("memory:") as log:

        async def cancelled() -> None:
            asked = NewEvent(event=CancelRequested(by="ann"), topic="control/s1", session=1, task="say")
            await log.append([asked])
            await anyio.Event().wait()

        cast = Cast(worker=["Said."], validator=[Answer("late", before_head=cancelled)])
        async with serving(cast) as (_, plan):
            await run(log, "tasks:\n- {id: say, prompt: Say it.}\n", plan, tmp_path)
        rows, _, calls = await read_waste(log)
    assert figures(rows["cancelled"]) == calls.of("worker", "say")
    assert rows["lost"].count == 1
