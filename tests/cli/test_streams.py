"""What is written arrives, or is told as lost; what is only told may be lost and stops no work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swarm.cli.streams import ResultLost, write_result
from tests.acceptance.processes import environment
from tests.provider import provider_thread
from tests.team import play, swarm

FULL = Path("/dev/full")  # Linux: takes nothing, as a full disk
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def through_shell(line: str, home: Path, *, unbuffered: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a line of sh in which `swarm` is ours."""
    env = environment(home, {"PYTHONUNBUFFERED": "1"} if unbuffered else None)
    script = f'swarm() {{ "{sys.executable}" -P -m swarm.cli.main "$@"; }}\n{line}'
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=home, env=env, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_takes_nothing_and_breaks_nothing(tmp_path: Path, closed: str) -> None:
    done = through_shell(f"swarm config show {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    done = through_shell(f"swarm show {closed}", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@needs_full
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", ["--help", "ps --help", "config show", "config show --json", "nonsense --json"])
def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, words: str, unbuffered: bool) -> None:
    done = through_shell(f"swarm {words} >/dev/full", tmp_path, unbuffered=unbuffered)
    assert done.returncode == 1
    assert "error: the result cannot be written to stdout (No space left on device)" in done.stderr
    assert "fault of swarm" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", ["--help", "ps --help", "config show", "nonsense --json"])
def test_a_reader_that_has_gone_is_no_error(tmp_path: Path, words: str, unbuffered: bool) -> None:
    read, write = os.pipe()
    os.close(read)
    env = environment(tmp_path, {"PYTHONUNBUFFERED": "1"} if unbuffered else None)
    command = [sys.executable, "-P", "-m", "swarm.cli.main", *words.split()]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=env, cwd=tmp_path, timeout=50, check=False)
    os.close(write)
    assert done.returncode == 141
    assert b"BrokenPipe" not in done.stderr and b"Exception ignored" not in done.stderr


@needs_full
def test_a_run_whose_display_cannot_be_written_goes_on_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("prompt: Say hi.\ncheck: {contains: draft}")
    with provider_thread(play) as provider:
        done = through_shell(f"swarm run task.yaml --endpoint {provider.url} 2>/dev/full", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("A draft, number ")
        lost = through_shell(f"swarm run task.yaml --endpoint {provider.url} >/dev/full", tmp_path)
        assert lost.returncode == 1
        assert "`swarm show` shows it" in lost.stderr
    assert swarm("show", "s2/task", "--text", home=tmp_path, cwd=tmp_path).stdout == done.stdout


def test_what_was_lost_names_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as stream:
        readable = os.open(tmp_path / "out", os.O_RDONLY)
        os.dup2(readable, stream.fileno())  # what cannot be written to
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(ResultLost, match="Bad file descriptor") as caught:
            write_result("x", flush=True)
        os.close(readable)
    assert not caught.value.reader_gone
