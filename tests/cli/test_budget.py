"""`swarm budget`: what it shows, and what it changes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import open_log
from events.types.call import BudgetSet
from swarm.cli import budget_scope
from swarm.cli.main import main
from swarm.errors import UsageError
from swarm.settings.userfile import set_key, with_key
from tests.ledger_agents import entries_of
from tests.tui.recordings import DAY, START, Writer, at_home, recording

Said = pytest.CaptureFixture[str]
SPEC = (
    '{"id":"build","prompt":"p","budget":{"tokens":4000,"split":{"context":{"tokens":500},"worker":{"hundredths":6000}}},'
    '"roles":{"worker":{"budget":{"tokens":3000}}}}'
)
PLAIN = '{"id":"docs","prompt":"p"}'


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """s1 runs in this process: its task build has used 1,500 of 4,000 tokens and $0.10, a call of docs is open."""
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(budget_scope, "system_clock", lambda: START + 3_600_000_000)
    path = tmp_path / "log.db"

    async def write() -> None:
        async with recording(path) as writer:
            await work(writer)

    anyio.run(write)
    monkeypatch.setenv("SWARM_LOG", str(path))
    return str(path)


async def work(writer: Writer) -> None:
    await writer.open("Mend it")
    await writer.submit("build", spec=SPEC)
    await writer.submit("docs", spec=PLAIN)
    position = await writer.reserve("build", tokens=3000, nanos=200_000_000)
    await writer.settle(position, "build", tokens=(1000, 0, 500), nanos=100_000_000)
    await writer.reserve("docs", tokens=500, nanos=10_000_000)


def shown(said: Said, *more: str) -> list[dict[str, Any]]:
    assert main(["budget", "--json", *more]) == 0
    return json.loads(said.readouterr().out)["caps"]  # type: ignore[no-any-return]


def recorded(log: str) -> list[tuple[str, int | None, int | None]]:
    async def read() -> list[BudgetSet]:
        async with open_log(log, read_only=True) as opened:
            return [entry.event for entry in await entries_of(opened) if isinstance(entry.event, BudgetSet)]

    return [(each.scope, each.tokens, each.nanos) for each in anyio.run(read)]


def settings_file(tmp_path: Path, text: str = "") -> Path:
    path = tmp_path / "home" / "swarm" / "config.toml"
    if text:
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return path


def test_every_cap_is_shown_with_what_is_used_of_it_and_where_it_is_from(log: str, said: Said) -> None:
    held = {(each["scope"], each["unit"]): each for each in shown(said)}
    assert list(held) == [(DAY, "usd"), ("s1", "tokens"), ("s1/build", "tokens"), ("s1/build/worker", "tokens")]
    day = held[DAY, "usd"]
    assert (day["cap_nanos"], day["spent_nanos"], day["reserved_nanos"], day["left_nanos"]) == (
        500_000_000,
        100_000_000,
        10_000_000,
        390_000_000,
    )
    assert (day["cap_usd"], day["spent_per_mille"], day["from"]) == ("0.5", 200, "default")
    build = held["s1/build", "tokens"]
    assert (build["cap_tokens"], build["spent_tokens"], build["from"]) == (4000, 1500, "task file")


def test_what_a_task_holds_back_for_its_hand_over_is_not_left(log: str, said: Said) -> None:
    assert main(["budget", "set", "s1/build", "1.7k"]) == 0
    said.readouterr()
    build = next(each for each in shown(said) if each["scope"] == "s1/build")
    assert (build["cap_tokens"], build["spent_tokens"], build["held_back_tokens"]) == (1700, 1500, 170)
    assert (build["left_tokens"], build["reached"]) == (30, False)
    assert main(["budget", "set", "s1/build", "1.6k"]) == 0
    assert main(["budget", "--check", "s1/build"]) == 11, "its roles have no more than 1,440 of that"


def test_a_split_is_shown_with_what_each_took_of_its_share(log: str, said: Said) -> None:
    assert main(["budget", "--json"]) == 0
    context, worker = json.loads(said.readouterr().out)["splits"]
    assert (context["part"], context["share_tokens"], context["spent_tokens"]) == ("context", 500, None)
    assert (worker["scope"], worker["part"], worker["share_tokens"]) == ("s1/build", "worker", 2400)
    assert (worker["spent_tokens"], worker["reserved_tokens"], worker["unit"]) == (1500, 0, "tokens")
    assert main(["budget", "set", "s1/build", "8k"]) == 0
    assert main(["budget"]) == 0
    lines = said.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["s1/build", "worker", "4,800"] for line in lines), "it grows with what is split"


def test_people_see_the_same_in_a_table(log: str, said: Said) -> None:
    assert main(["budget", "s1"]) == 0
    lines = said.readouterr().out.splitlines()
    assert lines[1].split()[:3] == [DAY, "$0.50", "$0.10"] and "20.0 %" in lines[1] and "$0.01" in lines[1]
    assert lines[3].startswith("s1/build") and "37.5 %" in lines[3] and lines[3].endswith("task file")
    assert lines[-1] == "no forecast: 0 past days are too few"


def test_a_cap_that_is_in_no_settings_file_is_shown_all_the_same(log: str, said: Said) -> None:
    assert main(["budget", "set", "schedule:docs", "$1"]) == main(["budget", "set", "project:of-another", "$1"]) == 0
    said.readouterr()
    assert [each["scope"] for each in shown(said)][:2] == [DAY, "schedule:docs"], (
        "of other projects nothing counts here"
    )


def test_a_cap_in_the_settings_is_shown_with_its_file_and_line(log: str, said: Said, tmp_path: Path) -> None:
    path = settings_file(tmp_path, '[budget]\nday_usd = "0.20"\nlog_tokens = "1M"\n')
    held = {(each["scope"], each["unit"]): each["from"] for each in shown(said)}
    assert held[DAY, "usd"] == f"user file {path}:2" and held["log", "tokens"] == f"user file {path}:3"


def test_a_cap_that_a_person_raises_holds_today_and_is_told_with_who_did_it(log: str, said: Said) -> None:
    assert main(["budget", "raise", "day", "+$0.25", "--reason", "a long day"]) == 0
    assert said.readouterr().out == f"the cap of {DAY} is $0.75 now; it was $0.50\n"
    assert recorded(log) == [(DAY, None, 750_000_000)]
    day = shown(said)[0]
    assert day["cap_usd"] == "0.75" and day["from"].startswith("set by ")


def test_a_clock_that_went_back_shows_and_raises_the_day_in_which_calls_count(
    log: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who flies west has today's midnight twice: what is called counts in the day that had begun."""
    monkeypatch.setattr(budget_scope, "system_clock", lambda: START - 86_400_000_000)
    day = next(cap for cap in shown(said) if cap["scope"].startswith("day:"))
    assert (day["scope"], day["spent_nanos"]) == (DAY, 100_000_000)
    assert main(["budget", "raise", "day", "+$1"]) == 0
    assert main(["budget", "set", "day", "$3"]) == 0
    assert recorded(log) == [(DAY, None, 1_500_000_000), (DAY, None, 3_000_000_000)]


