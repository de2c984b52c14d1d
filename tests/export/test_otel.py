"""Sessions as spans and metrics: right to the letter, the same each time, and no more of them in memory than a batch."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from events.blobs import Known, Pack
from events.log import EventLog, open_log
from events.testing.builders import (
    a_task,
    chosen,
    closed,
    failed,
    new,
    opened,
    reserved,
    settled,
    task_accepted,
    unknown,
)
from events.testing.histories import history
from events.types.base import Said
from events.types.task import TaskFailed
from events.types.tool import ToolFinished, ToolStarted
from events.views.base import fold
from events.views.cost import CostView
from swarm.export.names import TABLE, VERSIONS, Names, Version
from swarm.export.stream import Request, Telling, is_finished, requests_of
from tests.export.collector import attributes_of, metrics_in, require_right, spans_in
from tests.running import DEAR, Cast, model, run, serving
from tests.tui.recordings import Clock

OLD, NEW = (Telling(names=Names(version)) for version in VERSIONS)


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:", clock=Clock()) as opened_:
        yield opened_


async def told(log: EventLog, telling: Telling = OLD, session: int = 1) -> list[Request]:
    until = (await log.head()).position
    return [request async for request in requests_of(log, session, telling, until=until)]


def spans_of(requests: Sequence[Request]) -> list[dict[str, Any]]:
    return [span for request in requests for span in spans_in(json.loads(request.body))]


def metric(requests: Sequence[Request], name: str) -> list[dict[str, Any]]:
    """The data points of a metric."""
    found = [each for request in requests for each in metrics_in(json.loads(request.body)) if each["name"] == name]
    return [point for each in found for point in (each.get("sum") or each["histogram"])["dataPoints"]]


def by_name(spans: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {span["name"]: span for span in spans}


@pytest.mark.parametrize("version", VERSIONS)
async def test_any_history_is_right_to_the_letter_whole_and_the_same_again(log: EventLog, version: Version) -> None:
    for append in history(Random(11), sessions=3):
        await log.append(append.events, texts=append.texts)
    telling = Telling(names=Names(version))
    spans, nanos, calls = Counter[str](), 0.0, 0
    for session in (1, 2, 3):
        requests = await told(log, telling, session)
        for request in requests:
            require_right(json.loads(request.body))
        assert [each.body for each in requests] == [each.body for each in await told(log, telling, session)]
        ids = [span["spanId"] for span in spans_of(requests)]
        assert len(ids) == len(set(ids)) and len({span["traceId"] for span in spans_of(requests)}) == 1
        parents = {span.get("parentSpanId", "") for span in spans_of(requests)}
        assert parents <= {"", *ids}, "a span under one that is not there"
        spans.update(span["name"].split()[0] for span in spans_of(requests))
        nanos += sum(point["asDouble"] for point in metric(requests, "swarm.cost.usd"))
        calls += sum(int(point["asInt"]) for point in metric(requests, "swarm.calls"))
    cost = (await fold(log, CostView())).total()
    assert (spans["chat"], spans["invoke_workflow"], calls) == (cost.calls, 3, cost.calls)
    assert round(nanos * 1e9) == cost.nanos > 0


async def test_a_run_is_a_session_with_tasks_attempts_and_calls_below_each_other(log: EventLog, tmp_path: Path) -> None:
    models = (model("m1"), model("m2", "paid", price=DEAR))
    text = "tasks: [{id: one, prompt: Say a, check: [{contains: canary}]}, {id: two, prompt: canary-p, needs: one}]"
    async with serving(Cast(worker=["no", "canary-w"]), *models) as (provider, plan):
        await run(log, text, plan, tmp_path)
        requests = await told(log)
    spans = spans_of(requests)
    ids = {span["spanId"]: span for span in spans}
    call = next(span for span in spans if span["name"].startswith("chat"))
    attempt = ids[call["parentSpanId"]]
    task = ids[attempt["parentSpanId"]]
    root = ids[task["parentSpanId"]]
    assert [span["name"].split()[0] for span in (root, task, attempt)] == ["invoke_workflow", "task", "invoke_agent"]
    assert (call["kind"], root["kind"], "parentSpanId" in root) == (3, 1, False)
    found = attributes_of(call)
    assert (found["gen_ai.provider.name"], found["server.address"], found["server.port"]) == (
        "one",
        "127.0.0.1",
        int(provider.url.rpartition(":")[2].partition("/")[0]),
    )
    assert found["gen_ai.response.finish_reasons"] == ["stop"] and found["gen_ai.usage.input_tokens"] > 0
    assert found["gen_ai.agent.name"] and attributes_of(task)["swarm.status"] == "accepted"
    events = [event["name"] for span in spans for event in span.get("events", ())]
    labels = [
        attributes_of(event)["gen_ai.evaluation.score.label"]
        for span in spans
        for event in span.get("events", ())
        if event["name"] == "gen_ai.evaluation.result"
    ]
    assert "swarm.choice" in events and sorted(labels) == ["fail", "pass", "pass"]
    plain = b"".join(request.body for request in requests)
    assert b"canary" not in plain, "no prompt and no answer unless they are asked for"
    full = await told(log, Telling(names=Names("1.41"), content=True, cost_as=("gen_ai.usage.cost",)))
    assert b"canary-p" in b"".join(request.body for request in full)
    told_call = attributes_of(next(span for span in spans_of(full) if span["name"].startswith("chat")))
    assert json.loads(told_call["gen_ai.input.messages"])[0]["role"] == "system"
    assert told_call["gen_ai.usage.cost"] == told_call["swarm.cost.usd"]


async def test_names_are_those_of_the_version_that_is_asked_for(log: EventLog) -> None:
    await log.append([new(opened(), topic="sessions"), a_task(), new(reserved(), task="build", topic="ledger")])
    await log.append([new(settled(3, cached_tokens=5, cache_write_tokens=7), task="build")])
    old, new_ = await told(log), await told(log, NEW)
    assert metric(old, "gen_ai.client.token.usage") and not metric(new_, "gen_ai.client.token.usage")
    assert metric(new_, "gen_ai.client.inference.usage.cache_write.input_tokens")[0]["asInt"] == "7"
    assert not metric(old, "gen_ai.client.inference.usage.input_tokens") and metric(new_, "gen_ai.workflow.duration")
    keys = [{key for span in spans_of(each) for key in attributes_of(span)} for each in (old, new_)]
    assert "gen_ai.usage.cache_creation.input_tokens" in keys[0] and "gen_ai.usage.cache_write.input_tokens" in keys[1]
    known = {name for row in TABLE.values() for name in ((row,) if isinstance(row, str) else row)}
    assert keys[0] | keys[1] <= known


async def test_what_went_wrong_is_an_error_and_what_is_not_known_is_settled_when_it_is(log: EventLog) -> None:
    await log.append(
        [new(opened(), topic="sessions"), a_task(), new(reserved(cost_nanos=9), task="build", topic="ledger")]
    )
    await log.append([new(unknown(3), task="build"), new(reserved(nth=2), task="build", topic="ledger")])
    await log.append(
        [new(failed(5, status=401), task="build"), new(TaskFailed(reason="", cause="no model"), task="build")]
    )
    early = by_name(spans_of(await told(log)))
    assert attributes_of(early["task build"])["error.type"] == "no model"
    await log.append([new(settled(3, cost_nanos=4, basis="invoice", by="me"), task="build"), new(closed())])
    calls = [span for span in spans_of(await told(log)) if span["name"].startswith("chat")]
    found = {attributes_of(span)["error.type"]: attributes_of(span)["swarm.cost.usd"] for span in calls}
    assert found == {"unknown": 4e-9, "401": 0.0} and {span["status"]["code"] for span in calls} == {2}


async def test_a_use_of_a_tool_is_a_span_with_what_came_of_it(log: EventLog) -> None:
    pack = Pack(Known())
    words = pack.put('{"path": "\ud800canary"}')
    started = ToolStarted(tool="edit", call="c1", ordinal=1, arguments=words, effect="copy")
    done = ToolFinished(tool="edit", call="c1", ordinal=1, arguments=words, answer=words, failed=True)
    look = ToolFinished(tool="read", call="c2", ordinal=2, arguments=words, answer=words, duration_ms=500, source="mcp")
    place: dict[str, Any] = {"task": "build", "step": 1, "attempt": 1}
    await log.append([new(opened(), topic="sessions"), a_task(), new(started, **place)], texts=pack.texts)
    await log.append([new(done, **place), new(look, **place), new(task_accepted(), task="build")])
    full = await told(log, Telling(names=Names("1.41"), content=True))
    spans = by_name(spans_of(full))
    edit, read = spans["execute_tool edit"], spans["execute_tool read"]
    assert (
        attributes_of(edit)["error.type"] == "tool_error"
        and "canary" in attributes_of(edit)["gen_ai.tool.call.arguments"]
    )
    assert int(read["endTimeUnixNano"]) - int(read["startTimeUnixNano"]) == 500_000_000
    assert (attributes_of(read)["gen_ai.tool.type"], read["status"]) == ("extension", {})
    assert spans["invoke_agent worker"]["spanId"] == read["parentSpanId"] == edit["parentSpanId"]
    assert b"canary" not in b"".join(request.body for request in await told(log))


async def test_a_session_that_goes_on_is_told_as_far_as_it_stands(log: EventLog) -> None:
    await log.append([new(opened(), topic="sessions"), a_task(), new(reserved(), task="build", topic="ledger")])
    assert not await is_finished(log, 1)
    early = await told(log)
    assert [request.signal for request in early] == ["traces", "metrics"]
    spans = spans_of(early)
    assert len(spans) == 4 and all(attributes_of(span)["swarm.unfinished"] is True for span in spans)
    await log.append([new(settled(3), task="build"), new(task_accepted(), task="build")])
    await log.append([new(closed(), topic="claim/s1")])
    after = spans_of(await told(log))
    assert await is_finished(log, 1) and not any("swarm.unfinished" in attributes_of(span) for span in after)
    assert {span["spanId"] for span in spans} == {span["spanId"] for span in after}


async def test_a_fork_goes_on_with_tasks_that_its_parent_had_submitted(log: EventLog) -> None:
    place: dict[str, Any] = {"task": "build", "step": 1, "attempt": 1}
    await log.append([new(opened(), topic="sessions"), new(reserved(), **place)])
    await log.append([new(settled(2), **place), new(task_accepted(), task="build")])
    spans = by_name(spans_of(await told(log)))
    assert attributes_of(spans["task build"])["swarm.status"] == "accepted"
    assert spans["invoke_agent maker"]["parentSpanId"] == spans["task build"]["spanId"]


async def test_a_session_in_which_nothing_was_done_makes_no_empty_request(log: EventLog) -> None:
    await log.append([new(opened(), topic="sessions")])
    (request,) = await told(log)
    require_right(json.loads(request.body))
    assert await told(log, session=7) == []


async def test_requests_come_while_the_log_is_read_and_none_is_larger_than_a_batch(log: EventLog) -> None:
    await log.append([new(opened(), topic="sessions")])
    for number in range(600):
        place: dict[str, Any] = {"task": f"t{number}", "step": 1, "attempt": 1}
        at = (await log.head()).position
        first = [
            a_task(f"t{number}"),
            new(chosen(), **place),
            new(reserved(messages=(Said("user", opened().settings),)), **place),
        ]
        await log.append([*first, new(settled(at + 3), **place), new(task_accepted(), **place)])
    read: list[int] = []
    counted = _Counting(log, read)
    until = (await log.head()).position
    seen = [(request.items, len(read)) async for request in requests_of(cast("EventLog", counted), 1, OLD, until=until)]
    assert [items for items, _ in seen[:-2]] == [512] * 3 and seen[0][1] < seen[1][1] < len(read) - 2


class _Counting:
    """A log that notes each page that is read of it."""

    def __init__(self, log: EventLog, read: list[int]) -> None:
        self._log, self._read = log, read

    async def read(self, **more: Any) -> Any:
        found = await self._log.read(**more)
        self._read.append(len(found))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def test_the_reference_has_every_name_of_every_version() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "export-names.md").read_text()
    listed = set(re.findall(r"`((?:gen_ai|swarm|server|error)\.[a-z_.]+)`", page))
    names = {Names(version)[meant] for version in VERSIONS for meant in TABLE} - {""}
    assert listed == names
