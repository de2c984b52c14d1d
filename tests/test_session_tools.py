"""Whole sessions whose worker has tools: what is done, recorded, judged and brought to the user's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from events.bus import read_all
from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.task import StepDrafted, StepRejected, TaskAccepted
from events.types.tool import SandboxProbed, ToolFinished, ToolStarted
from events.types.tree import ChangesApplied
from events.views.base import fold
from events.views.skills import SkillsView
from swarm.engine.faces import Faces
from swarm.errors import ConfirmationNeeded
from swarm.messages import ToolCall
from swarm.replay import replay
from swarm.settings.toolrules import Rule, ToolSettings
from tests.provider import Answer
from tests.running import Cast, faces, resume, run, serving, verdict

FIX = "tasks:\n- id: fix\n  prompt: Mend a.py\n  tools: [look, edit]\n  changes: apply\n  check: [{run: 'grep -q 2 a.py'}]\n"
AUTHOR = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
E = TypeVar("E")

KEEP = FIX.replace("apply", "keep")


def use(tool: str, /, **arguments: Any) -> Answer:
    return uses((tool, arguments))


def uses(*calls: tuple[str, Mapping[str, Any]]) -> Answer:
    made = [ToolCall(f"call{number}", name, json.dumps(told)) for number, (name, told) in enumerate(calls, 1)]
    return Answer("", calls=made)


MEND = (use("read", path="a.py"), use("edit", path="a.py", old="1", new="2"), "Done: a.py says 2.")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    return root


async def events(log: EventLog, kind: type[E]) -> list[E]:
    return [entry.event async for page in read_all(log) for entry in page if isinstance(entry.event, kind)]


def told(cast: Cast) -> list[list[str]]:
    """What the tools had said by each request of the worker."""
    return [
        [message["content"] for message in body["messages"] if message["role"] == "tool"]
        for who, body in cast.seen
        if who == "worker"
    ]


async def test_a_worker_looks_changes_and_answers_and_the_change_is_delivered(project: Path) -> None:
    cast = Cast(worker=MEND)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        assert result.exit_code == 0
        assert (project / "a.py").read_text() == "x = 2\n"
        assert result.tasks[0].changed == ("a.py",)
        finished = await events(log, ToolFinished)
        assert [(each.tool, each.failed, [file.path for file in each.files]) for each in finished] == [
            ("read", False, []),
            ("edit", False, ["a.py"]),
        ]
        started = [each.tool for each in await events(log, ToolStarted)]
        assert started == ["edit"]  # who only looks has no intent
        (applied,) = await events(log, ChangesApplied)
        assert [file.path for file in applied.files] == ["a.py"]
        assert (await replay(log, 1)).divergence is None
    assert told(cast)[1] == ["x = 1"]


async def test_a_later_request_holds_in_the_log_only_what_is_new(project: Path) -> None:
    async with open_log("memory:") as log, serving(Cast(worker=MEND)) as (provider, plan):
        await run(log, FIX, plan, project)
        calls = await events(log, CallReserved)
        assert [(call.follows, [said.speaker for said in call.messages]) for call in calls] == [
            (0, ["system", "user"]),
            (1, ["tool"]),
            (2, ["tool"]),
        ]
        sent = [[message["role"] for message in seen.body["messages"]] for seen in provider.requests]
        assert sent[-1] == ["system", "user", "assistant", "tool", "assistant", "tool"]
        before = [json.dumps(seen.body["messages"]) for seen in provider.requests]
        assert before[1].startswith(before[0][:-1])  # the history only grows
        assert before[2].startswith(before[1][:-1])


async def test_what_is_kept_waits_and_the_users_files_stay_as_they_are(project: Path) -> None:
    async with open_log("memory:") as log, serving(Cast(worker=MEND)) as (_, plan):
        result = await run(log, KEEP, plan, project)
        assert (result.exit_code, result.tasks[0].kept) == (0, True)
        assert (project / "a.py").read_text() == "x = 1\n"
        (accepted,) = await events(log, TaskAccepted)
        assert accepted.kept


@pytest.mark.parametrize("answer", [True, False, None])
async def test_a_person_is_asked_about_changes_where_no_rule_says_it(project: Path, answer: bool | None) -> None:
    asked: list[str] = []

    async def confirm(question: str) -> bool:
        asked.append(question)
        if answer is None:
            raise ConfirmationNeeded(question, remedy="say yes")
        return answer

    async with open_log("memory:") as log, serving(Cast(worker=MEND)) as (_, plan):
        looks: Faces = faces(confirm=confirm)
        result = await run(log, FIX.replace("  changes: apply\n", ""), plan, project, looks=looks)
        how = "(`swarm show s1/fix --diff`, in another terminal)"
        assert asked == [f"fix was accepted and changed 1 file, +1 -1: a.py {how}. Take that over into your files?"]
    assert result.exit_code == 0
    assert result.tasks[0].kept is not bool(answer)
    assert (project / "a.py").read_text() == ("x = 2\n" if answer else "x = 1\n")


async def test_a_rejected_draft_is_mended_where_it_was_left_and_nothing_of_it_is_delivered_before(
    project: Path,
) -> None:
    wrong = (use("write", path="a.py", text="x = 3\n"), "Done.")
    again = (use("read", path="a.py"), use("edit", path="a.py", old="3", new="2"), "Now it says 2.")
    cast = Cast(worker=(*wrong, *again))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        assert result.exit_code == 0
        assert len(await events(log, StepRejected)) == 1
        assert (await replay(log, 1)).divergence is None
    assert told(cast)[3] == ["x = 3"]  # the same agent goes on from its own draft
    assert (project / "a.py").read_text() == "x = 2\n"


async def test_a_tool_that_does_not_fit_is_told_and_the_model_goes_on(project: Path) -> None:
    cast = Cast(
        worker=(
            uses(("raed", {"path": "a.py"}), ("read", {"path": 3}), ("read", {"path": "../secret"})),
            Answer(calls=[ToolCall("c", "read", "{no json")]),
            *MEND,
        )
    )
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        reasons = [each.reason for each in await events(log, ToolFinished)]
    assert result.exit_code == 0
    assert reasons[0].startswith("there is no tool 'raed'") and reasons[-2:] == ["", ""]
    first, second = told(cast)[1], told(cast)[2][3:]
    assert "did you mean read?" in first[0]
    assert "path of read is to be string" in first[1]
    assert "../secret" in first[2]
    assert "no JSON" in second[0]


async def test_going_in_circles_ends_the_attempt_with_its_reason(project: Path) -> None:
    cast = Cast(worker=(*(use("read", path="a.py"),) * 3, *MEND))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        assert result.exit_code == 0
        drafts = await events(log, StepDrafted)
        assert [draft.finish for draft in drafts] == ["loop", "stop"]
        (rejected,) = await events(log, StepRejected)
        assert "used read 3 times with the same arguments and the same result" in rejected.reason
        assert (await replay(log, 1)).divergence is None


async def test_the_last_turn_is_for_the_answer(project: Path) -> None:
    text = FIX.replace("changes", "limits: {turns: 3}\n  changes")
    lines = [use("read", path="a.py"), use("edit", path="a.py", old="1", new="2"), use("read", path="a.py")]
    cast = Cast(worker=lines)
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, text, plan, project)
        assert result.exit_code == 1
        draft = (await events(log, StepDrafted))[0]
        assert (draft.finish, draft.stopped) == ("turns", "it went on using tools in the last of its 3 turns")
    assert "Answer now" in told(cast)[2][-1]
    assert (project / "a.py").read_text() == "x = 1\n"


async def test_a_judge_is_told_what_was_changed(project: Path) -> None:
    text = "tasks:\n- id: fix\n  prompt: Mend a.py\n  tools: [edit]\n  changes: apply\n"
    cast = Cast(worker=(use("edit", path="a.py", old="1", new="2"), "Done."), validator=[verdict(True)])
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        await run(log, text, plan, project)
    (prompt,) = cast.prompts("validator")
    assert "-x = 1\n+x = 2" in prompt


async def test_a_conflict_with_the_users_own_change_delivers_nothing_and_a_resume_takes_it_up(project: Path) -> None:
    def meddling(body: dict[str, Any]) -> Answer | str:
        (project / "a.py").write_text("mine\n")
        return "Done."

    cast = Cast(worker=(MEND[1], meddling))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
        assert result.exit_code == 1
        assert "is not as it was when the work began" in result.tasks[0].reason
        assert (project / "a.py").read_text() == "mine\n"
        (project / "a.py").write_text("x = 1\n")
        again = await resume(log, plan)
        assert again.exit_code == 0
        assert (project / "a.py").read_text() == "x = 2\n"
    assert len([who for who, _ in cast.seen if who == "worker"]) == 2  # nothing is asked again


@pytest.mark.parametrize("at", range(1, 4))
async def test_an_interrupted_attempt_goes_on_from_its_record_and_its_work_copy(project: Path, at: int) -> None:
    """The process stops while request number `at` of the worker is answered."""
    stop = anyio.Event()
    held: Sequence[Any] = [*MEND]

    async with open_log(project.parent / "log.db") as log:
        asked = 0

        def stopping(body: dict[str, Any]) -> Answer | str:
            nonlocal asked
            asked += 1
            if asked == at:
                stop.set()
            line = held[asked - 1]
            return Answer(line, before_head=0.2) if isinstance(line, str) else line

        cast = Cast(worker=[stopping])
        async with serving(cast) as (_, plan):
            first = await run(log, FIX, plan, project, looks=faces(stop=stop))
            assert first.exit_code in (0, 130)
            again = await resume(log, plan) if first.exit_code else first
            assert again.exit_code == 0
            assert (project / "a.py").read_text() == "x = 2\n"
            assert (await replay(log, 1)).divergence is None
        assert asked == 3  # no answer is asked for twice
        edits = [each for each in await events(log, ToolFinished) if each.tool == "edit"]
        assert len(edits) == 1


async def test_a_task_without_tools_is_offered_none(project: Path) -> None:
    async with open_log("memory:") as log, serving(Cast()) as (provider, plan):
        await run(log, "tasks:\n- id: a\n  prompt: Say something\n", plan, project)
        assert all("tools" not in seen.body for seen in provider.requests)
        assert [*await events(log, ToolStarted), *await events(log, ToolFinished)] == []


async def test_a_rule_for_a_path_holds_through_a_link_that_leads_there(project: Path) -> None:
    (project / "hidden").mkdir()
    (project / "hidden" / "key.txt").write_text("nobody is to read this\n")
    (project / "open").symlink_to("hidden")
    cast = Cast(worker=(use("read", path="open/key.txt"), "I could not."))
    rules = ToolSettings(rules=(Rule(tool="look", match="hidden/**", action="deny"),))
    text = FIX.replace("grep -q 2 a.py", "true")
    async with open_log("memory:") as log, serving(cast, tools=rules) as (_, plan):
        await run(log, text, plan, project)
        (finished,) = await events(log, ToolFinished)
    assert finished.refused == "rule deny look hidden/**"
    assert "nobody is to read" not in told(cast)[1][0]


async def test_a_mark_that_stands_for_a_secret_is_never_written_into_a_file(project: Path) -> None:
    cast = Cast(worker=(use("write", path="a.py", text="key = '[secret:API_KEY]'\n"), *MEND[1:]))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, FIX, plan, project)
    assert result.exit_code == 0
    assert "[secret:NAME]" in told(cast)[1][0]
    assert (project / "a.py").read_text() == "x = 2\n"


async def test_a_command_has_the_limits_that_settings_name_and_sees_the_history_of_the_project(project: Path) -> None:
    for words in (["init", "-q"], ["add", "-A"], [*AUTHOR, "commit", "-q", "-m", "the beginning"]):
        await anyio.run_process(["git", "-C", str(project), *words])
    cast = Cast(worker=[uses(*(("run", {"command": each}) for each in ("seq 9000", "git log"))), "Done."])
    text = "tasks:\n- id: look\n  prompt: Look\n  tools: [run]\n  check: [{contains: Done}]\n"
    tools = ToolSettings(output_kib=1)
    async with open_log("memory:") as log, serving(cast, tools=tools) as (_, plan):
        assert (await run(log, text, plan, project)).exit_code == 0
        (probed,) = await events(log, SandboxProbed)
        if probed.backend == "none":
            pytest.skip("no sandbox here: commands are asked about")
        assert [each.cut for each in await events(log, ToolFinished)] == [True, False]
    counted, history = told(cast)[1]
    assert len(counted) < 2048
    assert "the beginning" in history


async def test_the_record_says_which_skill_a_request_holds_and_which_one_was_read(project: Path) -> None:
    text = FIX.replace("  changes", "  skills: [code-review]\n  changes")
    cast = Cast(worker=(use("read_skill", name="code-review"), *MEND))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        assert (await run(log, text, plan, project)).exit_code == 0
        calls = await events(log, CallReserved)
        assert {call.skills for call in calls} == {("code-review",)} and all(
            call.skill_tokens[0] > 100 for call in calls
        )
        assert [each.skill for each in await events(log, ToolFinished)] == ["code-review", "", ""]
        (use_,) = (await fold(log, SkillsView())).uses.values()
        assert (use_.loads, use_.reads, use_.calls, use_.first.accepted) == (1, 1, 4, 1)
        assert (await replay(log, 1)).divergence is None
