"""The golden logs, one for each schema: together every kind of event. Kept for ever, folded by every view in the tests.

The first has one session and four tasks. The second had the same, whose texts were dropped and which was then archived, two
sessions since, and what the first one did not know. The third has what neither of them did, the fourth what came after it, the fifth
what is recorded of tools. `python -m tests.events.golden` makes the fifth again beside its expected views; done once a schema,
never for a released one.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from events.blobs import Known, Pack
from events.log import EventLog, NewEvent, open_log, session_name
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.base import Captured, Said, TextRef, Unknown
from events.types.call import BudgetSet
from events.types.choice import TRAILS, Excluded, TrailsExcluded
from events.types.model import ModelCooled, ModelRecovered, cooldown_topic
from events.types.session import FileTrusted, SessionRenewed
from events.types.stage import TOPIC as STAGES
from events.types.stage import StageApplied, StageUndone, StageWithdrawn
from events.types.task import (
    AttemptAbandoned,
    CheckResult,
    OutputFile,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
)
from events.types.tool import QuestionAnswered, QuestionAsked, SandboxProbed, ToolFinished
from events.types.tree import FILE, PLAIN, PROGRAM, SECRET, ChangesApplied, ChangesUndone, FileChange, FileState
from events.views.approvals import PROJECTS, ApprovalsView
from events.views.attempts import AttemptsView
from events.views.base import View, fold
from events.views.cost import CostView
from events.views.money import MoneyView
from events.views.questions import QuestionsView
from events.views.schedules import SchedulesView
from events.views.sessions import SessionsView
from events.views.stages import StagesView
from events.views.tasks import TasksView
from events.views.trails import TrailsView
from events.views.using import UsingView

DATA = Path(__file__).parents[1] / "data"
LOG, EXPECTED = DATA / "golden-1.db", DATA / "golden-1.json"
SECOND, SECOND_EXPECTED = DATA / "golden-2.db", DATA / "golden-2.json"
ARCHIVED = DATA / "golden-2-archived.db"
THIRD, THIRD_EXPECTED = DATA / "golden-3.db", DATA / "golden-3.json"
FOURTH, FOURTH_EXPECTED = DATA / "golden-4.db", DATA / "golden-4.json"
FIFTH, FIFTH_EXPECTED = DATA / "golden-5.db", DATA / "golden-5.json"
VIEWS: dict[str, type[View]] = {
    "approvals": ApprovalsView,
    "attempts": AttemptsView,
    "cost": CostView,
    "money": MoneyView,
    "questions": QuestionsView,
    "schedules": SchedulesView,
    "sessions": SessionsView,
    "stages": StagesView,
    "tasks": TasksView,
    "trails": TrailsView,
    "using": UsingView,
}


class Scribe:
    """Appends with ids and times that are the same each time."""

    def __init__(self, log: EventLog, clock: SetClock, *, session: int = 1, first: int = 1) -> None:
        self._log, self._clock, self.session = log, clock, session
        self._ids: Iterator[int] = itertools.count(first + (session - 1) * 1000)
        self._known = Known()
        self._pack = Pack(self._known)
        self.task, self.step, self.attempt = "", 0, 0

    def put(self, text: str) -> TextRef:
        return self._pack.put(text)

    def at(self, task: str, step: int = 0, attempt: int = 0) -> None:
        self.task, self.step, self.attempt = task, step, attempt

    def new(self, event: AnyEvent | Unknown, topic: str = "") -> NewEvent:
        name = next(self._ids).to_bytes(16, "big")
        return make.new(
            event,
            session=self.session,
            task=self.task,
            step=self.step,
            attempt=self.attempt,
            topic=topic,
            project="demo",
            id=name,
        )

    async def append(self, *events: NewEvent, cause: int = 0) -> tuple[int, ...]:
        self._clock.move(1.5)
        texts, self._pack = self._pack.texts, Pack(self._known)
        ack = await self._log.append(events, cause=cause, texts=texts)
        self._known.learn(texts, ack.place)
        return ack.positions

    async def call(self, role: str, **changes: Any) -> int:
        """A choice and a reservation; returns the reservation's position."""
        excluded = (Excluded("large", "it costs more than is left"),)
        choice = self.new(make.chosen(role=role, context=f"{role}/code", excluded=excluded))
        messages = (Said("system", self.put("You write code.")), Said("user", self.put(f"{role}: {self.task}")))
        reserved = make.reserved(role=role, messages=messages, captured=self.captured(), **changes)
        return (await self.append(choice, self.new(reserved, "ledger")))[1]

    def captured(self) -> tuple[Captured, ...]:
        return (Captured("budget", self.put("9,000 tokens are left")),)

    def settled(self, reservation: int, answer: str) -> NewEvent:
        return self.new(make.settled(reservation, answer=self.put(answer), cached_tokens=100, reasoning_tokens=7))