def test_a_raise_refuses_to_lower_and_says_what_does(log: str, said: Said) -> None:
    assert main(["budget", "raise", "s1/build", "4k"]) == 2
    assert (
        "is 4,000 tokens already, and 4k would not raise it; to lower it say `swarm budget set`"
        in said.readouterr().err
    )
    assert main(["budget", "raise", "s1/build", "+$1"]) == 2
    assert "s1/build has no cap in dollars that could be raised" in said.readouterr().err
    assert recorded(log) == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [("s1", "s1"), ("1/build", "s1/build"), ("build", "s1/build"), ("s1/docs/validator", "s1/docs/validator")],
)
def test_a_cap_of_a_session_a_task_and_a_role_is_recorded_also_where_there_was_none(
    log: str, said: Said, scope: str, name: str
) -> None:
    assert main(["budget", "set", scope, "$0.05"]) == 0
    assert said.readouterr().out == f"the cap of {name} is $0.05 now; it was no cap\n"
    assert recorded(log) == [(name, None, 50_000_000)]
    assert (name, "0.05") in {(each["scope"], each.get("cap_usd")) for each in shown(said)}


def test_a_cap_of_every_day_is_written_into_the_users_settings(log: str, said: Said, tmp_path: Path) -> None:
    path = settings_file(tmp_path, "# mine\n[budget] # caps\nday_usd = 0.20 # enough\n\n[calls]\ntries = 2\n")
    assert main(["budget", "set", "day", "$1.25"]) == 0
    assert main(["budget", "set", "month", "2M"]) == 0
    assert path.read_text() == (
        '# mine\n[budget] # caps\nmonth_tokens = 2000000\nday_usd = "1.25" # enough\n\n[calls]\ntries = 2\n'
    )
    assert said.readouterr().out.splitlines()[0] == "the cap of a day is $1.25 now; it was $0.20"
    assert recorded(log) == [], "what the settings say needs no event"


