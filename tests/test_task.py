"""Task files: what may be written, and what it becomes. What is said about a broken one: test_task_broken.py."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swarm.task import Budget, Check, Input, Limits, Output, RoleConfig, Task, TaskFile, made_id, parse_budget
from swarm.taskfile.read import TaskFileInvalid, load_task_file, parse_task_file
from swarm.units import parse_seconds, parse_tokens, parse_usd

EXAMPLES = Path(__file__).parent.parent / "examples"


def read(text: str, name: str = "task.yaml") -> TaskFile:
    return parse_task_file(text, Path(name))


def only(text: str) -> Task:
    (task,) = read(text).tasks
    return task


def test_the_shortest_file_is_one_task_that_is_named_after_the_file() -> None:
    file = read("prompt: Summarise README.md.\n", "Weekly Docs.yaml")
    assert file == TaskFile(
        path="Weekly Docs.yaml", name="weekly-docs", tasks=(Task(id="weekly-docs", prompt="Summarise README.md."),)
    )
    assert [read("prompt: a", "-").tasks[0].id, read("prompt: a\nname: Fix It!").tasks[0].id] == ["task", "fix-it"]


def test_every_form_of_a_task_becomes_its_normal_form() -> None:
    file = read((Path(__file__).parent / "data" / "rich.yaml").read_text(encoding="utf-8"))
    survey, write, publish = file.tasks
    assert (file.name, file.budget) == ("weekly docs", Budget(tokens=300_000, usd_nanos=250_000_000))
    assert survey == Task(
        id="survey",
        prompt="List every public function\nthat the docs do not mention.",
        title="1.10",
        inputs=(
            Input(files=("src/**/*.py", "lib/*.py"), load="name"),
            Input(files=("docs/README.md",)),
            Input(text=" kept as it is "),
        ),
        output=Output(path="out/gaps.json", format="json"),
        checks=(
            Check(schema={"type": "array", "maxItems": 3, "items": {"enum": ["on", 1.5, True, None, "2026-11-21"]}}),
        ),
        roles={
            "explorer": RoleConfig(tiers=("free",), models=("small",)),
            "validator": RoleConfig(tiers=("cheap", "paid"), prompt="Be strict."),
        },
        tiers=("free", "cheap"),
        budget=Budget(usd_nanos=50_000_000),
        limits=Limits(time_s=600.0, attempts=2, turns=10),
        judge="paid",
        explore=True,
        env={"MODE": "on", "EMPTY": "", "LEVEL": "010"},
    )
    assert write == Task(
        id="write",
        prompt="Write it.",
        needs=("survey",),
        inputs=(Input(from_task="survey", max_tokens=6_000),),
        output=Output(path="docs/new.md", format="markdown"),
        checks=(Check(run="pytest -q"),),
        accept=("Names each function.",),
    )
    assert publish.needs == ("survey", "write")
    assert publish.inputs == (Input(from_task="write"), Input(from_task="survey"))
    assert publish.output == Output(path="fix.diff", format="patch")
    assert publish.checks == (
        Check(run="test -s docs/new.md", name="there", timeout_s=60.0, feedback="Write the file.", required=False),
        Check(contains="swarm", ignore_case=True),
        Check(not_contains="TODO"),
        Check(regex=r"^#+ \w", ignore_case=True),
        Check(file="docs/new.md"),
        Check(schema="schemas/page.json"),
    )
    assert file.commands == ("pytest -q", "test -s docs/new.md")


def test_tasks_can_be_a_list_with_ids_and_a_task_can_be_its_prompt() -> None:
    listed = read("tasks:\n- {id: a, prompt: One.}\n- {id: b, prompt: Two., needs: a}")
    mapped = read("tasks: {a: One., b: {prompt: Two., needs: [a, a]}}")
    assert listed == mapped
    assert listed.tasks == (Task(id="a", prompt="One."), Task(id="b", prompt="Two.", needs=("a",)))


def test_the_budget_of_a_single_task_caps_the_run_as_well() -> None:
    file = read("prompt: a\nbudget: 20k")
    assert file.budget == file.tasks[0].budget == Budget(tokens=20_000)


def test_only_true_and_false_are_truth_values_and_a_number_keeps_its_letters() -> None:
    assert only("prompt: on").prompt == "on"
    assert only("prompt: 12:30").prompt == "12:30"
    assert only("prompt: 2026-11-21").prompt == "2026-11-21"
    assert only("prompt: a\nenv: {V: 1.10, W: 0o17, X: true}").env == {"V": "1.10", "W": "0o17", "X": "true"}
    assert only("prompt: a\nexplore: false").explore is False


def test_an_anchor_can_be_used_as_often_as_it_is_needed() -> None:
    file = read("tasks:\n  a: {prompt: One., tiers: &t [free, cheap]}\n  b: {prompt: Two., tiers: *t}")
    assert [task.tiers for task in file.tasks] == [("free", "cheap"), ("free", "cheap")]


def test_a_command_may_hold_braces_that_a_prompt_may_not() -> None:
    assert only("prompt: a\ncheck: \"docker inspect -f '{{.Id}}' x\"").checks[0].run == "docker inspect -f '{{.Id}}' x"


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(b"\xef\xbb\xbfprompt: a\r\nbudget: 1k\r\nfoo: 1\r\n")
    with pytest.raises(TaskFileInvalid) as caught:
        load_task_file(path)
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(3, 1)]


def test_a_confirmation_stands_for_the_commands_and_what_they_are_run_with() -> None:
    def digest(text: str, name: str = "a.yaml") -> str:
        return read(text, name).commands_digest

    first = digest("prompt: One.\ncheck: [make, pytest]")
    assert first == digest("prompt: Two.\ntiers: free\ncheck:\n- {run: make, name: build}\n- pytest", "b/c.yaml")
    others = ["[pytest, make]", "[make]", "[make, pytest -q]", "[make pytest]", "[make, pytest]\nenv: {PATH: evil}"]
    assert len({first, *(digest(f"prompt: One.\ncheck: {other}") for other in others)}) == 6
    assert read("prompt: One.\ncheck: {contains: a}").commands == ()


def test_the_shipped_examples_are_valid_and_the_first_one_needs_no_confirmation() -> None:
    for path in EXAMPLES.glob("*.yaml"):
        assert load_task_file(path).tasks
    hello = load_task_file(EXAMPLES / "hello.yaml")
    assert hello.commands == ()
    assert [check.contains for task in hello.tasks for check in task.checks] == ["Paris"]


def test_what_a_task_is_can_be_imported_without_the_reader_of_yaml() -> None:
    program = "import sys, swarm.task; print([name for name in ('yaml', 'swarm.taskfile.read') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


quiet = settings(deadline=None)


@given(st.integers(1, 10**9))
@quiet
def test_an_amount_of_tokens_comes_back_as_it_was_written(tokens: int) -> None:
    assert parse_tokens(str(tokens)) == tokens
    assert parse_tokens(f"{tokens // 1000 + 1}k") == (tokens // 1000 + 1) * 1000
    assert parse_tokens(f"{Decimal(tokens) / 1000:f}k") == tokens
    assert only(f"prompt: a\nbudget: {{tokens: {tokens}}}").budget == Budget(tokens=tokens)


@given(st.integers(0, 10**15))
@quiet
def test_an_amount_of_money_is_read_to_the_billionth_of_a_dollar(nanos: int) -> None:
    written = f"{Decimal(nanos).scaleb(-9):f}"
    assert parse_usd(written) == parse_usd(f"${written}") == nanos
    assert parse_budget(f"${written}") == Budget(usd_nanos=nanos)
    for form in (f"budget: ${written}", f"budget: {{usd: {written}}}", f'budget: {{usd: "${written}"}}'):
        assert only(f"prompt: a\n{form}").budget == Budget(usd_nanos=nanos)


@given(st.integers(1, 30 * 24), st.sampled_from([("h", 3600), ("m", 60), ("s", 1), ("", 1)]))
@quiet
def test_a_time_comes_back_in_seconds(number: int, unit: tuple[str, int]) -> None:
    assert parse_seconds(f"{number}{unit[0]}") == number * unit[1]
    assert only(f"prompt: a\nlimits: {{time: {number}{unit[0]}}}").limits.time_s == number * unit[1]


@given(st.text(max_size=60))
@quiet
def test_any_name_gives_an_id_that_a_task_can_have(name: str) -> None:
    assert read(f"tasks:\n  {made_id(name)}: a").tasks[0].id == made_id(name)


words = st.sampled_from(
    [
        "prompt",
        "tasks",
        "needs",
        "input",
        "check",
        "budget",
        "roles",
        "output",
        "env",
        "limits",
        "a",
        "b",
        "run",
        "schema",
        "from",
        "text",
        "$1",
        "20k",
        "null",
        "true",
        "1.5",
        "-1",
        "*a",
        "&a",
        "~",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "-",
        "?",
        "|",
        ">",
        "'",
        '"',
        "#",
        "!",
        "!!str",
        "<<",
        "{{x}}",
        "\\",
        "\t",
        "\n",
        "\n\u2028",
        "\r",
        "---",
        "...",
        "%YAML",
        "é",
        "🐜",
        "\x00",
    ]
)


def parsed_or_refused(text: str) -> None:
    try:
        file = read(text)
    except TaskFileInvalid as error:
        assert error.problems
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message in str(error)
    else:
        assert msgspec.json.decode(msgspec.json.encode(file), type=TaskFile) == file


@given(st.text(st.characters(), max_size=200))
@example("\ud800")
@example("a: !!binary x")
@quiet
def test_any_text_is_a_task_file_or_refused_as_one(text: str) -> None:
    parsed_or_refused(text)
    parsed_or_refused(f"prompt: {text}")


@given(st.lists(words | st.sampled_from(["\n  ", ": ", "\n- "]), max_size=40))
@settings(quiet, max_examples=400)
def test_any_mixture_of_words_and_signs_is_a_task_file_or_refused_as_one(parts: list[str]) -> None:
    parsed_or_refused(" ".join(parts))
    parsed_or_refused("prompt: a\n" + "".join(parts))


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0{"), min_size=1, max_size=20).filter(str.strip)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
checks = st.one_of(
    texts,
    st.fixed_dictionaries({"run": texts}, optional={"timeout": st.integers(1, 600), "required": st.booleans()}),
    st.fixed_dictionaries({"contains": texts}, optional={"ignore_case": st.booleans(), "feedback": texts}),
    st.fixed_dictionaries({"schema": st.dictionaries(texts, values, max_size=3)}),
)
tasks = st.fixed_dictionaries(
    {"prompt": texts},
    optional={
        "title": texts,
        "check": checks | st.lists(checks, max_size=3),
        "accept": texts | st.lists(texts, max_size=3),
        "tiers": st.lists(st.sampled_from(["local", "free", "cheap", "paid"]), max_size=4),
        "roles": st.dictionaries(
            st.sampled_from(["explorer", "worker", "validator"]), st.just({"prompt": "Be brief."})
        ),
        "budget": st.sampled_from(["$0.05", "20k", {"usd": 1, "tokens": "1.5M"}]),
        "explore": st.booleans(),
        "env": st.dictionaries(st.sampled_from(["A", "B"]), texts),
    },
)


@given(st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True), tasks, min_size=1, max_size=3))
@quiet
def test_tasks_come_back_from_json_as_they_were_read(written: dict[str, Any]) -> None:
    file = read(yaml.safe_dump({"tasks": written}, sort_keys=False))
    assert [task.id for task in file.tasks] == list(written)
    assert [task.prompt for task in file.tasks] == [task["prompt"].strip() for task in written.values()]
    assert msgspec.json.decode(msgspec.json.encode(file.tasks), type=tuple[Task, ...]) == file.tasks


def test_a_file_that_takes_changes_over_unasked_waits_for_a_persons_word_as_one_with_commands_does() -> None:
    plain = TaskFile(path="t.yaml", name="t", tasks=(Task(id="fix", prompt="Mend it", tools=("edit",)),))
    taking = TaskFile(
        path="t.yaml", name="t", tasks=(Task(id="fix", prompt="Mend it", tools=("edit",), changes="apply"),)
    )
    assert (plain.needs_trust, taking.needs_trust, taking.takes_over) == (False, True, ("fix",))
    assert plain.commands_digest != taking.commands_digest
