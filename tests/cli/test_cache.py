"""`swarm cache`: what may be given again, what that has saved, and that none from before is."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import open_log
from swarm.cache.caching import Caching
from swarm.cli.main import main
from tests.running import DEAR, Cast, model, run, serving

ONE = "prompt: Write a limerick about tea.\naccept: It rhymes.\n"


async def recorded(path: Path, root: Path) -> None:
    async with open_log(path) as log, serving(Cast(), model("dear", "paid", price=DEAR)) as (_, plan):
        for _ in range(2):
            await run(log, ONE, msgspec.structs.replace(plan, caching=Caching(exact=True)), root)


@pytest.fixture
def log(tmp_path: Path) -> str:
    anyio.run(recorded, tmp_path / "log.db", tmp_path)
    return str(tmp_path / "log.db")


def test_what_was_saved_is_told_and_what_is_cleared_is_not_given_again(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "--log", log]) == 0
    out = capsys.readouterr().out
    assert "2 answers may be given again" in out and "2 calls answered where the question was the same" in out
    assert main(["cache", "--log", log, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["answers"] == 2 and found["served"]["exact"]["calls"] == 2 and found["served"]["exact"]["saved_nanos"] > 0
    )
    assert main(["cache", "clear", "--log", log, "--reason", "a new style"]) == 0
    assert "2 answers will not be given again" in capsys.readouterr().out
    assert main(["cache", "clear", "--log", log]) == 0
    assert "there is no answer" in capsys.readouterr().err
    assert main(["cache", "--log", log, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 0


def test_such_a_call_is_marked_where_people_look(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s2/tasks", "--log", log]) == 0
    out = capsys.readouterr().out
    assert "0 calls · 0 tokens in, 0 out · $0 · 2 answered before" in out
    assert "dear (paid): not asked, exact answer of " in out
    assert main(["why", "s2", "--log", log]) == 0
    assert "it cost $0 in 0 calls, and 2 more got an earlier answer" in capsys.readouterr().out
    assert main(["log", "--log", log, "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    given = next(each for each in entries if each.get("kind") == "answer.served")
    assert main(["why", str(given["position"]), "--log", log]) == 0
    assert f"the question of {given['body']['source']} was the same, and its answer holds" in capsys.readouterr().out