def test_a_recorded_cap_of_today_does_not_outlive_a_new_one_in_the_settings(log: str, said: Said) -> None:
    assert main(["budget", "raise", "day", "$3"]) == 0
    assert main(["budget", "set", "day", "$1"]) == 0
    assert recorded(log) == [(DAY, None, 3_000_000_000), (DAY, None, 1_000_000_000)]
    said.readouterr()
    assert shown(said)[0]["cap_usd"] == "1"


def test_who_sets_what_a_project_lowers_is_told_so(log: str, said: Said, tmp_path: Path) -> None:
    (tmp_path / "swarm.toml").write_text('[budget]\nday_usd = "0.10"\n')
    assert main(["budget", "set", "day", "$2"]) == 0
    assert f"here project file {tmp_path}/swarm.toml:2 sets it to $0.10" in said.readouterr().err


def test_a_split_gives_each_part_its_share_and_never_more_than_the_whole(log: str, said: Said) -> None:
    assert main(["budget", "split", "s1", "build=60%", "docs=25.5%"]) == 0
    assert recorded(log) == [("s1/build", 6000, None), ("s1/docs", 2550, None)]
    assert main(["budget", "split", "s1/build", "worker=4k", "validator=50%"]) == 2
    assert "the parts come to 7,000 tokens, and the cap of s1/build is 6,000 tokens" in said.readouterr().err
    assert main(["budget", "split", "s1/build", "worker=4k", "validator=2k"]) == 0
    assert recorded(log)[2:] == [("s1/build/worker", 4000, None), ("s1/build/validator", 2000, None)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["split", "s1", "built=60%"], "s1 has no part 'built' that a cap could be for; there are build, docs"),
        (["split", "s1", "build=120%"], "120% is more than the whole"),
        (["split", "s1", "build=-5%"], "'-5%' is no share"),
        (["split", "s1", "build=10%", "build=20%"], "build is named twice"),
        (["split", "s1", "build"], "'build' is no part; write NAME=SHARE"),
        (["split", "s1", "build=$1"], "s1 has no cap in dollars that could be split"),
        (["split", "s1/docs", "worker=50%"], "s1/docs has no cap that could be split"),
        (["split", "day", "worker=50%"], "cannot be split"),
        (["set", "s7", "$1"], "there is no session s7 in this log"),
        (["set", "s1/build/2", "$1"], "there is no step 2 in task s1/build"),
        (["set", "s1", "1"], "says neither dollars nor tokens"),
        (["set", "s1"], "a SCOPE such as day, s4 or s4/build and an AMOUNT"),
        (["rise", "s1", "$1"], "did you mean `swarm budget raise`?"),
        (["s1", "--check", "set"], "s1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    log: str, said: Said, words: Sequence[str], message: str
) -> None:
    assert main(["budget", *words]) == 2
    assert message in said.readouterr().err
    assert recorded(log) == []


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        ("$0.50", 0, "ok: 1,500 tokens of 3,000 tokens in s1/build/worker are spent, 50.0 %; no other cap is nearer"),
        ("$0.125", 10, f"80 % of a cap are spent: $0.10 of $0.125 in {DAY}, 80.0 %"),
        ("$0.10", 11, f"a cap is reached: $0.10 of $0.10 in {DAY} are spent"),
    ],
)
def test_a_check_says_by_its_exit_code_how_near_a_cap_is(
    log: str, said: Said, raised: str, code: int, line: str
) -> None:
    assert main(["budget", "set", "day", raised]) == 0
    said.readouterr()
    assert main(["budget", "--check"]) == code
    assert said.readouterr().out == line + "\n"
    assert main(["budget", "--check", "s1/build"]) == 0
    assert main(["budget", "--check", "day"]) == code


