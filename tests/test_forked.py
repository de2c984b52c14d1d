"""A command that is forked is as one that starts: what it finds, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked

ENVIRONMENT = {"HOME": "/nowhere", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(forked.ROOT), "TZ": "Asia/Kolkata"}
LOOK = """
import atexit, json, os, signal, stat, sys, threading, time
streams = [(s.isatty(), s.encoding, s.errors, s.line_buffering, s.seekable()) for s in (sys.stdout, sys.stderr)]
kinds = [stat.S_IFMT(os.fstat(n).st_mode) for n in range(3)]
files = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
handlers = [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)]
seen = [dict(os.environ), os.getcwd(), sys.argv, sys.path, __name__, time.tzname, threading.active_count(), sys.stdin.read()]
print(json.dumps([seen, streams, kinds, files, handlers]))
atexit.register(lambda: print("the end", file=sys.stderr))
sys.exit(7)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "look.py"
    path.write_text(LOOK)
    return path


@pytest.mark.parametrize("piped", ["", "a text"])
def test_a_forked_process_finds_what_one_that_starts_finds_and_ends_as_it_does(
    script: Path, tmp_path: Path, piped: str
) -> None:
    words = [str(script), "one", "--two"]
    found = forked.run(words, cwd=tmp_path, env=ENVIRONMENT, timeout=30, piped=piped)
    with subprocess.Popen(
        [sys.executable, "-P", *words],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        out, err = started.communicate(piped or None, timeout=30)
    assert json.loads(found.stdout) == json.loads(out)
    assert (found.returncode, found.stderr) == (started.returncode, err) == (7, "the end\n")


def test_a_module_is_run_as_by_its_name_and_a_signal_is_its_end(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(
        "import os, signal\nprint('here', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = forked.run([str(tmp_path / "killed.py")], cwd=tmp_path, env=ENVIRONMENT, timeout=30)
    assert (killed.returncode, killed.stdout) == (-9, "here\n")
    shown = forked.run(["-m", "swarm.cli.main", "--version"], cwd=tmp_path, env=ENVIRONMENT, timeout=30)
    assert (shown.returncode, shown.stdout.split()[0], shown.stderr) == (0, "swarm", "")


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "waits.py").write_text(
        "import signal\nend = open('alive', 'w')\nprint('x', file=end, flush=True)\nsignal.pause()\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run([str(tmp_path / "waits.py")], cwd=tmp_path, env=ENVIRONMENT, timeout=1)
    os.set_blocking(alive, True)
    with os.fdopen(alive) as end:
        assert end.read() in ("x\n", "")  # to its end: nobody holds the other one
