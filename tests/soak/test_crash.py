"""Kill -9 at random moments of the installed command: `swarm resume` ends with the same result, and no answer is paid twice."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.provider import Answer, provider_thread
from tests.soak.twelve_tasks import PLACES, Ends, Project, check_paid_once, found_in, ids_of, sessions_of
from tests.team import play

pytestmark = pytest.mark.soak

KILLS = 3  # of the process of a project
LONGEST_LIFE_S = 1.2  # until a kill; a run that nobody disturbs takes as long
SLOWEST_S = 0.04  # of the provider's answers


class Line:
    """The provider's side: answers come after a moment, and at a request that it was told of a process is killed."""

    def __init__(self, random: Random) -> None:
        self._random, self._lock = random, threading.Lock()
        self._left: dict[subprocess.Popen[str], int] = {}

    def kill_at(self, nth: int, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._left[process] = nth

    def __call__(self, body: dict[str, Any]) -> Answer:
        with self._lock:
            for process in list(self._left):
                self._left[process] -= 1
                if self._left[process] <= 0:
                    del self._left[process]
                    process.kill()
            return Answer(play(body).text, before_head=self._random.random() * SLOWEST_S)


def end(running: Sequence[subprocess.Popen[str]], random: Random, line: Line) -> int:
    """Kill each of them at a moment of its own, or at a request; return how many were hit before they ended."""
    moments: list[tuple[float, subprocess.Popen[str]]] = []
    for process in running:
        if random.random() < 0.4:
            line.kill_at(random.randint(1, 10), process)
            moments.append((LONGEST_LIFE_S, process))
        else:
            moments.append((random.uniform(0.1, LONGEST_LIFE_S), process))
    began = time.monotonic()
    for moment, process in sorted(moments, key=lambda each: each[0]):
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, moment - (time.monotonic() - began)))
        process.kill()
        _, told = process.communicate()
        assert process.returncode in (0, -9), told
    return sum(process.returncode == -9 for process in running)


@pytest.mark.cases(2, 400)
async def test_whatever_is_killed_whenever_it_ends_as_if_nothing_had_been_and_is_paid_once(
    seed: int, tmp_path: Path, undisturbed: Ends, record_property: Any
) -> None:
    random = Random(seed)
    line, log, kills = Line(random), tmp_path / "state" / "log.db", 0
    seen: list[bytes] = []
    with provider_thread(line) as server:
        work = [Project(tmp_path, place, log) for place in PLACES[: 1 + seed % 2]]
        for round in range(KILLS + 1):
            sessions = await sessions_of(log)
            todo = [each for each in work if not (each.place in sessions and sessions[each.place].finished)]
            running = [each.start(server, sessions.get(each.place)) for each in todo]
            if round < KILLS:
                kills += end(running, random, line)
            else:
                for process in running:
                    _, told = process.communicate(timeout=50)
                    assert process.returncode == 0, told
            before, seen = seen, await ids_of(log)
            assert seen[: len(before)] == before, "what was committed is still there"
        requests = list(server.requests)
    record_property("kills", kills)
    found = await found_in(log)
    assert all(state.finished for state in found.sessions.values())
    for each in work:
        assert (found.results[each.place], each.files()) == undisturbed[each.place]
    check_paid_once(found.entries, requests)
