"""`swarm validate`: every file is checked, what is right is counted, what is wrong is told with its place."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from swarm.cli.main import main

ROOT = Path(__file__).parents[2]
RIGHT = """\
tasks:
  survey: List the functions.
  build:
    prompt: Build it.
    needs: survey
    check: make test
"""
WRONG = "prompt: Build it.\nbudgt: $0.05\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "small.yaml").write_text("prompt: Say hello.\n")
    return tmp_path


def test_a_right_file_is_summed_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "right.yaml", "small.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ("right.yaml: ok, 2 tasks, 1 check, 1 command\nsmall.yaml: ok, 1 task, 0 checks, 0 commands\n")
    assert shown.err == ""


def test_a_broken_file_does_not_keep_the_others_from_being_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "wrong.yaml", "absent.yaml", "right.yaml"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "right.yaml: ok, 2 tasks, 1 check, 1 command\n"
    assert shown.err.startswith("error: wrong.yaml:2:1: ")
    assert "budget" in shown.err
    assert "\nerror: absent.yaml: " in shown.err
    assert "error: error:" not in shown.err


def test_with_json_there_is_one_document_for_all_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "right.yaml", "wrong.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    right, wrong = document["files"]
    assert document["schema"] == "swarm.validate/1"
    assert right == {
        "path": "right.yaml",
        "ok": True,
        "name": "right",
        "tasks": ["survey", "build"],
        "checks": 1,
        "commands": ["make test"],
        "problems": [],
        "warnings": [],
    }
    assert (wrong["ok"], wrong["problems"][0]["line"], wrong["problems"][0]["column"]) == (False, 2, 1)


def test_nothing_of_a_file_is_run_or_written(folder: Path) -> None:
    (folder / "evil.yaml").write_text("prompt: x\ncheck: touch " + str(folder / "was-here") + "\n")
    before = sorted(folder.iterdir())
    assert main(["validate", "evil.yaml"]) == 0
    assert sorted(folder.iterdir()) == before


def test_without_a_file_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 2
    assert "FILE is missing; see `swarm validate --help`" in capsys.readouterr().err


DOUBTFUL = """\
vars: {pkg: swarm, unused: x}
budget: $0.05
defaults:
  input: notes/*.md
tasks:
  survey:
    prompt: List the functions of {{pkg}}.
    output: out/list.json
    budget: $0.10
  write:
    prompt: Write it.
    needs: survey
    input: [src/**/*.py, ./out/list.json]
    check: {schema: schemas/list.json}
