"""Whether a tool may be used: the policy says it, or a person, once for each question, also after a crash and from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest

from events.blobs import Pack
from events.bus import next_entries
from events.log import EventLog, open_log
from events.testing.builders import planned, submitted
from events.types.task import TaskCancelled
from events.types.tool import ApprovalAsked, ApprovalGiven, ToolFinished
from events.views.approvals import PROJECTS, ApprovalsView
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.engine.approvals import Approvals, give
from swarm.engine.faces import Wanted, Word
from swarm.engine.hands import Allowed
from swarm.errors import ConfirmationNeeded
from swarm.journal import Attempt, Recorded
from swarm.messages import ToolCall, ToolSpec
from swarm.owner import Owner
from swarm.settings.toolrules import Rule, ToolSettings
from swarm.task import Task
from swarm.tools.base import Said, Tool
from tests.ledger_agents import a_session
from tests.running import faces

Face = Callable[[Wanted], Awaitable[Word]]
TASK = Task(id="t", prompt="Do it.")
YES, NO = Word(allowed=True), Word(allowed=False, reason="not on a Friday")


async def _used(arguments: Mapping[str, Any]) -> Said:
    raise AssertionError("nothing is used here")


def tool(name: str, *, subject: str = "path", source: str = "") -> Tool:
    spec = ToolSpec(name=name, description="", parameters={})
    return Tool(spec=spec, effect="world", use=_used, subject=subject, source=source)


RUN, STATUS, READ = tool("run", subject="command"), tool("git__status", source="git"), tool("read")


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "log.db") as opened:
        yield opened


@pytest.fixture
async def owner(log: EventLog) -> Owner:
    return await with_tasks(await a_session(log))


async def with_tasks(owner: Owner) -> Owner:
    pack = Pack(owner.known)
    events = [owner.new(submitted(spec=pack.put("spec")), task=name) for name in ("t", "u")]
    events += [owner.new(planned(), task=name, step=1) for name in ("t", "u")]
    await owner.append(events, texts=pack.texts)
    return owner


class Person:
    """Somebody who says these words, one to each question."""

    def __init__(self, *words: Word) -> None:
        self.words, self.wanted = list(words), list[Wanted]()

    async def __call__(self, wanted: Wanted) -> Word:
        self.wanted.append(wanted)
        return self.words.pop(0)


def approvals(owner: Owner, face: Face | None, *rules: Rule, directory: str = "/projects/a", **more: Any) -> Approvals:
    async def backend() -> str:
        return "none"

    return Approvals(
        owner,
        ToolSettings(rules=rules, **more),
        faces=faces(approve=face),
        directory=directory,
        redact=lambda text: text.replace("hunter22", "[secret:PASSWORD]"),
        backend=backend,
    )


async def allowed(
    of: Approvals,
    owner: Owner,
    used: Tool = STATUS,
    arguments: Mapping[str, Any] | None = None,
    *,
    task: str = "t",
    ordinal: int = 1,
) -> Allowed:
    state = (await fold(owner.log, TasksView())).of(owner.session)[task]
    attempt = Attempt(owner, state, step=1, attempt=1, role="worker", recorded=Recorded())
    call = ToolCall(id="c1", name=used.name, arguments="{}")
    return await of.of(TASK, attempt)(used, arguments or {}, call, ordinal)


async def events_of(log: EventLog) -> list[ApprovalAsked | ApprovalGiven]:
    return [each.event for each in await log.read() if isinstance(each.event, ApprovalAsked | ApprovalGiven)]


async def question(log: EventLog) -> ApprovalsView:
    """Wait until a question stands in the log."""
    position = 0
    while not (view := await fold(log, ApprovalsView())).waiting:
        position = (await next_entries(log, position))[-1].position
    return view


async def test_what_a_rule_decides_asks_nobody_and_records_nothing(owner: Owner) -> None:
    person = Person()
    deny = Rule(tool="git__*", action="deny")
    assert await allowed(approvals(owner, person), owner, READ) == Allowed(True, "built in: it only looks")
    refused = await allowed(approvals(owner, person, deny), owner)
    assert not refused.yes and refused.rule == "rule deny git__*" and "rule deny git__*" in refused.reason
    assert not person.wanted and not await events_of(owner.log)


async def test_a_question_stands_in_the_log_before_the_answer_and_holds_no_secret(owner: Owner) -> None:
    person = Person(YES)
    use = {"command": "login hunter22 \x1b[2J"}
    assert (await allowed(approvals(owner, person), owner, RUN, use)).yes
    asked, given = await events_of(owner.log)
    assert isinstance(asked, ApprovalAsked) and isinstance(given, ApprovalGiven)
    assert asked.question == "May run be used: login [secret:PASSWORD] \x1b[2J"
    assert asked.rule == "built in: without a sandbox commands are asked about"
    assert (given.allowed, given.remember, given.pattern) == (True, "", "")
    assert await owner.log.text(asked.arguments, at=2) == person.wanted[0].arguments
    assert "hunter22" not in str(person.wanted) + str(asked)
    (wanted,) = person.wanted
    assert (wanted.task, wanted.tool, wanted.likes) == ("s1/t", "run", "run of the same command")


async def test_the_model_is_told_why_a_person_refused(owner: Owner) -> None:
    refused = await allowed(approvals(owner, Person(NO)), owner)
    assert not refused.yes
    assert "refused it: not on a Friday" in refused.reason


async def test_a_word_for_the_session_is_not_asked_for_again_in_it_and_is_in_another(owner: Owner) -> None:
    person = Person(Word(allowed=True, remember="session"))
    first = approvals(owner, person)
    assert (await allowed(first, owner)).yes
    again = await allowed(first, owner, ordinal=2)
    assert again == Allowed(True, "allowed by a person for the session")
    resumed = approvals(owner, person)
    assert (await allowed(resumed, owner, ordinal=3, task="u")).yes
    other = await with_tasks(await a_session(owner.log))
    elsewhere = Person(NO)
    assert not (await allowed(approvals(other, elsewhere), other)).yes
    assert (len(person.wanted), len(elsewhere.wanted)) == (1, 1)


async def test_a_word_for_the_project_holds_in_its_folder_and_not_in_one_of_the_same_name(owner: Owner) -> None:
    await allowed(approvals(owner, Person(Word(allowed=True, remember="project"))), owner)
    (entry,) = await owner.log.read(topic=PROJECTS)
    assert isinstance(entry.event, ApprovalGiven) and entry.event.directory == "/projects/a"
    other = await with_tasks(await a_session(owner.log))
    assert (await allowed(approvals(other, None), other)).rule == "allowed by a person for the project"
    assert not (await allowed(approvals(other, None, directory="/elsewhere/a"), other)).yes


async def test_a_word_for_the_project_that_came_too_late_holds_for_nothing(owner: Owner) -> None:
    with pytest.raises(ConfirmationNeeded):
        await allowed(approvals(owner, None, headless="fail"), owner)
    (asked,) = (await question(owner.log)).of(1)
    late = Word(allowed=True, remember="project")
    assert await give(owner.log, asked, NO, project="a", directory="/projects/a")
    assert not await give(owner.log, asked, late, project="a", directory="/projects/a")
    assert not (await allowed(approvals(owner, None), owner, ordinal=2)).yes


@pytest.mark.parametrize("until", ["session", "project"])
async def test_the_later_of_two_words_holds_whichever_it_is_for(
    owner: Owner, until: Literal["session", "project"]
) -> None:
    of = approvals(owner, None, headless="fail")
    for task in ("t", "u"):
        with pytest.raises(ConfirmationNeeded):
            await allowed(of, owner, task=task)
    first, second = (await question(owner.log)).of(1)
    other: Literal["session", "project"] = "project" if until == "session" else "session"
    for asked, word in ((first, Word(allowed=True, remember=other)), (second, Word(allowed=False, remember=until))):
        assert await give(owner.log, asked, word, project="a", directory="/projects/a")
    assert (await allowed(approvals(owner, None), owner, ordinal=2)).rule == f"refused by a person for the {until}"


async def test_a_word_that_was_given_is_found_in_the_record(owner: Owner) -> None:
    await allowed(approvals(owner, Person(YES)), owner)
    nobody = approvals(owner, None)
    assert (await allowed(nobody, owner)).yes, "the same use of the same attempt"
    assert not (await allowed(nobody, owner, ordinal=2)).yes, "another one"
    assert len(await events_of(owner.log)) == 2


async def test_a_question_that_a_crash_left_open_is_asked_again_and_recorded_once(owner: Owner) -> None:
    async def never(wanted: Wanted) -> Word:
        await anyio.sleep_forever()
        raise AssertionError

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(allowed, approvals(owner, never), owner)
        await question(owner.log)
        tasks.cancel_scope.cancel()
    person = Person(YES)
    assert (await allowed(approvals(owner, person), owner)).yes
    assert [type(event) for event in await events_of(owner.log)] == [ApprovalAsked, ApprovalGiven]
    assert len(person.wanted) == 1


async def test_the_word_of_another_process_ends_the_question_at_the_terminal(owner: Owner, tmp_path: Path) -> None:
    ended: list[bool] = []

    async def never(wanted: Wanted) -> Word:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)
        raise AssertionError

    async def elsewhere() -> None:
        async with open_log(tmp_path / "log.db") as other:
            (asked,) = (await question(other)).of(1)
            word = Word(allowed=True, remember="session")
            assert await give(other, asked, word, project="a", directory="/projects/a")
            assert not await give(other, asked, NO, project="a", directory="/projects/a"), "the first word counts"

    of = approvals(owner, never)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(elsewhere)
        assert (await allowed(of, owner)).yes
    assert ended == [True]
    assert (await allowed(of, owner, ordinal=2)).rule == "allowed by a person for the session"


async def test_two_questions_are_asked_one_after_the_other_and_both_stand_in_the_log_meanwhile(owner: Owner) -> None:
    asked_of: list[str] = []
    go_on = anyio.Event()

    async def slow(wanted: Wanted) -> Word:
        asked_of.append(wanted.task)
        await go_on.wait()
        return YES

    of, answers = approvals(owner, slow), list[Allowed]()

    async def one(task: str) -> None:
        answers.append(await allowed(of, owner, task=task))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, "t")
        tasks.start_soon(one, "u")
        while len((await question(owner.log)).of(1)) < 2 or not asked_of:
            await anyio.lowlevel.checkpoint()
        assert len(asked_of) == 1
        go_on.set()
    assert [each.yes for each in answers] == [True, True]
    assert sorted(asked_of) == ["s1/t", "s1/u"]


async def test_a_word_for_the_session_answers_what_waits_for_the_same_question_meanwhile(owner: Owner) -> None:
    asked_of: list[str] = []

    async def both_wait(wanted: Wanted) -> Word:
        asked_of.append(wanted.task)
        while len((await question(owner.log)).of(1)) < 2:
            await anyio.lowlevel.checkpoint()
        return Word(allowed=True, remember="session")

    of, answers = approvals(owner, both_wait), list[Allowed]()

    async def one(task: str) -> None:
        answers.append(await allowed(of, owner, task=task))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, "t")
        tasks.start_soon(one, "u")
    assert [each.yes for each in answers] == [True, True]
    assert len(asked_of) == 1
    first, second = [event for event in await events_of(owner.log) if isinstance(event, ApprovalGiven)]
    assert (first.remember, second.remember) == ("session", "")
    assert second.reason == "allowed by a person for the session"


async def test_where_nobody_is_there_a_use_is_refused_and_the_model_told_so(owner: Owner) -> None:
    refused = await allowed(approvals(owner, None), owner)
    assert not refused.yes
    assert refused.rule.endswith("asked about (git), and nobody is there to be asked")
    assert not await events_of(owner.log)


async def test_where_nobody_is_there_a_task_can_halt_and_the_word_be_given_afterwards(owner: Owner) -> None:
    with pytest.raises(
        ConfirmationNeeded, match="say `swarm approve s1/t` or `swarm deny s1/t`, and then `swarm resume s1`"
    ):
        await allowed(approvals(owner, None, headless="fail"), owner)
    (asked,) = (await question(owner.log)).of(1)
    assert await give(owner.log, asked, YES, project="a", directory="/projects/a")
    assert (await allowed(approvals(owner, None, headless="fail"), owner)).yes


async def test_where_nobody_is_there_it_can_be_waited_for_another_process(owner: Owner, tmp_path: Path) -> None:
    async def elsewhere() -> None:
        async with open_log(tmp_path / "log.db") as other:
            (asked,) = (await question(other)).of(1)
            await give(other, asked, NO, project="a", directory="/projects/a")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(elsewhere)
        refused = await allowed(approvals(owner, None, headless="wait"), owner)
        assert not refused.yes and "not on a Friday" in refused.reason


async def test_a_person_who_is_gone_raises_and_leaves_the_question_open(owner: Owner) -> None:
    async def gone(wanted: Wanted) -> Word:
        raise ConfirmationNeeded(wanted.question, remedy="come back")

    with pytest.raises(ConfirmationNeeded, match="come back"):
        await allowed(approvals(owner, gone), owner)
    assert len((await question(owner.log)).of(1)) == 1


async def test_a_question_waits_no_more_once_its_use_or_its_task_is_over(owner: Owner) -> None:
    for task in ("t", "u"):
        with pytest.raises(ConfirmationNeeded):
            await allowed(approvals(owner, None, headless="fail"), owner, task=task)
    pack = Pack(owner.known)
    finished = ToolFinished(
        tool="git__status", call="c1", ordinal=1, arguments=pack.put("{}"), answer=pack.put("no"), refused="a rule"
    )
    await owner.append([owner.new(finished, task="t", step=1, attempt=1)], texts=pack.texts)
    assert [asked.task for asked in (await question(owner.log)).of(1)] == ["u"]
    await owner.append([owner.new(TaskCancelled(reason="enough", by="ada"), task="u")])
    assert not (await fold(owner.log, ApprovalsView())).waiting
