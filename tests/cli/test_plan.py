"""`swarm plan`: what a file comes to is shown before anything is called, as text, as a diagram, and as data."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.cli.main import main
from swarm.cli.outline import levels_of
from swarm.cli.plan_page import escaped
from swarm.task import Task
from tests.tui.recordings import at_home

FILE = """\
name: release
budget: {usd: 0.10, tokens: 60k}
tasks:
  survey:
    prompt: List the functions.
    input: [src/*.py, {text: "Be brief."}]
    output: out/list.json
    check: {regex: '^\\['}
    budget: $0.02
  hard:
    title: 'say "<done>" #1'
    prompt: Design the migration of several services end to end.
    needs: survey
    input: [{from: survey}, missing.txt]
    limits: {attempts: 2, time: 5m}
    explore: true
  last: {prompt: Sum it up., needs: [survey, hard], accept: It is short.}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(tmp_path, monkeypatch)
    for name in list(os.environ):
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    (tmp_path / "release.yaml").write_text(FILE)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("a = 1\n")
    (tmp_path / "src/b.py").write_text("b = 2\n")
    return tmp_path


def document(capsys: pytest.CaptureFixture[str], file: str = "release.yaml") -> dict[str, Any]:
    assert main(["plan", file, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_page_shows_levels_inputs_with_sizes_roles_checks_and_outputs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "release.yaml"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("release: 3 tasks in 3 levels, capped at $0.10 and 60,000 tokens\n")
    assert "  3  survey, hard -> last\n" in shown
    assert "  reads   src/*.py, 2 files, 12 bytes\n" in shown
    assert "  reads   a text in the file, 9 bytes\n" in shown
    assert "  does    worker -> validator (its checks alone); simple, " in shown
    assert "  checks  regex ^\\[\n" in shown
    assert "  writes  out/list.json (json)\n" in shown
    assert "  limits  2 attempts, 300 s\n" in shown
    assert "  accept  It is short.\n" in shown


def test_what_a_task_says_of_its_limits_and_its_turn_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = "limits: {escalations: 0, words: 40, answer: 300}"
    (folder / "turn.yaml").write_text(f"prompt: Say it.\npriority: high\nstart: planned\n{limits}\n")
    assert main(["plan", "turn.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "  limits  3 attempts, 40 words, 300 tokens an answer, 0 escalations\n" in shown
    assert "  turn    priority 2 of 0 (first) to 9, whom the plan takes has the first try\n" in shown
    (told,) = document(capsys, "turn.yaml")["tasks"]
    assert [told[name] for name in ("escalations", "words", "answer_tokens")] == [0, 40, 300]
    assert [told[name] for name in ("priority", "start")] == [2, "planned"]


def test_a_task_that_is_explored_is_shown_with_its_explorer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = {task["id"]: task for task in document(capsys)["tasks"]}
    assert tasks["hard"]["roles"] == ["explorer", "worker", "validator"]
    assert tasks["last"]["roles"] == ["worker", "validator"]


def test_an_input_that_is_not_there_is_marked_and_the_rest_is_planned_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "release.yaml"]) == 0
    assert "  reads   missing.txt  ! matches no file" in capsys.readouterr().out
    (hard,) = [task for task in document(capsys)["tasks"] if task["id"] == "hard"]
    assert [source["trouble"] for source in hard["inputs"]] == ["", "matches no file"]


def test_the_models_that_may_take_part_are_named_by_role(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert document(capsys)["tasks"][0]["models"] == {}
    assert main(["plan", "release.yaml"]) == 0
    assert "no model is set up here" in capsys.readouterr().err
    monkeypatch.setenv("OPENROUTER_API_KEY", "key-of-the-test-0123")
    tasks = {task["id"]: task for task in document(capsys)["tasks"]}
    assert {"model": "openrouter/free", "tier": "free"} in tasks["last"]["models"]["worker"]
    assert {"model": "openrouter/free", "tier": "free"} not in tasks["last"]["models"]["validator"]


def test_the_document_has_levels_and_every_task(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)
    assert found["schema"] == "swarm.plan/1"
    assert found["levels"] == [["survey"], ["hard"], ["last"]]
    assert found["tasks"][0]["outputs"][0]["path"] == "out/list.json"


def test_the_diagram_has_an_arrow_for_each_need_and_nothing_of_a_title_breaks_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "release.yaml", "--mermaid"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "flowchart TD",
        '  t0["survey"]',
        '  t1["hard<br/>say #34;#60;done#62;#34; #35;1"]',
        '  t2["last"]',
        "  t0 --> t1",
        "  t0 --> t2",
        "  t1 --> t2",
    ]


@given(st.text())
def test_an_escaped_label_holds_no_sign_of_the_diagrams_language_and_loses_nothing(text: str) -> None:
    shown = escaped(text)
    assert not set(shown) & set("\"<>&`[]{}|\\\n\r\t'%~^*")
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), shown) == text


@given(st.lists(st.sets(st.integers(0, 30), max_size=4), min_size=1, max_size=30))
def test_a_task_stands_one_level_below_the_deepest_that_it_needs(drawn: list[set[int]]) -> None:
    tasks = [
        Task(id=f"t{number}", prompt="x", needs=tuple(f"t{need}" for need in sorted(needs) if need < number))
        for number, needs in enumerate(drawn)
    ]
    levels = levels_of(tasks)
    for task in tasks:
        assert levels[task.id] == 1 + max((levels[need] for need in task.needs), default=0)


def test_nothing_is_written_and_no_log_is_made(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert main(["plan", "release.yaml"]) == 0
    assert sorted(folder.rglob("*")) == before


def test_a_broken_file_and_two_forms_at_once_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wrong.yaml").write_text("promt: x\n")
    assert main(["plan", "wrong.yaml"]) == 2
    assert "error: wrong.yaml:1:1: " in capsys.readouterr().err
    assert main(["plan", "release.yaml", "--mermaid", "--json"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_the_result_of_a_task_that_is_needed_is_read_once_named_as_input_or_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = "tasks:\n  a: A\n  b: B\n  c: {prompt: C, needs: [a, b], input: {from: b, max_tokens: 100}}\n"
    (folder / "three.yaml").write_text(file)
    inputs = document(capsys, "three.yaml")["tasks"][2]["inputs"]
    assert [(each["name"], each["max_tokens"]) for each in inputs] == [
        ("the result of a", None),
        ("the result of b", 100),
    ]


def test_a_split_budget_is_shown_with_what_each_has_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "split.yaml"
    path.write_text(
        "budget: {tokens: 40k, usd: 0.10, split: {context: 5k, worker: 2.5k, summary: 10%}}\n"
        "tasks: {a: {prompt: Go, budget: {tokens: 10k, split: {worker: 50%}}}, b: Go}\n"
    )
    assert main(["plan", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("  split")] == [
        "context 5,000 tokens, worker 2,500 tokens, summary 4,000 tokens, buffer 28,500 tokens",
        "summary $0.01, buffer $0.09",
        "worker 5,000 tokens, buffer 5,000 tokens",
    ]


def test_a_task_with_tools_is_shown_with_them_what_becomes_of_changes_and_what_is_asked_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWARM_TOOLS_SANDBOX", "none")
    (folder / "fix.yaml").write_text("prompt: Mend it.\ntools: [look, run, fetch, git__*, -search]\nchanges: keep\n")
    assert main(["plan", "fix.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "  tools   read, list, read_output, run, fetch, git__*\n" in shown
    assert "  changes what tools change waits for `swarm apply`\n" in shown
    assert "nothing holds commands" in shown
    assert "run: a person is asked (built in: without a sandbox commands are asked about)\n" in shown
    assert "git__*: a person is asked (built in: tools of MCP servers are asked about (git))\n" in shown
    assert "read: " not in shown
    found = document(capsys, "fix.yaml")
    assert found["sandbox"]["backend"] == "none"
    assert (found["tasks"][0]["tools"][0], found["tasks"][0]["changes"]) == ("read", "keep")
    assert document(capsys)["sandbox"] is None, "without a command nothing is tried"