"""


def warnings_of(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[tuple[int, int, str]]:
    assert main(["validate", "--json", *words]) == code
    (found,) = json.loads(capsys.readouterr().out)["files"]
    assert found["ok"] and found["problems"] == []
    return [(one["line"], one["column"], one["message"]) for one in found["warnings"]]


def test_what_is_doubtful_is_a_warning_with_its_place_and_changes_no_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    assert warnings_of(capsys, "doubtful.yaml") == [
        (1, 20, "the variable 'unused' is looked up nowhere"),
        (4, 10, "'notes/*.md' of task 'survey' matches no file"),
        (9, 5, "the budget of task 'survey' is above that of the run, which comes first"),
        (13, 13, "'src/**/*.py' of task 'write' matches no file"),
        (13, 26, "'out/list.json' of task 'write' matches no file"),
        (14, 21, "'schemas/list.json', the schema of task 'write', is no file here"),
    ]
    assert len(warnings_of(capsys, "--strict", "doubtful.yaml", code=2)) == 6


def test_warnings_go_to_stderr_with_what_to_do_and_the_summary_counts_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    assert main(["validate", "doubtful.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "doubtful.yaml: ok, 2 tasks, 1 check, 0 commands, 6 warnings\n"
    assert "warning: doubtful.yaml:13:26: 'out/list.json' of task 'write' matches no file" in shown.err
    assert "take the result instead: `input: {from: survey}`" in shown.err
    assert "error:" not in shown.err


def test_a_file_is_without_doubt_once_what_it_names_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = DOUBTFUL.replace("unused: x", "tone: dry").replace("{{pkg}}.", "{{pkg}}, {{ vars.tone }}.")
    (folder / "doubtful.yaml").write_text(right.replace("$0.10", "$0.01"))
    for name in ("notes/a.md", "src/deep/a.py", "out/list.json", "schemas/list.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    assert warnings_of(capsys, "--strict", "doubtful.yaml") == []


def test_two_tasks_of_which_a_condition_may_leave_both_to_write_one_file_are_a_doubt(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "tasks:\n  a: do it\n  b: {prompt: x, needs: a, when: a.passed > 0, output: o.md}\n"
    (folder / "two.yaml").write_text(text + "  c: {prompt: y, needs: a, when: a.failed > 0, output: o.md}\n")
    assert warnings_of(capsys, "two.yaml") == [(4, 56, "task 'c' writes 'o.md', and so does task 'b'")]


def test_items_that_are_files_must_be_there_and_lookups_in_paths_are_left_to_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "each.yaml").write_text(
        "prompt: Sum up {{item}}.\neach: {files: pages/*.md}\ninput: '{{item}}'\noutput: out/{{item}}\n"
    )
    assert warnings_of(capsys, "each.yaml") == [(2, 15, "'pages/*.md' of task 'each' matches no file")]


def test_needs_in_a_circle_are_an_error_that_shows_the_circle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "circle.yaml").write_text("tasks:\n  a: {prompt: x, needs: b}\n  b: {prompt: y, needs: a}\n")
    assert main(["validate", "circle.yaml"]) == 2
    assert "circle.yaml:2:25: tasks need each other in a circle: a -> b -> a" in capsys.readouterr().err


def test_markdown_is_looked_at_by_its_front_matter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "brief.md").write_text("---\ninput: gone.txt\n---\nSum it up.\n")
    assert warnings_of(capsys, "brief.md") == [(2, 8, "'gone.txt' of task 'brief' matches no file")]


def piped(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_file_from_a_pipe_is_checked_and_a_prompt_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped("prompt: x\ninput: gone.txt\n", monkeypatch)
    assert main(["validate", "-"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "-: ok, 1 task, 0 checks, 0 commands, 1 warning\n"
    assert "warning: -:2:8: 'gone.txt'" in shown.err
    piped("Say hello.", monkeypatch)
    assert main(["validate", "-"]) == 2
    assert "stdin holds a prompt and no task file" in capsys.readouterr().err


def test_a_variable_without_a_value_can_be_given_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "open.yaml").write_text("vars: {pkg: }\nprompt: List {{pkg}}.\n")
    assert main(["validate", "open.yaml"]) == 2
    assert main(["validate", "open.yaml", "--set", "pkg=swarm"]) == 0
    assert main(["validate", "open.yaml", "--set", "pkg"]) == 2
    capsys.readouterr()
    assert main(["plan", "open.yaml", "--set", "pkg=swarm"]) == 0


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "examples").glob("*.yaml"), *(ROOT / "tests/data/broken").glob("*.yaml")]),
    ids=lambda path: path.name,
)
def test_every_file_of_ours_gets_an_answer_without_a_fault_of_the_program(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(path)]) == (2 if "broken" in str(path) else 0)
    assert "This is a fault of swarm" not in capsys.readouterr().err


def test_a_skill_that_no_task_could_load_is_doubted_where_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert main(["skills", "new", "my-skill"]) == 0
    (folder / "skilled.yaml").write_text("prompt: Say hello.\nskills: [refactoring, refactorign, my-skill]\n")
    capsys.readouterr()
    assert main(["validate", "skilled.yaml"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "skilled.yaml: ok, 1 task, 0 checks, 0 commands, 2 warnings\n"
    assert "skilled.yaml:2:23: there is no skill 'refactorign', and task 'skilled' loads it" in shown.err
    assert "  did you mean 'refactoring'?\n" in shown.err
    assert "skilled.yaml:2:36: the skill 'my-skill' is not used: not trusted" in shown.err
    assert "look at it and say `swarm skills trust my-skill`" in shown.err
