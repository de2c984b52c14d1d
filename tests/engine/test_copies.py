"""The work copies of a session leave its log alone, wherever that lies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio

from events.bus import next_entries
from events.log import NewEvent, open_log
from events.types.control import CancelRequested
from swarm.engine.copies import log_files
from swarm.tools.workcopy import open_work_copy

ELSEWHERE = """
import sys, anyio
from pathlib import Path
from events.log import NewEvent, open_log
from events.types.control import CancelRequested

async def append():
    async with open_log(Path(sys.argv[1])) as log:
        await log.append([NewEvent(event=CancelRequested(by="bob"), topic="control/s1")])

anyio.run(append)
"""


async def test_a_log_in_the_project_is_not_copied_and_goes_on_hearing_of_other_processes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    place = tmp_path / "state" / "log.db"
    async with open_log(place) as log:
        await log.append([NewEvent(event=CancelRequested(by="ada"), topic="control/s1")])
        async with open_work_copy(tmp_path, without=log_files(tmp_path, log)) as copy:
            copied = sorted(path.name for path in copy.path.rglob("*") if path.is_file())
        for number in (1, 2):  # who believes to be the last one tidies up: the next does not find the same files
            await anyio.to_thread.run_sync(
                lambda: subprocess.run(
                    [sys.executable, "-P", "-c", ELSEWHERE, str(place)], check=True, cwd="/", env=ENV
                )
            )
            with anyio.fail_after(10):
                (heard,) = await next_entries(log, number)
            assert isinstance(heard.event, CancelRequested) and heard.event.by == "bob"
    assert copied == ["a.py"]


def test_a_log_elsewhere_is_no_file_of_the_project(tmp_path: Path) -> None:
    async def found() -> set[str]:
        async with open_log(tmp_path / "log.db") as log:
            return log_files(tmp_path / "project", log)

    assert anyio.run(found) == set()


ENV = {"PYTHONPATH": str(Path(__file__).parents[2])}
