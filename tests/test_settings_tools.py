"""Settings of tools: rules of several files together, and what a project may say in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from swarm.cli.main import main
from swarm.connect import Roster
from swarm.plan import plan_of, read_plan
from swarm.settings.load import Loaded, SettingsInvalid, load_settings
from swarm.settings.toolrules import Rule, ToolSettings

PUSH = '[[tools.approve]]\ntool = "run"\nmatch = "git push*"\naction = "ask"\n'
NO_FETCH = '[tools]\napprove = [{ tool = "fetch", action = "deny" }]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a settings file of the user's, and a project below it from where the program is started."""
    (tmp_path / ".config" / "swarm").mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def loaded(home: Path, *, user: str = "", project: str = "", **environ: str) -> Loaded:
    (home / ".config/swarm/config.toml").write_text(user)
    (home / "project/swarm.toml").write_text(project)
    return load_settings(home / "project", environ={"HOME": str(home), **environ})


def problem(home: Path, **texts: str) -> str:
    with pytest.raises(SettingsInvalid) as raised:
        loaded(home, **texts)
    (only,) = raised.value.problems
    return only


def without_places(rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(msgspec.structs.replace(rule, place="")) for rule in rules]


def test_rules_of_all_layers_hold_those_of_the_environment_before_the_users_and_a_projects_beside(home: Path) -> None:
    variable = '[{ tool = "run", match = "make *", action = "allow" }]'
    tools = loaded(home, user=PUSH, project=NO_FETCH, SWARM_TOOLS_APPROVE=variable).settings.tools
    assert without_places(tools.rules) == [
        {"tool": "run", "action": "allow", "match": "make *"},
        {"tool": "run", "action": "ask", "match": "git push*"},
    ]
    assert without_places(tools.stricter) == [{"tool": "fetch", "action": "deny"}]
    assert [rule.place for rule in tools.rules] == ["SWARM_TOOLS_APPROVE", f"{home}/.config/swarm/config.toml:1"]
    assert tools.stricter[0].place == f"{home}/project/swarm.toml:2"


def test_arguments_that_a_rule_names_are_as_json_has_them(home: Path) -> None:
    user = '[tools]\napprove = [{ tool = "db__query", match = { limit = 1.5, tags = ["a"], deep = { x = true } }, action = "deny" }]'
    (rule,) = loaded(home, user=user).settings.tools.rules
    assert rule.match == {"limit": 1.5, "tags": ["a"], "deep": {"x": True}}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('"run"', "rule 1 is a text; write it as { tool ="),
        ('{ tool = "run" }', "rule 1 has no action; a rule has a tool and an action"),
        ('{ tool = "run", action = "alow" }', "one of allow, ask, deny, not 'alow', did you mean 'allow'?"),
        ('{ tool = "runn", action = "ask" }', "names 'runn', which is no tool here, did you mean 'run'?"),
        ('{ tool = "run", action = "ask", mach = "x" }', "the unknown key 'mach', did you mean 'match'?"),
        ('{ tool = "run", action = "ask", match = "" }', "the match of rule 1 is empty"),
        ('{ tool = "run", action = "ask", match = 3 }', 'a pattern such as "git push*"'),
        ('{ tool = "a__b", action = "ask", match = { at = 2026-01-01 } }', "which no argument can be"),
    ],
)
def test_a_rule_that_cannot_be_is_told_with_its_place_and_what_to_write(home: Path, rule: str, said: str) -> None:
    told = problem(home, user=f"[tools]\napprove = [{rule}]\n").replace('"', "'" if "'" in said else '"')
    assert told.startswith(f"{home}/.config/swarm/config.toml:2: tools.approve: ")
    assert said in told


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ("network = true", "cannot set this, since with it a repository could"),
        ('fetch_hosts = ["*"]', "cannot set this"),
        ('sandbox = "none"', "cannot set this"),
        ("timeout_s = 600", "can lower timeout_s from 120 but not raise it to 600; put it in"),
        ("memory_mib = 9000", "can lower memory_mib from 2048 but not raise it to 9000"),
        ('changes = "apply"', "can be more careful than 'ask' with changed files, and 'apply' is less"),
    ],
)
def test_a_project_cannot_give_tools_more_than_the_user_does(home: Path, project: str, said: str) -> None:
    assert said in problem(home, project=f"[tools]\n{project}\n")


def test_a_project_can_give_them_less(home: Path) -> None:
    project = '[tools]\ntimeout_s = 10\nchanges = "keep"\nheadless = "fail"\n'
    tools = loaded(home, user='[tools]\nchanges = "apply"\n', project=project).settings.tools
    assert tools == ToolSettings(timeout_s=10.0, changes="keep", headless="fail")


@pytest.mark.parametrize("host", ["https://docs.python.org", "a b", "docs.*.org", ""])
def test_what_is_no_host_is_refused_with_how_one_is_written(home: Path, host: str) -> None:
    text = f'[tools]\nfetch_hosts = ["docs.python.org", "{host}"]\n'
    if not host:
        assert loaded(home, user=text).settings.tools.fetch_hosts == ("docs.python.org",)
    else:
        assert "without https:// and path" in problem(home, user=text)


def test_a_session_records_what_bounds_its_tools_and_a_plan_of_before_has_the_defaults(home: Path) -> None:
    settings = loaded(home, user=PUSH, SWARM_TOOLS_MOST_OFFERED="5")
    plan = plan_of(settings, Roster(models=(), providers=()), confirmed=False)
    assert plan.tools == settings.settings.tools
    assert read_plan(msgspec.json.encode(plan).decode(), session="s1") == plan
    old = msgspec.to_builtins(plan)
    del old["tools"]
    assert read_plan(json.dumps(old), session="s1").tools == ToolSettings()


def test_the_rules_that_hold_are_shown_so_that_they_can_be_read_back_and_mean_the_same(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = loaded(home, user=PUSH, project=NO_FETCH).settings.tools
    assert main(["config", "show", "--origin"]) == 0
    shown = capsys.readouterr().out
    assert f'  {{ tool = "run", match = "git push*", action = "ask" }},  # {home}/.config/swarm/config.toml:1' in shown
    assert f'  # {{ tool = "fetch", action = "deny" }}, where it is stricter: {home}/project/swarm.toml:2' in shown
    again = loaded(home, user=shown).settings.tools
    assert (without_places(again.rules), again.stricter) == (without_places(before.rules), ())