async def write(log: EventLog, clock: SetClock, *, unknown: bool = True, first: int = 1) -> None:
    """`first` is the id of the first event; the others count on from there."""
    scribe = Scribe(log, clock, first=first)
    settings, source = scribe.put('{"start":"free"}'), scribe.put("tasks: [build, check]\n")
    await scribe.append(
        scribe.new(make.opened(settings=settings, source=source), "sessions"),
        scribe.new(make.claimed(), f"claim/{session_name(1)}"),
    )
    await scribe.append(scribe.new(FileTrusted(digest="d", path="task.yaml", commands=("make test",)), "trust"))
    await _explored_and_accepted(scribe)
    await scribe.append(scribe.new(SessionRenewed(valid_until=make.MORNING + 120_000_000)))
    await _rejected_and_failed(scribe)
    await _halted_and_reopened(scribe)
    scribe.at("late")
    await scribe.append(scribe.new(make.submitted(title="late", needs=("check",))))
    await scribe.append(scribe.new(TaskCancelled(reason="it needs check, which failed")))
    scribe.at("")
    if unknown:
        await scribe.append(scribe.new(Unknown("moon.landed", b'{"crew":2}')))
    await scribe.append(scribe.new(make.closed(exit_code=1), f"claim/{session_name(1)}"))


async def write_third(log: EventLog, clock: SetClock) -> None:
    """A call of which nobody knew and that a person settled, caps that persons recorded, a try that was not worth its cost."""
    scribe = Scribe(log, clock)
    opened = make.opened(title="caps", settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(1)}"))
    scribe.at("build")
    await scribe.append(scribe.new(make.submitted(title="build")))
    position = await scribe.call("worker", scopes=("day:2026-09-21@UTC", "s1", "s1/build"))
    await scribe.append(scribe.new(make.unknown(position)))
    note = scribe.put("settled by hand")
    paid = make.settled(position, answer=note, finish="other", basis="person", by="ada@host", cost_nanos=1_200)
    await scribe.append(scribe.new(paid, "ledger"), scribe.new(make.stopped()))
    excluded = TrailsExcluded(
        since=make.MORNING, until=make.MORNING + 1_000_000, by="ada@host", reason="a broken check"
    )
    await scribe.append(scribe.new(excluded, TRAILS))
    scribe.at("")
    await scribe.append(
        scribe.new(BudgetSet(scope="s1", tokens=20_000, nanos=10**9, by="ada@host", reason="it is worth it"), "ledger"),
        scribe.new(BudgetSet(scope="day:2026-09-21@UTC", nanos=0, by="ada@host"), "ledger"),
    )
    await scribe.append(scribe.new(make.closed(), f"claim/{session_name(1)}"))


async def _audited(scribe: Scribe) -> None:
    scribe.at("sure", 1, 1)
    draft = scribe.put("It rhymes.")
    await scribe.append(scribe.new(make.submitted(title="sure")), scribe.new(make.planned()))
    await scribe.append(scribe.new(make.drafted(draft=draft)))
    accepted = make.accepted(draft=draft, judge="judge@small", audit=True)
    await scribe.append(scribe.new(accepted), scribe.new(make.task_accepted(result=draft)))
    await scribe.append(scribe.new(make.audited()))


