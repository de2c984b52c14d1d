"""Kill -9 wherever a session with tools touches the world: it ends as if nothing had been, and no answer is asked for twice."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.acceptance.tool_runs import TASK, Turn, Worker, a_place, check_whole
from tests.provider import provider_thread

pytestmark = pytest.mark.soak

KILLS = 2
MOMENTS = 140  # at which a run that nobody disturbs touches something; one behind the last of them does no harm

TURNS: tuple[Turn, ...] = (
    [("read", {"path": "a.py"}), ("edit", {"path": "a.py", "old": "1", "new": "2"})],
    [("run", {"command": "echo x >> b.txt; mkdir -p deep; ln -s ../b.txt deep/link; rm gone.txt"})],
    [
        ("patch", {"diff": "--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n-x = 2\n+x = 3\n+y = 4\n"}),
        ("search", {"pattern": "x"}),
    ],
    [
        ("write", {"path": "deep/c.txt", "text": "c\n"}),
        ("run", {"command": "seen=$(cat deep/link); echo $seen >> b.txt; cat a.py"}),
    ],
    "Done.",
)


@pytest.mark.cases(1, 300)
async def test_wherever_it_is_killed_the_work_goes_on_from_its_record_and_the_users_files_are_whole(
    seed: int, tmp_path: Path, record_property: Any
) -> None:
    random, kills = Random(seed), 0
    task = TASK.replace("look, edit", "look, edit, run")
    place = a_place(tmp_path, **{"task.yaml": task, "gone.txt": "gone\n"})
    with provider_thread(Worker(*TURNS)) as provider:
        words = place.words(provider)
        for _ in range(KILLS):
            done = place.swarm(*words, at=(random.choice(("any", "any+")), "", random.randint(1, MOMENTS)))
            assert done.returncode in (0, -9), done.stderr
            kills += done.returncode == -9
            if place.log.exists() and await place.entries():
                words = ["resume"]
            if done.returncode == 0:
                break
        else:
            done = place.swarm(*words)
            assert done.returncode == 0, done.stderr
        assert place.files() == {
            "task.yaml": task,
            "a.py": "x = 3\ny = 4\n",
            "b.txt": "x\nx\n",
            "deep/link": "x\nx\n",
            "deep/c.txt": "c\n",
        }
        await check_whole(place, provider)
        if (
            "nothing is unfinished" not in done.stderr
        ):  # else it was killed at its last breath: the next copy removes this one
            assert place.copies() == []
    record_property("kills", kills)
