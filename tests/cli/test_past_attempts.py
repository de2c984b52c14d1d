"""What tasks of a type needed before makes a task of that type harder: in `swarm plan`, in a dry run and in the run alike."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.testing.builders import accepted, closed, drafted, new, opened, planned, rejected, submitted
from events.types.task import TaskSubmitted
from swarm.cli.main import main
from swarm.estimate.ahead import estimate_sync
from tests.ledger_agents import entries_of
from tests.provider import Provider, provider_thread
from tests.team import play

SERVER_OF = ("--model", "tiny", "--price", "free")


@pytest.fixture(scope="module")
def served() -> Generator[Provider]:
    with provider_thread(play) as provider:
        yield provider


async def write_past(path: Path, type_: str, rejections: int, tasks: int) -> None:
    """Tasks of a type, each accepted after so many rejected drafts."""
    async with open_log(path) as log:
        await log.append([new(opened(), topic="sessions")])
        for number in range(tasks):
            events: list[Any] = [submitted(type=type_), planned()]
            events += [each for _ in range(rejections) for each in (drafted(), rejected())] + [drafted(), accepted()]
            await log.append([new(each, task=f"t{number}", step=1, attempt=1) for each in events])
        await log.append([new(closed())])


def of_plan(capsys: pytest.CaptureFixture[str], log: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--log", str(log), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def class_of(task: dict[str, Any]) -> tuple[str, str, list[str]]:
    return task["type"], task["complexity"], task["factors"]


async def submission(path: Path) -> tuple[str, str, list[str]]:
    async with open_log(path, read_only=True) as log:
        last = [entry.event for entry in await entries_of(log) if isinstance(entry.event, TaskSubmitted)][-1]
        return last.type, last.complexity, list(last.factors)


@pytest.mark.parametrize(
    ("rejections", "factor"),
    [(0, None), (1, "+1 attempts-1-5 (2.0)"), (2, "+2 attempts-2-5 (3.0)")],
    ids=["at once", "second draft", "third draft"],
)
def test_what_tasks_of_a_type_needed_before_counts_alike_in_plan_dry_run_and_run(
    rejections: int,
    factor: str | None,
    served: Provider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text("prompt: Write a poem about rain.\nexplore: false\n")
    log = tmp_path / "log.db"
    anyio.run(write_past, log, "writing", rejections, 10)
    planned_as = class_of(of_plan(capsys, log, "plan", "one.yaml")["tasks"][0])
    assert planned_as[0] == "writing"
    assert ((factor or "attempts") in "; ".join(planned_as[2])) == (factor is not None)
    words = ("run", "one.yaml", "--endpoint", served.url, *SERVER_OF)
    assert class_of(of_plan(capsys, log, *words, "--dry-run")["tasks"][0]) == planned_as
    assert main([*words, "--log", str(log), "--quiet"]) == 0
    assert anyio.run(submission, log) == planned_as


def test_an_estimate_without_a_start_reckons_with_the_past_as_well(tmp_path: Path) -> None:
    """Only where such tasks needed three drafts is this one complex, and then an explorer plans it."""
    task = (
        "Write a poem about rain: it has four verses, each of them about a season, and each rhymes with the one before, "
        "and the last one ends as the first one began, so that it can be read in a circle."
    )
    (tmp_path / "home").mkdir()
    for rejections, explored in ((0, False), (2, True)):
        log = tmp_path / f"{rejections}.db"
        anyio.run(write_past, log, "writing", rejections, 10)
        ahead = estimate_sync(
            task,
            root=tmp_path,
            log=log,
            environ={"HOME": str(tmp_path / "home")},
            server="http://127.0.0.1:9/v1",
            model="m",
            price="1/1",
        )
        (made,) = ahead.estimate.tasks
        assert ("explorer" in made.roles) == explored


def test_less_than_ten_drafts_of_a_type_or_another_type_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text("prompt: Write a poem about rain.\n")
    for name, type_, tasks in (("few", "writing", 3), ("other", "code", 20)):
        log = tmp_path / f"{name}.db"
        anyio.run(write_past, log, type_, 2, tasks)
        assert class_of(of_plan(capsys, log, "plan", "one.yaml")["tasks"][0])[1] == "simple"
