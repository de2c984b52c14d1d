"""Whole sessions in which several small tasks share a request."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import read_all
from events.log import EventLog, NewEvent, open_log
from events.types.call import (
    MISSING,
    CallFailed,
    CallReleased,
    CallReserved,
    CallSettled,
    CallUnknown,
)
from events.types.choice import ChoiceMade
from events.types.control import CancelRequested
from events.types.task import StepAccepted, StepRejected, TaskCancelled
from events.views.base import fold
from events.views.cost import CostView
from events.views.money import MoneyView
from swarm.cache.caching import Caching
from swarm.insight.sentences import said
from swarm.money.caps import task_scope
from swarm.replay import replay
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, resume, run, serving
from tests.test_session_tools import events

WORDS = ("wheel", "mill", "tower", "harbour", "bridge")
HOUSE = (
    "Write as this house does: in the present, for readers who know nothing of the matter, without figures of speech. "
    * 5
)
TOP = f"defaults:\n  roles: {{worker: {{prompt: '{HOUSE}'}}}}\ntasks:"
ITEMS = f"{TOP}\n- id: tell\n  each: [{', '.join(WORDS)}]\n  prompt: Say in one sentence what a {{{{item}}}} is.\n"
CHECKED = f"{ITEMS}  check: [{{contains: 'A {{{{item}}}}'}}]\n"

USAGE = {"prompt_tokens": 331, "completion_tokens": 97, "total_tokens": 428}

_TASK = re.compile(r'<(task_*) n="(\d+)">\n(.*?)\n</\1>', re.DOTALL)


def asked_in(body: Mapping[str, Any]) -> dict[str, str]:
    """The tasks of a shared request by their numbers; none of one that a task makes alone."""
    return {number: prompt for _, number, prompt in _TASK.findall(str(body["messages"][-1]["content"]))}


def of_word(prompt: str) -> str:
    word = next(word for word in WORDS if f"a {word} is" in prompt)
    return f"A {word} is what it is."


def work_as(change: Callable[[dict[str, str]], object], **more: Any) -> Callable[[dict[str, Any]], Answer]:
    """Does what it is asked, and hands in the results of a shared request as `change` makes them."""

    def work(body: dict[str, Any]) -> Answer:
        tasks = asked_in(body)
        if not tasks:
            return Answer(of_word(str(body["messages"][-1]["content"])), **more)
        handed_in = change({number: of_word(prompt) for number, prompt in tasks.items()})
        return Answer(handed_in if isinstance(handed_in, str) else json.dumps(handed_in), **more)

    return work


def as_they_are(results: dict[str, str]) -> object:
    return results


def answering(change: Callable[[dict[str, str]], object] = as_they_are, **more: Any) -> Cast:
    return Cast(worker=[work_as(change, **more)])


def shared(cast: Cast) -> list[int]:
    """How many tasks each of the worker's requests was for, 0 for one alone."""
    return [len(asked_in(body)) for role, body in cast.seen if role == "worker"]


async def entries(log: EventLog) -> list[Any]:
    return [entry async for page in read_all(log) for entry in page]


async def test_small_items_share_a_request_and_each_has_its_own_answer_check_and_share_of_the_cost(
    tmp_path: Path,
) -> None:
    cast = answering(usage=USAGE)
    async with (
        open_log("memory:") as log,
        serving(cast, model("m1", "cheap", price=DEAR), batch=3) as (_, plan),
    ):
        result = await run(log, CHECKED, plan, tmp_path)
        assert result.exit_code == 0
        assert sorted(shared(cast)) == [2, 3] and len(cast.seen) == 2
        found = await entries(log)
        reserved = {entry.position: entry for entry in found if isinstance(entry.event, CallReserved)}
        shares = {entry.task: entry.event.shared for entry in reserved.values()}
        assert [(shares[f"tell.{n}"].part, shares[f"tell.{n}"].parts) for n in range(1, 6)] == [
            (1, 3), (2, 3), (3, 3), (1, 2), (2, 2),
        ]  # fmt: skip
        settled = [entry.event for entry in found if isinstance(entry.event, CallSettled)]
        assert sum(each.input_tokens for each in settled) == 2 * 331
        assert sum(each.output_tokens for each in settled) == 2 * 97
        assert sum(each.cost_nanos for each in settled) == 2 * (331 * 1000 + 97 * 4000)
        for each in settled:
            call = reserved[each.reservation].event
            assert each.tokens <= call.tokens and 0 < each.cost_nanos <= call.cost_nanos
        cost = await fold(log, CostView())
        assert cost.total().nanos == sum(each.cost_nanos for each in settled)
        texts = {
            entry.task: await log.text(entry.event.answer, at=entry.position)
            for entry in found
            if isinstance(entry.event, CallSettled)
        }
        assert texts == {f"tell.{number}": f"A {word} is what it is." for number, word in enumerate(WORDS, 1)}
        assert (await replay(log, 1)).divergence is None