async def write_fourth(log: EventLog, clock: SetClock) -> None:
    """A model that cooled down, was tried, cooled down for longer, and answered again; an audit."""
    scribe = Scribe(log, clock, session=2)
    opened = make.opened(title="models", settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(2)}"))
    scribe.at("build")
    await scribe.append(scribe.new(make.submitted(title="build")))
    topic = cooldown_topic("small", "api.example.com")
    for step in (1, 2):
        cooled = ModelCooled(
            model="small", server="api.example.com", until=10**15 + step, step=step, failure="wait", reason="busy (503)"
        )
        await scribe.append(scribe.new(make.failed(await scribe.call("worker"))), scribe.new(cooled, topic))
        tried = msgspec.structs.replace(cooled, until=2 * 10**15, tried=True)
        await scribe.append(scribe.new(tried, topic))
    worked = await scribe.call("worker")
    recovered = scribe.new(ModelRecovered(model="small", server="api.example.com"), topic)
    await scribe.append(scribe.settled(worked, "an answer"), recovered)
    await _audited(scribe)
    await scribe.append(scribe.new(make.closed(), f"claim/{session_name(2)}"))


async def write_fifth(log: EventLog, clock: SetClock) -> None:
    """A task with tools: looked, asked, allowed, refused, changed, took over and took back; another ended in circles."""
    scribe = Scribe(log, clock)
    opened = make.opened(title="tools", settings=scribe.put("{}"))
    await scribe.append(scribe.new(opened, "sessions"), scribe.new(make.claimed(), f"claim/{session_name(1)}"))
    probed = SandboxProbed(backend="landlock", reason="no bubblewrap", missing=("processes", "udp"), version="6")
    await scribe.append(scribe.new(probed))
    scribe.at("fix")
    await scribe.append(scribe.new(make.submitted(title="fix")))
    scribe.at("fix", 1)
    await scribe.append(
        scribe.new(make.planned(title="fix", needs=("notes.md, section Prices",), unknown=("prices.md",)))
    )
    scribe.at("fix", 1, 1)
    applied = StageApplied(stage="inputs", before=900, after=300, on="a.log", how="held", form="log", branch="task:1")
    await scribe.append(scribe.new(applied))
    wanted = await scribe.call("worker")
    await scribe.append(scribe.new(StageUndone(stage="results", before=1200, after=500, branch="task:1")))
    ask = make.approval_asked(ordinal=2, arguments=scribe.put('{"command":"make test"}'))
    *_, asked = await scribe.append(scribe.settled(wanted, "I look."), scribe.new(_looked(scribe)), scribe.new(ask))
    word = make.approval_given(asked, remember="session", pattern='{"tool":"run","match":"make *"}')
    await scribe.append(scribe.new(word, f"control/{session_name(1)}"), cause=asked)
    started = make.tool_started(ordinal=2, arguments=scribe.put('{"command":"make test"}'), captured=scribe.captured())
    await scribe.append(scribe.new(started))
    await _changed_and_refused(scribe)
    await _applied_and_undone(scribe)
    await _in_circles(scribe)
    await _sent_one_that_asked(scribe)
    gone = StageWithdrawn(stage="inputs", passed=20, failed=30, held_passed=48, held_failed=2, low=-0.7, high=-0.4)
    await scribe.append(scribe.new(gone, STAGES))
    await scribe.append(scribe.new(make.closed(exit_code=1), f"claim/{session_name(1)}"))


CHANGE = FileChange("a.py", make.a_file("x = 1\n"), make.a_file("x = 2\n", kind=PROGRAM))


def _looked(scribe: Scribe) -> ToolFinished:
    shown, answer = scribe.put("a.py"), scribe.put("a.py\nb.py\n")
    return make.tool_finished(tool="list", arguments=scribe.put("{}"), answer=answer, shown=shown, on=".")


async def _changed_and_refused(scribe: Scribe) -> None:
    kept = FileState(FILE, "secret's digest", SECRET)
    gone = FileChange("old.py", FileState(FILE, "digest", PLAIN, scribe.put("gone")), FileState())
    ended = make.tool_finished(
        ordinal=2,
        arguments=scribe.put('{"command":"make test"}'),
        answer=scribe.put("1 failed"),
        failed=True,
        tree="tree",
        files=(CHANGE, gone, FileChange(".env", FileState(), kept)),
        exit_code=1,
        cut=True,
        duration_ms=1200,
    )
    refused = make.tool_finished(
        tool="git__push",
        on="origin",
        ordinal=3,
        arguments=scribe.put("{}"),
        answer=scribe.put("This was not done."),
        failed=True,
        refused="rule deny git__*",
        source="git",
    )
    await scribe.append(scribe.new(ended), scribe.new(refused))


