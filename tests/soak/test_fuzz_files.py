"""Task files and settings that nobody would write: whatever stands in them, what comes is a file or a clear error."""

from __future__ import annotations

import re
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from swarm.engine.prepare import prepare
from swarm.errors import SwarmError
from swarm.settings.load import load_settings
from swarm.taskfile.read import TaskFileInvalid, load_task_file
from tests.running import a_plan
from tests.soak.mutations import SCRAPS, as_yaml, changed_bytes, changed_tree, changed_words, luck, told

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parents[2]
_RICH = ROOT / "tests" / "data" / "rich.yaml"
_RIGHT = [*sorted((ROOT / "examples").glob("*.yaml")), *[_RICH] * 5]
TASK_FILES = [path.read_bytes() for path in [*_RIGHT, *sorted((ROOT / "tests" / "data" / "broken").glob("*.yaml"))]]
TREES: list[Any] = [yaml.safe_load(path.read_text()) for path in _RIGHT]
SETTINGS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "reference" / "settings.md").read_text(), re.DOTALL)

_CONTROLS = {chr(code) for code in range(32)} - {"\n", "\t"} | {"\x7f"}
LONGEST_S = 10.0
"""An input that takes longer hangs, as far as whoever waits can tell. The slowest takes a hundredth of it."""


def check_said(error: SwarmError) -> None:
    """The error is a sentence that can be shown, however strange what it quotes."""
    said = str(error)
    assert said.strip() and len(said) < 20_000, said[:200]
    said.encode()
    assert not _CONTROLS.intersection(said), said


def a_task_file(random: Random) -> bytes:
    match random.randrange(4):
        case 0:
            return changed_bytes(random.choice(TASK_FILES), random)
        case 1:
            text = random.choice(TASK_FILES).decode("utf-8", "replace")
            return changed_words(text, random).encode("utf-8", "surrogatepass")
        case 2:
            tree = changed_tree(random.choice(TREES), random, spare=TREES)
            return as_yaml(tree, random).encode("utf-8", "surrogatepass")
        case _:
            tree = changed_tree(random.choice(TREES), random, spare=TREES)
            return changed_bytes(as_yaml(tree, random).encode("utf-8", "surrogatepass"), random)


@pytest.mark.cases(12, 900)
async def test_a_task_file_is_read_or_refused_with_what_is_wrong_and_where(seed: int, tmp_path: Path) -> None:
    plan = a_plan({"one": "http://127.0.0.1:9/v1"})
    (tmp_path / "README.md").write_text("Read me.")
    for number, random in luck(seed):
        path = tmp_path / random.choice(("task.yaml", "task.yaml", "task.yaml", "task.md"))
        text = a_task_file(random)
        if path.suffix == ".md":
            text = b"---\n" + text + b"\n---\nWrite it.\n"
        path.write_bytes(text)
        began = time.monotonic()
        with told(seed=seed, number=number, name=path.name, text=text):
            try:
                file = load_task_file(path, environ={})
                assert file.tasks
                prepare(file, tmp_path, str, plan)
            except TaskFileInvalid as error:
                check_said(error)
                assert error.problems and all(problem.message for problem in error.problems)
            except SwarmError as error:
                check_said(error)
            assert time.monotonic() - began < LONGEST_S


def some_settings(random: Random) -> bytes:
    text = random.choice(SETTINGS)
    match random.randrange(3):
        case 0:
            return changed_bytes(text.encode(), random)
        case 1:
            return changed_words(text, random).encode("utf-8", "surrogatepass")
        case _:
            lines = text.splitlines()
            for _ in range(random.choice((1, 2, 5))):
                at = random.randrange(len(lines))
                key, equals, _ = lines[at].partition("=")
                value = random.choice(
                    (*SCRAPS, '"x"', "[1]", "{a = 1}", "1.5", "true", "1e400", "-0", "2026-11-21", '""', "[[]]")
                )
                lines[at] = f"{key}{equals} {value}" if equals else random.choice((f"[{value}]", lines[at]))
            return "\n".join(lines).encode("utf-8", "surrogatepass")


@pytest.mark.cases(5, 300)
def test_settings_are_read_or_refused_with_the_file_and_the_key(seed: int, tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    places = (home / ".config" / "swarm" / "config.toml", project / "swarm.toml", project / "pyproject.toml")
    for path in places:
        path.parent.mkdir(parents=True, exist_ok=True)
    for number, random in luck(seed):
        path = random.choice(places)
        text = some_settings(random)
        if path.name == "pyproject.toml":
            text = b"[tool.swarm]\n" + text.replace(b"\n[", b"\n[tool.swarm.")
        environ = {"HOME": str(home)}
        if random.random() < 0.3:
            environ[
                random.choice(
                    ("SWARM_LOG", "SWARM_TRANSPORT", "SWARM_BUDGET_DAY_USD", "XDG_CONFIG_HOME", "HOME", "SWARM_X")
                )
            ] = random.choice(SCRAPS).replace("\x00", "")
        path.write_bytes(text)
        with told(seed=seed, number=number, place=path.name, text=text, environ=environ):
            try:
                load_settings(
                    project, environ=environ, flags={"log": random.choice(SCRAPS)} if random.random() < 0.2 else {}
                )
            except SwarmError as error:
                check_said(error)
        path.unlink()
