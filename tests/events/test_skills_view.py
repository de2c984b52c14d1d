"""What skills were for is a fold of the log: uses, what they took of requests, and first drafts with them and without."""

from __future__ import annotations

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from events.bus import read_all
from events.log import Entry, EventLog, NewEvent
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.task import Overruled
from events.types.tool import ToolFinished
from events.views.base import decode_state, encode_state, fold
from events.views.skills import KEPT, Carried, Kind, Pair, SkillsView, Use, Verdicts, skills_past, skills_used

DAY = "2026-09-21"
CODE = Kind(DAY, "code", True)
SCOPES = ("log", f"day:{DAY}@UTC", "s1")
WORD = Overruled(context="code", agent="plain", model="small")


class Work:
    """A log in which steps of tasks of the type `code` are worked on."""

    def __init__(self) -> None:
        self.log: EventLog = MemoryLog(clock=SetClock())

    async def add(self, event: AnyEvent, *, task: str = "build", step: int = 1, attempt: int = 1, at: int = 1) -> int:
        new = make.new(event, session=at, task=task, step=step, attempt=attempt)
        return (await self.log.append([new])).positions[0]

    async def called(
        self, *skills: str, tokens: int = 100, step: int = 1, attempt: int = 1, role: str = "worker"
    ) -> int:
        told = make.reserved(
            role=role, scopes=SCOPES, tools=make.a_ref(), skills=skills, skill_tokens=(tokens,) * len(skills)
        )
        return await self.add(told, step=step, attempt=attempt)

    async def read(self, skill: str, *, step: int = 1, attempt: int = 1) -> None:
        used = ToolFinished(
            tool="read_skill", call="c", ordinal=1, arguments=make.a_ref(), answer=make.a_ref(), skill=skill
        )
        await self.add(used, step=step, attempt=attempt)

    async def judged(self, *skills: str, passed: bool, step: int = 1) -> None:
        """The step's first draft is made with these skills, and judged."""
        await self.called(*skills, step=step)
        await self.add(make.drafted(), step=step)
        await self.add(make.accepted() if passed else make.rejected(), step=step)

    async def view(self) -> SkillsView:
        return await fold(self.log, SkillsView())

    async def use(self, skill: str) -> Use:
        return (await self.view()).uses[Carried(skill, CODE)]


async def begun() -> Work:
    work = Work()
    await work.add(make.submitted(type="code"), step=0, attempt=0)
    return work


async def test_every_request_of_an_attempt_carries_the_text_and_the_attempt_is_one_load() -> None:
    work = await begun()
    await work.called("sql")
    await work.called("sql")
    await work.called("sql", attempt=2)
    assert await work.use("sql") == Use(loads=2, calls=3, tokens=300, last=(await work.use("sql")).last)


async def test_a_request_that_came_to_nothing_carried_nothing() -> None:
    work = await begun()
    await work.add(make.failed(await work.called("sql")))
    await work.add(make.released(await work.called("sql")))
    await work.add(make.settled(await work.called("sql")))
    await work.add(make.unknown(await work.called("sql")))
    use = await work.use("sql")
    assert (use.loads, use.calls, use.tokens) == (1, 2, 200)


async def test_first_drafts_count_for_the_skills_that_they_had_and_later_ones_for_none() -> None:
    work = await begun()
    await work.judged("sql", passed=False)
    await work.called("sql", "tests", attempt=2)
    await work.add(make.drafted(), attempt=2)
    await work.add(make.accepted(), attempt=2)
    await work.judged(passed=True, step=2)
    view = await work.view()
    assert view.uses[Carried("sql", CODE)].first == Verdicts(rejected=1)
    assert view.uses[Carried("tests", CODE)].first == Verdicts()
    assert view.all == {CODE: Verdicts(accepted=1, rejected=1)}


async def test_a_skill_that_a_model_read_by_itself_counts_and_is_a_use() -> None:
    work = await begun()
    await work.called()
    await work.read("sql")
    await work.read("sql")
    await work.add(make.drafted())
    await work.add(make.accepted())
    use = await work.use("sql")
    assert (use.loads, use.reads, use.calls, use.first) == (0, 2, 0, Verdicts(accepted=1))
    assert await skills_used(work.log) == {"sql": 2}


