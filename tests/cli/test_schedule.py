"""`swarm schedule`: what is said of schedules is recorded, shown, and refused where it makes no sense."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.team import swarm

SCRIPT = '[[line]]\nrole = "worker"\nsays = "An ant carries a leaf."\n'
TASK = "prompt: Write a line about ants.\ncheck: {contains: leaf}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.toml").write_text(SCRIPT)
    (tmp_path / "ants.yaml").write_text(TASK)
    return tmp_path


def schedule(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return swarm("schedule", *words, home=folder, cwd=folder)


def document(folder: Path, *words: str) -> dict[str, Any]:
    done = schedule(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_schedule_from_its_first_day_to_its_last(folder: Path) -> None:
    assert "no schedule is set" in schedule(folder).stderr
    rule = ("--cron", "30 6 * * 1-5", "--tz", "Europe/Berlin", "--end", "2099-12-31", "--overlap", "queue")
    added = schedule(folder, "add", "ants", "ants.yaml", *rule, "--script", "script.toml")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("ants is set: ants.yaml, 30 6 * * 1-5 Europe/Berlin\n  due next   ")
    shown = document(folder, "show", "ants")
    assert shown["options"] == ["--script=script.toml"] and shown["rule"]["overlap"] == "queue"
    assert (shown["state"], shown["directory"]) == ("on", str(folder.resolve()))
    coming = document(folder, "next", "ants", "--count", "3")["next"]
    assert len(coming) == 3 and coming[0]["due"] == shown["next"]

    run = schedule(folder, "run", "ants", "--budget", "5k")
    assert (run.returncode, run.stdout) == (0, "An ant carries a leaf.\n"), run.stderr
    (last,) = document(folder, "show", "ants")["recent"]
    assert (last["status"], last["session"], last["by_hand"]) == ("done", "s1", True)
    assert "a person started ants" in schedule(folder, "history", "ants").stdout
    assert json.loads(swarm("ps", "--json", home=folder, cwd=folder).stdout)["sessions"][0]["type"] == "cron"

    assert schedule(folder, "pause", "ants", "--reason", "holiday").stdout == "ants is paused\n"
    assert "holiday" in schedule(folder, "show", "ants").stdout
    assert "is paused already" in schedule(folder, "pause", "ants").stderr
    assert document(folder, "list")["schedules"][0]["next"] is None
    assert "ants goes on" in schedule(folder, "resume", "ants").stdout
    assert "is not paused" in schedule(folder, "resume", "ants").stderr
    again = schedule(folder, "add", "ants", "ants.yaml", "--every", "20m")
    assert again.stdout.startswith("ants has another rule now: ants.yaml, every 20m\n")
    row = schedule(folder).stdout.splitlines()[1]
    assert row.split()[0] == "ants" and "every 20m" in row and "✔1 ✘0" in row
    assert schedule(folder, "rm", "ants").stdout == "ants is removed\n"
    assert document(folder, "list")["schedules"] == []
    gone = schedule(folder, "show", "ants")
    assert gone.returncode == 2 and "there is no schedule 'ants'" in gone.stderr


def test_a_file_says_when_it_is_run_and_options_go_before_it(folder: Path) -> None:
    (folder / "daily.yaml").write_text(f"{TASK}schedule: {{cron: '@daily', tz: Asia/Tokyo, retries: 2, jitter: 5m}}\n")
    assert swarm("run", "daily.yaml", "--script", "script.toml", home=folder, cwd=folder).returncode == 0
    assert schedule(folder, "add", "daily", "daily.yaml").returncode == 0
    rule = document(folder, "show", "daily")["rule"]
    assert (rule["cron"], rule["zone"], rule["retries"], rule["jitter_s"]) == ("@daily", "Asia/Tokyo", 2, 300)
    assert schedule(folder, "add", "daily", "daily.yaml", "--every", "2h", "--retries", "0").returncode == 0
    rule = document(folder, "show", "daily")["rule"]
    assert (rule["cron"], rule["every_s"], rule["retries"], rule["jitter_s"]) == ("", 7_200, 0, 300)


def test_what_a_run_takes_is_taken_by_one_that_is_started_by_hand(folder: Path) -> None:
    assert schedule(folder, "add", "ants", "ants.yaml", "--cron", "@daily").returncode == 0
    dry = schedule(folder, "run", "ants", "--script", "script.toml", "--dry-run")
    assert dry.returncode == 0 and document(folder, "show", "ants")["recent"] == []
    run = schedule(folder, "run", "ants", "--script", "script.toml", "--json")
    assert json.loads(run.stdout)["tasks"][0]["status"] == "accepted", run.stderr
    wrong = schedule(folder, "run", "ants", "--script", "none.toml")
    assert wrong.returncode == 2
    assert [each["status"] for each in document(folder, "show", "ants")["recent"]] == ["failed", "done"]


def test_commands_of_a_file_are_confirmed_when_it_is_set_since_at_night_nobody_can_be_asked(folder: Path) -> None:
    (folder / "ants.yaml").write_text("prompt: Write a line.\ncheck: {run: 'true'}\n")
    refused = schedule(folder, "add", "ants", "ants.yaml", "--cron", "@daily")
    assert refused.returncode == 5 and "swarm trust ants.yaml" in refused.stderr
    assert schedule(folder, "add", "ants", "ants.yaml", "--cron", "@daily", "--trust").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "ants"), "`swarm schedule add` needs FILE"),
        (("add", "Ants", "ants.yaml", "--cron", "@daily"), "'Ants' cannot be the name of a schedule"),
        (("add", "ants", "ants.yaml"), "nothing says when; say when with a cron expression"),
        (("add", "ants", "ants.yaml", "--cron", "0 0 * *"), "--cron: '0 0 * *' has 4 fields"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--every", "2h"), "cron and every exclude each other"),
        (("add", "ants", "ants.yaml", "--every", "5s"), "--every: '5s' is not a time from 1m to 30d"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--jitter", "2h"), "'2h' is not a time up to 1h"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--tz", "Mars"), "'Mars' is no time zone known here"),
        (
            ("add", "ants", "ants.yaml", "--cron", "@daily", "--end", "2020-01-01"),
            "is not behind the start, or has passed",
        ),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--end", "soon"), "write 2026-11-22 or 2026-11-22T06:30"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--retries", "11"), "'11' is not from 0 to 10"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--catch-up", "al"), "known: skip, once, all"),
        (("add", "ants", "aunts.yaml", "--cron", "@daily"), "did you mean 'ants.yaml'?"),
        (("add", "ants", "ants.yaml", "--cron", "@daily", "--count", "3"), "--count goes with `swarm schedule next`"),
        (("list", "--every", "2h"), "--every goes with `swarm schedule add`"),
        (("show", "ants", "more"), "has no use for 'more'"),
        (("run", "ants", "--watch"), "--watch goes with `swarm run`"),
        (("run-due", "--most", "0"), "write a number from 1 to 1000"),
        (("pause", "nobody"), "nothing is recorded yet"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_to_do(words: tuple[str, ...], said: str, folder: Path) -> None:
    done = schedule(folder, *words)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not (folder / ".local/share/swarm/log.db").exists(), "nothing was recorded"


def test_without_a_log_nothing_is_due(folder: Path) -> None:
    done = schedule(folder, "run-due")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
