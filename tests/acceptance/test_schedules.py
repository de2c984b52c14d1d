"""Schedules by the command line, with real processes: two starters at once, a run that is killed, one whose time is over."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from events.bus import follow
from events.log import NewEvent, open_log
from events.testing.contract import everything
from events.types.schedule import SCHEDULES, FiringDue, FiringOrphaned, FiringStarted, Rule, ScheduleSet
from events.types.session import SessionOpened
from events.views.base import fold
from events.views.schedules import ScheduleState, SchedulesView
from tests.acceptance.processes import Held, running
from tests.provider import provider_thread
from tests.team import play, swarm

S = 1_000_000
QUIET = {"SWARM_DISCOVER": "false"}


def log_of(home: Path) -> Path:
    return home / ".local/share/swarm/log.db"


def due_now(home: Path, *names: str, options: tuple[str, ...] = (), **rule: Any) -> None:
    """Set schedules of which a slot is due now, and the next one in an hour."""
    now = time.time_ns() // 1000 // S * S
    terms = Rule(every_s=3_600, anchor=now - 3_600 * S, **rule)
    (home / "task.yaml").write_text("prompt: Write a line.\n")

    async def write() -> None:
        async with open_log(log_of(home)) as log:
            for name in names:
                event = ScheduleSet(
                    schedule=name, directory=str(home), path="task.yaml", rule=terms, options=options, since=now - S
                )
                await log.append([NewEvent(event=event, topic=SCHEDULES)])

    anyio.run(write)


def state_of(home: Path, name: str) -> ScheduleState:
    async def read() -> ScheduleState:
        async with open_log(log_of(home), read_only=True) as log:
            return (await fold(log, SchedulesView())).schedules[name]

    return anyio.run(read)


def events_of(home: Path) -> list[Any]:
    async def read() -> list[Any]:
        async with open_log(log_of(home), read_only=True) as log:
            return [entry.event for entry in await everything(log)]

    return anyio.run(read)


def test_two_that_start_at_the_same_moment_run_each_firing_once(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        due_now(tmp_path, "docs", "news", options=(f"--endpoint={provider.url}",))
        words = ("schedule", "run-due")
        with running(*words, home=tmp_path, env=QUIET) as one, running(*words, home=tmp_path, env=QUIET) as other:
            said = [process.communicate(timeout=50)[1] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
    events = events_of(tmp_path)
    assert Counter(event.schedule for event in events if isinstance(event, FiringDue)) == {"docs": 1, "news": 1}
    opened = [event for event in events if isinstance(event, SessionOpened)]
    assert sorted(event.schedule for event in opened) == ["docs", "news"] and {event.type for event in opened} == {
        "cron"
    }
    assert "docs  done  s" in "".join(said)
    for name in ("docs", "news"):
        (firing,) = state_of(tmp_path, name).recent
        assert firing.status == "done" and firing.session
    assert swarm("schedule", "run-due", home=tmp_path, cwd=tmp_path).returncode == 0
    assert sum(isinstance(event, FiringDue) for event in events_of(tmp_path)) == 2, "nothing was due any more"


def test_what_waits_for_a_place_is_started_when_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text('[[line]]\nrole = "worker"\nsays = "A line."\n')
    due_now(tmp_path, "docs", "news", options=("--script=script.toml",))
    (tmp_path / "task.yaml").write_text("prompt: Write a line.\ncheck: {contains: line}\n")
    done = swarm("schedule", "run-due", "--most", "1", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (docs,), (news,) = (state_of(tmp_path, name).recent for name in ("docs", "news"))
    assert (docs.status, news.status) == ("done", "done") and news.at >= docs.ended_at


def test_a_run_that_is_killed_is_found_and_made_up_for_by_the_next_start(tmp_path: Path) -> None:
    held = Held()
    with provider_thread(held) as provider:
        due_now(tmp_path, "docs", options=(f"--endpoint={provider.url}", "--model=m"))
        with running("schedule", "run-due", home=tmp_path, env=QUIET) as starter:
            assert held.arrived.wait(30)
            starter.kill()  # and now the run: nobody is there to account for it
            (started,) = (event for event in events_of(tmp_path) if isinstance(event, FiringStarted))
            assert started.process.pid != starter.pid, "a run has a process of its own"
            os.kill(started.process.pid, signal.SIGKILL)
            held.release()
        done = swarm("schedule", "run-due", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = events_of(tmp_path)
    assert [event.nth for event in events if isinstance(event, FiringDue)] == [1, 2]
    assert sum(isinstance(event, FiringOrphaned) for event in events) == 1
    first, second = state_of(tmp_path, "docs").recent
    assert (first.status, second.status) == ("orphaned", "done") and second.goes_on == first.session == 1


def test_a_run_outlives_whoever_started_it_and_says_itself_how_it_ended(tmp_path: Path) -> None:
    held = Held()
    with provider_thread(held) as provider:
        due_now(tmp_path, "docs", options=(f"--endpoint={provider.url}", "--model=m"))
        with running("schedule", "run-due", home=tmp_path, env=QUIET) as starter:
            assert held.arrived.wait(30)
            starter.kill()
        again = swarm("schedule", "run-due", home=tmp_path, cwd=tmp_path)
        assert (again.returncode, again.stderr) == (0, ""), "it runs, so that there is nothing to do"
        (firing,) = state_of(tmp_path, "docs").running
        assert firing.process is not None
        held.release()
        while Path(f"/proc/{firing.process.pid}").exists():
            os.sched_yield()
    assert state_of(tmp_path, "docs").recent[-1].status == "done"


async def until(home: Path, kind: str) -> None:
    """Wait for an event."""
    async with open_log(log_of(home), read_only=True) as log:
        async for entries in follow(log, after=0):
            if any(entry.kind == kind for entry in entries):
                return


def test_a_run_whose_time_is_over_is_told_to_end_and_ends(tmp_path: Path) -> None:
    held = Held()
    with provider_thread(held) as provider:
        due_now(tmp_path, "docs", options=(f"--endpoint={provider.url}", "--model=m"), timeout_s=2)
        with running("schedule", "run-due", home=tmp_path, env=QUIET) as starter:
            assert held.arrived.wait(30)
            anyio.run(until, tmp_path, "firing.cancelled")
            held.release()  # a call in flight would get ten seconds
            said = starter.communicate(timeout=50)[1]
    (firing,) = state_of(tmp_path, "docs").recent
    assert (firing.status, starter.returncode) == ("timed out", 143), said
    assert firing.exit_code == 143 and "docs  timed out  s1" in said


def test_who_is_told_to_end_ends_what_it_started_and_waits_for_that(tmp_path: Path) -> None:
    held = Held()
    with provider_thread(held) as provider:
        due_now(tmp_path, "docs", options=(f"--endpoint={provider.url}", "--model=m"))
        with running("schedule", "run-due", home=tmp_path, env=QUIET) as starter:
            assert held.arrived.wait(30)
            starter.terminate()
            held.release()
            said = starter.communicate(timeout=50)[1]
    state = state_of(tmp_path, "docs")
    assert not state.open and state.recent[-1].status in ("interrupted", "done"), said
    assert starter.returncode == state.recent[-1].exit_code


def test_a_firing_whose_file_or_folder_is_gone_is_recorded_with_the_sentence(tmp_path: Path) -> None:
    due_now(tmp_path, "docs")
    (tmp_path / "task.yaml").unlink()
    done = swarm("schedule", "run-due", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    (firing,) = state_of(tmp_path, "docs").recent
    assert firing.exit_code == 2 and firing.detail.startswith("task.yaml: the file cannot be read")
    assert firing.detail in done.stderr and "docs  failed" in done.stderr


def test_a_run_in_which_every_task_is_skipped_had_nothing_to_do(tmp_path: Path) -> None:
    due_now(tmp_path, "docs", options=("--endpoint=http://127.0.0.1:9/v1", "--model=m"))
    (tmp_path / "task.yaml").write_text("vars: {news: false}\nprompt: Write of the news.\nwhen: vars.news\n")
    done = swarm("schedule", "run-due", "--json", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (firing,) = state_of(tmp_path, "docs").recent
    assert firing.status == "idle" and firing.idle
    assert json.loads(done.stdout)["ended"][0]["status"] == "idle"
