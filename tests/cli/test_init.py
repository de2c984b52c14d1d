"""`swarm init`: what it writes is right, runs, and never takes the place of what was there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.init import TEMPLATES
from swarm.cli.main import main
from swarm.cli.schema import PLACE, task_schema
from swarm.taskfile.read import load_task_file
from tests.provider import Answer, provider_thread
from tests.running import verdict
from tests.team import swarm
from tests.tui.recordings import at_home


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(tmp_path, monkeypatch)
    return tmp_path


def play(body: dict[str, Any]) -> Answer:
    """Give each template what its checks ask for."""
    system, brief = body["messages"][0]["content"], body["messages"][-1]["content"]
    if "validator" in system[:60]:
        return Answer(verdict(True))
    city = next((city for city in ("Lisbon", "Oslo", "Turin") if f"from {city}" in brief), "")
    return Answer(f"# A greeting from {city}: Paris it is.")


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_right_without_a_doubt_and_its_modeline_leads_to_the_schema(
    template: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--template", template]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"wrote task.yaml, and {PLACE} for your editor\nnext: swarm plan task.yaml && swarm run")
    assert main(["validate", "--strict", "task.yaml"]) == 0
    assert capsys.readouterr().err == ""
    first = (folder / "task.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={PLACE}"
    assert json.loads((folder / PLACE).read_text()) == task_schema()


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_runs(template: str, folder: Path) -> None:
    assert main(["init", "--template", template]) == 0
    with provider_thread(play) as provider:
        done = swarm("run", "task.yaml", "--endpoint", provider.url, home=folder, cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "task.yaml").write_text("prompt: mine\n")
    assert main(["init"]) == 2
    assert "task.yaml is there already; name another file, or replace it with `--force`" in capsys.readouterr().err
    assert (folder / "task.yaml").read_text() == "prompt: mine\n"
    assert not (folder / ".swarm").exists()
    assert main(["init", "--force"]) == 0
    assert load_task_file(folder / "task.yaml").tasks


def test_a_file_in_a_folder_of_its_own_finds_the_schema_from_there(folder: Path) -> None:
    assert main(["init", "work/tasks/hello.yaml"]) == 0
    first = (folder / "work/tasks/hello.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../../{PLACE}"
    assert (folder / "work/tasks" / first.partition("$schema=")[2]).resolve() == folder / PLACE


def test_a_name_that_no_task_file_has_is_refused_with_the_one_to_take(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tasks.yaml").mkdir()
    for name, said in (("hello", "name it hello.yaml"), ("tasks.yaml", "is a folder; name a file in it")):
        assert main(["init", name]) == 2
        assert said in capsys.readouterr().err
    assert main(["init", "--template", "nothing"]) == 2


def test_vscode_is_told_beside_what_it_knows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert not (folder / ".vscode").exists()
    (folder / ".vscode").mkdir()
    settings = folder / ".vscode/settings.json"
    settings.write_text('{"editor.tabSize": 2, "yaml.schemas": {"other.json": "*.yml"}}')
    for name in ("one.yaml", "two.yaml"):
        assert main(["init", name, "--vscode"]) == 0
    assert json.loads(settings.read_text()) == {
        "editor.tabSize": 2,
        "yaml.schemas": {"other.json": "*.yml", PLACE: ["one.yaml", "two.yaml"]},
    }


@pytest.mark.parametrize("content", ["// mine\n{}", "[]", '{"yaml.schemas": 3}'])
def test_settings_of_vscode_that_are_no_plain_json_are_left_and_the_line_is_told(
    content: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".vscode").mkdir()
    settings = folder / ".vscode/settings.json"
    settings.write_text(content)
    assert main(["init", "--vscode"]) == 2
    assert 'add to it: "yaml.schemas": {".swarm/task.schema.json": ["task.yaml"]}' in capsys.readouterr().err
    assert settings.read_text() == content and not (folder / "task.yaml").exists()


def test_a_folder_that_is_a_file_is_told_with_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "work").write_text("")
    assert main(["init", "work/task.yaml"]) == 2
    assert "work cannot be written: " in capsys.readouterr().err


def test_with_json_the_files_and_the_next_commands_are_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "a b.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["written"] == ["a b.yaml", PLACE]
    assert document["next"][-1] == "swarm run 'a b.yaml'"
    assert main(["init", "--json", "--", "-x.yaml"]) == 0
    assert json.loads(capsys.readouterr().out)["next"][-1] == "swarm run ./-x.yaml"