def test_a_check_counts_what_a_dead_owner_left_open_as_spent_and_not_what_a_living_one_holds(
    tmp_path: Path, log: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["budget", "set", "day", "$0.11"]) == 0
    assert main(["budget", "--check", "day"]) == 11, "the claim is an hour old"
    monkeypatch.setattr(budget_scope, "system_clock", lambda: START)
    assert main(["budget", "--check", "day"]) == 10


def test_without_a_log_the_caps_of_the_settings_are_shown_and_nothing_is_recorded(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home(tmp_path, monkeypatch)
    assert main(["budget"]) == 0
    assert "$0.50" in said.readouterr().out
    assert main(["budget", "--check"]) == 0
    assert main(["budget", "set", "day", "$2"]) == 0
    said.readouterr()
    for words in (["raise", "day", "+$1"], ["set", "s1", "$1"], ["s1"], ["--check", "s1"]):
        assert main(["budget", *words]) == 2
        assert "there is no log at" in said.readouterr().err


@pytest.fixture
def said(capsys: Said) -> Said:
    return capsys


_LINES = (
    *("", "# a note", "[budget]", "[budget] # x", "[calls]", "tries = 3", 'day_usd = "0.10"', "day_tokens = 5 # few"),
    *("budget.day_usd = 1", 'log = """', "[budget]", "day_usd = '3'", "budget = {day_usd = 1}"),
)


@given(st.lists(st.sampled_from(_LINES), max_size=8).map("\n".join), st.sampled_from(["day_usd", "log_tokens"]))
def test_a_key_that_is_set_changes_that_key_and_nothing_else_or_is_refused(text: str, name: str) -> None:
    try:
        before: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        before = {}
        text = ""
    changed = with_key(text, ("budget", name), "7")
    if changed is None:
        return
    after = tomllib.loads(changed)
    assert after["budget"].pop(name) == "7"
    before.setdefault("budget", {}).pop(name, None)
    assert after == before
    kept = [line for line in text.splitlines() if name not in line]
    assert [line for line in changed.splitlines() if line in kept and line] == [line for line in kept if line]


def test_an_inline_table_is_left_to_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("budget = {day_usd = 1}\n")
    with pytest.raises(UsageError, match=r'write `budget\.log_usd = "7"` into it yourself'):
        set_key(path, ("budget", "log_usd"), "7")
    assert path.read_text() == "budget = {day_usd = 1}\n"


def test_a_settings_file_that_is_a_link_stays_one_and_keeps_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text("# mine")
    real.chmod(0o640)
    link.symlink_to(real)
    set_key(link, ("budget", "day_usd"), "7")
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert real.read_text() == '# mine\n\n[budget]\nday_usd = "7"\n'
