"""Caps as the installed command changes them: halted, told what to type, raised, gone on."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.acceptance.test_run import HELLO
from tests.provider import provider_thread
from tests.team import play, swarm


def test_a_halted_session_says_what_to_type_and_goes_on_by_exactly_that(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        events = swarm("log", home=tmp_path, cwd=tmp_path).stdout
        again = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert again.returncode == 3
        assert "s1 would only halt again: the budget of s1 has $0.000001 of $0.000001 left" in again.stderr
        assert swarm("log", home=tmp_path, cwd=tmp_path).stdout == events, "nothing was begun that could not go on"
        told = re.search(r"`swarm (resume s1 --raise [^`]*)`", again.stderr)
        assert told is not None
        done = swarm(*shlex.split(told[1]), home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "the cap of s1 is $0.01" in done.stderr and "it was $0.000001" in done.stderr
    shown = json.loads(swarm("budget", "s1", "--json", home=tmp_path, cwd=tmp_path).stdout)
    own = next(cap for cap in shown["caps"] if cap["scope"] == "s1" and cap["unit"] == "usd")
    assert own["cap_nanos"] == 10_001_000 and own["from"].startswith("set by ")
    assert 0 < own["spent_nanos"] <= own["cap_nanos"]


CHAIN = """
budget: $0.000001
tasks:
  first: {prompt: Say hello, check: {contains: hello}}
  then: {prompt: Say hello, check: {contains: hello}, needs: first}
"""


def test_the_last_line_of_a_run_that_a_cap_halted_is_one_with_which_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        halted = swarm(*words, home=tmp_path, cwd=tmp_path)
        told = re.search(r"go on with: swarm (.*)", halted.stderr)
        assert told is not None
        assert f"`swarm {told[1]}`" in swarm("show", home=tmp_path, cwd=tmp_path).stderr
        done = swarm(*shlex.split(told[1]), home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_last_line_of_a_run_that_nobody_said_yes_to_says_yes(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        asked = swarm("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", home=tmp_path, cwd=tmp_path)
        assert asked.returncode == 5
        assert "go on with: swarm resume s1 --yes\n" in asked.stderr
        assert swarm("resume", "s1", "--yes", home=tmp_path, cwd=tmp_path).returncode == 0


def test_a_resume_begins_nothing_where_all_that_is_left_waits_for_what_a_cap_halted(tmp_path: Path) -> None:
    (tmp_path / "chain.yaml").write_text(CHAIN)
    with provider_thread(play) as provider:
        words = ("run", "chain.yaml", "--endpoint", provider.url, "--price", "1/2")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        events = swarm("log", home=tmp_path, cwd=tmp_path).stdout
        again = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert (again.returncode, swarm("log", home=tmp_path, cwd=tmp_path).stdout) == (3, events)
        assert "s1 would only halt again" in again.stderr


def test_a_run_that_says_nothing_but_errors_says_what_a_cap_halted(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--quiet", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        halted = swarm(*words, home=tmp_path, cwd=tmp_path)
    assert (halted.returncode, halted.stdout) == (3, "")
    (line,) = halted.stderr.splitlines()
    assert re.match(r"s1/\S+  halted: the budget of s1 has \$0\.000001 of", line)


def test_raising_what_did_not_halt_it_is_refused_with_what_did(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        tokens = swarm("resume", "--raise", "+20k", home=tmp_path, cwd=tmp_path)
        assert tokens.returncode == 2
        assert "the cap in dollars of s1 did; go on with `swarm resume s1 --raise '+$" in tokens.stderr
        lower = swarm("resume", "--raise", "$0.0000001", home=tmp_path, cwd=tmp_path)
        assert lower.returncode == 2 and "would not raise it" in lower.stderr
        both = swarm("resume", "--raise", "+$1", "--budget", "$1", home=tmp_path, cwd=tmp_path)
        assert both.returncode == 2 and "name one of them" in both.stderr


def test_the_budget_of_a_resume_goes_before_a_cap_that_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        assert swarm("budget", "set", "s1", "$0.000002", home=tmp_path, cwd=tmp_path).returncode == 0
        done = swarm("resume", "--budget", "$0.10", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_cap_that_a_person_gave_a_session_is_a_yes_to_paid_calls(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 5
        assert swarm("resume", home=tmp_path, cwd=tmp_path).returncode == 5
        assert swarm("budget", "set", "s1", "$0.10", home=tmp_path, cwd=tmp_path).returncode == 0
        done = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def write_settings(home: Path, text: str) -> None:
    (home / ".config/swarm").mkdir(parents=True)
    (home / ".config/swarm/config.toml").write_text(text)


def test_the_cap_of_each_schedule_is_shown_and_raised_also_for_one_that_the_settings_do_not_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    write_settings(tmp_path, "[budget]\nschedule_usd = '0.000001'\n")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--schedule", "weekly", "--yes")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        shown = json.loads(swarm("budget", "s1", "--json", home=tmp_path, cwd=tmp_path).stdout)
        caps = {cap["scope"]: cap["from"] for cap in shown["caps"] if cap["unit"] == "usd"}
        assert "config.toml" in caps["schedule:weekly"]
        again = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert "the budget of schedule:weekly has $0.000001 of $0.000001 left" in again.stderr
        done = swarm("resume", "--raise", "+$0.01", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_cap_of_a_sessions_project_is_raised_from_any_folder(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "task.yaml").write_text(HELLO)
    write_settings(tmp_path, "[budget]\nproject_usd = '0.000001'\n")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--yes")
        assert swarm(*words, home=tmp_path, cwd=project).returncode == 3
        done = swarm("resume", "s1", "--raise", "+$0.01", home=tmp_path, cwd=elsewhere)
        assert done.returncode == 0, done.stderr
        assert "the cap of project:project is $0.01 now" in done.stderr


def test_a_task_that_failed_at_its_cap_goes_on_as_the_refusal_of_raise_says(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO + "budget: {tokens: 100, on_exceed: fail}\n")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url)
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        refused = swarm("resume", "--raise", "+$1", home=tmp_path, cwd=tmp_path)
        assert refused.returncode == 2
        told = re.search(r"the cap in tokens of s1 did; go on with `swarm (resume s1 --raise [^`]*)`", refused.stderr)
        assert told is not None, refused.stderr
        done = swarm(*shlex.split(told[1]), home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
