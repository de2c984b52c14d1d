"""`swarm skills stats`, `gaps` and `eval`: what skills bring, where one is missing, and that a draft is written only by a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.log import NewEvent, open_log
from events.testing import builders as make
from swarm.cli.main import main
from swarm.cli.skills_draft import unfenced
from tests.provider import Answer, provider_thread
from tests.skill_folders import write_skill

SCOPES = ("log", "day:2026-11-21@UTC", "s1")
CASES = """\
cases:
  one:
    prompt: Say how many ants there are.
    files: {"data/ants.txt": "7 ants"}
    check: [{contains: "7"}]
    good: There are 7.
    bad: There are many.
  two:
    prompt: Say what ants do.
    check: [{contains: work}]
    good: They work.
    bad: They work.
"""
GOOD = "---\nname: sprockets\ndescription: Tunes sprockets. Use when one rattles.\n---\n\n# Steps\n\n1. Look at the teeth.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path


@pytest.fixture
def log(home: Path) -> str:
    """Twelve tasks with the skill `sql`, of which all pass, and twelve without, about sprockets, of which none does."""
    path = home / "log.db"

    async def write() -> None:
        async with open_log(path) as log:
            opening = [make.new(make.opened(), topic="sessions"), make.new(make.claimed(), topic="claim/s1")]
            await log.append(opening)
            for number in range(24):
                spec = msgspec.json.encode({"id": "t", "prompt": f"Tune the sprocket of line {number}"}).decode()
                told = ("sql",) if number < 12 else ()
                call = make.reserved(
                    scopes=SCOPES, tools=make.a_ref("[]"), skills=told, skill_tokens=(90,) * len(told), role="worker"
                )
                rejected = make.rejected(reason="the teeth are worn", feedback=make.a_ref("Look at the teeth"))
                new: list[NewEvent] = [
                    make.new(make.submitted(spec=make.a_ref(spec)), task=f"t{number}"),
                    make.new(make.planned(), task=f"t{number}", step=1),
                    make.new(call, task=f"t{number}", step=1, attempt=1),
                    make.new(make.drafted(), task=f"t{number}", step=1, attempt=1),
                    make.new(make.accepted() if told else rejected, task=f"t{number}", step=1, attempt=1),
                ]
                texts = [make.a_text(text) for text in (spec, "[]", "Look at the teeth")]
                await log.append(new, texts=texts)
            await log.append([make.new(make.closed(finished=True), topic="claim/s1")])

    anyio.run(write)
    return str(path)


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["skills", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_skill_is_shown_with_what_it_took_and_how_drafts_went_with_it_and_without(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = document(capsys, "stats", "sql", "--log", log)["skills"]
    assert (row["told"], row["calls"], row["tokens"], row["here"]) == (12, 12, 1080, False)
    assert row["first_drafts"] == {"with": {"passed": 12, "of": 12}, "without": {"passed": 0, "of": 12}}
    assert row["difference"]["mean"] == 1 and row["difference"]["low"] > 0.5 and row["suggests"] is None
    every = document(capsys, "stats", "--log", log)["skills"]
    assert "never used" in next(row["suggests"] for row in every if row["name"] == "sql-review")
    assert main(["skills", "stats", "--log", log]) == 0
    said = capsys.readouterr()
    assert "12 of 12" in said.out and "not told at random" in said.err
    assert main(["skills", "stats", "--log", log, "--period", "day"]) == 0
    capsys.readouterr()
    assert main(["skills", "stats", "refactoring", "--log", log, "--period", "day"]) == 0
    assert capsys.readouterr().out == "refactoring was not used\n"
    assert main(["skills", "stats", "sqk", "--log", log]) == 2
    assert "did you mean 'sql'" in capsys.readouterr().err


def test_tasks_of_a_kind_that_no_skill_fitted_and_faults_that_come_again_are_gaps(
    log: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "gaps", "--log", log)
    assert [(gap["kind"], gap["count"], gap["rejected_drafts"]) for gap in found["gaps"]] == [
        ("tasks", 12, 12),
        ("faults", 12, 12),
    ]
    assert {"sprocket", "tune"} <= set(found["gaps"][0]["words"]) and len(found["gaps"][0]["examples"]) == 3
    write_skill(home / ".config" / "swarm" / "skills", "sprocket-tuning", "Tunes sprockets. Use when one rattles.")
    again = document(capsys, "gaps", "--log", log)
    assert [gap["kind"] for gap in again["gaps"]] == ["faults"] and again["fitted_by_now"] == 12
    assert main(["skills", "gaps", "--log", log, "--draft", "9"]) == 2
    assert "there are 1 to 1" in capsys.readouterr().err


def test_a_draft_is_made_by_a_run_and_written_only_by_a_yes(
    log: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider_thread(lambda _: Answer(f"```markdown\n{GOOD}```")) as provider:
        words = ["skills", "gaps", "--log", log, "--draft", "1", "sprockets", "--endpoint", provider.url]
        assert main(words) == 5
        assert "say `--yes`" in capsys.readouterr().err
        assert not (home / "project" / ".swarm").exists()
        assert main([*words, "--yes"]) == 0
        said = capsys.readouterr()
        assert "swarm skills trust .swarm/skills" in said.err
        path = home / "project" / ".swarm" / "skills" / "sprockets" / "SKILL.md"
        assert path.read_text() == GOOD and GOOD.strip() in said.out
        asked = [str(seen.body["messages"]) for seen in provider.requests if "messages" in seen.body]
        assert "Tune the sprocket of line" in asked[0] and len(asked) == 2
        before = len(provider.requests)
        assert main([*words, "--yes"]) == 2  # nothing is overwritten, and no model is asked for it
        assert len(provider.requests) == before
    assert document(capsys, "list")["skills"][0]["state"].startswith("not trusted")


def test_what_is_no_skill_is_not_written(log: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = GOOD.replace("Tunes sprockets", "Tunes sprockets " + "very well " * 150)
    with provider_thread(lambda _: Answer(long)) as provider:
        words = ["--log", log, "--draft", "1", "sprockets", "--endpoint", provider.url, "--yes"]
        assert main(["skills", "gaps", *words]) == 1
    assert "the draft is no skill yet" in capsys.readouterr().err
    assert not (home / "project" / ".swarm").exists()


def test_a_fence_around_a_draft_is_taken_off() -> None:
    assert unfenced(f"```\n{GOOD}```\n") == unfenced(GOOD) == GOOD


def a_skill(home: Path, cases: str) -> None:
    folder = home / ".config" / "swarm" / "skills"
    write_skill(folder, "ant-counting", "Counts ants. Use when there are ants.", files={"evals/cases.yaml": cases})


def test_each_case_is_done_with_the_skill_and_without(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_skill(home, CASES)
    found = document(capsys, "eval", "ant-counting", "--scripted")
    assert [(row["case"], row["with"]["passed"], row["without"]["passed"]) for row in found["cases"]] == [
        ("one", True, False),
        ("two", True, True),
    ]
    assert all(row["with"]["told"] and row["with"]["carried"] > 0 for row in found["cases"])
    assert not any(row["without"]["told"] for row in found["cases"])
    (skill,) = found["skills"]
    assert (
        skill["helps"] and skill["difference"]["mean"] == 0.5 and skill["with"]["tokens"] > skill["without"]["tokens"]
    )
    assert not (home / ".local" / "share" / "swarm" / "log.db").exists()  # nothing of it is the user's work


def test_a_skill_that_does_not_help_is_exit_code_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_skill(home, CASES.replace("good: There are 7.", "good: None."))
    (home / "script.toml").write_text('[[line]]\nsays = "nothing"\n')
    assert main(["skills", "eval", "ant-counting", "--script", str(home / "script.toml")]) == 1
    assert "ant-counting does not help here: 0 of 2 with it, 0 of 2 without" in capsys.readouterr().err


def test_the_budget_is_one_for_all_cases(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_skill(home, CASES)
    found = document(capsys, "eval", "ant-counting", "--scripted", "--budget", "0.1k", code=3)
    assert "give more with `--budget`" in found["stopped"] and found["cases"] == []


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("cases: {one: {prompt: x}}", "missing required field `check`"),
        ("cases: [", "it is no YAML"),
        ('cases: {one: {prompt: x, check: [{contains: x}], files: {"../a": x}}}', "does not lie in the folder"),
        ("cases: {one: {prompt: x, check: [{nonsense: x}]}}", "is no task"),
    ],
)
def test_cases_that_cannot_be_used_are_refused(
    cases: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_skill(home, cases)
    assert main(["skills", "eval", "ant-counting", "--scripted"]) == 2
    assert said in capsys.readouterr().err


def test_no_model_is_told_of_the_answers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_skill(home, CASES)
    assert main(["skills", "show", "ant-counting", "--level", "resources"]) == 0
    assert "evals" not in capsys.readouterr().out
