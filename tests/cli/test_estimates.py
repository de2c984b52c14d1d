"""Estimates on the command line: what a run would cost is said before, asked about where it is much, and compared after."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import follow
from events.log import open_log
from events.types.session import SessionClosed
from swarm.cli.main import main
from tests.acceptance.processes import environment
from tests.provider import Provider, provider_thread
from tests.team import play, swarm
from tests.terminal import terminal

MANY = "tasks:\n" + "".join(f"  t{number}: Write poem {number}.\n" for number in range(12))
DEAR = ("--model", "tiny", "--price", "100/400")
LOG = ".local/share/swarm/log.db"


@pytest.fixture(scope="module")
def served() -> Generator[Provider]:
    with provider_thread(play) as provider:
        yield provider


@pytest.fixture(scope="module")
def used(served: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log knows twelve tasks, done by a paid model in two hundredths of a dollar each."""
    home = tmp_path_factory.mktemp("used")
    (home / "many.yaml").write_text(MANY)
    done = swarm("run", "many.yaml", "--endpoint", served.url, *DEAR, "--yes", home=home, cwd=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def folder(used: Path, tmp_path: Path) -> Path:
    shutil.copytree(used, tmp_path / "home")
    (tmp_path / "home/one.yaml").write_text("prompt: Write a poem.\n")
    return tmp_path / "home"


def sessions(folder: Path) -> int:
    return len(json.loads(swarm("ps", "--all", "--json", home=folder, cwd=folder).stdout)["sessions"])


async def closed(path: Path, session: int) -> None:
    """Wait until a session's owner has let it go."""
    async with open_log(path, read_only=True) as log:
        with anyio.fail_after(20):
            async for entries in follow(log, after=0):
                if any(entry.session == session and isinstance(entry.event, SessionClosed) for entry in entries):
                    return


def posts(served: Provider) -> int:
    return sum(seen.method == "POST" for seen in served.requests)


def foreseen(folder: Path, served: Provider, file: str, *words: str) -> dict[str, Any]:
    command = ("run", file, "--dry-run", "--json", "--endpoint", served.url, *DEAR, *words)
    done = swarm(*command, home=folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_dry_run_asks_no_server_and_leaves_the_log_as_it_was(folder: Path, served: Provider) -> None:
    before, head = len(served.requests), (folder / LOG).read_bytes()
    document = foreseen(folder, served, "many.yaml", "--budget", "$5")
    assert len(served.requests) == before
    assert (folder / LOG).read_bytes() == head
    made = document["estimate"]
    assert not made["guess"]
    assert 0 < made["p50_nanos"] <= made["p90_nanos"]
    assert sum(task["nanos"]["p50"] for task in made["tasks"].values()) <= made["p90_nanos"]
    worker = made["tasks"]["t3"]["roles"]["worker"]
    assert worker["prompt"][-1]["text"].startswith("Write poem 3.\n\nBe brief: at most ")
    assert worker["answers"]["of"] == "worker on tiny for writing"
    assert worker["reserved_input_tokens"] > worker["likely_input_tokens"] > 0


def test_a_dry_run_without_a_log_makes_none_and_says_that_it_guesses(tmp_path: Path, served: Provider) -> None:
    (tmp_path / "one.yaml").write_text("prompt: Write a poem.\n")
    done = swarm("run", "one.yaml", "--dry-run", "--endpoint", served.url, *DEAR, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    assert "a guess, for want of such work in this log" in done.stdout
    assert "\n--- one, worker, user:\nWrite a poem.\n" in done.stdout
    assert not (tmp_path / ".local").exists()


def test_a_dry_run_says_no_to_what_would_need_the_network(tmp_path: Path) -> None:
    for words, said in (
        (("--endpoint", "http://127.0.0.1:9/v1"), "name one with `--model NAME`"),
        (("--local", "--yes"), "--dry-run fetches nothing"),
        (("--detach",), "exclude each other"),
    ):
        done = swarm("run", "Say hello.", "--dry-run", *words, home=tmp_path, cwd=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        (("--budget", "$5"), {"SWARM_BUDGET_DAY_USD": "9"}, 5, "that is above $0.10"),
        (("--budget", "$0.05"), {"SWARM_BUDGET_DAY_USD": "9"}, 3, "this run has $0.05 of $0.05 left"),
        (("--budget", "$5"), {}, 3, "today has $0.1"),
        (("--budget", "$5", "--detach"), {"SWARM_BUDGET_DAY_USD": "9"}, 5, "that is above $0.10"),
    ],
)
def test_where_nobody_can_be_asked_a_dear_run_ends_before_anything_is_spent(
    words: tuple[str, ...], env: dict[str, str], code: int, said: str, folder: Path, served: Provider
) -> None:
    before = posts(served)
    command = ("run", "many.yaml", "--endpoint", served.url, *DEAR, *words)
    done = swarm(*command, home=folder, cwd=folder, env=env)
    assert done.returncode == code
    assert said in done.stderr
    assert "say `--yes`" in done.stderr
    assert posts(served) == before
    assert sessions(folder) == 1


def test_with_yes_a_dear_run_starts_and_the_ledger_keeps_to_the_caps(folder: Path, served: Provider) -> None:
    command = ("run", "many.yaml", "--endpoint", served.url, *DEAR, "--budget", "$0.3", "--yes", "--json")
    done = swarm(*command, home=folder, cwd=folder, env={"SWARM_BUDGET_DAY_USD": "9"})
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert 0 < document["total_nanos"] <= 300_000_000
    assert document["estimate"]["p90_nanos"] > 300_000_000


def test_a_person_who_says_yes_to_the_cost_is_not_asked_again_about_paid_calls(folder: Path, served: Provider) -> None:
    words = ("run", "many.yaml", "--endpoint", served.url, *DEAR)
    env = environment(folder, {"SWARM_BUDGET_DAY_USD": "9"})
    with terminal(*words, cwd=folder, env=env) as screen:
        screen.wait_for("Start it? [y/N]")
        screen.press("y\n")
        assert screen.end() == 0
    assert screen.text.count("[y/N]") == 1


def test_who_says_yes_to_the_cost_of_a_run_in_the_background_is_not_asked_again_there(
    folder: Path, served: Provider
) -> None:
    words = ("run", "many.yaml", "--detach", "--endpoint", served.url, *DEAR)
    with terminal(*words, cwd=folder, env=environment(folder, {"SWARM_BUDGET_DAY_USD": "9"})) as screen:
        screen.wait_for("Start it? [y/N]")
        screen.press("y\n")
        assert screen.end() == 0
    anyio.run(closed, folder / LOG, 2)
    document = json.loads(swarm("show", "s2", "--json", home=folder, cwd=folder).stdout)
    assert (document["state"], document["exit_code"]) == ("finished", 0)
    assert document["estimate"]["p90_nanos"] > 100_000_000


def test_a_person_who_says_no_starts_nothing(folder: Path, served: Provider) -> None:
    before = posts(served)
    env = environment(folder, {"SWARM_BUDGET_DAY_USD": "9"})
    with terminal("run", "many.yaml", "--endpoint", served.url, *DEAR, cwd=folder, env=env) as screen:
        screen.wait_for("Start it? [y/N]")
        screen.press("n\n")
        assert screen.end() == 5
    assert "The run was not started" in screen.text
    assert posts(served) == before


def test_a_guess_only_warns_and_what_was_foreseen_is_told_beside_what_it_cost(tmp_path: Path, served: Provider) -> None:
    (tmp_path / "one.yaml").write_text("prompt: Write a poem.\n")
    command = ("run", "one.yaml", "--endpoint", served.url, *DEAR, "--budget", "$5")
    done = swarm(*command, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("a guess, for want of such work in this log: this run may cost $")
    assert "s1 cost $0.02" in done.stderr
    assert ", below P50 of its estimate of $" in done.stderr
    shown = swarm("show", "s1", home=tmp_path, cwd=tmp_path).stdout
    assert ", below P50 of its estimate of $" in shown
    document = json.loads(swarm("show", "s1", "--json", home=tmp_path, cwd=tmp_path).stdout)
    assert document["cost_nanos"] <= document["estimate"]["p50_nanos"] <= document["estimate"]["p90_nanos"]
    plan = json.loads(
        swarm("plan", "one.yaml", "--json", home=tmp_path, cwd=tmp_path, env={"OPENAI_API_KEY": "k"}).stdout
    )
    assert plan["estimate"]["calibration"]["guesses"] == {"runs": 1, "under_p50": 1, "under_p90": 1}


def test_a_cheap_run_starts_with_a_line_and_a_free_one_without(folder: Path, served: Provider) -> None:
    env = {"SWARM_BUDGET_DAY_USD": "9"}
    command = ("run", "one.yaml", "--endpoint", served.url, "--budget", "$5")
    cheap = swarm(*command, "--model", "tiny", "--price", "10/40", home=folder, cwd=folder, env=env)
    assert cheap.returncode == 0
    assert cheap.stderr.startswith("estimate of this run: $0.00")
    free = swarm("run", "many.yaml", "--endpoint", served.url, "--budget", "1k", home=folder, cwd=folder)
    assert "estimate" not in free.stderr
    assert json.loads(swarm("show", "--json", home=folder, cwd=folder).stdout)["estimate"] is None


def test_a_plan_says_what_its_run_would_cost_and_a_file_that_is_missing_is_why_it_does_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert main(["plan", "one.yaml"]) == 0
    assert "\nestimate of the run: $" in capsys.readouterr().out
    (folder / "lost.yaml").write_text("prompt: Sing.\ninput: lost.txt\n")
    assert main(["plan", "lost.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    why = "the input 'lost.txt' matches no file; mend the path or the glob"
    assert (document["estimate"], document["no_estimate"]) == (None, why)
    assert main(["plan", "lost.yaml"]) == 0
    assert f"\nno estimate: {why}\n" in capsys.readouterr().out


def test_a_project_can_have_its_runs_asked_about_earlier_and_never_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    (folder / "swarm.toml").write_text("confirm_above_usd = 0.01\n")
    assert main(["config", "show"]) == 0
    assert "0.01" in capsys.readouterr().out
    (folder / "swarm.toml").write_text("confirm_above_usd = 5\n")
    assert main(["config", "show"]) == 2
    assert "a project file can have you asked above less than $0.10 but not above $5.00" in capsys.readouterr().err
