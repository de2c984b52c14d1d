"""Whole sessions whose worker sends sub-agents: what they may do, what it costs, what is recorded, given back and replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from typing import cast as cast_to

import anyio
import pytest

from events.bus import read_all
from events.log import Ack, EventLog, LogError, NewEvent, open_log
from events.types.call import CallReserved, CallSettled
from events.types.tool import ToolFinished, ToolStarted
from events.views.base import fold
from events.views.cost import CostView
from events.views.money import MoneyView
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, money_of, resume, run, serving
from tests.test_session_tools import events, project, use

__all__ = ["project"]

FIX = (
    "tasks:\n- id: fix\n  prompt: Mend a.py\n  tools: [look, edit, task]\n  changes: apply\n"
    "  check: [{run: 'grep -q 2 a.py'}]\n"
)
MEND = (use("read", path="a.py"), use("edit", path="a.py", old="1", new="2"), "I changed a.py to say 2.")
SEND = (use("task", prompt="See that a.py says 2."), "Done: a.py says 2.")


LOOKS = [use("read", path="a.py", **{"from": line}) for line in range(2, 60)]


@pytest.fixture
def long(project: Path) -> Path:
    """The same project with something to read."""
    (project / "a.py").write_text("x = 1\n" + "# nothing\n" * 60)
    return project


def tools_offered(cast: Cast, who: str) -> list[set[str]]:
    return [{each["function"]["name"] for each in body["tools"]} for role, body in cast.seen if role == who]


def results(cast: Cast) -> list[str]:
    """What the last request of the worker says that its tools came to."""
    body = [body for role, body in cast.seen if role == "worker"][-1]
    return [message["content"] for message in body["messages"] if message["role"] == "tool"]


async def test_what_a_sub_agent_changes_is_the_workers_change_and_its_answer_is_all_that_the_worker_is_told(
    project: Path,
) -> None:
    cast = Cast(worker=(*SEND[:1], use("read", path="a.py"), SEND[1]), subagent=MEND)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        assert result.exit_code == 0
        assert (project / "a.py").read_text() == "x = 2\n"
        finished = await events(log, ToolFinished)
        assert [(each.role, each.branch, each.tool, each.ordinal) for each in finished] == [
            ("sub-agent", "task:1", "read", 1),
            ("sub-agent", "task:1", "edit", 2),
            ("worker", "", "task", 1),
            ("worker", "", "read", 2),
        ]
        assert [file.path for file in finished[2].files] == ["a.py"]
        assert finished[2].tree == finished[1].tree == finished[3].tree
        started = [(each.role, each.tool) for each in await events(log, ToolStarted)]
        assert started == [("worker", "task"), ("sub-agent", "edit")]
        played = await replay(log, 1)
        assert played.divergence is None
        assert played.requests == len(await events(log, CallReserved)), "those of the sub-agent are rebuilt, too"
    assert cast.roles[:5] == ["worker", "subagent", "subagent", "subagent", "worker"]
    assert results(cast) == ["I changed a.py to say 2.", "x = 2"]


async def test_a_sub_agent_begins_with_its_prompt_alone_and_cannot_send_another(project: Path) -> None:
    cast = Cast(worker=SEND, subagent=MEND)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, FIX, plan, project)
    first = next(body for role, body in cast.seen if role == "subagent")
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert first["messages"][1]["content"] == "See that a.py says 2.\n\n(You may take 30,000 tokens for this.)"
    assert "task" in tools_offered(cast, "worker")[0]
    assert tools_offered(cast, "subagent")[0] == tools_offered(cast, "worker")[0] - {"task"}


async def test_a_worker_can_give_a_sub_agent_fewer_tools_and_never_more_than_it_has(project: Path) -> None:
    sent = (use("task", prompt="Look.", tools=["look", "run"]), use("task", prompt="Look.", tools=["look"]), *MEND)
    cast = Cast(worker=sent, subagent=(use("edit", path="a.py", old="1", new="2"), "It says 1.", "It says 1."))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, FIX, plan, project)
        edits = [each.failed for each in await events(log, ToolFinished) if each.tool == "edit"]
        assert edits == [True, False]
        assert (await replay(log, 1)).divergence is None
    for offered in tools_offered(cast, "subagent"):
        assert "read" in offered and not offered & {"edit", "write", "patch", "run", "task"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": "x", "tools": ["raed"]}, "there is no tool 'raed'"),
        ({"prompt": "x", "budget_tokens": 0}, "a budget of 0 tokens buys nothing"),
    ],
)
async def test_a_part_that_is_none_is_told_and_costs_nothing(
    project: Path, arguments: dict[str, Any], said: str
) -> None:
    cast = Cast(worker=(use("task", **arguments), *MEND))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        assert (await run(log, FIX, plan, project)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
    assert said in results(cast)[0]
    assert "subagent" not in cast.roles


async def test_a_sub_agent_that_reaches_its_cap_ends_with_what_it_has_and_the_worker_goes_on(long: Path) -> None:
    cast = Cast(worker=(use("task", prompt="Read a.py.", budget_tokens=6_000), *MEND), subagent=LOOKS)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        assert (await run(log, FIX, plan, long)).exit_code == 0
        own = (await money_of(log)).scopes["s1/fix/1/1/task:1"]
        assert 0 < own.spent.tokens <= 6_000 and not own.reserved.tokens
        assert (await replay(log, 1)).divergence is None
    told = results(cast)[0]
    assert "its next call was refused: the budget of s1/fix/1/1/task:1 has" in told
    assert "budget set" not in told, "what to do about a cap is for people"
    assert '- read {"from":2,"path":"a.py"}' in told


async def test_settings_bound_what_a_sub_agent_may_ask_for_and_what_is_left_above_it_does(project: Path) -> None:
    for asked, text, most, told in (
        (90_000, FIX, 20_000, "20,000"),
        (5_000, FIX, 20_000, "5,000"),
        (90_000, FIX.replace("  changes", "  budget: {tokens: 12000, on_exceed: fail}\n  changes"), 20_000, "11,"),
    ):
        cast = Cast(worker=(use("task", prompt="Look.", budget_tokens=asked), *MEND))
        async with open_log("memory:") as log, serving(cast, subagent_tokens=most) as (_, plan):
            await run(log, text, plan, project)
        (prompt,) = cast.prompts("subagent")
        assert f"(You may take {told}" in prompt
        (project / "a.py").write_text("x = 1\n")


async def test_its_calls_count_in_the_scopes_of_the_worker_and_are_told_apart_in_costs(project: Path) -> None:
    cast = Cast(worker=SEND, subagent=MEND)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, FIX, plan, project)
        scopes, calls = (await money_of(log)).scopes, await events(log, CallReserved)
        costs = (await fold(log, CostView())).costs
    by_role = {role: sum(1 for call in calls if call.role == role) for role in ("worker", "sub-agent")}
    assert by_role == {"worker": 2, "sub-agent": 3}
    assert scopes["s1/fix/worker"].calls == scopes["s1/fix"].calls == 5
    assert scopes["s1/fix/worker/generalist"].calls == 5
    assert scopes["s1/fix/sub-agent"].calls == scopes["s1/fix/1/1/task:1"].calls == 3
    assert {payer.role: cost.calls for payer, cost in costs.items()} == by_role


async def test_no_scope_holds_more_than_its_cap_at_any_position_also_with_sub_agents(long: Path) -> None:
    text = FIX.replace(
        "  changes",
        "  budget: {tokens: 24000, on_exceed: fail}\n  roles: {worker: {budget: {tokens: 16000}}}\n  changes",
    )
    sends = [use("task", prompt=f"Look at part {part}.", budget_tokens=5_000) for part in range(15)]
    cast = Cast(worker=[*sends, *MEND], subagent=LOOKS)
    caps = {"s1/fix": 24_000, "s1/fix/worker": 16_000}
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, text, plan, long)
        assert result.exit_code == 3, "the sub-agents took what the worker needed, and not a token more"
        money = MoneyView()
        async for page in read_all(log):
            for entry in page:
                money.apply(entry)
                for name, state in money.scopes.items():
                    cap = 5_000 if "/task:" in name else caps.get(name)
                    assert cap is None or state.spent.tokens + state.reserved.tokens <= cap
        assert sum("/task:" in name for name in money.scopes) > 1
        assert (await replay(log, 1)).divergence is None


async def test_a_sub_agent_is_the_workers_agent_and_begun_on_a_free_model(project: Path) -> None:
    cast = Cast(worker=SEND, subagent=MEND)
    models = (model("dear1", "paid", price=DEAR), model("free1"))
    async with open_log("memory:") as log, serving(cast, *models) as (_, plan):
        await run(log, FIX, plan, project)
        calls = [call for call in await events(log, CallReserved) if call.role == "sub-agent"]
    assert {(call.agent, call.model) for call in calls} == {("generalist", "free1")}


@pytest.mark.parametrize("at", range(1, 6))
async def test_an_interrupted_part_goes_on_from_its_record_and_the_work_copy_as_it_left_it(
    project: Path, at: int
) -> None:
    """The process stops while request number `at` is answered."""
    stop, asked = anyio.Event(), list[str]()

    def stopping(who: str, held: Sequence[Any]) -> list[Callable[[dict[str, Any]], Answer | str]]:
        def answering(line: Any) -> Callable[[dict[str, Any]], Answer | str]:
            def answer(body: dict[str, Any]) -> Answer | str:
                asked.append(who)
                if len(asked) == at:
                    stop.set()
                return Answer(line, before_head=0.2) if isinstance(line, str) else line

            return answer

        return [answering(line) for line in held]

    cast = Cast(worker=stopping("worker", SEND), subagent=stopping("subagent", MEND))
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        first = await run(log, FIX, plan, project, looks=faces(stop=stop))
        again = await resume(log, plan) if first.exit_code else first
        assert (first.exit_code in (0, 130), again.exit_code) == (True, 0)
        assert (project / "a.py").read_text() == "x = 2\n"
        assert (await replay(log, 1)).divergence is None
        assert asked == ["worker", "subagent", "subagent", "subagent", "worker"], "no answer is asked for twice"
        assert len([each for each in await events(log, ToolFinished) if each.tool == "edit"]) == 1


class Dying:
    """A log to which nothing is appended any more once so many events of a sub-agent are in it, as if the process had died."""

    def __init__(self, log: EventLog, after: int) -> None:
        self._log, self._left = log, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def append(self, events: Sequence[NewEvent], **options: Any) -> Ack:
        if self._left <= 0:
            raise LogError("the process is dead")
        ack = await self._log.append(events, **options)
        self._left -= sum(getattr(new.event, "branch", "") != "" for new in events)
        return ack


@pytest.mark.parametrize("after", range(1, 7))
async def test_a_part_in_which_the_process_died_goes_on_behind_its_last_event(project: Path, after: int) -> None:
    """Of a sub-agent stand in the log: three calls reserved, a tool started, and two finished."""
    cast = Cast(worker=SEND, subagent=MEND)
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        with pytest.raises(LogError):
            await run(cast_log(Dying(log, after)), FIX, plan, project)
        known = sum(isinstance(entry.event, CallSettled) for entry in await entries_of(log))
        asked = len(cast.roles)
        cast.play("worker", *SEND[min(known, 1) :])
        cast.play("subagent", *MEND[max(0, known - 1) :])
        result = await resume(log, plan, take_over=True)
        assert result.exit_code == 0
        assert len(cast.roles) - asked == 5 - known, "no answer that is recorded is asked for again"
        assert (project / "a.py").read_text() == "x = 2\n"
        (sent,) = [each for each in await events(log, ToolFinished) if each.tool == "task"]
        assert [file.path for file in sent.files] == ["a.py"]
        assert (await replay(log, 1)).divergence is None


def cast_log(log: Dying) -> EventLog:
    return cast_to(EventLog, log)
