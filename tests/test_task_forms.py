"""What makes many tasks of few words: variables, defaults, prompt files, Markdown, items, conditions, several outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.engine.world import environment_of
from swarm.items import item_tasks
from swarm.task import Budget, Check, Condition, Each, Input, Limits, Output, RoleConfig, Task, TaskFile, When
from swarm.taskfile.read import TaskFileInvalid, load_task_file, parse_task_file


def read(text: str, name: str = "task.yaml", /, **more: Mapping[str, str]) -> TaskFile:
    return parse_task_file(text, Path(name), **more)


def only(text: str, **more: Mapping[str, str]) -> Task:
    (task,) = read(text, **more).tasks
    return task


def refused(text: str, name: str = "task.yaml", /, **more: Mapping[str, str]) -> str:
    with pytest.raises(TaskFileInvalid) as caught:
        read(text, name, **more)
    return str(caught.value)


def test_a_variable_stands_for_its_value_in_every_text_of_a_task() -> None:
    task = only(
        """
vars: {pkg: swarm, least: 0.5}
prompt: Look at {{pkg}} and {{ vars.pkg }}, not at \\{{pkg}}.
title: "{{pkg}}"
input: ["{{pkg}}/**/*.py", {text: " {{pkg}}"}, {files: ["docs/{{pkg}}.md"]}]
output: {path: "out/{{pkg}}.json", schema: "schemas/{{pkg}}.json"}
accept: "{{pkg}} is named"
roles: {worker: {prompt: "Know {{pkg}}."}}
check:
  - {contains: "{{pkg}}", name: "names {{pkg}}", feedback: "Name {{pkg}}."}
  - {file: "out/{{pkg}}.md"}
  - {diff_within: "{{pkg}}/**"}
  - {rubric: "{{pkg}} is shown", min_score: 0.5}
  - {regex: "{{pkg}}"}
"""
    )
    assert task.prompt == "Look at swarm and swarm, not at {{pkg}}."
    assert task.title == "swarm"
    assert task.inputs == (Input(files=("swarm/**/*.py",)), Input(text=" swarm"), Input(files=("docs/swarm.md",)))
    assert task.output == Output(path="out/swarm.json", format="json", schema="schemas/swarm.json")
    assert (task.accept, task.roles) == (("swarm is named",), {"worker": RoleConfig(prompt="Know swarm.")})
    assert task.checks == (
        Check(contains="swarm", name="names swarm", feedback="Name swarm."),
        Check(file="out/swarm.md"),
        Check(diff_within=("swarm/**",)),
        Check(rubric="swarm is shown", min_score=0.5),
        Check(regex="{{pkg}}"),
        Check(schema="schemas/swarm.json", name="schema of out/swarm.json"),
    )
    assert (task.rubrics, task.gates) == (task.checks[3:4], (*task.checks[:3], *task.checks[4:]))
    assert task.values == {}


def test_a_command_line_gives_a_variable_another_value() -> None:
    text = "vars: {pkg: swarm, must: null}\nprompt: About {{pkg}} and {{must}}."
    assert only(text, overrides={"pkg": "other", "must": "{{pkg}}"}).prompt == "About other and {{pkg}}."
    assert "'must' of 'vars' of this file has no value" in refused(text)
    assert "the file has no variable 'pgk' \u2013 did you mean 'pkg'?" in refused(
        text, overrides={"pgk": "x", "must": ""}
    )
    assert "task.yaml: the file has no variable 'x'\n" in refused("prompt: a", overrides={"x": "1"})


def test_an_overridden_value_in_a_path_leads_nowhere_else() -> None:
    text = "vars: {to: out}\nprompt: x\noutput: '{{to}}/a.md'"
    assert only(text, overrides={"to": "docs"}).written == (Output(path="docs/a.md", format="markdown"),)
    for evil in ("../..", "/etc", "~", "a/../../..", ".git", "../{{to}}"):
        assert "'output' of this file is" in refused(text, overrides={"to": evil}), evil


def test_of_the_environment_a_file_sees_what_it_asks_for() -> None:
    text = "env_allow: [WHO]\nprompt: Hello {{env.WHO}}."
    assert only(text, environ={"WHO": "you", "OTHER": "x"}).prompt == "Hello you."
    assert "is not set here" in refused(text, environ={})
    assert "does not ask for" in refused("env_allow: [WHO]\nprompt: '{{env.OTHER}}'", environ={"OTHER": "x"})


def test_a_value_reaches_a_command_in_a_variable_and_a_confirmation_outlives_it() -> None:
    text = (
        "vars: {pkg: swarm}\nenv_allow: [WHO]\nprompt: x\nenv: {MODE: 'on {{pkg}}'}\ncheck: test {{pkg}} = {{env.WHO}}"
    )
    first = read(text, environ={"WHO": "me"})
    second = read(text, overrides={"pkg": "$(rm)"}, environ={"WHO": "you"})
    assert first.commands == second.commands == ('test "${SWARM_VAR_pkg}" = "${SWARM_ENV_WHO}"',)
    assert first.commands_digest == second.commands_digest
    assert environment_of(second.tasks[0]) == {
        "SWARM_VAR_pkg": "$(rm)",
        "SWARM_ENV_WHO": "you",
        "MODE": "on $(rm)",
    }


def test_what_a_file_itself_gives_its_commands_is_confirmed_with_them() -> None:
    texts = [
        "vars: {x: make}\nprompt: a\ncheck: '{{x}} all'",
        "vars: {x: evil}\nprompt: a\ncheck: '{{x}} all'",
        "prompt: a\neach: [a, b]\ncheck: echo {{item}}",
        "prompt: a\neach: [a, c]\ncheck: echo {{item}}",
    ]
    assert len({read(text).commands_digest for text in texts}) == 4
    without = ["vars: {x: a}\nprompt: '{{x}}'", "vars: {x: b}\nprompt: '{{x}}'"]
    assert len({read(text).commands_digest for text in without}) == 1


def test_defaults_stand_in_every_task_that_says_nothing_else() -> None:
    file = read(
        """