async def test_what_went_together_is_counted_once_a_draft() -> None:
    work = await begun()
    await work.called("b", "a")
    await work.read("c")
    await work.add(make.drafted())
    pairs = {(pair.one, pair.other): count for pair, count in (await work.view()).together.items()}
    assert pairs == {("a", "b"): 1, ("a", "c"): 1, ("b", "c"): 1}
    assert Pair("a", "b", CODE) in (await work.view()).together


async def test_a_person_who_judges_otherwise_is_heard_also_once_the_session_is_finished() -> None:
    work = await begun()
    await work.judged("sql", passed=True)
    await work.add(make.closed(finished=True), task="", step=0, attempt=0)
    await work.add(make.rejected(overrules=WORD))
    view = await work.view()
    assert view.uses[Carried("sql", CODE)].first == view.all[CODE] == Verdicts(rejected=1)


async def test_what_nobody_could_judge_is_neither() -> None:
    work = await begun()
    await work.called("sql")
    await work.add(make.drafted())
    await work.add(make.accepted(unjudged=True))
    assert (await work.view()).all == {}


async def test_of_finished_sessions_the_steps_of_the_last_ones_are_remembered() -> None:
    log = MemoryLog(clock=SetClock())
    for session in range(1, KEPT + 6):
        new: list[NewEvent] = [
            make.new(make.submitted(), session=session, task="build"),
            make.new(make.reserved(scopes=SCOPES, skills=("sql",)), session=session, task="build", step=1, attempt=1),
            make.new(make.closed(finished=True), session=session),
        ]
        await log.append(new)
    start = await skills_past(log)
    assert len(start.view._sessions) == KEPT  # pyright: ignore[reportPrivateUsage]
    assert sum(start.view.used().values()) == KEPT + 5


STEPS = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))  # session, step, attempt
NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3).map(tuple)
EVENTS = st.one_of(
    st.builds(lambda names, used: make.reserved(scopes=SCOPES, skills=names, skill_tokens=(7,) * used), NAMES, st.integers(0, 3)),
    st.builds(lambda name: ToolFinished(tool="read_skill", call="c", ordinal=1, arguments=make.a_ref(), answer=make.a_ref(), skill=name), st.sampled_from("abc")),
    st.sampled_from([make.submitted(type="code"), make.drafted(), make.accepted(), make.rejected(), make.accepted(unjudged=True), make.closed(finished=True), make.closed(finished=False), make.claimed()]),
    st.integers(1, 30).flatmap(lambda at: st.sampled_from([make.failed(at), make.settled(at), make.released(at), make.unknown(at)])),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(EVENTS, STEPS), max_size=40), st.integers(0, 40))
def test_a_fold_that_goes_on_from_a_snapshot_equals_that_of_everything(
    history: list[tuple[AnyEvent, tuple[int, int, int]]], cut: int
) -> None:
    entries = anyio.run(recorded, history)
    whole, part = SkillsView(), SkillsView()
    for entry in entries:
        whole.apply(entry)
    for entry in entries[:cut]:
        part.apply(entry)
    part = decode_state(SkillsView, encode_state(part))
    for entry in entries[cut:]:
        part.apply(entry)
    assert part == whole
    for use in whole.uses.values():
        assert min(use.loads, use.reads, use.tokens, use.calls, use.first.accepted, use.first.rejected) >= 0
    for carried, use in whole.uses.items():
        both = whole.all.get(carried.kind, Verdicts())
        assert use.first.accepted <= both.accepted and use.first.rejected <= both.rejected


async def recorded(history: list[tuple[AnyEvent, tuple[int, int, int]]]) -> list[Entry]:
    log = MemoryLog(clock=SetClock())
    for event, (session, step, attempt) in history:
        await log.append([make.new(event, session=session, task="build", step=step, attempt=attempt)])
    return [entry async for page in read_all(log) for entry in page]


def test_a_log_from_before_sizes_were_recorded_has_uses_and_no_tokens() -> None:
    call = make.reserved(scopes=SCOPES, skills=("sql",))
    view = SkillsView()
    view.apply(Entry(1, b"", 5, "s1", "", 1, "build", 1, 1, 0, call))
    (use,) = view.uses.values()
    assert (use.loads, use.calls, use.tokens, use.last) == (1, 1, 0, 5)
