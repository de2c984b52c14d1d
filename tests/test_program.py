"""swarm as a library: the same run from a Python program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from events.log import Entry
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.estimate.ahead import estimate, estimate_sync
from swarm.estimate.ruling import CapTooLow
from swarm.estimate.weigh import NotStarted
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


async def told_of_the_budget(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "task.yaml").write_text(text)
    told: list[str] = []
    with provider_thread(play) as provider:
        await run(tmp_path / "task.yaml", say=told.append, **options(tmp_path, provider.url))
    return [each for each in told if each.startswith("budget of this run: ")]


async def test_a_budget_that_nobody_named_is_told_as_the_most_with_what_is_likely_beside_it(tmp_path: Path) -> None:
    (said,) = await told_of_the_budget(tmp_path, "prompt: Write a line.\n")
    found = re.search(r"at most ([\d,]+) tokens, room for .*; ([\d,]+) (?:to ([\d,]+) )?are likely, a guess", said)
    assert found is not None, said
    most, few, many = (int(number.replace(",", "")) for number in found.groups(default=found[2]))
    assert 0 < few <= many < most
    assert await told_of_the_budget(tmp_path, "prompt: Write a line.\nbudget: 20k\n") == []
    assert await told_of_the_budget(tmp_path, "tasks:\n  - {id: a, prompt: Write a line., budget: 20k}\n") == []


DEAR: dict[str, Any] = {"price": "40/160"}
MANY = "tasks:\n" + "".join(f"  t{number}: Write poem {number}.\n" for number in range(12))


async def used(tmp_path: Path, url: str) -> dict[str, Any]:
    """Options for a log that knows twelve tasks of a paid model."""
    (tmp_path / "many.yaml").write_text(MANY)
    given = {**options(tmp_path, url), **DEAR}
    told: list[str] = []
    assert (await run(tmp_path / "many.yaml", budget="$9", say=told.append, **given)).exit_code == 0
    assert any("a guess" in each for each in told), "it had no such work to go by, and only says so"
    return given


async def test_a_run_that_will_cost_much_or_pass_a_cap_is_asked_about_and_not_begun_where_nobody_answers(
    tmp_path: Path,
) -> None:
    with provider_thread(play) as provider:
        given = await used(tmp_path, provider.url)
        asked, before = list[str](), len(provider.requests)

        async def confirm(question: str) -> bool:
            asked.append(question)
            return len(asked) > 1

        with pytest.raises(
            ConfirmationNeeded, match=r"from where on you want to be asked.* hand in a `confirm`"
        ) as high:
            await run(tmp_path / "many.yaml", budget="$9", **given)
        with pytest.raises(CapTooLow, match=r"a cap may stop it: this run has \$0.10 of \$0.10 left") as low:
            await run(tmp_path / "many.yaml", budget="$0.10", **given)
        assert (high.value.exit_code, low.value.exit_code) == (5, 3)
        with pytest.raises(NotStarted):
            await run(tmp_path / "many.yaml", budget="$9", confirm=confirm, **given)
        assert len(provider.requests) == before, "nothing was asked of a model"
        result = await run(tmp_path / "many.yaml", budget="$9", confirm=confirm, **given)
        assert (result.exit_code, result.session, len(asked)) == (0, "s2", 2)
        assert asked[1].endswith("Start it?")


async def test_an_estimate_calls_nothing_writes_nothing_and_says_what_a_run_would_ask(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        ahead = await estimate("Write a poem.", budget="$1", **options(tmp_path, provider.url), **DEAR)
        assert (ahead.estimate.guess, ahead.ruling.exit_code) == (True, 0)
        assert not (tmp_path / "log.db").exists()
        assert provider.requests == []
        given = await used(tmp_path, provider.url)
        before, log = len(provider.requests), (tmp_path / "log.db").read_bytes()
        ahead = await estimate(tmp_path / "many.yaml", budget="$9", **given)
        assert (len(ahead.estimate.tasks), ahead.estimate.guess, ahead.ruling.exit_code) == (12, False, 5)
        assert 0 < ahead.estimate.nanos.p50 <= ahead.estimate.nanos.p90
        assert (len(provider.requests), (tmp_path / "log.db").read_bytes()) == (before, log)
        with pytest.raises(UsageError, match="name one with `model`"):
            await estimate("Write.", server=provider.url, root=tmp_path)


def test_an_estimate_is_made_without_an_event_loop(tmp_path: Path) -> None:
    ahead = estimate_sync("Write a poem.", **options(tmp_path, "http://127.0.0.1:9/v1"))
    assert ahead.estimate.nanos.p90 == 0 < ahead.estimate.tokens.p50


@pytest.mark.parametrize(("schedule", "left"), [("", "100"), ("nightly", "200")])
async def test_an_estimate_knows_the_cap_of_the_type_that_the_run_would_have(
    schedule: str, left: str, tmp_path: Path
) -> None:
    (tmp_path / ".config/swarm").mkdir(parents=True)
    (tmp_path / ".config/swarm/config.toml").write_text("[budget]\ndirect_tokens = 100\ncron_tokens = 200\n")
    given: dict[str, Any] = {**options(tmp_path, "http://127.0.0.1:9/v1"), **DEAR, "log": None}
    ahead = await estimate("Write a poem.", schedule=schedule, **given)
    assert f"this run has {left} tokens of {left} tokens left" in ahead.ruling.warning
