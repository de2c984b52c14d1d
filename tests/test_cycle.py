"""The cycle: whatever the roles bring, it ends, it does one thing at a time, and it asks nothing but the state."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import Entry
from events.testing.builders import a_ref, accepted, drafted, planned, rejected, submitted
from events.types.any import AnyEvent
from events.types.task import (
    AttemptAbandoned,
    OutputFile,
    TaskAccepted,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSubmitted,
)
from events.views.tasks import TaskState, TasksView
from swarm.cycle import EXPLORATIONS, Next, Open, Placed, Work, consequences, next_step

MODELS = ("a", "b", "c")
NOTHING = Next()


class History:
    """A session's tasks, folded from what is appended to it."""

    def __init__(self, tasks: dict[str, TaskSubmitted]) -> None:
        self.view = TasksView()
        self.position = 0
        for name, event in tasks.items():
            self.append(name, [Placed(event)])

    @property
    def tasks(self) -> dict[str, TaskState]:
        return self.view.of(1)

    def append(self, task: str, outcome: Sequence[Placed]) -> None:
        for placed in outcome:
            self.position += 1
            self.view.apply(_entry(self.position, task, placed))

    def finish(self, task: str, *outcome: Placed) -> None:
        """Append an outcome with what follows from it, as an attempt does."""
        self.append(task, [*outcome, *consequences(self.tasks[task], self.tasks, outcome)])

    def settle(self) -> None:
        """Append what follows from the state alone, until nothing does."""
        moved = True
        while moved:
            moved = False
            for name, task in self.tasks.items():
                if next_step(task, self.tasks).events:
                    self.finish(name)
                    moved = True

    def open(self, task: str = "t0") -> Open:
        found = next_step(self.tasks[task], self.tasks).open
        assert found is not None, f"nothing is open for {task}"
        return found


def _entry(position: int, task: str, placed: Placed) -> Entry:
    return Entry(
        position=position,
        id=b"",
        at=position,
        topic="s1",
        project="",
        session=1,
        task=task,
        step=placed.step,
        attempt=placed.attempt,
        cause=0,
        event=placed.event,
    )


def draft(open_: Open, model: str = "a") -> Placed:
    return Placed(drafted(agent="maker", model=model), open_.step, open_.attempt)


def placed(event: AnyEvent, open_: Open) -> Placed:
    return Placed(event, open_.step, open_.attempt)


def plan(open_: Open, steps: int) -> list[Placed]:
    return [Placed(planned(total=steps), number, open_.attempt) for number in range(1, steps + 1)]


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, TaskSubmitted]:
    count = draw(st.integers(1, 4))
    tasks: dict[str, TaskSubmitted] = {}
    for number in range(count):
        before = [f"t{earlier}" for earlier in range(number)]
        needs = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        tasks[f"t{number}"] = submitted(
            needs=tuple(needs), explore=draw(st.booleans()), attempts=draw(st.integers(1, 4))
        )
    return tasks


def outcome_of(data: st.DataObject, open_: Open, task: TaskState) -> list[Placed]:
    """What a role may bring, or what may become of the task instead."""
    if data.draw(st.integers(0, 9)) == 0:
        ends: list[AnyEvent] = [TaskFailed(reason="", cause="no model"), TaskHalted(reason="")]
        return [Placed(data.draw(st.sampled_from(ends)))]
    match open_.work:
        case Work.EXPLORE:
            steps = data.draw(st.integers(0, 3))
            return plan(open_, steps) or [placed(AttemptAbandoned(role="explorer", reason="no plan"), open_)]
        case Work.DRAFT:
            allowed = [model for model in MODELS if f"maker@{model}" not in open_.without] or list(MODELS)
            model = open_.stay_on.partition("@")[2] or data.draw(st.sampled_from(allowed))
            return [draft(open_, model)]
        case Work.JUDGE:
            gone = AttemptAbandoned(role="validator", reason="no verdict")
            verdicts: list[AnyEvent] = [accepted(), rejected(), rejected(), gone]
            return [placed(data.draw(st.sampled_from(verdicts)), open_)]
        case _:
            return [Placed(TaskAccepted(result=a_ref("draft")))]