defaults:
  tiers: [free, cheap]
  budget: {usd: 0.03, tokens: 5k}
  limits: {attempts: 2, time: 10m}
  roles: {worker: {tiers: cheap, prompt: Be brief.}}
  accept: [It is right., It is short.]
tasks:
  a: One.
  b:
    prompt: Two.
    tiers: paid
    budget: $1
    limits: {attempts: 5}
    roles: {worker: {tiers: paid}, validator: {tiers: free}}
    accept: It is long.
"""
    )
    assert file.tasks == (
        Task(
            id="a",
            prompt="One.",
            tiers=("free", "cheap"),
            budget=Budget(usd_nanos=30_000_000, tokens=5_000),
            limits=Limits(attempts=2, time_s=600),
            roles={"worker": RoleConfig(tiers=("cheap",), prompt="Be brief.")},
            accept=("It is right.", "It is short."),
        ),
        Task(
            id="b",
            prompt="Two.",
            tiers=("paid",),
            budget=Budget(usd_nanos=1_000_000_000),
            limits=Limits(attempts=5, time_s=600),
            roles={"worker": RoleConfig(tiers=("paid",)), "validator": RoleConfig(tiers=("free",))},
            accept=("It is long.",),
        ),
    )


def test_a_prompt_file_is_read_from_the_folder_of_the_task_file(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.md").write_text("\n# About {{pkg}}\n\nWrite it.\n")
    path = tmp_path / "task.yaml"
    path.write_text("vars: {pkg: swarm}\ntasks: {a: {prompt_file: prompts/a.md}}")
    assert load_task_file(path).tasks == (Task(id="a", prompt="# About swarm\n\nWrite it."),)
    path.write_text("prompt_file: prompts/a.md")
    assert "'pkg' in 'prompt' of this file is no variable" in refused(path.read_text(), str(path))


def test_no_prompt_file_is_read_outside_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link.md").symlink_to(tmp_path / "secret.txt")
    for name in ("../secret.txt", "link.md", str(tmp_path / "secret.txt")):
        assert "leads out of the project" in refused(f"prompt_file: {name}", str(tmp_path / "project" / "t.yaml"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b" \n", "is empty or no text"), (b"x" * (1 << 20) + b"y", "1 MiB")],
)
def test_a_prompt_file_that_is_no_prompt_is_named(tmp_path: Path, raw: bytes, why: str) -> None:
    (tmp_path / "p.md").write_bytes(raw)
    assert why in refused("prompt_file: p.md", str(tmp_path / "t.yaml"))


def test_a_markdown_file_is_one_task_with_its_text_as_the_prompt() -> None:
    text = "---\nvars: {pkg: swarm}\ntitle: T\ncheck: {contains: x}\n---\n\n# Write about {{pkg}}\n\n--- not a fence\n---\nmore\n"
    file = read(text, "Weekly Docs.md")
    assert file.name == "weekly-docs"
    assert file.tasks == (
        Task(
            id="weekly-docs",
            prompt="# Write about swarm\n\n--- not a fence\n---\nmore",
            title="T",
            checks=(Check(contains="x"),),
        ),
    )
    assert read("Just do it.\n", "a.md").tasks == (Task(id="a", prompt="Just do it."),)
    assert read("---\n---\nJust do it.", "a.md").tasks[0].prompt == "Just do it."
    assert read("---\ntasks: {a: One.}\n---\n", "a.md").tasks == (Task(id="a", prompt="One."),)
    assert read(text.replace("\n", "\r\n"), "a.md").tasks[0].title == "T"


def test_from_a_pipe_front_matter_and_yaml_are_both_read() -> None:
    assert read("---\ntiers: free\n---\nDo it.\n", "-").tasks == (Task(id="task", prompt="Do it.", tiers=("free",)),)
    assert read("prompt: a", "-") == read("---\nprompt: a", "-")
    assert "no 'prompt'" in refused("---\ntiers: free\n---\n\n", "-")


def test_the_places_of_a_markdown_file_are_counted_in_the_file_itself() -> None:
    said = refused("---\ntiers: fre\n---\n\nLook at\n  {{x}}.\n", "a.md")
    assert "a.md:2:8: 'tiers' of this file is 'fre'" in said
    assert "a.md:6:3: 'x' in 'prompt' of this file is no variable" in said


def test_a_name_that_is_wrong_is_told_once_however_often_a_text_says_it() -> None:
    said = refused("prompt: " + "a {{x}} {{y}} " * 200)
    assert (said.count("'x' in 'prompt'"), said.count("'y' in 'prompt'"), "stopped" in said) == (1, 1, False)


def test_items_are_a_written_list_a_list_that_a_task_gives_or_files() -> None:
    file = read(
        """
