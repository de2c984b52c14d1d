"""What was spent for nothing is a fold of the log: whole calls by what became of them, and parts of requests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from events.log import EventLog, open_log
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.base import Said
from events.types.task import AttemptAbandoned, TaskCancelled, TaskFailed, TaskHalted, TaskReopened
from events.views.base import decode_state, encode_state, fold
from events.views.cost import CostView
from events.views.waste import KEPT, Kind, Offer, Spent, Wasted, WasteView, What, waste_past
from tests.events.golden import ARCHIVED, FIFTH, FOURTH, THIRD
from tests.events.golden import LOG as GOLDEN
from tests.events.golden_answers import GIVEN

DAY = "2026-11-22"
SCOPES = ("log", f"day:{DAY}@UTC", "s1")


class Work:
    """A log in which a task is worked on. A call takes 500 tokens for 1,000 nano-dollars and asks what no other asks."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.log: EventLog = MemoryLog(clock=self.clock)
        self._calls = 0

    async def add(self, event: AnyEvent, *, task: str = "build", attempt: int = 1, session: int = 1) -> int:
        new = make.new(event, session=session, task=task, step=1, attempt=attempt)
        return (await self.log.append([new])).positions[0]

    async def asks(self, role: str = "worker", *, asked: str = "", **more: Any) -> int:
        self._calls += 1
        place = {key: more.pop(key) for key in ("task", "attempt", "session") if key in more}
        said = (Said("user", make.a_ref(asked or f"question {self._calls}")),)
        return await self.add(make.reserved(scopes=SCOPES, role=role, messages=said, **more), **place)

    async def calls(self, role: str = "worker", *, settled: dict[str, Any] | None = None, **more: Any) -> None:
        position = await self.asks(role, **more)
        place = {key: more[key] for key in ("task", "attempt", "session") if key in more}
        usage = {"input_tokens": 400, "output_tokens": 100, "cost_nanos": 1_000}
        await self.add(make.settled(position, **(usage | (settled or {}))), **place)

    async def wasted(self) -> Wasted:
        return (await fold(self.log, WasteView())).wasted()

    async def spent(self) -> dict[What, Spent]:
        """By what, without the whole."""
        return {kind.what: spent for kind, spent in (await self.wasted()).spent.items() if kind.what != "all"}


@pytest.fixture
def work() -> Work:
    return Work()


def calls(count: int) -> Spent:
    return Spent(count, 500 * count, 1_000 * count)


async def test_what_came_to_an_accepted_result_is_no_waste(work: Work) -> None:
    await work.calls("worker")
    await work.calls("validator")
    await work.add(make.accepted())
    await work.add(make.task_accepted())
    assert (await work.wasted()).spent == {Kind("all", DAY): calls(2)}


async def test_a_rejected_draft_and_its_judge_are_told_apart_until_a_person_accepts_it(work: Work) -> None:
    await work.calls("worker")
    await work.calls("worker")
    await work.calls("validator")
    await work.add(make.rejected())
    await work.calls("worker", attempt=2)
    await work.add(make.accepted(), attempt=2)
    await work.add(make.task_accepted())
    await work.add(make.closed(finished=True))
    assert await work.spent() == {"rejected": calls(2), "judged": calls(1)}
    await work.add(make.accepted(by="ann"))
    assert await work.spent() == {}


@pytest.mark.parametrize(
    ("end", "what"),
    [
        (TaskFailed(reason="no draft", cause="rejected"), "undone"),
        (TaskHalted(reason="the cap"), "halted"),
        (TaskCancelled(reason="enough", by="ann"), "cancelled"),
    ],
)
async def test_of_a_task_without_a_result_each_call_stands_once_where_it_first_came_to_nothing(
    work: Work, end: AnyEvent, what: What
) -> None:
    await work.calls("explorer", attempt=7)
    await work.add(AttemptAbandoned(role="explorer", reason="no plan"), attempt=7)
    await work.calls("explorer", attempt=8)
    await work.calls("worker")
    await work.add(make.rejected())
    await work.calls("worker", attempt=2)
    await work.calls("worker", attempt=2, settled={"finish": "length"})
    await work.add(make.accepted(), attempt=2)
    await work.add(end)
    expected: dict[What, Spent] = {"abandoned": calls(1), "rejected": calls(1), "cut": calls(1), what: calls(2)}
    assert await work.spent() == expected
    assert (await work.wasted()).spent[Kind("all", DAY)] == calls(5)
    await work.add(TaskReopened(reason="resumed"))
    del expected[what]
    assert await work.spent() == expected


async def test_a_lost_call_counts_at_what_was_reserved_until_somebody_knows(work: Work) -> None:
    for _ in range(3):
        await work.add(make.unknown(await work.asks(tokens=1_000, cost_nanos=2_000)))
    await work.add(make.failed(await work.asks()))
    await work.add(make.released(await work.asks()))
    assert await work.spent() == {"lost": Spent(3, 3_000, 6_000), "failed": Spent(1, 0, 0)}
    await work.add(make.released(1))
    await work.add(make.settled(3, basis="invoice", input_tokens=50, output_tokens=0, cost_nanos=70))
    found = await work.wasted()
    assert found.spent[Kind("lost", DAY)] == found.spent[Kind("all", DAY)] == Spent(2, 1_050, 2_070)


