"""What the command line and the live view ask of a session, as functions: what is asked of a person first, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from events.log import EventLog, NewEvent, open_log
from events.types.call import BudgetSet
from swarm.cli import budget_change, steering
from swarm.cli.budget_scope import here_by
from swarm.cli.main import main
from swarm.cli.names import Name
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.settings.load import Loaded, load_settings
from tests.ledger_agents import entries_of
from tests.running import DEAR, Cast, model, run, serving, verdict

FAILS = "prompt: Write a limerick about rain\nlimits: {attempts: 1}\n"


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return load_settings(project, environ={"HOME": str(tmp_path)}, flags={"log": str(tmp_path / "log.db")})


@pytest.fixture
async def log(loaded: Loaded) -> AsyncGenerator[EventLog]:
    async with open_log(loaded.settings.log) as opened:
        yield opened


async def test_a_pin_to_what_costs_asks_once_unless_a_cap_bounds_it(log: EventLog, loaded: Loaded) -> None:
    arms = model("free"), model("dear", "paid", price=DEAR)
    async with serving(Cast(validator=[verdict(False)]), *arms, paid_confirmed=False) as (_, plan):
        for session in (1, 2):
            await run(log, FAILS, plan, Path.cwd())
            with pytest.raises(ConfirmationNeeded, match=f"`swarm pin --yes s{session} paid`, or give it a cap"):
                await steering.pin(log, Name(session), "paid", loaded=loaded)
        assert (await steering.pin(log, Name(1), "free", loaded=loaded)).said.startswith("the first tries of s1 go to")
        await steering.pin(log, Name(1), "paid", loaded=loaded, confirmed=True)
        await steering.pin(log, Name(1), "", loaded=loaded)
        assert not (await steering.pin(log, Name(1), "paid", loaded=loaded)).more, "it was said yes to"
        with pytest.raises(UsageError, match=r"s2 has no cap in dollars"):
            await budget_change.take_down(log, "s2", "$2", where=here_by(loaded))
        cap = BudgetSet(scope="s2", nanos=1_000_000_000, by="ada@here")
        await log.append([NewEvent(event=cap, topic="ledger", session=2)])
        said = await budget_change.take_down(log, "s2", "$2", where=here_by(loaded), reason="it is worth it")
        assert said == "the cap of s2 is $2.00 now; it was $1.00"
        await steering.pin(log, Name(2), "paid", loaded=loaded)
    (*_, raised) = [entry.event for entry in await entries_of(log) if isinstance(entry.event, BudgetSet)]
    assert (raised.nanos, raised.reason) == (2_000_000_000, "it is worth it")


async def test_each_word_says_what_came_of_it_and_how_it_goes_on(log: EventLog, loaded: Loaded) -> None:
    async with serving(Cast(validator=[verdict(False)])) as (_, plan):
        await run(log, FAILS, plan, Path.cwd())
        task = Name(1, "tasks")
        assert (await steering.retry(log, Name(1), loaded=loaded)).told("x.db") == (
            "s1/tasks is tried again, with one attempt more\ngo on with: swarm resume s1 --log x.db"
        )
        for word in (steering.pause(log, Name(1), loaded=loaded), steering.pause(log, task, loaded=loaded)):
            assert " is paused" in (await word).said
        still = await steering.unpause(log, Name(1), loaded=loaded)
        assert still.told(None).splitlines()[:2] == ["s1 is not paused any more", "still paused: s1/tasks"]
        with pytest.raises(UsageError, match="s1/tasks/1 is a step, which goes on with its task; name s1/tasks"):
            await steering.pause(log, Name(1, "tasks", 1), loaded=loaded)
        assert (await steering.cancel(log, Name(1), loaded=loaded)).told(None) == "s1 is cancelled"
        with pytest.raises(UsageError, match="s1 has ended; there is nothing to pause"):
            await steering.pause(log, Name(1), loaded=loaded)


def test_a_pin_that_is_neither_a_tier_nor_off_is_refused(loaded: Loaded, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pin", "s1", "gold"]) == 2
    assert main(["pin", "s1", "paid", "--off"]) == 2
    assert "name a tier" in capsys.readouterr().err