async def _applied_and_undone(scribe: Scribe) -> None:
    draft = scribe.put("Done.")
    worked = await scribe.call("worker", nth=2)
    drafted = make.drafted(draft=draft, files=(CHANGE,))
    await scribe.append(scribe.settled(worked, "Done."), scribe.new(drafted))
    accepted, ended = make.accepted(draft=draft), make.task_accepted(result=draft, kept=True)
    await scribe.append(scribe.new(accepted), scribe.new(ended))
    (applied,) = await scribe.append(scribe.new(ChangesApplied(files=(CHANGE,), by="ada@host")))
    await scribe.append(scribe.new(ChangesUndone(applied=applied, by="ada@host")))


async def _sent_one_that_asked(scribe: Scribe) -> None:
    """A sub-agent, on a branch of its attempt: it asks a person and reads a skill."""
    scribe.at("send")
    await scribe.append(scribe.new(make.submitted(title="send")))
    scribe.at("send", 1)
    await scribe.append(scribe.new(make.planned(title="send")))
    scribe.at("send", 1, 1)
    branch = "task:1"
    called = await scribe.call("sub-agent", branch=branch, skills=("sql-review",), skill_tokens=(600,))
    question = QuestionAsked(question="Which one?", ordinal=1, options=("a", "b"), role="sub-agent", branch=branch)
    *_, asked = await scribe.append(scribe.settled(called, "I ask."), scribe.new(question))
    answered = QuestionAnswered(asked=asked, answer=scribe.put("the second"), by="ada@host")
    await scribe.append(scribe.new(answered, f"control/{session_name(1)}"), cause=asked)
    read = make.tool_finished(
        tool="read_skill",
        ordinal=2,
        arguments=scribe.put("{}"),
        answer=scribe.put("Look at the plan first."),
        role="sub-agent",
        branch=branch,
        skill="sql-review",
    )
    await scribe.append(scribe.new(read))


async def _in_circles(scribe: Scribe) -> None:
    """The same again and again; then a use that is refused by a person for the project, and one that is still under way."""
    scribe.at("turn")
    await scribe.append(scribe.new(make.submitted(title="turn")))
    scribe.at("turn", 1)
    await scribe.append(scribe.new(make.planned(title="turn")))
    scribe.at("turn", 1, 1)
    draft = scribe.put("I look again.")
    uses = [make.tool_finished(ordinal=n, arguments=draft, answer=draft) for n in (1, 2, 3)]
    stopped = make.drafted(draft=draft, finish="loop", stopped="it used run 3 times")
    await scribe.append(*(scribe.new(use) for use in uses), scribe.new(stopped))
    await scribe.append(scribe.new(make.rejected(feedback=scribe.put("Do something."))))
    scribe.at("turn", 1, 2)
    (asked,) = await scribe.append(scribe.new(make.approval_asked(arguments=draft)))
    word = make.approval_given(
        asked, allowed=False, remember="project", pattern='{"tool":"run"}', directory="/project", reason="not here"
    )
    await scribe.append(scribe.new(word, PROJECTS))
    await scribe.append(scribe.new(make.approval_asked(ordinal=2, arguments=draft)))
    await scribe.append(scribe.new(make.tool_started(ordinal=3, arguments=draft, effect="world", repeatable=True)))


