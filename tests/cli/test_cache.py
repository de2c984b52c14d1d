"""`swarm cache`: what may be given again, what that has saved, and that none from before is."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import NewEvent, open_log
from events.testing import builders as make
from events.types.tool import Keeping
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


def test_the_report_of_tokens_says_how_often_something_was_given_again(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "tokens", "--log", log]) == 0
    assert "answers given again: 2 of 4 that were looked for, 50 %" in capsys.readouterr().out
    assert main(["report", "tokens", "--json", "--log", log]) == 0
    found = json.loads(capsys.readouterr().out)["given_again"]
    assert found == {
        "answers": {"given": 2, "asked": 2},
        "results of tools": {"given": 0, "asked": 0},
        "read next": {"guessed": 0, "right": 0},
    }


def test_results_of_tools_and_guesses_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = str(tmp_path / "log.db")

    async def recorded() -> None:
        kept = make.tool_finished(tool="fetch", keeping=Keeping(key="k"), duration_ms=1500)
        asked = make.tool_finished(tool="fetch", given=1, keeping=Keeping(key="k"), duration_ms=100)
        given = make.tool_finished(tool="fetch", given=1, duration_ms=0)
        read = [make.tool_finished(tool="read", on=name) for name in ("a", "b", "a", "b", "a")]
        async with open_log(url) as log:
            for event in (kept, asked, given, *read):
                new = NewEvent(event=event, topic="s1", project="p", session=1, task="t", step=1, attempt=1)
                await log.append([new])

    anyio.run(recorded)
    assert main(["cache", "--log", url]) == 0
    out = capsys.readouterr().out
    assert "1 result of tools may be given again" in out
    assert "fetch: 2 results given again, 1 of them after asking whether they hold: 2.9 s of waiting saved" in out
    assert "guessed 2 times, 2 rightly and 0 wrongly (100 %)" in out
    assert main(["cache", "clear", "--log", url]) == 0
    assert "1 result of tools will not be given again" in capsys.readouterr().out


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
