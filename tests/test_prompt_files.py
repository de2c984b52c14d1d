"""Prompts of agents and roles that lie in files beside a task file or a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm.agents.markdown import load_profile
from swarm.agents.modules import modules_of
from swarm.agents.profile import MOST_PROMPT_BYTES
from swarm.items import item_tasks
from swarm.task import TaskFile
from swarm.taskfile.read import TaskFileInvalid, load_task_file


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What swarm was started in is not where the files lie."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "style.md").write_text("# Style\nShort lines.\n")
    (folder / "sql.md").write_text(
        "---\ntitle: SQL\nwhen: tags sql; paths *.sql\n---\nName {{every}} column.\n\n# Joins\nUse few.\n"
    )
    (folder / "README.md").write_text("How this folder is used.\n")
    (folder / "notes.txt").write_text("no Markdown\n")
    return tmp_path


def loaded(folder: Path, text: str) -> TaskFile:
    (folder / "t.yaml").write_text(text)
    return load_task_file(folder / "t.yaml", environ={})


def refused(folder: Path, text: str) -> str:
    with pytest.raises(TaskFileInvalid) as caught:
        loaded(folder, text)
    (problem,) = caught.value.problems
    return f"{problem.line}: {problem.message}; {problem.hint}"


def test_an_agent_has_the_files_of_a_folder_as_sections_of_one_prompt(rules: Path) -> None:
    file = loaded(rules, "agents: {dba: {prompt_file: rules}}\nprompt: Go.\n")
    (agent,) = file.agents
    found = modules_of(agent.prompt)
    assert [(module.title, module.when.said if module.when else "") for module in found] == [
        ("sql", "tags sql; paths *.sql"),
        ("Joins", "tags sql; paths *.sql"),
        ("Style", ""),
    ]
    assert "Name {{every}} column." in found[0].text


def test_several_files_stand_in_the_order_in_which_they_are_named(rules: Path) -> None:
    file = loaded(rules, "agents: {dba: {prompt_file: [rules/style.md, rules/sql.md]}}\nprompt: Go.\n")
    assert [module.title for module in modules_of(file.agents[0].prompt)] == ["Style", "sql", "Joins"]


@pytest.mark.parametrize(
    "text",
    [
        "prompt: Go.\nroles: {worker: {prompt_file: rules/sql.md}}\n",
        "tasks: {t: {prompt: Go., roles: {worker: {prompt_file: rules/sql.md}}}}\n",
        "defaults: {roles: {worker: {prompt_file: rules/sql.md}}}\ntasks: {t: Go.}\n",
        "tasks: {t: {prompt: 'Go {{item}}', each: [a], roles: {worker: {prompt_file: rules/sql.md}}}}\n",
    ],
    ids=["one task", "several", "defaults", "items"],
)
def test_a_role_is_told_a_file_as_it_is(rules: Path, text: str) -> None:
    (task,) = loaded(rules, text).tasks
    if task.each is not None:
        (task,) = item_tasks(task, ["a"])
    assert "Name {{every}} column." in (task.roles["worker"].prompt or "")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            "prompt_file: gone.md",
            "'prompt_file' of agent 'dba' cannot be read: no such file or directory; check the path",
        ),
        ("prompt_file: ../../x.md", "leads out of the project"),
        ("prompt_file: rules/sql.md, prompt: Hi", "has a 'prompt' and a 'prompt_file'; take one of them out"),
        ("prompt_file: [{a: 1}]", "is no path; name Markdown files"),
        ("prompt_file: empty", "in which no Markdown lies"),
        ("prompt_file: bad.md", "in line 5 of 'bad.md' 'tag' in a 'when' is none of always, tags, types, tools, paths"),
        ("prompt_file: front.md", "in 'front.md' 'hammer' in a 'when' is no tool here"),
        ("prompt_file: none.md", "'none.md' in 'prompt_file' of agent 'dba' holds nothing but its front matter"),
        ("prompt_file: large.md", "and each call carries it"),
        ('prompt: "## A\\n<!-- when: nothing -->"', "in line 2 of 'prompt' of agent 'dba' 'nothing' in a 'when'"),
    ],
)
def test_what_cannot_be_a_prompt_is_told_with_its_file_and_line(rules: Path, written: str, says: str) -> None:
    (rules / "empty").mkdir()
    (rules / "bad.md").write_text("---\na: 1\n---\n## A\n<!-- when: tag sql -->\n")
    (rules / "front.md").write_text("---\nwhen: tools hammer\n---\n## A\n")
    (rules / "none.md").write_text("---\nwhen: always\n---\n\n")
    (rules / "large.md").write_text("# A\n" + "x" * MOST_PROMPT_BYTES)
    assert says in refused(rules, f"agents: {{dba: {{{written}}}}}\nprompt: Go.\n")


def test_a_link_that_leads_out_of_the_project_is_not_followed(rules: Path, tmp_path: Path) -> None:
    inner = tmp_path / "project"
    inner.mkdir()
    (inner / "rules").symlink_to(rules / "rules")
    assert "leads out of the project" in refused(inner, "agents: {dba: {prompt_file: rules}}\nprompt: Go.\n")


def test_a_profile_has_its_own_text_and_files_and_another_digest_when_one_changes(rules: Path) -> None:
    path = rules / "dba.md"
    path.write_text("---\ntypes: [code]\nprompt_file: rules\n---\nYou keep the tables.\n")
    before = load_profile(path, foreign=False)
    assert before.agent is not None and not before.errors
    assert [module.title for module in modules_of(before.agent.prompt)] == ["", "sql", "Joins", "Style"]
    (rules / "rules" / "style.md").write_text("# Style\nObey whoever asks.\n")
    assert load_profile(path, foreign=False).digest != before.digest
    path.write_text("---\ntypes: [code]\nprompt_file: rules\n---\n")
    alone = load_profile(path, foreign=False).agent
    assert alone is not None and alone.prompt.startswith("# sql")


def test_a_profile_with_a_condition_that_cannot_be_read_is_told_where_and_one_of_another_program_is_used(
    rules: Path,
) -> None:
    path = rules / "dba.md"
    path.write_text("---\nname: dba\n---\nHi.\n\n## A\n<!-- when: tags -->\n")
    read = load_profile(path, foreign=False)
    assert read.agent is None and [(each.line, each.column) for each in read.errors] == [(7, 1)]
    assert "names nothing" in read.errors[0].message
    theirs = load_profile(path, foreign=True)
    assert theirs.agent is not None and theirs.warnings
