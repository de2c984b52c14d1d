"""Settings of the rules for type and complexity: what may be changed, and where it stands if it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from swarm.cli.main import main
from swarm.connect import Roster
from swarm.plan import classified, plan_of, read_plan
from swarm.settings.complexity import ComplexityChanges, RuleChange
from swarm.settings.load import SettingsInvalid, load_settings
from swarm.settings.ruletable import shipped, table_of
from swarm.task import Task


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's settings file, from where the program is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path / "swarm.toml"


def changes(project: Path, toml: str) -> ComplexityChanges:
    project.write_text(toml)
    return load_settings(project.parent, environ={"HOME": str(project.parent)}).settings.complexity


def problem(project: Path, toml: str) -> str:
    with pytest.raises(SettingsInvalid) as raised:
        changes(project, toml)
    (only,) = raised.value.problems
    return only


def test_without_settings_the_table_is_the_one_that_ships(project: Path) -> None:
    assert table_of(changes(project, "")) is shipped()


def test_a_rule_is_added_and_another_changed_and_the_rest_stays(project: Path) -> None:
    found = changes(
        project,
        """
        [complexity]
        complex_from = 12
        [complexity.rules.ours]
        words = ["Général Ledger", "turn * into a booking"]
        type = "bookkeeping"
        weight = 6
        [complexity.rules.inputs-8-kb]
        least = 20_000
        """,
    )
    ours = RuleChange(name="ours", words=("general ledger", "turn * into a booking"), type="bookkeeping", weight=6)
    assert found == ComplexityChanges(complex_from=12, rules=(ours, RuleChange(name="inputs-8-kb", least=20_000.0)))
    table, before = table_of(found), shipped()
    assert (table.complex_from, table.moderate_from) == (12, before.moderate_from)
    assert (table.rules["inputs-8-kb"].least, table.rules["inputs-8-kb"].points) == (20_000, 3)
    assert {name for name in table.rules if table.rules[name] != before.rules.get(name)} == {"ours", "inputs-8-kb"}


def test_a_rule_that_ships_can_be_turned_off(project: Path) -> None:
    found = changes(project, "[complexity.rules]\ntranslate.weight = 0\nhard-type.points = 0")
    assert table_of(found).rules["translate"].weight == 0


@pytest.mark.parametrize(
    ("toml", "line", "said"),
    [
        ("[complexity.rules.translat]\npoints = 2", 2, "did you mean 'translate', which ships?"),
        ("complexity = 3", 1, "this is a table of settings, not a number"),
        ("complexity.hard_from = 3", 1, "unknown key"),
        ("complexity.moderat_from = 3", 1, "did you mean 'moderate_from'?"),
        ("[complexity]\nmoderate_from = 0", 2, "a whole number from 1 to 1,000 is expected, not 0"),
        ("\n[complexity]\nmoderate_from = 9", 3, "the second must be more"),
        ("[complexity]\n\ncomplex_from = 2", 3, "a task is moderate from 3 points and complex from 2"),
        ("[complexity.rules.a]\npoints = 2", 2, "says nothing of when it holds; add words, measure or types"),
        ('[complexity.rules.a]\nwords = ["x"]', 2, "changes nothing; add points, or type and weight"),
        ('[complexity.rules.a]\nwords = ["x"]\ntype = "docs"', 2, "has no weight"),
        ('[complexity.rules.a]\nwords = ["x"]\nweight = 2', 2, "has no type"),
        ('[complexity.rules.a]\nwords = ["x"]\nmeasure = "words"\npoints = 1', 2, "has words and measure"),
        ('[complexity.rules.a]\ntypes = ["docs"]\ntype = "code"\nweight = 1', 2, "has points only"),
        ('[complexity.rules.a]\nmeasure = "attempts"\ntype = "code"\nweight = 1', 2, "has points only"),
        ('[complexity.rules.a]\nwords = "x"\npoints = 1', 2, "a list of phrases"),
        ("[complexity.rules.a]\nwords = []\npoints = 1", 2, "not an empty one"),
        ("[complexity.rules.a]\nwords = [7]\npoints = 1", 2, 'a phrase is a text such as "unit test*", not a number'),
        ('[complexity.rules.a]\npoints = 1\nwords = ["* x"]', 3, '"* x" is no phrase'),
        ('[complexity.rules.a]\nmeasure = "size"\npoints = 1', 2, "one of input_bytes, inputs, conditions"),
        (
            '[complexity.rules.a]\nmeasure = "words"\nleast = -1\npoints = 1',
            3,
            "a number from 0 on is expected, not -1",
        ),
        (
            '[complexity.rules.a]\nmeasure = "words"\npoints = 99',
            3,
            "a whole number from -20 to 20 is expected, not 99",
        ),
        ('[complexity.rules.a]\nwords = ["x"]\ntype = "Two words"\nweight = 1', 3, "the name of a type is expected"),
        ('[complexity.rules.a]\nwords = ["x"]\npoint = 1', 3, "did you mean 'points'?"),
        ('[complexity.rules."A b"]\nwords = ["x"]', 2, "cannot be the name of a rule"),
    ],
)
def test_what_cannot_be_is_refused_with_its_file_and_line(project: Path, toml: str, line: int, said: str) -> None:
    found = problem(project, toml)
    assert found.startswith(f"{project}:{line}: ")
    assert said in found


def test_settings_are_shown_as_a_file_that_can_be_read_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = changes(project, '[complexity.rules.ours]\nwords = ["a \\"b\\" c", "d*"]\npoints = 2\nlead = true\n')
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "[complexity.rules.ours]" in shown
    (user_file := project.parent / ".config/swarm/config.toml").parent.mkdir(parents=True)
    user_file.write_text(shown)
    assert changes(project, "") == found


def test_a_resume_goes_by_the_rules_that_the_session_was_opened_with(project: Path) -> None:
    project.write_text("complexity.complex_from = 4")
    loaded = load_settings(project.parent, environ={"HOME": str(project.parent)})
    plan = plan_of(loaded, Roster(models=(), providers=()), confirmed=False)
    recorded = msgspec.json.encode(plan).decode()
    project.unlink()
    again = read_plan(recorded, session="s1")
    task = Task(id="t", prompt="Compare the two.")
    found = [classified(task, each, input_size=9_000, inputs=1).level for each in (plan, again)]
    assert found == ["complex", "complex"]
    before = read_plan(recorded.replace('"complexity":{"complex_from":4},', ""), session="s1")
    assert classified(task, before, input_size=9_000, inputs=1).level == "moderate", (
        "a plan of before there were such settings"
    )


def test_a_plan_goes_by_the_rules_in_settings_and_says_which_held(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.parent / "t.yaml").write_text("prompt: Close the ledger.\n")
    project.write_text('[complexity.rules.ours]\nwords = ["ledger"]\ntype = "bookkeeping"\nweight = 6\npoints = 9\n')
    assert main(["plan", "t.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "; complex, bookkeeping\n" in shown
    assert "  why     ours (ledger); +9 ours (ledger)\n" in shown
    assert main(["plan", "t.yaml", "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert (task["type"], task["complexity"]) == ("bookkeeping", "complex")
    assert task["factors"] == ["ours (ledger)", "+9 ours (ledger)"]
