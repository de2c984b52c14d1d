"""`swarm doctor --fix`: what was left behind or stands open is found, mended without losing anything, and mended once."""

from __future__ import annotations

import json
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from swarm.cli.main import main
from swarm.tools.workcopy import left_copies, open_work_copy, sweep
from tests.cli.test_doctor import found
from tests.tui.recordings import at_home, recorded_log


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a data folder and a log in it, in whose project we stand."""
    at_home(tmp_path, monkeypatch)
    data = tmp_path / "home/swarm"
    data.mkdir(parents=True, mode=0o700)
    made = Path(recorded_log(tmp_path, monkeypatch))
    for part in tmp_path.glob("log.db*"):
        part.rename(data / part.name)
    assert made.name == "log.db"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def data(home: Path) -> Path:
    return home / "home/swarm"


def open_the_data_folder(home: Path) -> None:
    data(home).chmod(0o755)


def open_what_runs_said(home: Path) -> None:
    runs = data(home) / "log.runs"
    runs.mkdir()
    (runs / "s1.log").write_text("The result.")
    runs.chmod(0o777)


def open_the_key(home: Path) -> None:
    (data(home) / "log.db.key").write_bytes(b"k" * 32)
    (data(home) / "log.db.key").chmod(0o640)


def write_an_old_schema(home: Path) -> None:
    place = home / "project/.swarm/task.schema.json"
    place.parent.mkdir()
    place.write_text('{"title": "an older one"}')


def leave_a_copy(home: Path) -> None:
    left = home / "temporary/swarm-copy-left"
    (left / "project").mkdir(parents=True)
    (left / "lock").touch()


def make_a_repository_of_it(home: Path) -> None:
    subprocess.run(["git", "init", "-q", str(home)], check=True)
    (home / ".gitignore").write_text("*.pyc")


BROKEN: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "log": (open_the_key, "warn"),
    "data folder": (open_the_data_folder, "warn"),
    "what runs said": (open_what_runs_said, "fail"),
    "work copies": (leave_a_copy, "warn"),
    "schema": (write_an_old_schema, "warn"),
    "git": (make_a_repository_of_it, "warn"),
}
"""By the finding that tells of it what breaks something, and how bad that is."""


def test_what_is_broken_is_found_left_alone_mended_once_and_not_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not any(one["fixable"] for one in found(capsys).values())
    for broken, _ in BROKEN.values():
        broken(home)
    for _ in range(2):  # to look changes nothing
        findings = found(capsys, code=1)
        assert {name: one["state"] for name, one in findings.items() if one["fixable"]} == {
            name: state for name, (_, state) in BROKEN.items()
        }
        assert all(findings[name]["remedy"] for name in BROKEN)
    assert mended(capsys) == list(BROKEN)
    assert mended(capsys) == []


def mended(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The names of what `--fix` says that it mended."""
    assert main(["doctor", "--fix", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert not any(one["fixable"] for one in findings)
    return [one["name"] for one in findings if one["said"].startswith("mended: ")]


def test_mending_loses_nothing(home: Path) -> None:
    for broken in (open_what_runs_said, open_the_key, make_a_repository_of_it):
        broken(home)
    assert main(["doctor", "--fix"]) == 0
    runs = data(home) / "log.runs"
    assert (runs / "s1.log").read_text() == "The result."
    assert stat.S_IMODE(runs.stat().st_mode) == 0o700
    assert stat.S_IMODE((data(home) / "log.db.key").stat().st_mode) == 0o600
    assert (home / ".gitignore").read_text().splitlines()[0] == "*.pyc"
    (home / "a.txt").write_text("")
    shown = subprocess.run(
        ["git", "-C", str(home), "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True
    )
    assert [line for line in shown.stdout.splitlines() if "log." in line] == []
    assert "?? a.txt" in shown.stdout.splitlines()


async def test_a_work_copy_that_is_in_use_is_none_that_was_left(home: Path) -> None:
    async with open_work_copy(Path.cwd()) as copy:
        leave_a_copy(home)
        assert copy.path.is_relative_to(home / "temporary")
        assert [left.name for left in left_copies(Path.cwd())] == ["swarm-copy-left"]
        sweep(Path.cwd())
        assert copy.path.is_dir() and left_copies(Path.cwd()) == []
