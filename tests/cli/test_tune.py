"""`swarm tune`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from swarm.cli.main import main
from swarm.settings.load import load_settings
from tests.tui.recordings import at_home
from tests.tune.test_tune import AS_GOOD, WORSE
from tests.tune.worlds import World, entries_of, write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World, int], Path]:
    """A log of so many tasks of a world, written once."""

    @cache
    def log_of(world: World, tasks: int) -> Path:
        path = tmp_path_factory.mktemp("written") / "log.db"

        async def record() -> None:
            async with open_log(path) as log:
                await write(log, entries_of(world, 1, tasks=tasks, sessions=4))

        anyio.run(record)
        return path

    return log_of


@pytest.fixture
def recorded(home: Path, written: Callable[[World, int], Path]) -> Callable[[World, int], str]:
    return lambda world, tasks: str(shutil.copy(written(world, tasks), home / "log.db"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    assert main(["tune", "--log", log, "--trials", "25", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "swarm.tune/1"
    return found


def files(folder: Path) -> dict[str, bytes]:
    """All files but SQLite's own beside the log, which come and go with who reads it."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path): path.read_bytes() for path in found}


def test_a_proposal_is_a_diff_with_intervals_and_nothing_is_written(
    home: Path, recorded: Callable[[World, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded(AS_GOOD, 1_200)
    before = files(home)
    assert main(["tune", "--log", log, "--trials", "25"]) == 0
    page = capsys.readouterr().out
    found = asked(capsys, log)
    assert files(home) == before
    assert found["kind"] == "proposed" and found["proposal"]["changes"]
    for change in found["proposal"]["changes"]:
        last = change["key"].rpartition(".")[2]
        assert f"{last}: {change['new']}" in page or f"+ {last} = {change['new']}" in page
    measured = found["proposal"]["measured"]
    assert measured["cost"]["low"] <= measured["cost"]["value"] < measured["cost_recorded"]
    assert measured["accepted_change"]["low"] >= -found["margin"]
    assert f"effective sample size {measured['sample']:.1f} of {measured['groups']}" in page
    assert "not searched: judge: " in page


def test_lines_that_are_proposed_for_settings_are_settings(
    home: Path, recorded: Callable[[World, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, recorded(AS_GOOD, 1_200))
    tried = [found["proposal"], *found["front"]]
    lines = {(one["key"], one["new"]) for each in tried for one in each["changes"] if one["file"] == "settings"}
    assert lines
    for key, value in lines:
        (home / "config" / "swarm").mkdir(parents=True, exist_ok=True)
        table, _, name = key.rpartition(".")
        (home / "config" / "swarm" / "config.toml").write_text(f"[{table}]\n{name} = {value}\n")
        load_settings(home, environ={"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")})


def test_nothing_better_and_too_little_are_answers(
    home: Path, recorded: Callable[[World, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded(WORSE, 600)
    found = asked(capsys, log)
    assert (found["kind"], found["proposal"]) == ("nothing_better", None)
    assert main(["tune", "--log", log, "--trials", "25"]) == 0
    assert "nothing better was found: " in capsys.readouterr().out
    few = asked(capsys, log, "--since", "s4")
    assert (few["kind"], few["sessions"], few["tasks"], few["trials"]) == ("too_little", 1, 150, 0) or few["trials"]
    none = asked(capsys, log, "--since", "s9")
    assert (none["kind"], none["tasks"], none["more_tasks"]) == ("too_little", 0, 120)
    assert main(["tune", "--log", log, "--since", "s9"]) == 0
    assert "too little is recorded: " in capsys.readouterr().out


def test_the_same_log_gives_the_same_answer(
    home: Path, recorded: Callable[[World, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded(AS_GOOD, 400)
    assert asked(capsys, log, "--seed", "7") == asked(capsys, log, "--seed", "7")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--trials", "many"], "--trials 'many': a whole number from 1 to 10,000 is expected"),
        (["--trials", "0"], "--trials '0': a whole number from 1 to 10,000 is expected"),
        (["--seed", "-1"], "--seed"),
        (["--margin", "half"], "--margin 'half': percentage points from 0 to 100 are expected, such as 3"),
        (["--margin", "101"], "percentage points from 0 to 100 are expected"),
        (["--since", "spring"], "--since 'spring': write a time such as 2h or 30d, or a session such as s412"),
        (["--time", "0"], "is not a time of up to 30 days"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(
    words: list[str], sentence: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_without_a_log_it_says_how_to_begin(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune"]) == 2
    assert "nothing is recorded yet" in capsys.readouterr().err


def test_without_optuna_it_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune"]) == 2
    assert "pip install 'pheroswarm[tune]'" in capsys.readouterr().err