tasks:
  a: One.
  b: {prompt: "{{item}}", each: [x, 1.10, {n: 1}]}
  c: {prompt: "{{item}}", each: "a.output[]", needs: a}
  d: {prompt: "{{item}}", each: "a.output.pages.new[]", needs: a}
  e: {prompt: "{{item}}", each: {files: "src/*.py"}}
"""
    )
    assert [task.each for task in file.tasks] == [
        None,
        Each(items=("x", "1.10", {"n": 1})),
        Each(from_task="a"),
        Each(from_task="a", field=("pages", "new")),
        Each(files=("src/*.py",)),
    ]
    assert [task.prompt for task in file.tasks[1:]] == ["{{item}}"] * 4


def test_a_condition_is_read_with_the_variables_that_it_speaks_of() -> None:
    text = "vars: {dry: 1, x: 2}\ntasks: {a: One., b: {prompt: Two., needs: a, when: [a.passed > 0, not vars.dry]}}"
    assert read(text, overrides={"dry": "true"}).tasks[1].when == When(
        conditions=(Condition(name="a.passed", op=">", value=0), Condition(name="vars.dry", op="not")),
        vars={"dry": "true"},
    )


def test_several_outputs_have_names_and_a_check_may_look_at_one() -> None:
    task = only(
        """
prompt: x
outputs: {page: docs/a.md, data: {path: out/a.txt, schema: {type: array}}}
check: {contains: "##", output: page}
"""
    )
    assert task.outputs == {
        "page": Output(path="docs/a.md", format="markdown"),
        "data": Output(path="out/a.txt", format="json", schema={"type": "array"}),
    }
    assert task.written == tuple(task.outputs.values())
    assert task.checks == (
        Check(contains="##", output="page"),
        Check(schema={"type": "array"}, name="schema of data", output="data"),
    )


def test_two_tasks_of_which_only_one_is_done_may_write_one_file() -> None:
    two = "tasks: {a: A., b: {prompt: B., needs: a, when: a.passed, output: x}, c: {prompt: C., needs: a, when: a.failed, output: x}}"
    assert len(read(two).tasks) == 3


signs = st.sampled_from(
    [
        "{{",
        "}}",
        "{{x}}",
        "{{item}}",
        "{{item.a}}",
        "{{env.A}}",
        "\\",
        "vars",
        "each",
        "when",
        "defaults",
        "outputs",
        "---",
        "prompt",
        "tasks",
        "prompt_file",
        "a.passed>0",
        "a.output[]",
        "needs",
        "[",
        "]",
        "{",
        "}",
        "a",
        "x",
    ]
) | st.sampled_from([": ", "\n", "\n  "])


@given(st.lists(signs, max_size=40), st.sampled_from(["a.yaml", "a.md", "-"]))
def test_any_mixture_of_the_new_words_is_a_task_file_or_refused_as_one(parts: list[str], name: str) -> None:
    for text in ("".join(parts), "prompt: a\n" + "".join(parts), "---\nvars: {x: 1}\n---\n" + " ".join(parts)):
        try:
            assert read(text, name, environ={}).tasks
        except TaskFileInvalid as error:
            assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)


@pytest.mark.parametrize(
    ("written", "level"), [("critical", 0), ("high", 2), ("normal", 5), ("low", 8), ("0", 0), ("9", 9), ('"3"', 3)]
)
def test_a_priority_is_a_name_or_a_number(written: str, level: int) -> None:
    assert only(f"prompt: Do it.\npriority: {written}").priority == level


def test_a_priority_for_all_tasks_stands_under_defaults_and_is_that_of_the_items_of_a_task() -> None:
    one, two = read("defaults: {priority: low}\ntasks: {a: {prompt: One.}, b: {prompt: Two., priority: high}}").tasks
    assert (one.priority, two.priority) == (8, 2)
    many = only("prompt: Do {{item}}.\neach: [x, y]\npriority: 1")
    assert {each.priority for each in item_tasks(many, ["x", "y"])} == {1}
