"""A task's checks judge a draft without a model, all of them, in bounded time, and say what to mend."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import open_log
from events.types.task import CheckResult
from events.views.tasks import TaskState
from swarm.engine.world import open_surroundings
from swarm.errors import UsageError
from swarm.roles.checks import Checked, Named, feedback_of, form_check, name_of, needs_jsonschema, require, run_checks
from swarm.task import Check, Task
from swarm.tools.workcopy import WorkCopy, open_work_copy
from tests.tools.boxes import box_of

Run = Callable[..., Awaitable[tuple[Checked, ...]]]


def no_secrets(text: str) -> str:
    return text.replace("hunter22", "[secret:KEY]")


async def never() -> WorkCopy:
    raise AssertionError("no copy is needed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "old.txt").write_text("old\n")
    return tmp_path / "project"


@pytest.fixture
async def run(project: Path) -> AsyncIterator[Run]:
    """Run checks on a draft in a work copy of the project."""
    async with open_work_copy(project) as copy:

        async def in_copy() -> WorkCopy:
            return copy

        async def run(
            draft: str,
            *checks: Check,
            copy: Callable[[], Awaitable[WorkCopy]] = in_copy,
            output: str | None = None,
            env: Mapping[str, str] | None = None,
            several: Mapping[str, Named] | None = None,
            match_timeout_s: float = 20,
        ) -> tuple[Checked, ...]:
            return await run_checks(
                checks,
                draft=draft,
                copy=copy,
                root=project,
                output=output,
                env=env or {},
                redact=no_secrets,
                several=several,
                match_timeout_s=match_timeout_s,
            )

        yield run


@pytest.mark.parametrize(
    ("check", "draft", "passed"),
    [
        (Check(contains="cat"), "a cat", True),
        (Check(contains="cat"), "a CAT", False),
        (Check(contains="STRASSE", ignore_case=True), "eine Straße", True),
        (Check(not_contains="TODO"), "done", True),
        (Check(not_contains="todo", ignore_case=True), "TODO", False),
        (Check(regex="^b$"), "a\nb\nc", True),
        (Check(regex="^b+$"), "a\nbbb\nc", True),
        (Check(regex="^b+$"), "a\nbab", False),
        (Check(regex="B+", ignore_case=True), "abba", True),
        (Check(regex="B", ignore_case=True), "abba", True),
    ],
)
async def test_a_text_is_looked_for_without_a_copy_of_the_project(
    run: Run, check: Check, draft: str, passed: bool
) -> None:
    (result,) = await run(draft, check, copy=never)
    assert result.passed is passed
    assert bool(result.detail) is not passed


async def test_every_check_is_carried_out_in_the_order_of_the_file(run: Run) -> None:
    checks = (Check(contains="x"), Check(run="exit 3"), Check(contains="draft"), Check(file="old.txt", name="is there"))
    results = await run("the draft", *checks)
    assert [(one.name, one.passed) for one in results] == [
        ("contains 'x'", False),
        ("exit 3", False),
        ("contains 'draft'", True),
        ("is there", True),
    ]


async def test_a_command_finds_the_draft_at_its_place_in_the_copy(run: Run, project: Path) -> None:
    command = (
        'test "$(cat "$SWARM_OUTPUT")" = hello && test "$(cat out/a.txt)" = hello && test -f old.txt && echo $WHO > new'
    )
    (result,) = await run("hello", Check(run=command), output="out/a.txt", env={"WHO": "me"})
    assert result.passed, result
    assert sorted(path.name for path in project.iterdir()) == ["old.txt"]


async def test_a_draft_without_an_output_path_is_given_to_commands_all_the_same(run: Run) -> None:
    (result,) = await run("hello", Check(run='grep -qx hello "$SWARM_OUTPUT" && test "$(ls)" = old.txt'))
    assert result.passed, result


async def test_a_command_finds_its_task_and_its_draft_whatever_the_tasks_own_variables_say(project: Path) -> None:
    command = 'test "$SWARM_TASK $WHO" = "build me" && grep -qx hello "$SWARM_OUTPUT"'
    env = {"WHO": "me", "SWARM_TASK": "other", "SWARM_OUTPUT": "/dev/null"}
    task = Task(id="build", prompt="Write.", checks=(Check(run=command),), env=env)
    async with (
        open_log("memory:") as log,
        open_surroundings(project, log, dict[str, TaskState], no_secrets) as surroundings,
    ):
        (result,) = await surroundings.checks(task, "hello")
    assert result.passed, result


async def test_a_failed_command_says_its_exit_code_and_its_last_lines(run: Run) -> None:
    (result,) = await run("x", Check(run="seq 1 100; printf '\\033[31mred hunter22\\033[0m\\n\\n'; exit 2"))
    assert (result.passed, result.detail) == (False, "exit code 2: red [secret:KEY]")
    assert result.said.split("\n") == [*(str(n) for n in range(82, 101)), "red [secret:KEY]"]


async def test_a_secret_does_not_hide_behind_colours_or_the_end_of_a_line(run: Run) -> None:
    long = "x" * 295 + "hunter22"
    (result,) = await run("x", Check(run=f"printf 'hun\\033[1mter22\\n{long}\\n'; exit 1", name="say hunter22"))
    assert "hunter" not in result.said + result.detail + result.name


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        ("sleep 600", "took longer than 0.2 s and was ended"),
        ("kill -9 $$", "was ended by SIGKILL"),
        ("false", "exit code 1"),
    ],
)
async def test_how_a_command_ended_is_said(run: Run, command: str, detail: str) -> None:
    (result,) = await run("x", Check(run=command, timeout_s=0.2 if "sleep" in command else 20))
    assert (result.passed, result.detail) == (False, detail)


async def test_a_command_that_cannot_be_started_fails_its_check_only(run: Run) -> None:
    first, second = await run("x", Check(run="a\0b"), Check(contains="x"))
    assert (first.passed, second.passed) == (False, True)
    assert "could not be started" in first.detail


async def test_the_file_of_a_check_is_looked_for_in_the_copy(run: Run) -> None:
    checks = [Check(file=path) for path in ("out/a.txt", "missing", "../x")]
    results = await run("x", *checks, output="out/a.txt")
    assert [one.passed for one in results] == [True, False, False]
    assert results[1].detail == "there is no 'missing'"
    assert "leads out of the project" in results[2].detail


SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("draft", "wrong"),
    [
        ('{"n": 1}', ""),
        ('```json\n{"n": 1}\n```', ""),
        ('{"n": "one"}', "$.n: 'one' is not of type 'integer'"),
        ("{}", "$: 'n' is a required property"),
        ("n = 1", "it is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"n": NaN}', "it is no JSON: NaN is no JSON value"),
    ],
)
async def test_a_schema_judges_the_json_of_a_draft(run: Run, draft: str, wrong: str) -> None:
    (result,) = await run(draft, Check(schema=SCHEMA), copy=never)
    assert (result.passed, result.detail) == (not wrong, wrong)


async def test_a_schema_is_read_from_the_project(run: Run, project: Path) -> None:
    (project / "s.json").write_text(json.dumps(SCHEMA))
    good, bad = [(await run(draft, Check(schema="s.json"), copy=never))[0] for draft in ('{"n": 1}', "[]")]
    assert (good.passed, bad.passed, bad.name) == (True, False, "schema s.json")


async def test_a_schema_is_never_fetched_from_the_net(run: Run) -> None:
    (result,) = await run("{}", Check(schema={"$ref": "http://127.0.0.1:9/schema.json"}), copy=never)
    assert result.detail == "the schema refers to 'http://127.0.0.1:9/schema.json', which is not in it"


async def test_a_schema_that_never_ends_and_json_nested_too_deeply_fail_the_check(run: Run) -> None:
    (endless,) = await run("{}", Check(schema={"$ref": "#"}), copy=never)
    (deep,) = await run("[" * 100_000, Check(schema={}), copy=never)
    assert "without an end" in endless.detail
    assert "no JSON" in deep.detail


@pytest.mark.parametrize(
    ("check", "draft"),
    [
        (Check(regex="(a+)+$"), "a" * 60 + "b"),
        (Check(schema={"pattern": "(a+)+$"}), json.dumps("a" * 60 + "b")),
    ],
)
async def test_a_pattern_that_would_take_for_ever_holds_nobody_up(run: Run, check: Check, draft: str) -> None:
    ticks = 0
    results: list[Checked] = []

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.01)
            ticks += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        results += await run(draft, check, copy=never, match_timeout_s=1)
        tasks.cancel_scope.cancel()
    assert [one.passed for one in results] == [False]
    assert "could not be decided within 1 s" in results[0].detail
    assert ticks > 20


async def test_a_check_that_is_not_required_is_reported_as_such(run: Run) -> None:
    (result,) = await run("x", Check(contains="y", required=False))
    assert (result.passed, result.required) == (False, False)
    assert feedback_of([result], []) == "- contains 'y': the result does not hold 'y' (not required)"


async def test_a_result_is_one_short_line_in_the_event(run: Run) -> None:
    (result,) = await run("x", Check(contains="y\n" * 500, name="a\nb\x1b[1m" + "c" * 500))
    assert type(result.result) is CheckResult
    for text in (result.name, result.detail):
        assert len(text) <= 200
        assert text.isprintable()
    again = msgspec.json.decode(msgspec.json.encode(result), type=Checked)
    assert again == result


async def test_the_next_attempt_is_told_what_failed_and_how_to_mend_it(run: Run) -> None:
    checks = (
        Check(contains="nice", required=False),
        Check(run="echo one; echo two; exit 1", name="tests", feedback="Run the tests."),
        Check(contains="x"),
    )
    results = (form_check("x", "stop", 100), *await run("x", *checks))
    assert feedback_of(results, checks).split("\n") == [
        "- tests: exit code 1: two",
        "  Run the tests.",
        "  The last lines of its output:",
        "    one",
        "    two",
        "- contains 'nice': the result does not hold 'nice' (not required)",
    ]


async def test_feedback_is_bounded_and_keeps_how_each_check_ended(run: Run) -> None:
    command = "for n in $(seq 40); do printf 'x%.0s' $(seq 290); echo $n; done; exit 1"
    checks = [Check(run=command, name=f"check{n}") for n in range(5)]
    told = feedback_of(await run("x", *checks), checks)
    assert len(told) <= 6_000
    for check in checks:
        assert f"- {check.name}: exit code 1" in told
    assert told.endswith("x40")


@pytest.mark.parametrize(
    ("draft", "finish", "wrong"),
    [
        ("fine", "stop", ""),
        ("fine", "other", ""),
        (" \n", "stop", "empty"),
        ("half a sent", "length", "1,024 tokens"),
        ("I can't", "refusal", "refused"),
        ("a\0b", "stop", "NUL"),
    ],
)
def test_a_draft_has_to_be_one(draft: str, finish: str, wrong: str) -> None:
    result = form_check(draft, finish, 1024)
    assert (result.name, result.passed, wrong in result.detail) == ("form", not wrong, True)


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (Check(regex="(", name="round"), "'round' is no regular expression"),
        (Check(schema={"type": "strin"}), r"no JSON Schema: \$.type: 'strin'"),
        (Check(schema={"pattern": "("}), "no JSON Schema"),
        (Check(schema="missing.json"), "'missing.json' cannot be read: No such file"),
        (Check(schema="old.txt"), "'old.txt' is no JSON"),
        (Check(schema="list.json"), "neither an object"),
        (Check(schema="../s.json"), "leads out of the project"),
    ],
)
def test_a_check_that_cannot_be_carried_out_is_refused_before_anything_is_called(
    project: Path, check: Check, why: str
) -> None:
    (project / "list.json").write_text("[]")
    with pytest.raises(UsageError, match=why):
        require([Check(contains="x"), check], project)


def test_checks_that_can_be_carried_out_are_not_refused(project: Path) -> None:
    (project / "s.json").write_text(json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMA}))
    require([Check(schema=SCHEMA), Check(schema="s.json"), Check(regex="^a+$"), Check(run="true")], project)


def test_a_missing_jsonschema_is_said_with_the_extra_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [
        Task(id="a", prompt="p", checks=(Check(run="true"),)),
        Task(id="b", prompt="p", checks=(Check(schema={}),)),
    ]
    assert (needs_jsonschema(tasks), needs_jsonschema(tasks[:1])) == (True, False)
    monkeypatch.setitem(sys.modules, "jsonschema", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pheroswarm\[schema\]"):
        require(tasks[1].checks, project)
    require(tasks[0].checks, project)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (Check(run="pytest -q", name="tests"), "tests"),
        (Check(run="pytest -q\nruff check"), "pytest -q ruff check"),
        (Check(schema={}), "schema"),
        (Check(not_contains="x"), "not_contains 'x'"),
        (Check(file="a/b"), "file 'a/b'"),
    ],
)
def test_a_check_without_a_name_is_called_by_what_it_looks_for(check: Check, name: str) -> None:
    assert name_of(check) == name


SEVERAL = {"page": Named("docs/a.md", "# A page\n"), "data": Named("out/a.json", "[1]")}


async def test_each_of_several_files_stands_at_its_place_when_a_command_runs(run: Run, project: Path) -> None:
    command = (
        'test "$(cat docs/a.md)" = "# A page" && test "$(cat "$SWARM_OUTPUT_data")" = "[1]"'
        ' && test "$(cat "$SWARM_OUTPUT")" = "the answer" && test "$SWARM_OUTPUT_page" -ef docs/a.md'
    )
    (result,) = await run("the answer", Check(run=command), several=SEVERAL)
    assert result.passed, result
    assert not (project / "docs").exists()


async def test_a_check_looks_at_the_file_that_it_names_or_at_all_of_them(run: Run) -> None:
    checks = (
        Check(contains="# A page"),
        Check(regex=r"^\[1\]$"),
        Check(contains="page", output="data"),
        Check(not_contains="page", output="data"),
        Check(schema={"type": "array"}, output="data"),
        Check(schema={"type": "object"}),
    )
    results = await run('{"page": "", "data": [1]}', *checks, several=SEVERAL, copy=never)
    assert [result.passed for result in results] == [True, True, False, True, True, True]


async def test_rubrics_are_left_to_the_judge(run: Run) -> None:
    results = await run("x", Check(rubric="It is short."), Check(contains="x"), copy=never)
    assert [result.name for result in results] == ["contains 'x'"]


@pytest.mark.parametrize(
    ("command", "globs", "stray"),
    [
        ("true", ("out/*",), ""),
        ("echo x > out/b.txt", ("out/*",), ""),
        ("echo x > new.txt", ("out/*",), "'new.txt' differs from the project's"),
        ("echo x > old.txt; rm other.txt", ("out/**",), "'old.txt', 'other.txt' differ from the project's"),
        ("echo x > old.txt", ("out/**", "*.txt"), ""),
        ("touch old.txt; mkdir empty", ("out/*",), ""),
        ("echo x > .hidden", ("**",), "'.hidden' differs from the project's"),
        ("ln -sf other.txt old.txt", ("out/*",), "'old.txt' differs from the project's"),
        ("for n in 1 2 3 4 5 6 7; do echo x > $n; done", ("out/*",), "'1', '2', '3', '4', '5' and 2 more differ"),
    ],
)
async def test_no_file_may_differ_but_those_that_the_globs_name(
    run: Run, project: Path, command: str, globs: tuple[str, ...], stray: str
) -> None:
    (project / "other.txt").write_text("other\n")
    os.mkfifo(project / "pipe")
    async with open_work_copy(project) as copy:

        async def in_copy() -> WorkCopy:
            return copy

        _, result = await run("x", Check(run=command), Check(diff_within=globs), copy=in_copy, output="out/a.txt")
    assert (result.passed, result.name) == (not stray, f"diff_within {' '.join(globs)!r}")
    assert result.detail.startswith(stray)


async def test_commands_run_in_a_sandbox_where_there_is_one_and_find_the_draft_there(project: Path) -> None:
    box = await box_of("bubblewrap")
    checks = (
        Check(run='grep -q draft "$SWARM_OUTPUT" && cat old.txt'),
        Check(run=f"echo changed >{project}/old.txt"),
        Check(run="ls /proc/1/cwd/ && kill -KILL $$"),
        Check(run=f"cat {project}/.env; sleep 600", timeout_s=0.3),
    )
    (project / ".env").write_text("KEY=canary")
    async with open_work_copy(project) as copy:

        async def in_copy() -> WorkCopy:
            return copy

        results = await run_checks(
            checks, draft="a draft", copy=in_copy, root=project, output="out.txt", env={}, redact=no_secrets, box=box
        )
    assert [result.passed for result in results] == [True, False, False, False]
    assert "Read-only file system" in results[1].detail
    assert results[2].detail.startswith("was ended by SIGKILL")
    assert results[3].detail.startswith("took longer than 0.3 s and was ended")
    assert "canary" not in results[3].said
    assert (project / "old.txt").read_text() == "old\n"


async def test_the_output_itself_counts_among_what_differs(run: Run) -> None:
    (result,) = await run("x", Check(diff_within=("src/**",)), output="out/a.txt")
    assert result.detail == "'out/a.txt' differs from the project's"
    (result,) = await run("old", Check(diff_within=("src/**",)), output="old.txt")
    assert "'old.txt'" not in result.detail
