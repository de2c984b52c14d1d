"""`swarm report`: what stages saved and how tasks went with them, as people and programs read it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import anyio
import pytest

from events.log import NewEvent, open_log
from events.testing import builders as make
from events.types.stage import How, StageApplied, StageWithdrawn
from swarm.cache.caching import Caching
from swarm.cli.main import main
from tests.running import Cast, run, serving

SCOPES = ("log", "day:2026-11-21@UTC", "s1")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    return str(tmp_path / "log.db")


async def work(url: str, *, held: int) -> None:
    async with open_log(url) as log:

        async def task(name: str, how: How, tokens: int) -> None:
            async def add(*events: NewEvent) -> int:
                return (await log.append(list(events))).positions[-1]

            here = partial(make.new, session=1, task=name, step=1, attempt=1)
            applied = StageApplied(stage="inputs", before=1000, after=400, how=how, on="a.log", form="log")
            call = make.reserved(scopes=SCOPES, role="worker", model="m")
            position = await add(here(make.submitted(type="code")), here(applied), here(call))
            settled = make.settled(position, input_tokens=tokens, output_tokens=0, cost_nanos=1_000_000)
            await add(here(settled), here(make.task_accepted()))

        for n in range(4):
            await task(f"a{n}", "used", 600 + n)
        for n in range(held):
            await task(f"b{n}", "held", 1200 + n)


def test_tokens_says_what_was_saved_and_that_it_is_an_estimate(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    anyio.run(lambda: work(log, held=0))
    assert main(["report", "--log", log]) == 0
    shown = capsys.readouterr()
    assert "inputs" in shown.out and "40 %" in shown.out and "2,400 tokens saved, about $0." in shown.out
    assert "an estimate" in shown.err
    assert main(["report", "tokens", "all", "--json", "--log", log]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "swarm.report.tokens/1" and document["period"] == "all"
    assert document["stages"] == [
        {
            "stage": "inputs",
            "how": "used",
            "texts": 4,
            "before": 4000,
            "after": 1600,
            "saved": 2400,
            "saved_nanos": sum(600 * 1_000_000 // (600 + n) for n in range(4)),
            "undone": 0,
        }
    ]


def test_ab_compares_with_what_was_held_back_and_says_how_where_nothing_was(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    anyio.run(lambda: work(log, held=0))
    assert main(["report", "ab", "--log", log]) == 0
    assert '`tokens.preset = "adaptive"`' in capsys.readouterr().err
    Path(log).unlink()
    anyio.run(lambda: work(log, held=4))
    assert main(["report", "ab", "--log", log]) == 0
    shown = capsys.readouterr()
    assert "4 of 4" in shown.out and "-50 %" in shown.out and "nothing was held back" not in shown.err
    assert main(["report", "ab", "--json", "--log", log]) == 0
    (row,) = json.loads(capsys.readouterr().out)["stages"]
    assert row["with"] == row["held"] == {"passed": 4, "of": 4}
    assert row["tokens"]["mean"] == pytest.approx(-0.5, abs=0.01)


async def waste(url: str) -> None:
    """A draft that was rejected with its judge, and one that was accepted, each with a tool that it did not use."""
    async with open_log(url) as log:
        here = partial(make.new, session=1, task="build", step=1)
        tools = '[{"name":"search","description":"Search the files.","parameters":{"type":"object"}}]'
        for attempt, verdict in ((1, make.rejected()), (2, make.accepted())):
            for role in ("worker", "validator"):
                offered = make.a_ref(tools) if role == "worker" else None
                call = here(make.reserved(scopes=SCOPES, role=role, tools=offered), attempt=attempt)
                position = (await log.append([call], texts=[make.a_text(tools)])).positions[-1]
                await log.append([here(make.settled(position, cost_nanos=4_000_000), attempt=attempt)])
            await log.append([here(verdict, attempt=attempt)])


def test_waste_says_what_came_to_nothing_and_what_avoids_it(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    anyio.run(lambda: waste(log))
    assert main(["report", "waste", "--log", log]) == 0
    shown = capsys.readouterr()
    assert "1,000 of 2,000 tokens (50 %) and $0.008 of $0.016 went into calls" in shown.out
    assert "drafts that were rejected" in shown.out and "judged: `check` in the task" in shown.out
    assert "The parts overlap" in shown.err
    assert main(["report", "waste", "all", "--json", "--log", log]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "swarm.report.waste/1" and document["basis"] and document["notes"] == []
    assert document["all"] == {"count": 4, "tokens": 2000, "nanos": 16_000_000}
    assert document["wasted"] == {"count": 2, "tokens": 1000, "nanos": 8_000_000}
    rows = {row["what"]: (row["part"], row["count"], row["tokens"]) for row in document["rows"]}
    assert rows["judged"] == rows["rejected"] == (False, 1, 500)
    assert rows["tools"][:2] == (True, 2) and rows["tools"][2] > 20
    assert main(["report", "waste", "day", "--log", log]) == 0
    assert "no call was made" in capsys.readouterr().out


def test_a_log_without_stages_and_a_period_without_tasks_say_so(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing() -> None:
        async with open_log(log) as opened:
            gone = StageWithdrawn(stage="inputs", passed=1, failed=9, held_passed=9, held_failed=1, low=-0.9, high=-0.5)
            await opened.append([NewEvent(event=gone, topic="stages")])

    anyio.run(nothing)
    assert main(["report", "tokens", "day", "--log", log]) == 0
    assert "no text passed a stage; `tokens.preset`" in capsys.readouterr().out
    assert main(["report", "ab", "--json", "--log", log]) == 0
    assert json.loads(capsys.readouterr().out)["withdrawn"][0]["stage"] == "inputs"


def test_where_nothing_is_recorded_or_the_report_is_none_it_says_what_there_is(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--log", log]) == 2
    assert "nothing is recorded yet" in capsys.readouterr().err
    assert main(["report", "wast", "--log", log]) == 2
    assert "tokens" in capsys.readouterr().err


def test_tokens_says_what_was_answered_again_and_whether_drafts_kept_to_their_words(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        cast = Cast(worker=["It is wet and wide."])
        task = "prompt: Describe the sea.\nlimits: {words: 5}\n"
        async with open_log(log) as opened, serving(cast, caching=Caching(exact=True)) as (_, plan):
            for _ in range(2):
                assert (await run(opened, task, plan, tmp_path)).exit_code == 0

    anyio.run(work)
    assert main(["report", "tokens", "--log", log]) == 0
    shown = capsys.readouterr().out
    assert "2 of 4 calls had an earlier answer (50 %), " in shown
    assert "2 of 2 drafts kept to the words that they were told (100 %)" in shown
    assert main(["report", "tokens", "--json", "--log", log]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["words"] == {"told": 2, "kept": 2, "cut": 0, "unread": 0}
    assert document["answers"]["asked"] == 2 and document["answers"]["served"]["exact"]["served"] == 2