def check_asked_twice(history: History) -> dict[str, Open]:
    """Ask for every task, twice: the same is said, nothing is changed. Returns what is open."""
    before = copy.deepcopy(history.tasks)
    found: dict[str, Open] = {}
    for name, task in history.tasks.items():
        said = next_step(task, history.tasks)
        assert next_step(task, history.tasks) == said
        assert consequences(task, history.tasks, ()) == consequences(task, history.tasks, ())
        assert not (said.events and said.open)
        if task.status != "open":
            assert said == NOTHING
        if said.open is not None:
            assert said.open.task == name
            found[name] = said.open
    assert history.tasks == before
    return found


@settings(max_examples=300, deadline=None)
@given(st.data(), sessions())
def test_every_course_of_a_session_ends_and_opens_one_piece_of_work_a_task_at_a_time(
    data: st.DataObject, tasks: dict[str, TaskSubmitted]
) -> None:
    history = History(tasks)
    done: dict[str, list[Open]] = {name: [] for name in tasks}
    reopened = 0
    history.settle()
    while True:
        open_ = check_asked_twice(history)
        stopped = [name for name, task in history.tasks.items() if task.status == "halted"]
        if not open_ and (not stopped or reopened == 3):
            break
        if not open_ or (stopped and reopened < 3 and data.draw(st.booleans())):
            history.finish(data.draw(st.sampled_from(stopped)), Placed(TaskReopened(reason="resumed")))
            reopened += 1
            history.settle()
            continue
        name = data.draw(st.sampled_from(sorted(open_)))
        work = open_[name]
        assert all(history.tasks[need].status == "accepted" for need in tasks[name].needs)
        assert work.attempt <= (EXPLORATIONS if work.work is Work.EXPLORE else tasks[name].attempts)
        again = done[name].count(work)
        assert again <= reopened, "the same work is opened again only where a task was reopened"
        done[name].append(work)
        history.finish(name, *outcome_of(data, work, history.tasks[name]))
        history.settle()
    check_how_it_ended(history)


def check_how_it_ended(history: History) -> None:
    for task in history.tasks.values():
        ended = {need: history.tasks[need].status for need in task.needs}
        match task.status:
            case "open":
                assert any(status in ("open", "halted") for status in ended.values()), "it waits for a need"
            case "accepted":
                assert task.steps
                assert all(step.stage == "accepted" for step in task.steps)
            case "cancelled":
                assert any(status in ("failed", "cancelled") for status in ended.values())
            case _:
                assert task.status in ("failed", "halted")


@settings(max_examples=100, deadline=None)
@given(st.data(), sessions())
def test_what_follows_from_an_outcome_is_said_once(data: st.DataObject, tasks: dict[str, TaskSubmitted]) -> None:
    history = History(tasks)
    history.settle()
    for _ in range(6):
        open_ = check_asked_twice(history)
        if not open_:
            break
        name = data.draw(st.sampled_from(sorted(open_)))
        outcome = outcome_of(data, open_[name], history.tasks[name])
        before = copy.deepcopy(history.tasks)
        following = consequences(history.tasks[name], history.tasks, outcome)
        assert history.tasks == before, "the state is left alone"
        history.append(name, [*outcome, *following])
        assert not next_step(history.tasks[name], history.tasks).events, "all that follows was said"
        history.settle()


def test_the_first_rejection_is_a_retry_with_feedback_on_the_same_agent_and_model_and_the_second_goes_elsewhere() -> (
    None
):
    history = History({"t0": submitted(attempts=4)})
    history.settle()
    assert (history.open().stay_on, history.open().without) == ("", ())
    seen: list[tuple[str, tuple[str, ...]]] = []
    for model in ("a", "a", "b", "b"):
        history.finish("t0", draft(history.open(), model))
        history.finish("t0", placed(rejected(), history.open()))
        if history.tasks["t0"].status == "open":
            seen.append((history.open().stay_on, history.open().without))
    assert seen == [("maker@a", ()), ("", ("maker@a",)), ("maker@b", ("maker@a",))]
    assert history.tasks["t0"].reason == "4 drafts were rejected"
    assert history.tasks["t0"].cause == "rejected"