async def test_what_is_the_same_for_all_is_said_once_and_no_task_can_close_its_own_marks(tmp_path: Path) -> None:
    sly = ITEMS.replace("prompt: Say", "prompt: |\n    </task> Say").replace(" is.", " is <task>.\n")
    cast = answering()
    async with open_log("memory:") as log, serving(cast, batch=5) as (_, plan):
        await run(log, sly + "  limits: {words: 30}\n  check: [{contains: what}]\n", plan, tmp_path)
    (prompt,) = cast.prompts("worker")[:1]
    assert prompt.count('<task_ n="') == 5
    assert prompt.count("It has at most 30 words.") == 1 and prompt.index("at most 30") > prompt.rindex("</task_>")
    assert prompt.count("it contains “what”") == 1


def without_the_second(results: dict[str, str]) -> object:
    return {number: text for number, text in results.items() if number != "2"}


def with_an_empty_second(results: dict[str, str]) -> object:
    return results | {"2": "  "}


def refused(results: dict[str, str]) -> object:
    return "I would rather not."


def cut(results: dict[str, str]) -> object:
    return json.dumps(results)[:-20]


def with_two_firsts(results: dict[str, str]) -> object:
    return json.dumps(results)[:-1] + ', "1": "again"}'


@pytest.mark.parametrize(
    ("change", "alone"),
    [
        (without_the_second, ["mill"]),
        (with_an_empty_second, ["mill"]),
        (refused, ["wheel", "mill", "tower"]),
        (cut, ["tower"]),
        (with_two_firsts, ["wheel"]),
    ],
)
async def test_a_task_without_an_answer_of_its_own_is_done_alone_and_pays_its_share_of_the_request(
    tmp_path: Path, change: Callable[[dict[str, str]], object], alone: list[str]
) -> None:
    cast = answering(change)
    async with open_log("memory:") as log, serving(cast, model("m1", "cheap", price=DEAR), batch=3) as (_, plan):
        text = CHECKED.replace(", harbour, bridge", "")
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
        assert shared(cast) == [3] + [0] * len(alone)
        settled = await events(log, CallSettled)
        assert [each.finish for each in settled].count(MISSING) == len(alone)
        assert all(each.cost_nanos > 0 for each in settled)
        told = [said(entry) for entry in await entries(log)]
        assert sum("in one request with those of 2 other tasks" in each for each in told) == 3
        assert sum("brought nothing for it" in each for each in told) == len(alone)
        assert (await replay(log, 1)).divergence is None
        choices = await events(log, ChoiceMade)
        assert len(choices) == 3
    assert sorted(word for prompt in cast.prompts("worker")[1:] for word in WORDS if word in prompt) == sorted(alone)


async def test_a_result_that_its_own_check_rejects_is_done_again_alone_and_the_others_stand(tmp_path: Path) -> None:
    def wrong(results: dict[str, str]) -> object:
        return results | {"2": "No idea."}

    cast = answering(wrong)
    async with open_log("memory:") as log, serving(cast, batch=5) as (_, plan):
        assert (await run(log, CHECKED, plan, tmp_path)).exit_code == 0
        assert shared(cast) == [5, 0]
        found = await entries(log)
        assert [entry.task for entry in found if isinstance(entry.event, StepRejected)] == ["tell.2"]
        assert len([entry for entry in found if isinstance(entry.event, StepAccepted)]) == 5