async def _explored_and_accepted(scribe: Scribe) -> None:
    scribe.at("build")
    submitted = make.submitted(
        title="build", spec=scribe.put('{"name":"build"}'), explore=True, outputs=(OutputFile("parser.py", ""),)
    )
    (position,) = await scribe.append(scribe.new(submitted))
    scribe.at("build", attempt=1)
    await scribe.append(scribe.new(AttemptAbandoned(role="explorer", reason="the answer was cut")), cause=position)
    scribe.at("build", attempt=2)
    explored = await scribe.call("explorer")
    plan: Sequence[NewEvent] = [scribe.settled(explored, "Two steps, because the parser comes first.")]
    for step, title in enumerate(("write the parser", "write the command"), 1):
        scribe.at("build", step)
        planned = make.planned(
            title=title, total=2, instruction=scribe.put(f"First {title}."), approach=scribe.put("A parser.")
        )
        plan = [*plan, scribe.new(planned)]
    await scribe.append(*plan, cause=explored)
    for step in (1, 2):
        scribe.at("build", step, 1)
        worked = await scribe.call("worker")
        draft = scribe.put(f"def step_{step}(): ...\n" * 200)
        await scribe.append(scribe.settled(worked, "done"), scribe.new(make.drafted(draft=draft)), cause=worked)
        checks = (CheckResult(name="tests", passed=True), CheckResult(name="style", passed=False, required=False))
        verdict = make.accepted(draft=draft, checks=checks, judge="judge@small", score=0.9, unjudged=step == 2)
        await scribe.append(scribe.new(verdict))
    result = OutputFile("parser.py", "digest")
    await scribe.append(scribe.new(make.task_accepted(result=draft, unjudged=True, outputs=(result,))))


async def _rejected_and_failed(scribe: Scribe) -> None:
    scribe.at("check")
    await scribe.append(scribe.new(make.submitted(title="check", attempts=2)))
    scribe.at("check", 1)
    await scribe.append(scribe.new(make.planned(title="check")))
    for attempt in (1, 2):
        scribe.at("check", 1, attempt)
        busy = await scribe.call("worker")
        await scribe.append(scribe.new(make.failed(busy)))
        cut = await scribe.call("worker", nth=2)
        await scribe.append(scribe.new(make.unknown(cut)))
        worked = await scribe.call("worker", nth=3)
        over = scribe.new(make.overran(worked), "ledger")
        drafted = scribe.new(make.drafted(draft=scribe.put(f"draft {attempt}")))
        await scribe.append(scribe.settled(worked, "a long answer"), over, drafted)
        if attempt == 1:  # the bill of the call that was cut came after all
            await scribe.append(scribe.settled(cut, "late"))
        await scribe.append(scribe.new(make.rejected(feedback=scribe.put("Say why."), score=0.2)))
    scribe.at("check")
    await scribe.append(scribe.new(TaskFailed(reason="2 drafts were rejected", cause="rejected")))


async def _halted_and_reopened(scribe: Scribe) -> None:
    scribe.at("pause")
    await scribe.append(scribe.new(make.submitted(title="pause")))
    scribe.at("pause", 1)
    await scribe.append(scribe.new(make.planned(title="pause")))
    scribe.at("pause", 1, 1)
    given_back = await scribe.call("worker")
    await scribe.append(scribe.new(make.released(given_back)))
    scribe.at("pause")
    halted = TaskHalted(reason="the cap is reached", scope="session:1", unit="tokens", used=9, cap=10, needed=5)
    await scribe.append(scribe.new(halted))
    await scribe.append(scribe.new(TaskReopened(reason="the cap was raised")))
    scribe.at("pause", 1, 1)
    await scribe.call("worker")  # still open at the end


async def views_of(log: EventLog) -> dict[str, Any]:
    """Every view of the log and its head, as JSON holds them."""
    views = {name: plain(await fold(log, view())) for name, view in VIEWS.items()}
    return {"head": str(await log.head()), **views}


def plain(value: Any) -> Any:
    """A value in lists, dictionaries by name, texts and numbers; what begins with _ is a view's own business."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__ if not name.startswith("_")}
    if isinstance(value, dict):
        return [[plain(key), plain(held)] for key, held in value.items()]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]  # pyright: ignore[reportUnknownVariableType]
    return value


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        clock = SetClock()
        async with open_log(path, clock=clock) as log:
            await write_fifth(log, clock)
        async with open_log(path, read_only=True) as log:
            expected = await views_of(log)
        shutil.copyfile(path, FIFTH)  # closed by its last user: all of it is in the one file
    FIFTH_EXPECTED.write_bytes(msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
