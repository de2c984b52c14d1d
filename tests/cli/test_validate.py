"""`swarm validate`: every file is checked, what is right is counted, what is wrong is told with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm.cli.main import main

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
