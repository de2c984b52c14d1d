"""What a person sees while a run runs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from tests.acceptance.processes import environment
from tests.provider import Provider, provider_thread
from tests.team import play, swarm

DAG = """
tasks:
  plan: {prompt: Plan the garden., explore: true}
  plant: {prompt: Plant the garden., needs: plan, check: {contains: draft}}
  burn: {prompt: Burn the garden., needs: plant, check: {contains: fire}, limits: {attempts: 2}}
  rest: {prompt: Rest., needs: burn}
"""


def on_a_terminal(provider: Provider, folder: Path, *words: str) -> tuple[int, str]:
    """Run the command with stderr on a terminal of its own; return its exit code and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "swarm.cli.main", "run", "dag.yaml", "--endpoint", provider.url, *words],
        cwd=folder,
        env=environment(folder, {"TERM": "xterm", "COLUMNS": "100"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side is closed: the process has ended
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return process.wait(30), sent.decode()


def test_on_a_terminal_a_small_block_is_painted_over_and_every_task_has_a_last_line(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(DAG)
    with provider_thread(play) as provider:
        code, sent = on_a_terminal(provider, tmp_path, "--model", "m")
    assert code == 1
    assert "Traceback" not in sent
    after = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", sent[sent.rindex("\x1b[J") :] if "\x1b[J" in sent else sent)
    for line in ("✔ plan  accepted", "✔ plant  accepted", "✘ burn  failed", "⊘ rest  cancelled"):
        assert line in after
    assert "s1: 2 of 4 accepted" in after
    assert "go on with" not in after
    assert sum(f"burn/1  attempt {attempt} rejected" in sent for attempt in (1, 2)) == 2


def test_in_a_pipe_each_change_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(DAG)
    with provider_thread(play) as provider:
        words = ("run", "dag.yaml", "--endpoint", provider.url, "--model", "m")
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        lines = done.stderr.splitlines()
        for line in ("● plan  explorer on m", "✔ plan/1  accepted by critic@m", "✔ plant/1  accepted by its checks"):
            assert line in lines
        assert any(line.startswith("✘ burn  failed: 2 drafts were rejected") for line in lines)
        assert "\x1b" not in done.stderr
        silent = swarm(*words, "--progress", "none", home=tmp_path, cwd=tmp_path)
        assert not any(line.startswith(("●", "✔")) for line in silent.stderr.splitlines())
        events = swarm(*words, "--progress", "json", "-q", home=tmp_path, cwd=tmp_path).stderr.splitlines()
    kinds = [json.loads(line)["kind"] for line in events]
    assert kinds.count("call.reserved") == kinds.count("call.settled") == 6
    assert kinds[-1] == "task.cancelled"
