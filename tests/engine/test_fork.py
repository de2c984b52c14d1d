"""A fork begins with what was recorded up to an event, and goes on live from there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from events.blobs import Known, Pack
from events.lineage import inherited
from events.log import Entry, EventLog, open_log
from events.types.any import encode_body
from events.types.call import CallReserved, CallSettled
from events.types.session import SessionClaimed, SessionClosed, SessionOpened, SessionRenewed
from events.types.task import StepAccepted, StepPlanned, TaskSubmitted
from events.views.base import fold
from events.views.cost import CostView
from swarm.engine.fork import Submissions
from swarm.engine.prepare import prepare
from swarm.engine.submission import submitted
from swarm.errors import UsageError
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import Result, fork_session
from swarm.taskfile.read import parse_task_file
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, faces, plan_text, resume, run, serving, state_of, verdict

TASKS = """
tasks:
  plan: {prompt: Write a ballad of two verses, explore: true}
  title: {prompt: Find a title for it, needs: plan, output: title.txt}
  alone: Write a line about rain
"""


ITEMS = """
tasks:
  words: {prompt: List two words, check: {regex: rain}}
  lines: {prompt: "A line on {{item}}", needs: words, each: "words.output[]", when: words.passed == 1}
  end: {prompt: Make a poem of them, needs: lines}
"""


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def team() -> Cast:
    """A plan of two steps; the first draft of all is rejected once."""
    return Cast(
        explorer=[plan_text("the first verse", "the second verse")],
        worker=["Too short", "A verse of rain."],
        validator=[verdict(False, "longer"), verdict(True)],
    )


async def fork(
    log: EventLog,
    plan: Plan,
    at: int | None,
    *,
    session: int = 1,
    changed: Submissions | None = None,
    pack: Pack | None = None,
    as_is: bool = False,
) -> Result:
    return await fork_session(
        log,
        await state_of(log, session),
        plan,
        at=at,
        changed=changed or {},
        texts=pack or Pack(Known()),
        environ={},
        faces=faces(),
        secrets=Secrets([]),
        as_is=as_is,
    )


def of_work(entries: list[Entry]) -> list[tuple[int, str, str]]:
    """What is no event of a session itself: position, task and the stored body."""
    own = (SessionOpened, SessionClaimed, SessionRenewed, SessionClosed)
    return [
        (entry.position, entry.task, encode_body(entry.event)) for entry in entries if not isinstance(entry.event, own)
    ]


async def test_a_fork_at_every_event_of_a_task_with_items_does_each_of_them_once(log: EventLog, root: Path) -> None:
    def draft(body: dict[str, Any]) -> Answer:
        asked = str(body["messages"][1:])
        return Answer('["rain", "snow"]' if "List two words" in asked else f"On {asked[-12:]}")

    async with serving(Cast(worker=[draft])) as (provider, plan):
        first = await run(log, ITEMS, plan, root)
        statuses = {task.name: task.status for task in first.tasks}
        recorded = await entries_of(log)
        calls = len(provider.requests)
        for at in range(recorded[0].position, recorded[-1].position + 1):
            asked = len(provider.requests)
            result = await fork(log, plan, at)
            assert (at, {task.name: task.status for task in result.tasks}) == (at, statuses)
            answered = sum(isinstance(entry.event, CallSettled) and entry.position <= at for entry in recorded)
            assert len(provider.requests) - asked == calls - answered


async def test_a_fork_at_every_event_of_a_run_keeps_what_stands_before_and_calls_only_for_the_rest(
    log: EventLog, root: Path
) -> None:
    async with serving(team()) as (_, plan):
        first = await run(log, TASKS, plan, root)
    assert first.exit_code == 0
    recorded = await entries_of(log)
    calls = sum(isinstance(entry.event, CallReserved) for entry in recorded)
    number = 0
    for at in range(recorded[0].position, recorded[-1].position + 1):
        before = [entry for entry in recorded if entry.position <= at]
        async with serving(Cast(explorer=[plan_text("the first verse", "the second verse")])) as (provider, plan):
            result = await fork(log, plan, at)
            assert (at, result.exit_code) == (at, 0)
            assert {task.name: task.status for task in result.tasks} == dict.fromkeys(
                ("plan", "title", "alone"), "accepted"
            )
            answered = sum(isinstance(entry.event, CallSettled) for entry in before)
            # a draft that had been rejected is not asked for again; whoever judges now passes at once
            assert len(provider.requests) <= calls - answered
        number = int(result.session[1:])
        kept = await inherited(log, number)
        whole = {entry.position for entry in before if not isinstance(entry.event, StepPlanned)}
        assert of_work(kept) == [
            each for each in of_work(before) if each[0] in whole or each[0] in {entry.position for entry in kept}
        ]
        assert (await state_of(log, number)).parent == 1
    plays = await replay(log, number)
    assert plays.divergence is None


async def test_a_fork_pays_for_nothing_that_its_parent_paid_for(log: EventLog, root: Path) -> None:
    async with serving(team()) as (_, plan):
        first = await run(log, TASKS, plan, root)
        before = (await fold(log, CostView())).total()
        second = await fork(log, plan, None)
    assert (first.tokens > 0, second.tokens, second.exit_code) == (True, 0, 0)
    assert (await fold(log, CostView())).total() == before


async def test_a_fork_of_a_fork_begins_with_what_both_did(log: EventLog, root: Path) -> None:
    async with serving(team()) as (_, plan):
        await run(log, TASKS, plan, root)
        (root / "title.txt").unlink()
        recorded = await entries_of(log)
        drafted = next(entry.position for entry in recorded if entry.kind == "step.drafted")
        await fork(log, plan, drafted)
        (root / "title.txt").unlink()
        second = await entries_of(log)
        judged = next(entry.position for entry in second if entry.session == 2 and entry.kind == "step.accepted")
        result = await fork(log, plan, judged, session=2)
        early = await fork(log, plan, drafted, session=2)  # what the parent of the parent recorded
    assert (result.session, result.exit_code) == ("s3", 0)
    kept = {entry.position for entry in await inherited(log, 3)}
    assert drafted in kept and judged in kept and not any(position > judged for position in kept)
    assert (await state_of(log, 4)).parent == 1 and early.session == "s4"


async def test_a_task_that_is_changed_begins_anew_and_so_does_what_needs_it(log: EventLog, root: Path) -> None:
    async with serving(team()) as (provider, plan):
        await run(log, TASKS, plan, root)
        (root / "title.txt").unlink()
        asked = len(provider.requests)
        pack = Pack(Known())
        file = parse_task_file(TASKS.replace("two verses", "two short verses"), root / "tasks.yaml")
        prepared, plan = prepare(file, root, lambda text: text, plan)
        changed = {each.task.id: submitted(each, pack.put, str) for each in prepared if each.task.id == "plan"}
        result = await fork(log, plan, None, changed=changed, pack=pack)
        anew = [str(request.body["messages"][1]) for request in provider.requests[asked:]]
    assert result.exit_code == 0
    entries = [entry for entry in await entries_of(log) if entry.session == 2]
    assert [entry.task for entry in entries if isinstance(entry.event, TaskSubmitted)] == ["plan", "title"]
    assert anew and not any("line about rain" in prompt for prompt in anew)


async def test_a_position_that_the_session_did_not_record_is_refused(log: EventLog, root: Path) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, "prompt: Say hello\n", plan, root)
        end = (await log.head()).position
        with pytest.raises(
            UsageError, match=f"s1 recorded nothing at position {end + 9}: its events stand between 1 and"
        ):
            await fork(log, plan, end + 9)
        assert (await log.head()).position == end


CHECKED = """
tasks:
  first: {prompt: Write a line, output: first.txt, check: [test -s notes.txt]}
  second: {prompt: Write another, needs: first, output: second.txt, check: [test -s first.txt]}