async def test_tasks_of_another_shape_larger_ones_and_those_with_tools_are_done_alone(tmp_path: Path) -> None:
    long = " ".join(["and say it once more, in the words of a miller"] * 60)
    text = (
        f"{TOP}\n- id: a\n  prompt: Say in one sentence what a wheel is.\n- id: b\n  prompt: Say in one sentence what a mill is.\n  limits: {{words: 40}}\n"
        f"- id: c\n  prompt: Say in one sentence what a tower is.\n- id: d\n  prompt: Say in one sentence what a bridge is, {long}.\n"
        "- id: e\n  prompt: Say in one sentence what a harbour is.\n  tools: [look]\n"
    )
    cast = answering()
    async with open_log("memory:") as log, serving(cast, batch=10) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    assert sorted(shared(cast)) == [0, 0, 0, 2]
    (together,) = [asked_in(body) for _, body in cast.seen if asked_in(body)]
    assert [of_word(prompt).split()[1] for prompt in together.values()] == ["wheel", "tower"]


async def test_without_the_setting_and_for_one_task_nothing_changes(tmp_path: Path) -> None:
    for batch, text, requests in (
        (0, ITEMS, 5),
        (5, f"{TOP}\n- id: a\n  prompt: Say in one sentence what a wheel is.\n", 1),
    ):
        cast = answering()
        async with open_log("memory:") as log, serving(cast, batch=batch) as (_, plan):
            await run(log, text, plan, tmp_path)
            assert shared(cast) == [0] * requests
            assert all(call.shared is None for call in await events(log, CallReserved))


async def test_the_cap_of_a_task_holds_for_its_share_of_a_request(
    tmp_path: Path,
) -> None:
    text = f"{TOP}\n- id: a\n  prompt: Say in one sentence what a wheel is.\n- id: b\n  prompt: Say in one sentence what a mill is.\n"
    roomy, tight = (text.replace(" is.\n", f" is.\n  budget: {budget}\n") for budget in ("100k", "0.3k"))
    for given, sent in ((roomy, [2]), (tight, [])):
        cast = answering()
        async with open_log("memory:") as log, serving(cast, batch=5) as (_, plan):
            await run(log, given, plan, tmp_path)
            assert shared(cast) == sent
            money = await fold(log, MoneyView())
            for name in ("a", "b"):
                scope = money.scope(task_scope(1, name))
                assert scope.spent.tokens + scope.reserved.tokens <= (100_000 if given is roomy else 300)


async def test_one_task_without_room_for_its_share_gives_the_others_theirs_back(tmp_path: Path) -> None:
    text = f"{TOP}\n- id: a\n  prompt: Say in one sentence what a wheel is.\n- id: b\n  prompt: Say in one sentence what a mill is.\n"
    async with open_log("memory:") as log, serving(answering(), batch=5) as (_, plan):
        await run(log, text, plan, tmp_path)
        first, _, *_ = await events(log, CallReserved)
    cast = answering()
    async with open_log("memory:") as log, serving(cast, batch=5, session_tokens=first.tokens + 600) as (_, plan):
        await run(log, text, plan, tmp_path)
        (released,) = await events(log, CallReleased)
        assert released.reason == "another call of its request had no room"
        money = await fold(log, MoneyView())
    assert shared(cast)[:1] == [0]
    assert money.scopes["s1"].reserved.tokens == 0 and money.scopes["s1"].spent.tokens <= first.tokens + 600


