"""`swarm schema`: what may be written in a task file, said so that an editor can check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from swarm.cli.main import main
from swarm.cli.schema import PLACE, task_schema
from swarm.errors import UsageError
from swarm.taskfile import yamltree
from swarm.taskfile.forms import FORMS
from swarm.taskfile.problems import Report
from swarm.taskfile.read import FILE, load_task_file, parse_task_file

ROOT = Path(__file__).parents[2]
RIGHT = sorted(
    [*(ROOT / "examples").glob("*.yaml"), *(ROOT / "tests/data").glob("*.yaml"), ROOT / "swarm/demo/tasks.yaml"]
)
SEEN = (
    "budget-ambiguous",
    "budget-units",
    "check-two-gates",
    "list-at-top",
    "list-without-id",
    "many-at-once",
    "no-prompt",
    "not-supported",
    "priority",
    "roles-as-list",
    "task-keys-beside-tasks",
    "text-only",
    "wrong-kinds",
)
"""Broken files with a fault that a schema can see; the others are no YAML, or wrong in what their parts mean together."""


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = task_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def fault(validator: Draft202012Validator, value: Any) -> str:
    """The first thing that is wrong with a value, empty where nothing is."""
    errors = validator.iter_errors(value)  # pyright: ignore[reportUnknownMemberType]  # of a type that is not stubbed
    return next((error.message for error in errors), "")


def value_of(text: str) -> Any:
    """What an editor makes of a text: YAML 1.2."""
    node = yamltree.compose(Report(text))
    return None if node is None else yamltree.value(node)


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.name)
def test_a_task_file_that_is_read_is_right_by_the_schema(path: Path, validator: Draft202012Validator) -> None:
    assert load_task_file(path).tasks
    assert fault(validator, value_of(path.read_text())) == ""


@pytest.mark.parametrize("name", SEEN)
def test_a_broken_task_file_is_wrong_by_the_schema_where_a_schema_can_see_it(
    name: str, validator: Draft202012Validator
) -> None:
    assert fault(validator, value_of((ROOT / f"tests/data/broken/{name}.yaml").read_text()))


FORMS_OF_VALUES = [
    "prompt: x\nbudget: $0.05",
    "prompt: x\nbudget: 20k",
    "prompt: x\nbudget: {tokens: 20000, usd: 0.05}",
    "prompt: x\nbudget: {tokens: 1.5M, usd: $0.05, on_exceed: fail}",
    "prompt: x\nlimits: {time: 1.5h, attempts: 5, turns: 3}",
    "prompt: x\nlimits: {time: 90}",
    "prompt: 42\ncheck: make",
    "prompt: x\ncheck: [make, {contains: y, ignore_case: true}, {regex: z}, {schema: {type: array}}]",
    "prompt: x\ncheck: {rubric: It is short., min_score: 0.8}",
    "prompt: x\ninput: a.md",
    "prompt: x\ninput: [a.md, {files: b/*.py, load: name}, {text: hello, max_tokens: 6k}]",
    "prompt: x\noutput: out.md",
    "prompt: x\noutput: {path: out.json, schema: {type: array}}",
    "prompt: x\noutputs: {page: a.md, data: {path: b.json, format: json}}",
    "prompt: x\ntiers: free\nroles: {worker: {tiers: [free, cheap], models: m}}\njudge: paid\nexplore: false",
    "prompt: x\nenv: {MODE: on, LEVEL: 3}",
    "prompt: write about {{item}}\neach: [a, b]",
    "vars: {pkg: swarm}\nprompt: write about {{pkg}}",
    "tasks: {a: do it}",
    "tasks: [{id: a, prompt: do it}, {id: b, prompt: and that, needs: a}]",
    "defaults: {tiers: free, limits: {attempts: 2}}\ntasks: {a: do it, b: {prompt: x, needs: [a]}}",
    "tasks: {a: do it, b: {prompt: x, needs: a, when: a.passed > 0}}",
]

WRONG_VALUES = [
    "prompt: x\nbudget: 20kk",
    "prompt: x\nbudget: 5",
    "prompt: x\nbudget: {usd: $x}",
    "prompt: x\nlimits: {attempts: 0}",
    "prompt: x\nlimits: {attempts: 21}",
    "prompt: x\nlimits: {time: 10 minutes}",
    "prompt: x\njudge: maybe",
    "prompt: x\ntiers: [free, dear]",
    "prompt: x\nexplore: sometimes",
    "prompt: x\nprompts: y",
    "prompt: x\ninput: {file: a.md}",
    "prompt: x\ninput: {files: a.md, text: b}",
    "prompt: x\ncheck: {contain: a}",
    "prompt: x\nroles: {writer: {}}",
    "title: x",
    "tasks: {}",
    "tasks: {a: {title: no prompt}}",
    "tasks: {a: x}\ninput: b.md",
]


@pytest.mark.parametrize("text", FORMS_OF_VALUES)
def test_each_written_form_is_right_by_reader_and_schema(text: str, validator: Draft202012Validator) -> None:
    assert parse_task_file(text, Path("task.yaml")).tasks
    assert fault(validator, value_of(text)) == ""


@pytest.mark.parametrize("text", WRONG_VALUES)
def test_what_the_reader_refuses_for_its_form_the_schema_refuses_too(
    text: str, validator: Draft202012Validator
) -> None:
    with pytest.raises(UsageError):
        parse_task_file(text, Path("task.yaml"))
    assert fault(validator, value_of(text))


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    schema = task_schema()
    for name, keys in {"several": FILE, **FORMS}.items():
        form = schema["$defs"][name]
        assert form["additionalProperties"] is False
        assert form["properties"].keys() == keys.keys()
        assert all(one["description"] for one in form["properties"].values())


def test_the_schema_on_stdout_is_the_one_that_is_written_beside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == task_schema()
    for _ in range(2):
        assert main(["schema", "--write"]) == 0
        assert capsys.readouterr().out == f"wrote {PLACE}\n"
        assert (tmp_path / PLACE).read_text() == printed


def test_a_place_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".swarm").write_text("")
    assert main(["schema", "--write"]) == 2
    assert "task.schema.json cannot be written" in capsys.readouterr().err