"""


async def test_a_fork_is_refused_where_the_project_is_not_what_its_drafts_were_checked_in(
    log: EventLog, root: Path
) -> None:
    notes = root / "notes.txt"
    notes.write_text("as it was")
    async with serving(Cast()) as (_, plan):
        assert (await run(log, CHECKED, plan, root)).exit_code == 0
        recorded = await entries_of(log)
        checked = [entry.position for entry in recorded if isinstance(entry.event, StepAccepted)]
        notes.write_text("as it is")
        for at, compared in ((recorded[2].position, checked[0]), (checked[1], checked[1]), (None, checked[1])):
            with pytest.raises(
                UsageError, match=rf"\(event {compared}\): of its 1 file, not all are the same; .*--as-is"
            ):
                await fork(log, plan, at)
        (root / "more.txt").write_text("more")
        with pytest.raises(UsageError, match="it had 1 file and has 2 files"):
            await fork(log, plan, None)
        assert (await entries_of(log))[-1].session == 1, "a fork that was refused was opened"
        assert (await fork(log, plan, recorded[2].position, as_is=True)).exit_code == 0
        (root / "more.txt").unlink()
        notes.write_text("as it was")
        (root / "first.txt").write_text("outputs are the session's own")
        assert (await fork(log, plan, checked[1])).exit_code == 0


async def test_a_fork_writes_over_what_its_relatives_wrote_and_over_nothing_else(log: EventLog, root: Path) -> None:
    text, title = "prompt: x\noutput: title.txt", root / "title.txt"
    lines = ["one", "two", "three", "four", "five"]
    async with serving(Cast(worker=list(lines))) as (_, plan):
        await run(log, text, plan, root)
        start = (await entries_of(log))[1].position  # submitted, and nothing done
        for session, line in ((1, "two"), (1, "three"), (3, "four")):
            assert (await fork(log, plan, start, session=session)).exit_code == 0
            assert title.read_text() == f"{line}\n"
        title.write_text("a person's")
        result = await fork(log, plan, start)
        assert "'title.txt' was made by somebody else" in result.tasks[0].reason
        assert title.read_text() == "a person's"
        title.write_text("two\n")  # what another fork had made of it
        assert (await resume(log, plan, session=5)).exit_code == 1
        assert (await fork(log, plan, None, session=5)).exit_code == 0
        assert title.read_text() == "five\n"