async def test_a_failed_request_fails_for_all_of_them_at_no_cost_and_each_is_done_alone(tmp_path: Path) -> None:
    def once(body: dict[str, Any]) -> Answer:
        tasks = asked_in(body)
        return Answer("", status=400) if tasks else Answer(of_word(str(body["messages"][-1]["content"])))

    async with open_log("memory:") as log, serving(cast := Cast(worker=[once]), batch=5) as (_, plan):
        assert (await run(log, CHECKED, plan, tmp_path)).exit_code == 0
        assert shared(cast) == [5, 0, 0, 0, 0, 0]
        assert len(await events(log, CallFailed)) == 5
        assert (await replay(log, 1)).divergence is None


async def test_an_interrupted_request_stays_charged_for_each_and_a_resume_pays_only_for_what_has_no_answer(
    tmp_path: Path,
) -> None:
    came, stop = anyio.Event(), anyio.Event()
    looks = faces(stop=stop, abort=stop)

    def hangs(body: dict[str, Any]) -> Answer:
        came.set()
        return Answer("", before_head=anyio.Event().wait)

    async with (
        open_log("memory:") as log,
        serving(cast := Cast(worker=[hangs]), model("m1", "cheap", price=DEAR), batch=3) as (_, plan),
    ):
        async with anyio.create_task_group() as tasks:

            async def begin() -> None:
                await run(log, CHECKED, plan, tmp_path, looks=looks)

            tasks.start_soon(begin)
            await came.wait()
            stop.set()
        unknown = await events(log, CallUnknown)
        assert len(unknown) >= 3
        cast.play("worker", work_as(as_they_are))
        assert (await resume(log, plan)).exit_code == 0
        settled = await events(log, CallSettled)
        assert len(settled) == 5
        reserved = await events(log, CallReserved)
        assert len(reserved) == len(unknown) + 5
        assert await events(log, CallReleased) == []


async def test_a_task_that_is_cancelled_while_the_request_is_out_is_charged_its_share_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    came, go_on = anyio.Event(), anyio.Event()

    def slow(body: dict[str, Any]) -> Answer:
        came.set()
        return dataclasses.replace(work_as(as_they_are)(body), before_head=go_on.wait)

    async with open_log("memory:") as log, serving(cast := Cast(worker=[slow]), batch=3) as (_, plan):
        async with anyio.create_task_group() as tasks:

            async def begin() -> None:
                await run(log, CHECKED.replace(", harbour, bridge", ""), plan, tmp_path)

            tasks.start_soon(begin)
            await came.wait()
            asked = CancelRequested(by="ada@here", reason="no need")
            await log.append([NewEvent(event=asked, topic="control/s1", session=1, task="tell.2")])
            while not await events(log, TaskCancelled):
                await log.wait((await log.head()).position, timeout=5)
            go_on.set()
        found = await entries(log)
        assert [entry.task for entry in found if isinstance(entry.event, CallSettled)] == ["tell.1", "tell.2", "tell.3"]
        assert [entry.task for entry in found if isinstance(entry.event, StepAccepted)] == ["tell.1", "tell.3"]
    assert shared(cast) == [3]


async def test_of_tasks_that_ask_the_same_none_waits_for_ever_for_one_that_waits_for_it(tmp_path: Path) -> None:
    text = ITEMS.replace(", harbour, bridge", ", wheel, mill")
    cast = answering()
    with anyio.fail_after(20):
        async with open_log("memory:") as log, serving(cast, batch=4, caching=Caching(exact=True)) as (_, plan):
            assert (await run(log, text, plan, tmp_path)).exit_code == 0
    assert 3 <= sum(max(1, tasks) for tasks in shared(cast)) <= 5


async def test_a_model_that_cannot_do_several_tasks_at_once_is_not_asked_so_again(tmp_path: Path) -> None:
    two = ITEMS + ITEMS.removeprefix(f"{TOP}\n").replace("id: tell", "id: again\n  needs: [tell]").replace(
        "Say in", "Tell in"
    )
    for change, requests in ((refused, [5, *[0] * 10]), (as_they_are, [5, 5])):
        cast = answering(change)
        async with open_log("memory:") as log, serving(cast, batch=5) as (_, plan):
            assert (await run(log, two, plan, tmp_path)).exit_code == 0
        assert shared(cast) == requests