async def test_what_a_conversation_held_before_is_sent_again_less_what_was_cached(work: Work) -> None:
    await work.calls(ordinal=1, settled={"input_tokens": 400, "output_tokens": 100, "reasoning_tokens": 40})
    await work.calls(ordinal=2, follows=1, settled={"input_tokens": 600, "output_tokens": 200, "cached_tokens": 300})
    await work.calls(ordinal=3, follows=2, settled={"input_tokens": 900, "output_tokens": 100, "cached_tokens": 900})
    await work.calls(ordinal=3, follows=2, branch="task:1")  # it follows a call of its own branch, which is not here
    again = 400 + 100 - 40 - 300
    assert (await work.spent())["resent"] == Spent(1, again, again * 1_000 // 800)


async def test_tools_are_counted_by_what_their_own_attempt_used(work: Work) -> None:
    tools = make.a_ref("[]")
    await work.calls(tools=tools)
    await work.add(make.tool_finished(tool="search"))
    await work.calls(tools=tools)
    await work.calls(tools=tools, attempt=2)
    await work.calls("sub-agent", tools=tools, branch="task:1")
    assert (await work.wasted()).offers == {
        Offer(DAY, tools.digest, ("search",)): calls(2),
        Offer(DAY, tools.digest, ()): calls(2),
    }
    assert (await fold(work.log, WasteView())).lists[tools.digest].at == 1


async def test_skills_count_where_the_draft_that_they_were_told_for_came_to_nothing(work: Work) -> None:
    for attempt in (1, 2, 3):
        await work.calls(attempt=attempt, skills=("one", "two"), skill_tokens=(50, 30))
    await work.add(make.rejected())
    await work.add(AttemptAbandoned(role="worker", reason="its record cannot be read", again=True), attempt=2)
    await work.add(make.accepted(), attempt=3)
    assert (await work.spent())["skills"] == Spent(2, 160, 2 * (80 * 1_000 // 500))


async def test_a_question_that_has_an_answer_is_repeated_until_that_is_old_or_found_wrong(work: Work) -> None:
    async def repeated() -> int:
        return (await work.spent()).get("repeated", Spent()).count

    await work.calls(asked="why?")
    await work.calls(asked="why?", model="large")
    await work.calls(asked="why?", tools=make.a_ref("[]"))
    await work.calls(asked="why?", temperature=0.7)
    await work.calls(asked="why?", branch="task:1")
    assert await repeated() == 0
    await work.calls(asked="why?", task="other")
    assert (await work.spent())["repeated"] == calls(1)
    work.clock.move(604_801)
    await work.calls(asked="why?", task="other")
    assert await repeated() == 1
    await work.add(make.rejected(), task="other")
    await work.calls(asked="why?", task="third", settled={"finish": "length"})
    await work.calls(asked="why?", task="third")
    assert await repeated() == 1
    await work.calls(asked="why?", task="fourth")
    assert await repeated() == 2


async def test_the_fold_goes_on_from_its_state_and_sums_what_is_long_over(work: Work) -> None:
    for session in range(1, KEPT + 3):
        await work.calls("worker", session=session, tools=make.a_ref("[]"), skills=("one",), skill_tokens=(5,))
        await work.add(make.rejected(), session=session)
        await work.add(make.closed(finished=True), session=session)
    open_ = await work.asks(session=99)
    before = await fold(work.log, WasteView())
    again = decode_state(WasteView, encode_state(before))
    assert again == before
    head = (await work.log.head()).position
    await work.add(make.settled(open_), session=99)
    whole = await fold(work.log, WasteView())
    assert await fold(work.log, again, after=head) == whole
    assert whole.sums.spent[Kind("rejected", DAY)] == calls(2)
    assert whole.wasted().spent[Kind("rejected", DAY)] == calls(KEPT + 2)
    assert whole.wasted() == whole.wasted()  # asking changes nothing
    assert (await waste_past(work.log))[0].view == whole


@pytest.mark.parametrize("path", [GOLDEN, ARCHIVED, THIRD, FOURTH, FIFTH, GIVEN], ids=lambda path: path.stem)
async def test_the_whole_of_which_waste_is_a_part_is_what_calls_cost(path: Path, tmp_path: Path) -> None:
    async with open_log(shutil.copy(path, tmp_path / "golden.db"), read_only=True) as log:
        wasted, cost = (await fold(log, WasteView())).wasted(), (await fold(log, CostView())).total()
    whole = [spent for kind, spent in wasted.spent.items() if kind.what == "all"]
    assert sum(each.nanos for each in whole) == cost.nanos
    assert sum(each.count for each in whole) == cost.calls - cost.failed - cost.open
