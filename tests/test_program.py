"""swarm as a library: the same run from a Python program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.log import Entry
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.session import run, run_sync
from tests.provider import provider_thread
from tests.team import play


def options(tmp_path: Path, url: str) -> dict[str, Any]:
    environ = {"HOME": str(tmp_path)}
    return {"root": tmp_path, "log": tmp_path / "log.db", "server": url, "model": "m", "environ": environ}


def test_a_prompt_is_run_without_an_event_loop(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        result = run_sync("Write a line about ants.", budget="20k", **options(tmp_path, provider.url))
    assert (result.exit_code, result.session, result.tasks[0].status) == (0, "s1", "accepted")
    assert (result.tasks[0].text or "").startswith("A draft")


async def test_a_file_is_run_with_other_values_and_its_events_are_seen(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("vars: {what: ants}\nprompt: Write a line about {{what}}.\n")
    seen: list[Entry] = []
    with provider_thread(play) as provider:
        given = options(tmp_path, provider.url)
        result = await run(tmp_path / "task.yaml", vars={"what": "bees"}, observe=seen.extend, **given)
        assert "bees" in str(provider.requests[0].body["messages"])
    assert result.exit_code == 0
    assert "task.accepted" in {entry.kind for entry in seen}


async def test_commands_that_nobody_confirmed_are_not_run_unless_the_program_says_so(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("prompt: Write.\ncheck: 'true'\n")
    with provider_thread(play) as provider:
        given = options(tmp_path, provider.url)
        with pytest.raises(ConfirmationNeeded, match="trust=True"):
            await run(tmp_path / "task.yaml", **given)
        assert provider.requests == []
        assert (await run(tmp_path / "task.yaml", trust=True, **given)).exit_code == 0


@pytest.mark.parametrize(("task", "budget"), [("  ", None), ("Write.", "12"), (Path("missing.yaml"), None)])
async def test_what_is_wrong_is_a_usage_error(task: str | Path, budget: str | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await run(task, budget=budget, **options(tmp_path, "http://127.0.0.1:9/v1"))
    assert not (tmp_path / "log.db").exists()
