"""A public chaos server (llmock, extra `chaos`) breaks the answers and judges the client: it finds nothing to blame."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.team import swarm

pytestmark = pytest.mark.soak

PROGRAM = shutil.which("llmock", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
FAULTS = (
    *("--error-rate", "429=0.1", "--error-rate", "500=0.05", "--error-rate", "503=0.05"),
    *("--stream-fault", "disconnect=0.1", "--stream-fault", "truncate=0.1", "--stream-fault", "malformed=0.1"),
)
TASKS = """
tasks:
  plan: {prompt: Plan the garden., check: {regex: "."}}
  soil: {prompt: Look at the soil., check: {regex: "."}}
  sow: {prompt: Sow the garden., needs: [plan, soil], check: {regex: "."}}
  water: {prompt: Water the garden., needs: sow, check: {regex: "."}}
  weed: {prompt: Weed the garden., needs: sow, check: {regex: "."}}
  reap: {prompt: Reap the garden., needs: [water, weed], check: {regex: "."}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Generator[str]:
    """The address of a server that breaks a third of its answers."""
    if PROGRAM is None:
        pytest.skip("llmock is not installed: pip install -c constraints.txt -e '.[chaos]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    words = [PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port), *FAULTS]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "running on" in line:
                break
        try:
            assert process.poll() is None, "".join(said)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_a_public_chaos_server_finds_nothing_to_blame(server: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(TASKS)
    model = ("--endpoint", f"{server}/v1", "--model", "gpt-4o-mini", "--price", "1/2", "--budget", "$0.40")
    done = swarm("run", "tasks.yaml", *model, "--json", home=tmp_path, cwd=tmp_path, env={"SWARM_CALLS_TRIES": "10"})
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [task["status"] for task in json.loads(done.stdout)["tasks"]] == ["accepted"] * 6
    assert PROGRAM is not None
    report = subprocess.run([PROGRAM, "report", "--url", server], capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stdout
