"""One owner a session, whatever processes do."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from events.log import Entry, open_log
from events.types.call import CallUnknown
from events.types.session import SessionClaimed
from tests.acceptance.processes import Held, running
from tests.acceptance.test_kill import run_until
from tests.provider import provider_thread
from tests.team import play, swarm

TASK = "prompt: Write a line about ants.\n"


async def entries_of(path: Path) -> list[Entry]:
    async with open_log(path, read_only=True) as log:
        return await log.read(limit=1000)


async def test_of_two_resumes_of_one_session_one_works_and_the_other_says_who_owns_it(tmp_path: Path) -> None:
    held = Held()
    with provider_thread(play) as provider:
        assert run_until(8, tmp_path, provider) == -9
    log = str(tmp_path / "log.db")
    with provider_thread(held) as provider:
        words = ("resume", "s1", "--log", log, "--endpoint", provider.url, "--model", "m", "--price", "1/2")
        with running(*words, home=tmp_path) as first:
            assert held.arrived.wait(20)
            second = swarm(*words, home=tmp_path, cwd=tmp_path)
            assert second.returncode == 2
            assert f"process {first.pid}" in second.stderr
            assert "--take-over" in second.stderr
            held.release()
            _, told = first.communicate(timeout=30)
            assert first.returncode == 0, told
    assert sum(isinstance(entry.event, SessionClaimed) for entry in await entries_of(tmp_path / "log.db")) == 2


async def test_an_owner_that_was_replaced_while_it_was_stopped_writes_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    log, held = str(tmp_path / "log.db"), Held()
    with provider_thread(held) as provider:
        words = ("run", "task.yaml", "--log", log, "--endpoint", provider.url, "--model", "m")
        with running(*words, home=tmp_path) as stopped:
            assert held.arrived.wait(20)
            stopped.send_signal(signal.SIGSTOP)
            refused = swarm("resume", "--log", log, home=tmp_path, cwd=tmp_path)
            assert refused.returncode == 2
            assert "is stopped" in refused.stderr
            assert f"kill -CONT {stopped.pid}" in refused.stderr
            taken = swarm("resume", "s1", "--log", log, "--take-over", home=tmp_path, cwd=tmp_path)
            assert taken.returncode == 0, taken.stderr
            before = await entries_of(tmp_path / "log.db")
            held.release()
            stopped.send_signal(signal.SIGCONT)
            _, told = stopped.communicate(timeout=30)
    assert stopped.returncode == 1
    assert "was taken over by" in told
    assert "Traceback" not in told
    assert await entries_of(tmp_path / "log.db") == before
    assert [entry.event.epoch for entry in before if isinstance(entry.event, SessionClaimed)] == [1, 2]
    assert sum(isinstance(entry.event, CallUnknown) for entry in before) == 1


async def test_ctrl_c_once_stops_cleanly_and_prints_the_resume_command(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    log, held = str(tmp_path / "log.db"), Held()
    with provider_thread(held) as provider:
        words = ("run", "task.yaml", "--log", log, "--endpoint", provider.url, "--model", "m", "--price", "1/2")
        with running(*words, "--budget", "$0.40", home=tmp_path) as process:
            assert held.arrived.wait(20)
            process.send_signal(signal.SIGINT)
            assert "stopping" in _line_with(process, "stopping")
            held.release()
            _, told = process.communicate(timeout=30)
            assert process.returncode == 130
            assert "swarm resume s1" in told
            # the call that was in flight was given its time: its answer is recorded, and not asked for again
            asked = len(provider.requests)
            resumed = swarm("resume", "--log", log, home=tmp_path, cwd=tmp_path)
            assert resumed.returncode == 0, resumed.stderr
            assert len(provider.requests) == asked + 1
    assert not [entry for entry in await entries_of(tmp_path / "log.db") if isinstance(entry.event, CallUnknown)]


async def test_ctrl_c_twice_ends_now_and_the_call_in_flight_is_maybe_paid(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    log, held = str(tmp_path / "log.db"), Held()
    with provider_thread(held) as provider:
        words = ("run", "task.yaml", "--log", log, "--endpoint", provider.url, "--model", "m", "--price", "1/2")
        with running(*words, "--budget", "$0.40", home=tmp_path) as process:
            assert held.arrived.wait(20)
            process.send_signal(signal.SIGINT)
            _line_with(process, "stopping")
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=8)
            held.release()
    assert process.returncode == 130
    assert "maybe paid" in told
    unknown = [entry.event for entry in await entries_of(tmp_path / "log.db") if isinstance(entry.event, CallUnknown)]
    assert len(unknown) == 1


async def test_a_term_signal_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    held = Held()
    with provider_thread(held) as provider:
        words = ("run", "task.yaml", "--log", str(tmp_path / "log.db"), "--endpoint", provider.url, "--model", "m")
        with running(*words, home=tmp_path) as process:
            assert held.arrived.wait(20)
            process.terminate()
            _line_with(process, "stopping")
            held.release()
            process.communicate(timeout=30)
    assert process.returncode == 143


def _line_with(process: subprocess.Popen[str], word: str) -> str:
    """Read stderr up to the line that holds a word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    return sys.exit(f"no line with {word}")
