"""`swarm completion`: the scripts are loaded by the real shells, which are then asked what they offer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from swarm.cli.grammar import spoken_commands
from swarm.cli.main import COMMANDS, main
from tests.tui.recordings import at_home, recorded_log

ROOT = Path(__file__).parents[2]
NAMES = [name for group in COMMANDS.values() for name in group]

_ASK = """
eval "$(cat "$1")" || exit 9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_swarm
printf '%s\\n' "${COMPREPLY[@]}"
"""


def program(name: str) -> str:
    """The path of a shell; the test is skipped by its name where it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "swarm.cli.main", "completion", shell],
            env={"HOME": str(folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        (folder / shell).write_text(done.stdout)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with task files and others, and `swarm` in PATH."""
    at_home(tmp_path, monkeypatch)
    for name in ("task.yaml", "my plan.yml", "notes.txt", "brief.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/swarm"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m swarm.cli.main "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path


def offered(scripts: Path, *words: str) -> list[str]:
    """What bash offers behind `swarm`, for the last of the words."""
    done = subprocess.run(
        [program("bash"), "--norc", "--noprofile", "-c", _ASK, "-", str(scripts / "bash"), "swarm", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


def test_bash_completes_the_beginning_of_a_command(scripts: Path) -> None:
    assert offered(scripts, "ru") == ["run"]
    assert offered(scripts, "re") == [name for name in NAMES if name.startswith("re")]
    assert set(NAMES) <= set(offered(scripts, ""))


def test_bash_completes_the_beginning_of_an_option_and_the_values_that_it_takes(scripts: Path) -> None:
    assert offered(scripts, "run", "--pro") == ["--progress"]
    assert offered(scripts, "run", "--progress", "p") == ["plain"]
    assert offered(scripts, "run", "--progress", "=", "j") == ["json"]
    assert offered(scripts, "run", "--progress", "=") == ["auto", "live", "plain", "json", "none"]
    assert "--no-input" in offered(scripts, "cost", "--")
    assert "--local" not in offered(scripts, "cost", "--")


def test_bash_finds_the_command_behind_options_that_stand_before_it(scripts: Path) -> None:
    assert offered(scripts, "-C", "cost", "--json", "cost", "w") == ["week"]
    assert offered(scripts, "--color", "never", "ver") == ["verify"]


def test_bash_offers_task_files_and_folders_where_a_task_file_goes(scripts: Path, project: Path) -> None:
    assert sorted(offered(scripts, "run", "")) == ["bin", "brief.md", "my plan.yml", "task.yaml", "tasks"]
    assert offered(scripts, "validate", "my") == ["my plan.yml"]
    assert "notes.txt" in offered(scripts, "show", "--log", "")


def test_bash_offers_the_newest_sessions_where_one_is_named(
    scripts: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered(scripts, "show", "") == [], "without a log there is none"
    monkeypatch.setenv("SWARM_LOG", recorded_log(project, monkeypatch))
    assert offered(scripts, "show", "s") == ["s1"]
    assert offered(scripts, "replay", "") == ["s1"]


def test_bash_offers_nothing_for_a_value_that_only_the_user_knows(scripts: Path, project: Path) -> None:
    assert offered(scripts, "run", "--budget", "") == []
    assert offered(scripts, "run", "--only", "") == []


def test_zsh_loads_its_script_and_knows_the_command(scripts: Path, tmp_path: Path) -> None:
    zsh = program("zsh")
    subprocess.run([zsh, "-n", str(scripts / "zsh")], check=True)
    load = f'autoload -Uz compinit && compinit -u -d {tmp_path}/dump && eval "$(cat {scripts}/zsh)" && print $_comps[swarm]'
    done = subprocess.run([zsh, "-f", "-c", load], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("_swarm\n", "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("swarm ru", ["run"]), ("swarm run --pro", ["--progress"]), ("swarm cost w", ["week"])],
)
def test_fish_completes_commands_options_and_values(line: str, expected: list[str], scripts: Path) -> None:
    fish = program("fish")
    asked = f"source {scripts}/fish; complete -C '{line}'"
    done = subprocess.run([fish, "--no-config", "-c", asked], capture_output=True, text=True, check=True)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == expected


def test_every_command_and_option_is_in_every_script(scripts: Path) -> None:
    commands = spoken_commands()
    assert [command.name for command in commands] == NAMES
    for shell in ("bash", "zsh"):
        script = (scripts / shell).read_text()
        for command in commands:
            names = [name for option in command.options for name in option.names]
            assert "--help" in names and all(name in script for name in names)
    fish = (scripts / "fish").read_text()
    assert all(f"-a {name} -d" in fish for name in NAMES)


def test_without_a_shell_the_three_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 2
    assert "name the shell: bash, zsh, fish" in capsys.readouterr().err
    assert main(["completion", "tcsh"]) == 2


def test_with_json_the_script_stands_in_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shell"] == "bash" and "complete -F _swarm swarm" in document["script"]
