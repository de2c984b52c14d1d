"""A command of a task is bounded in time and output, knows no key, and leaves no process behind."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import anyio
import pytest

from swarm.tools.command import CommandNotStarted, Outcome, Wrap, run_command


async def run(command: str, cwd: Path, *, timeout_s: float = 20, limit: int = 65_536, **env: str) -> Outcome:
    return await run_command(command, cwd=cwd, env=env, timeout_s=timeout_s, output_limit=limit)


async def gone(pid: int) -> None:
    """Wait until a process is no more, or only waits to be reaped by whoever adopted it."""
    with anyio.fail_after(10):
        while _alive(pid):  # noqa: ASYNC110 - nobody tells us of the end of a process that is not our child
            await anyio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text() if sys.platform == "linux" else ") R"
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


async def test_a_command_tells_its_exit_code_and_what_it_printed_in_order(tmp_path: Path) -> None:
    outcome = await run("echo one; echo two >&2; echo three; exit 3", tmp_path)
    assert (outcome.exit_code, outcome.output, outcome.cut, outcome.timed_out) == (3, "one\ntwo\nthree\n", False, False)


async def test_a_command_runs_in_its_folder_and_has_nothing_to_read(tmp_path: Path) -> None:
    outcome = await run("pwd -P; cat; echo end", tmp_path)
    assert outcome.output == f"{tmp_path.resolve()}\nend\n"


async def test_no_key_of_ours_reaches_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-value")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret-value@proxy")
    monkeypatch.setenv("LC_TIME", "C")
    outcome = await run("env", tmp_path, SWARM_TASK="s1/build", PYTHONPATH="given")
    found = dict(line.split("=", 1) for line in outcome.output.splitlines())
    assert "secret-value" not in outcome.output
    assert set(found) <= {
        *(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "LANG",
            "LANGUAGE",
            "LC_TIME",
            "LC_ALL",
            "LC_CTYPE",
            "TZ",
            "TERM",
            "TMPDIR",
        ),
        *("SWARM_TASK", "PYTHONPATH", "PWD", "OLDPWD", "SHLVL", "_"),
    }
    assert (found["TERM"], found["SWARM_TASK"], found["PYTHONPATH"]) == ("dumb", "s1/build", "given")
    assert not Path(found["TMPDIR"]).exists()


async def test_a_command_that_takes_too_long_is_ended_and_keeps_what_it_said(tmp_path: Path) -> None:
    outcome = await run("echo begun; sleep 600", tmp_path, timeout_s=0.3)
    assert (outcome.exit_code, outcome.timed_out, outcome.output) == (None, True, "begun\n")
    assert outcome.duration_s < 10


async def test_a_command_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done"
    outcome = await run(script, tmp_path, timeout_s=0.5)
    assert outcome.timed_out
    await gone(int((tmp_path / "pid").read_text()))


async def test_a_sleeping_grandchild_ends_with_its_command(tmp_path: Path) -> None:
    outcome = await run("sh -c 'sleep 600 & echo $! > pid; wait'", tmp_path, timeout_s=0.5)
    assert outcome.timed_out
    await gone(int((tmp_path / "pid").read_text()))


async def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    outcome = await run("sleep 600 & echo $! > pid; sleep 600 >/dev/null 2>&1 & echo $! >> pid; echo done", tmp_path)
    assert (outcome.exit_code, outcome.output) == (0, "done\n")
    assert outcome.duration_s < 10
    for pid in (tmp_path / "pid").read_text().split():
        await gone(int(pid))


async def test_a_process_out_of_reach_that_holds_the_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    script = "import os, time; os.setsid(); open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    command = f'"{sys.executable}" -c "{script}" & while [ ! -s pid ]; do sleep 0.02; done; echo done'
    outcome = await run(command, tmp_path)
    try:
        assert (outcome.exit_code, outcome.output) == (0, "done\n")
        assert outcome.duration_s < 15
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_cancelling_ends_the_command_and_its_children(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    script = "trap '' TERM; sleep 600 & echo $! > pid; echo $$ >> pid; echo > begun; wait; wait"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, script, tmp_path)
        await anyio.to_thread.run_sync((tmp_path / "begun").read_text)
        tasks.cancel_scope.cancel()
    pids = (tmp_path / "pid").read_text().split()
    assert len(pids) == 2
    for pid in pids:
        await gone(int(pid))


async def test_endless_output_is_cut_in_bounded_memory_and_keeps_head_and_tail(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await run(
        "echo first; head -c 300000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo; echo last", tmp_path
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert outcome.output.startswith("first\nxxx")
    assert outcome.output.endswith("\nlast\n")
    assert outcome.cut
    assert len(outcome.output) < 65_536 + 100
    assert grown < 50_000 * (1 if sys.platform == "linux" else 1024)  # kilobytes on Linux, bytes on macOS


async def test_output_is_cut_between_lines_and_says_how_much_is_missing(tmp_path: Path) -> None:
    outcome = await run("seq 1 1000", tmp_path, limit=100)
    lines = outcome.output.splitlines()
    mark = next(line for line in lines if "left out" in line)
    kept = [line for line in lines if line != mark]
    missing = 3893 - sum(len(line) + 1 for line in kept)
    assert mark == f"[{missing:,} bytes left out]"
    assert kept == [str(n) for n in range(1, len(kept) + 1) if n <= lines.index(mark)] + [
        str(n) for n in range(1001 - (len(lines) - 1 - lines.index(mark)), 1001)
    ]


async def test_output_that_just_fits_is_whole(tmp_path: Path) -> None:
    outcome = await run("printf 0123456789", tmp_path, limit=10)
    assert (outcome.output, outcome.cut) == ("0123456789", False)
    assert (await run("printf 01234567890", tmp_path, limit=10)).cut


async def test_no_core_file_is_written(tmp_path: Path) -> None:
    outcome = await run("ulimit -c; ulimit -Hc; kill -SEGV $$", tmp_path)
    assert outcome.output == "0\n0\n"
    assert outcome.exit_code == -signal.SIGSEGV


async def test_a_sandbox_can_stand_before_the_command(tmp_path: Path) -> None:
    wrap = Wrap(words=("/usr/bin/env", "WRAPPED=yes"))
    outcome = await run_command("echo $WRAPPED", cwd=tmp_path, env={}, timeout_s=20, wrap=wrap)
    assert outcome.output == "yes\n"


@pytest.mark.parametrize(("command", "folder"), [("true", "missing"), ("a\0b", ".")])
async def test_a_command_that_cannot_be_started_says_why(tmp_path: Path, command: str, folder: str) -> None:
    with pytest.raises(CommandNotStarted, match="could not be started"):
        await run(command, tmp_path / folder)
