"""A disk that is full in the middle of a run: a clear sentence, nothing acknowledged lost, and the resume ends as ever."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.provider import provider_thread
from tests.soak.twelve_tasks import Ends, Project, check_paid_once, found_in, ids_of, sessions_of
from tests.team import play

pytestmark = pytest.mark.soak

BLOCK = 512  # the unit of `ulimit -f` (POSIX)
LIMITED = 'ulimit -f "$1" && shift && exec "$@"'
SMALL_DISK = (
    'mount -t tmpfs -o "size=$1" none "$2" && here=$2 && shift 2\n'
    '"$@" 2> "$here.told"; echo $? > "$here.code"\n'
    'cp -r "$here" "$here.kept"'
)
"""Runs a command on a small disk of its own, and keeps what is on it then."""


def check_told(code: int, told: str) -> None:
    """The command ended with a sentence, not with a traceback."""
    assert code in (0, 1, 2), told
    assert "Traceback" not in told and "fault of swarm" not in told, told
    assert code == 0 or "error: " in told, told


@pytest.mark.cases(3, 150)
async def test_a_run_whose_files_may_grow_no_more_says_so_and_goes_on_when_they_may(
    seed: int, tmp_path: Path, undisturbed: Ends
) -> None:
    log = tmp_path / "state" / "log.db"
    project = Project(tmp_path, "garden", log)
    bytes_ = int(2 ** Random(seed).uniform(12, 20))  # the log of the whole run takes some 2**19
    with provider_thread(play) as server:
        code, told = project.run_to_its_end(server, None, through=("sh", "-c", LIMITED, "sh", str(bytes_ // BLOCK)))
        check_told(code, told)
        before = await ids_of(log)
        state = (await sessions_of(log)).get(project.place)
        if state is None or not state.finished:
            code, told = project.run_to_its_end(server, state)
            assert code == 0, told
        requests = list(server.requests)
    assert (await ids_of(log))[: len(before)] == before
    found = await found_in(log)
    assert (found.results[project.place], project.files()) == undisturbed[project.place]
    check_paid_once(found.entries, requests)


def can_mount() -> bool:
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(
            ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.cases(1, 40)
async def test_a_disk_that_is_full_is_said_so_and_what_was_acknowledged_stands_on_it(
    seed: int, tmp_path: Path, undisturbed: Ends
) -> None:
    if not can_mount():
        pytest.skip("no small disk can be mounted here: `unshare -Urm mount -t tmpfs` is refused")
    disk = tmp_path / "state"
    disk.mkdir()
    project = Project(tmp_path, "garden", disk / "log.db")
    size = int(2 ** Random(seed).uniform(16, 20))
    with provider_thread(play) as server:
        through = ("unshare", "-Urm", "sh", "-c", SMALL_DISK, "sh", str(size), str(disk))
        project.run_to_its_end(server, None, through=through)
        told, code = (tmp_path / "state.told").read_text(), int((tmp_path / "state.code").read_text())
        check_told(code, told)
        assert code == 0 or "full" in told, told
        shutil.rmtree(disk)
        shutil.move(tmp_path / "state.kept", disk)
        before = await ids_of(project.log)
        state = (await sessions_of(project.log)).get(project.place)
        if state is None or not state.finished:
            code, told = project.run_to_its_end(server, state)
            assert code == 0, told
    found = await found_in(project.log)
    assert [entry.id for entry in found.entries][: len(before)] == before
    assert (found.results[project.place], project.files()) == undisturbed[project.place]
    check_paid_once(found.entries, server.requests)
