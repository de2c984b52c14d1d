"""`swarm whatif`."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from events.log import open_log
from swarm.cli.main import main
from swarm.whatif.policies import described
from tests.tui.recordings import at_home, recorded_log
from tests.whatif.coverage import LEANING
from tests.whatif.worlds import entries_of, write


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished session of 60 tasks on three models, of which one is free."""

    async def record() -> None:
        async with open_log(tmp_path / "log.db") as opened:
            await write(opened, entries_of(LEANING, Random(7), 60))

    at_home(tmp_path, monkeypatch)
    anyio.run(record)
    return str(tmp_path / "log.db")


def asked(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    assert main(["whatif", "--log", log, "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "swarm.whatif/1"
    return found


def told(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> str:
    """The sentence with which a command line is refused."""
    assert main(["whatif", "--log", log, *words]) == 2
    return capsys.readouterr().err


def test_another_policy_is_answered_in_intervals_with_the_effective_sample_size(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, log, "--policy", "uniform")
    assert (found["kind"], found["total_nanos"], found["needed"], found["sessions"]) == ("interval", None, [], [1])
    assert 30 <= found["effective_sample_size"] < found["groups"] == found["tasks"] == 60
    for outcome in found["outcomes"].values():
        assert outcome["low"] <= outcome["value"] <= outcome["high"]
        assert outcome["unit"] == "share" or isinstance(outcome["value"], int)
    assert main(["whatif", "--log", log, "--policy", "uniform"]) == 0
    page = capsys.readouterr().out
    assert "1 session, 60 tasks, with policy uniform" in page
    assert f"effective sample size {found['effective_sample_size']:.1f} of 60 independent groups" in page
    assert "RECORDED" in page and " to " in page


def test_the_same_question_has_the_same_answer(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, log, "--policy", "best") == asked(capsys, log, "--all", "--policy", "best")


def test_what_the_log_cannot_say_is_unidentifiable_and_the_arms_are_named(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, log, "--tiers", "free")
    assert (found["kind"], found["needed"]) == ("unidentifiable", ["an arm of tier free"])
    assert all(outcome["value"] is None for outcome in found["outcomes"].values())
    assert main(["whatif", "--log", log, "--tiers", "free"]) == 0
    assert "the log holds no answer of an arm of tier free where it had been needed" in capsys.readouterr().out


def test_other_prices_and_a_cap_are_exact(log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[models.c]\nprice = "1/4"\n')
    found = asked(capsys, log, "--prices", str(prices))
    recorded = found["outcomes"]["cost_a_task"]["recorded"]
    assert (found["kind"], found["kept_prices"]) == ("exact", ["b"])
    assert found["outcomes"]["cost_a_task"]["value"] > recorded > 0
    assert found["total_usd"].replace(".", "").lstrip("0") == str(found["total_nanos"]).rstrip("0")
    capped = asked(capsys, log, "--budget", "$0.0005")
    assert capped["kind"] == "exact" and capped["total_nanos"] <= 500_000 < capped["recorded_nanos"]
    assert capped["halts"][0]["spent_nanos"] <= 500_000
    assert main(["whatif", "--log", log, "--budget", "$0.0005"]) == 0
    assert f"had halted at the call of event {capped['halts'][0]['event']}" in capsys.readouterr().out
    both = asked(capsys, log, "--budget", "$0.0005", "--policy", "uniform")
    assert both["kind"] == "unidentifiable"  # one session under a cap is one draw


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing is supposed; name --prices FILE"),
        (["--policy", "rulette"], f"there is no such policy; did you mean roulette? known are {described()}"),
        (["--policy", "prefer"], "it is written prefer=MODEL"),
        (["--policy", "prefer=d"], "no choice of these sessions had such a model; known are a, b, c"),
        (["--policy", "uniform=3"], "it is written uniform"),
        (["--policy", "roulette=-1"], "a number from 0 to 100 is expected"),
        (["--policy", "trails=10001"], "a number from 0 to 10,000 is expected"),  # as `choice.value` may be
        (["--policy", "free-first=nan"], "a number from 0 to 1 is expected"),
        (["--tiers", "free,gold"], "known are local, free, cheap, paid"),
        (["--budget", "much"], "'much' is not an amount in US dollars"),
        (["--prices", "nowhere.toml"], "--prices nowhere.toml: there is no such file; name one with prices by model"),
        (["s1", "--all", "--policy", "best"], "s1 and --all are both named"),
        (["s9", "--policy", "best"], "there is no session s9"),
        (["s1/t1", "--policy", "best"], "s1/t1 is a part of session s1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(
    words: list[str], sentence: str, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in told(capsys, log, *words)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "prices.toml names the price of no model; a row is written"),
        ('[models.c]\nprice = "dear"\n', "prices.toml:2: models.c.price: 'dear' is not a price"),
        ("[models.c]\n\n[models.b]\nprice = 2\n", "prices.toml:1: models.c has no price"),
        ('[models]\nc = "1/2"\n', "prices.toml:2: models.c is a text"),
        ("\nmodels = 3\n", "prices.toml:2: models is a number"),
        ("[models.c\n", "prices.toml:1:10: this is not TOML"),
    ],
)
def test_a_broken_file_of_prices_is_refused_with_its_line(
    text: str, sentence: str, log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices.toml").write_text(text)
    assert sentence in told(capsys, log, "--prices", "prices.toml")


def test_a_session_that_has_not_finished_says_how_to_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    assert "s1 has not finished; end it with `swarm resume s1" in told(capsys, log, "--policy", "best")
    assert "no session of this log has finished" in told(capsys, log, "--all", "--policy", "best")