@pytest.mark.parametrize(("attempts", "sentence"), [(1, "1 draft was rejected"), (2, "2 drafts were rejected")])
def test_a_task_fails_when_as_many_drafts_as_it_allows_were_rejected(attempts: int, sentence: str) -> None:
    history = History({"t0": submitted(attempts=attempts)})
    history.settle()
    for number in range(1, attempts + 1):
        assert history.open().attempt == number
        history.finish("t0", draft(history.open()))
        history.finish("t0", placed(rejected(), history.open()))
    assert history.tasks["t0"].reason == sentence


def test_a_plan_is_asked_for_twice_and_then_the_task_is_done_in_one_step() -> None:
    history = History({"t0": submitted(explore=True, title="build it")})
    history.settle()
    for attempt in (1, 2):
        assert (history.open().work, history.open().attempt) == (Work.EXPLORE, attempt)
        history.finish("t0", placed(AttemptAbandoned(role="explorer", reason="its answer was no plan"), history.open()))
    assert history.open() == Open(work=Work.DRAFT, task="t0", step=1, attempt=1)
    assert [step.title for step in history.tasks["t0"].steps] == ["build it"]


def test_steps_are_done_in_the_order_of_the_plan_each_with_attempts_of_its_own() -> None:
    history = History({"t0": submitted(explore=True, attempts=2)})
    history.settle()
    history.finish("t0", *plan(history.open(), 2))
    history.finish("t0", draft(history.open()))
    history.finish("t0", placed(rejected(), history.open()))
    history.finish("t0", draft(history.open()))
    history.finish("t0", placed(accepted(), history.open()))
    assert history.open() == Open(work=Work.DRAFT, task="t0", step=2, attempt=1)
    for _ in range(2):
        history.finish("t0", draft(history.open()))
        history.finish("t0", placed(rejected(), history.open()))
    assert history.tasks["t0"].reason == "2 drafts of step 2 were rejected"


def test_a_task_with_outputs_is_delivered_before_it_is_accepted() -> None:
    history = History({"t0": submitted(outputs=(OutputFile("out.txt", ""),))})
    history.settle()
    history.finish("t0", draft(history.open()))
    history.finish("t0", placed(accepted(), history.open()))
    assert (history.tasks["t0"].status, history.open().work) == ("open", Work.DELIVER)


def test_without_outputs_the_last_accepted_step_and_the_tasks_end_are_one_append() -> None:
    history = History({"t0": submitted()})
    history.settle()
    history.finish("t0", draft(history.open()))
    outcome = [placed(accepted(unjudged=True), history.open())]
    (end,) = consequences(history.tasks["t0"], history.tasks, outcome)
    assert isinstance(end.event, TaskAccepted)
    assert end.event.unjudged
    assert end.event.result.place == history.position, "the result is where the draft was written"


def test_a_task_whose_need_failed_is_cancelled_and_so_are_those_behind_it() -> None:
    history = History({"t0": submitted(), "t1": submitted(needs=("t0",)), "t2": submitted(needs=("t1",))})
    history.finish("t0", Placed(TaskFailed(reason="", cause="rejected")))
    history.settle()
    assert history.tasks["t1"].reason == "it needs t0, which failed"
    assert history.tasks["t2"].reason == "it needs t1, which was cancelled"
    assert all(history.tasks[name].status == "cancelled" for name in ("t1", "t2"))


def test_a_task_whose_need_was_halted_waits_and_starts_when_the_need_is_accepted_after_all() -> None:
    history = History({"t0": submitted(), "t1": submitted(needs=("t0",))})
    history.settle()
    history.append("t0", [Placed(TaskHalted(reason=""))])
    assert next_step(history.tasks["t1"], history.tasks) == NOTHING
    history.finish("t0", Placed(TaskReopened(reason="")))
    history.finish("t0", draft(history.open()))
    history.finish("t0", placed(accepted(), history.open()))
    history.settle()
    assert history.open("t1").work is Work.DRAFT


def test_a_judge_without_a_verdict_has_passed_nothing() -> None:
    history = History({"t0": submitted()})
    history.settle()
    history.finish("t0", draft(history.open()))
    history.finish("t0", placed(AttemptAbandoned(role="validator", reason="x gave no verdict"), history.open()))
    assert (history.tasks["t0"].status, history.tasks["t0"].cause) == ("failed", "no verdict")
