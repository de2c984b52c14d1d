"""A command that takes more of the machine than it may is ended, with all that it started, and the outcome says why."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import anyio
import pytest

from swarm.tools.command import Outcome, run_command
from swarm.tools.limits import GIBIBYTE, MEBIBYTE, Limits, usual_limits
from swarm.tools.sandbox.box import Sandbox
from swarm.tools.watch import size_of, use_of
from tests.tools.boxes import box_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process uses")

BACKENDS = ("bubblewrap", "landlock", "none")
SMALL = Limits(
    memory_bytes=200 * MEBIBYTE,
    processes=100,
    disk_bytes=64 * MEBIBYTE,
    file_bytes=GIBIBYTE,
    output_bytes=32 * MEBIBYTE,
)


@pytest.fixture(scope="module", params=BACKENDS)
async def box(request: pytest.FixtureRequest) -> Sandbox:
    return await box_of(request.param)


async def run(command: str, box: Sandbox, top: Path, *, timeout_s: float = 30, limits: Limits = SMALL) -> Outcome:
    copy, temp = top / "copy", top / "tmp"
    for folder in (copy, temp):
        folder.mkdir(exist_ok=True)
    wrap = box.wrap(copy=copy, temp=temp)
    return await run_command(command, cwd=copy, env={}, timeout_s=timeout_s, temp=temp, wrap=wrap, limits=limits)


def python(code: str) -> str:
    return f"exec {shlex.join((sys.executable, '-I', '-S', '-c', code))}"


async def gone(words: str) -> None:
    """Wait until no process has these words in its command line."""
    with anyio.fail_after(10):
        while any(words in line for line in _command_lines()):  # noqa: ASYNC110 - nobody tells us of the end of others
            await anyio.sleep(0.01)


def _command_lines() -> list[str]:
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(place.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return found


async def test_a_fork_bomb_is_ended(box: Sandbox, tmp_path: Path) -> None:
    if not box.counted and not box.groups:
        pytest.skip("the system bounds the processes of a command only for others than root, or by control groups")
    bomb = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01) # 4ab1"
    outcome = await run(python(bomb), box, tmp_path)
    assert outcome.how == "had more than 100 processes and was ended"
    await gone("4ab1")


async def test_a_fork_bomb_that_is_over_at_once_is_told_too(box: Sandbox, tmp_path: Path) -> None:
    if not box.groups:
        pytest.skip("no control groups can be made here, and nobody else counts what was refused")
    outcome = await run("bomb() { bomb | bomb & }; bomb; sleep 60", box, tmp_path)
    assert outcome.how == "had more than 100 processes and was ended"


async def test_a_hog_of_memory_is_ended(box: Sandbox, tmp_path: Path) -> None:
    outcome = await run(python("held = []\nwhile True: held.append(bytes([1]) * 4_000_000)"), box, tmp_path)
    assert outcome.how == "used more than 200 MiB of memory and was ended"


async def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    nothing = await box_of("none")
    sharing = (
        "import os, time\nheld = bytes([1]) * 120_000_000\nready, tell = os.pipe()\n"
        "for _ in range(3):\n    if not os.fork(): os.write(tell, b'.'); time.sleep(0.5); os._exit(0)\n"
        "os.read(ready, 1); os.read(ready, 1); os.read(ready, 1)\nfor _ in range(3): os.wait()\nprint('done')"
    )
    assert (await run(python(sharing), nothing, tmp_path)).output == "done\n"


async def test_ten_gigabytes_of_output_are_counted_and_not_kept(box: Sandbox, tmp_path: Path) -> None:
    outcome = await run("echo first; yes | head -c 10000000000", box, tmp_path)
    assert outcome.how == "printed more than 32 MiB and was ended"
    assert outcome.output.startswith("first\ny\n")
    assert len(outcome.output) < 65_536 + 100
    assert outcome.output_bytes > SMALL.output_bytes


@pytest.mark.parametrize(
    "filling",
    ["head -c 1000000000 /dev/zero >big; sleep 60", "exec 3>big; rm big; head -c 1000000000 /dev/zero >&3; sleep 60"],
    ids=["in a file", "in a file without a name"],
)
async def test_a_command_that_fills_the_disk_is_ended(filling: str, box: Sandbox, tmp_path: Path) -> None:
    outcome = await run(filling, box, tmp_path)
    assert outcome.how == "wrote more than 64 MiB and was ended"


async def test_one_file_has_its_own_limit(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=GIBIBYTE, processes=100, file_bytes=MEBIBYTE)
    outcome = await run("head -c 2000000 /dev/zero >big; wc -c <big", await box_of("none"), tmp_path, limits=limits)
    assert outcome.output.split()[-1] == str(MEBIBYTE)


async def test_a_sleeping_child_and_one_that_ignores_the_request_to_end_are_ended(box: Sandbox, tmp_path: Path) -> None:
    command = "(trap '' TERM; while :; do sleep 0.1; done) & sleep 600 # 77c0"
    outcome = await run(command, box, tmp_path, timeout_s=0.3)
    assert (outcome.exit_code, outcome.timed_out, outcome.how) == (None, True, "took longer than 0.3 s and was ended")
    await gone("77c0")


async def test_what_goes_to_the_background_ends_with_its_command(box: Sandbox, tmp_path: Path) -> None:
    if "processes" in box.missing and not box.groups:
        pytest.skip(f"{box.backend} says that it cannot keep processes")
    command = "(setsid sh -c 'setsid sleep 6123 >/dev/null 2>&1 &' &); setsid sleep 6123 >/dev/null 2>&1 & echo done"
    outcome = await run(command, box, tmp_path)
    assert (outcome.how, outcome.output) == ("", "done\n")
    assert not any("sleep\0006123" in line for line in _command_lines())


async def test_a_cancelled_command_leaves_nothing_behind(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    os.mkfifo(tmp_path / "copy" / "begun")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, "sleep 600 & echo >begun; wait # 90d2", box, tmp_path)
        await anyio.to_thread.run_sync((tmp_path / "copy" / "begun").read_text)
        tasks.cancel_scope.cancel()
    await gone("90d2")


@pytest.mark.parametrize(
    ("command", "how"),
    [("exit 3", "exit code 3"), ("kill -SEGV $$", "was ended by SIGSEGV"), ("sleep 0 && true", "")],
)
async def test_how_a_command_ended_is_told_in_words(command: str, how: str, box: Sandbox, tmp_path: Path) -> None:
    assert (await run(command, box, tmp_path)).how == how


async def test_control_groups_are_removed_with_their_command(box: Sandbox, tmp_path: Path) -> None:
    if not box.groups:
        pytest.skip("no control groups can be made here")
    await run("true", box, tmp_path)
    ours = [place for parent in box.groups for place in Path(parent.place).glob(f"swarm-{os.getpid()}-*")]
    assert ours == []


def test_what_this_process_uses_can_be_told() -> None:
    use = use_of([os.getpid()], most=1000)
    assert os.getpid() in use.pids
    assert use.processes >= 1
    assert MEBIBYTE < use.memory_bytes < usual_limits().memory_bytes * 4
    assert use_of([2**22 + 1], most=10).processes == 0


def test_the_size_of_folders_leaves_out_what_symlinks_lead_to(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "big").write_bytes(b"x" * MEBIBYTE)
    (tmp_path / "own" / "link").symlink_to(tmp_path / "big")
    (tmp_path / "own" / "deep").mkdir()
    (tmp_path / "own" / "deep" / "file").write_bytes(b"x" * 8192)
    assert 8192 <= size_of([tmp_path / "own"]) < MEBIBYTE
