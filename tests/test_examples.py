"""The larger examples run as they say, on the scripted models that ship with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from events.log import open_log
from events.scopes import schedule_scope
from events.types.call import CallReserved
from skills.library import open_library
from skills.lint import lint
from skills.lock import Lock, trusted_now
from skills.skill import Place
from swarm.cli.running import scripted
from swarm.crew import crew_of, profiles_here
from swarm.library import lock_path
from swarm.plan import plan_of
from swarm.redact import Secrets
from swarm.session import Result, run_file
from swarm.settings.load import load_settings
from swarm.taskfile.read import load_task_file
from tests.running import faces

EXAMPLES = Path(__file__).parent.parent / "examples"
RUNS = ("morning", "midday", "evening", "friday")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


async def played(root: Path, name: str, home: Path, *, schedule: str = "") -> Result:
    """Run a task file of a folder as `swarm run --script script.toml` does."""
    environ = {"HOME": str(home)}
    loaded = load_settings(root, environ=environ)
    file = load_task_file(root / name)
    file = crew_of(file, profiles_here(loaded, root, environ, file), frozenset()).file
    plan = plan_of(loaded, scripted(root / "script.toml"), confirmed=True, schedule=schedule)
    async with open_log(home / "log.db") as log:
        secrets = Secrets([])
        return await run_file(log, file, plan, root=root, environ=environ, faces=faces(), secrets=secrets)


async def test_twelve_analysts_stay_within_forty_thousand_tokens_and_their_words(tmp_path: Path, home: Path) -> None:
    root = shutil.copytree(EXAMPLES / "analysts", tmp_path / "analysts")
    result = await played(root, "task.yaml", home)
    assert (result.exit_code, len(result.tasks)) == (0, 12)
    file = load_task_file(root / "task.yaml")
    assert file.budget is not None and file.budget.tokens == 40_000 > result.tokens
    assert set(file.budget.split) == {"context", "worker", "validator", "summary", "buffer"}
    words = {task.id: task.limits.words for task in file.tasks}
    for task in result.tasks:
        assert len((task.text or "").split()) <= (words[task.name.rpartition("/")[2]] or 0)
    assert "share" in (root / "review.md").read_text()


async def test_a_day_of_the_assistant_runs_under_its_schedules_with_the_skills_that_were_trusted(
    tmp_path: Path, home: Path
) -> None:
    root = shutil.copytree(EXAMPLES / "assistant", tmp_path / "assistant")
    untrusted = await played(root, "midday.yaml", home)
    assert untrusted.exit_code == 1 and "swarm skills trust" in untrusted.tasks[0].reason
    trust(root, home)
    for name in RUNS:
        assert (await played(root, f"{name}.yaml", home, schedule=name)).exit_code == 0, name
    async with open_log(home / "log.db", read_only=True) as log:
        entries = await log.read()
    counted = {scope for entry in entries if isinstance(entry.event, CallReserved) for scope in entry.event.scopes}
    assert {schedule_scope(name) for name in RUNS} <= counted
    written = {path.name for path in (root / "out").iterdir()}
    assert written == {"morning.md", "replies.md", "expenses.json", "due.md", "friday.md"}


def trust(root: Path, home: Path) -> None:
    found = open_library([Place(root / ".swarm/skills", "project")], Lock()).found
    lock = Lock().adding({each.skill.folder: trusted_now(each.skill) for each in found})
    path = lock_path({"HOME": str(home)})
    path.parent.mkdir(parents=True)
    path.write_bytes(lock.to_bytes())


def test_the_assistant_has_twenty_six_skills_without_a_fault_and_half_a_dollar_a_day(home: Path) -> None:
    folders = sorted(path.parent for path in (EXAMPLES / "assistant/.swarm/skills").glob("*/SKILL.md"))
    assert len(folders) == 26
    assert [finding for folder in folders for finding in lint(folder)] == []
    loaded = load_settings(EXAMPLES / "assistant", environ={"HOME": str(home)})
    assert loaded.settings.budget.day_nanos == 500_000_000
    assert loaded.origins["budget", "day_usd"].kind == "project file"
    budgets = [load_task_file(EXAMPLES / f"assistant/{name}.yaml").budget for name in RUNS]
    assert sum(budget.usd_nanos or 0 for budget in budgets if budget) < 500_000_000


def test_the_crontab_of_the_assistant_starts_each_of_its_files_under_its_name() -> None:
    lines = (EXAMPLES / "assistant/crontab").read_text().splitlines()
    assert [line.split("--schedule ")[1] for line in lines if "--schedule " in line and line[0] != "#"] == [
        f"{name} {name}.yaml" for name in RUNS
    ]


def test_the_mix_of_coding_tasks_has_a_thousand_in_twenty_forms(home: Path) -> None:
    file = load_task_file(EXAMPLES / "coding/mix.yaml")
    items = [task.each.items for task in file.tasks if task.each is not None]
    assert (len(file.tasks), sum(map(len, items))) == (20, 1_000)
    names = (EXAMPLES / "coding/script.toml").read_text()
    assert all(str(item) in names for item in items[0])


async def test_a_task_of_the_mix_is_done_for_each_module(tmp_path: Path, home: Path) -> None:
    root = shutil.copytree(EXAMPLES / "coding", tmp_path / "coding")
    text = (root / "mix.yaml").read_text()
    (root / "mix.yaml").write_text(text.split("  oneliner:")[0])
    result = await played(root, "mix.yaml", home)
    assert (result.exit_code, len(result.tasks)) == (0, 51)


PATH = sorted(path.name for path in EXAMPLES.glob("0*.yaml"))


def test_the_path_of_examples_has_a_number_for_each_idea() -> None:
    assert [name[:3] for name in PATH] == [f"0{number}-" for number in range(1, 9)]


@pytest.mark.parametrize("name", PATH)
async def test_an_example_of_the_path_runs_without_a_model(name: str, tmp_path: Path, home: Path) -> None:
    root = tmp_path / "examples"
    shutil.copytree(EXAMPLES, root, ignore=lambda at, names: [each for each in names if "." not in each])
    result = await played(root, name, home)
    assert result.exit_code == 0, result.tasks
    rejected = {"02-check.yaml", "08-judge.yaml"}  # their first drafts are, so that a reader sees what follows
    async with open_log(home / "log.db", read_only=True) as log:
        kinds = {entry.kind for entry in await log.read()}
    assert ("step.rejected" in kinds) == (name in rejected)
