"""The context's share of a split budget: what a role is given to read fits in it, as a plan shows it and a replay builds it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.types.call import BudgetSet
from swarm.context.fit import FRAME_BYTES, fit
from swarm.engine.prepare import prepare
from swarm.errors import UsageError
from swarm.estimate.requests import Unknown, first_requests
from swarm.money.recording import record_caps
from swarm.plan import answer_tokens, context_room
from swarm.replay import replay
from swarm.session import recorded_plan
from swarm.taskfile.read import parse_task_file
from tests.running import Cast, resume, run, serving, state_of

PAGE = "\n\n".join([f"# Chapter {n}. It is about stones and sand.\n" + "Sand. " * 40 for n in range(20)])
RAIN = "\n\n# Weather\n\nRain falls on the plain, and a limerick is made of it.\n\n"


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


def a_file(root: Path, split: str, tokens: str = "40k") -> str:
    (root / "notes.md").write_text(PAGE + RAIN + PAGE)
    (root / "more.md").write_text(PAGE)
    return f"budget: {{tokens: {tokens}, split: {{{split}}}}}\nprompt: Write a limerick about rain\ninput: [notes.md, more.md]\n"


async def test_the_inputs_are_cut_to_the_parts_that_fit_the_task_best(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        result = await run(log, a_file(tmp_path, "context: 3k, worker: 50%"), plan, tmp_path)
    assert result.exit_code == 0, result.tasks[0].reason
    ((_, body),) = [(role, body) for role, body in cast.seen if role == "worker"]
    told = "\n".join(message["content"] for message in body["messages"])
    assert "Rain falls on the plain" in told
    assert len(told.encode()) <= 3_000 + 400, "the words of the task itself are no part of the context"
    assert (await replay(log, 1)).divergence is None


async def test_what_fits_is_given_whole(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        await run(log, a_file(tmp_path, "context: 50%", tokens="80k"), plan, tmp_path)
    assert cast.prompts("worker")[0].count("Chapter 19.") == 3


async def test_a_context_without_room_for_the_system_words_is_told_before_anything_is_called(
    log: EventLog, tmp_path: Path
) -> None:
    async with serving(Cast()) as (provider, plan):
        with pytest.raises(
            UsageError, match=r"the context share of task 'tasks' is [0-9]+ tokens too small for the words"
        ):
            await run(log, a_file(tmp_path, "context: 0.1k"), plan, tmp_path)
        assert provider.requests == []
        file = parse_task_file("prompt: Go\nbudget: {usd: 1, split: {context: 1%}}\n", tmp_path / "t.yaml")
        assert context_room(plan, file.tasks[0], "worker") is None, "money bounds no context"


async def test_the_context_has_its_share_of_the_cap_that_a_person_recorded(log: EventLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (provider, plan):
        text = a_file(tmp_path, "context: 50%, worker: 50%", tokens="200k")
        await run(log, text, msgspec.structs.replace(plan, day_tokens=1), tmp_path)
        assert provider.requests == []
        await record_caps(log, [BudgetSet(scope="s1", by="ada@host", tokens=6_000)])
        capped = msgspec.structs.replace(await recorded_plan(log, await state_of(log)), roster=plan.roster)
        await resume(log, msgspec.structs.replace(capped, day_tokens=None))
    assert "Rain falls on the plain" in cast.prompts("worker")[0]
    assert len(cast.prompts("worker")[0].encode()) <= 3_000 + 400
    assert (await replay(log, 1)).divergence is None


@given(
    st.lists(st.tuples(st.text(max_size=8), st.text(max_size=300)), max_size=4),
    st.integers(0, 900),
    st.text(max_size=9),
)
def test_texts_never_take_more_than_their_room(texts: list[tuple[str, str]], room: int, sought: str) -> None:
    found = fit(texts, sought, room)
    assert len(found) == len(texts)
    size = sum(len(text.encode("utf-8", "replace")) for text in found)
    names = sum(len(name.encode("utf-8", "replace")) + FRAME_BYTES for name, _ in texts)
    assert size <= max(0, room - names)


async def test_an_estimate_builds_the_request_that_is_sent(log: EventLog, tmp_path: Path) -> None:
    cast, text = Cast(), a_file(tmp_path, "context: 3k, worker: 50%")
    async with serving(cast) as (_, plan):
        prepared, capped = prepare(parse_task_file(text, tmp_path / "tasks.yaml"), tmp_path, str, plan)
        task, of = prepared[0].task, prepared[0].complexity
        room = partial(context_room, capped, task)
        foreseen = first_requests(
            task,
            of.type,
            answer_tokens(task, of),
            ("worker",),
            Unknown(results={}),
            room=room,
            root=tmp_path,
            redact=str,
        )
        await run(log, text, plan, tmp_path)
    sent = next(body for role, body in cast.seen if role == "worker")
    assert [message.text for message in foreseen["worker"].ask.messages] == [
        each["content"] for each in sent["messages"]
    ]
