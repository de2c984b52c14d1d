"""Importing is cheap and does nothing: no command pays for what it does not use, no module acts before it is asked."""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from swarm.version import VERSION

ROOT = Path(__file__).parent.parent
PACKAGES = ("events", "skills", "swarm", "tui")
HEAVY = (
    "textual",
    "rich",
    "httpx",
    "aiohttp",
    "aiosqlite",
    "numpy",
    "tiktoken",
    "jsonschema",
    "hypothesis",
    "yaml",
    "optuna",
    "mcp",
    "pydantic",
    "tree_sitter",
    "cronsim",
)
MODULES = sorted(
    module.name for package in PACKAGES for module in pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}.")
)

RUNS = ("swarm.session", "swarm.cli.running", "swarm.roster", "swarm.connect")

_RUN = """
import json, sys
from swarm.cli.main import main
code = main(sys.argv[1:])
sys.stderr.write("\\n" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""

_IMPORT_ALL = """
import importlib, json, os, socket, subprocess, sys, threading
said = []
def hear(event, args):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.mkdir", "os.remove"):
        said.append([event, str(args)])
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+") and "__pycache__" not in str(args[0]):
        said.append([event, str(args[:2])])
sys.dont_write_bytecode = True
sys.addaudithook(hear)
found = {}
for module in sys.argv[1:]:
    importlib.import_module(module)
    found[module] = said + [[t.name] for t in threading.enumerate()[1:]] + os.listdir()
    said = []
print(json.dumps(found))
"""


def environ(home: Path) -> dict[str, str]:
    """An environment with an empty home, and bytecode kept, as a user has it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}


def modules_of(words: list[str], home: Path) -> tuple[int, set[str]]:
    """Run the command line in a process of its own; return its exit code and the top-level modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *words], env=environ(home), cwd=home, capture_output=True, text=True, timeout=30
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize("words", [["--help"], [], ["--version"]])
def test_the_help_of_all_commands_imports_nothing_that_is_not_needed_to_print_it(
    words: list[str], tmp_path: Path
) -> None:
    code, modules = modules_of(words, tmp_path)
    assert code == 0
    assert modules.isdisjoint({*HEAVY, "msgspec", "anyio", "asyncio", "argparse"})


@pytest.mark.parametrize(
    "words",
    [["config", "show"], ["config", "show", "--json"], ["config", "--help"], ["validate", "--help"], ["nonsense"]],
)
def test_a_light_command_imports_no_heavy_package(words: list[str], tmp_path: Path) -> None:
    code, modules = modules_of(words, tmp_path)
    assert code in (0, 2)
    assert modules.isdisjoint({*HEAVY, "anyio", "asyncio"})


def test_checking_a_task_file_brings_the_yaml_reader_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "hello.yaml").write_text("prompt: Say hello.\n")
    code, modules = modules_of(["validate", "hello.yaml"], tmp_path)
    assert code == 0
    assert "yaml" in modules
    assert modules.isdisjoint({*HEAVY, "anyio", "asyncio"} - {"yaml"})


def test_a_run_loads_no_vocabulary_and_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text('[[line]]\nrole = "worker"\nsays = "An ant carries a leaf."\n')
    (tmp_path / "ants.yaml").write_text("prompt: Write a line about ants.\ncheck: {contains: leaf}\n")
    code, modules = modules_of(["run", "ants.yaml", "--script", "script.toml"], tmp_path)
    assert code == 0
    assert modules.isdisjoint({"tiktoken", "numpy", "textual"})


def test_importing_a_module_does_nothing_but_define_things(tmp_path: Path) -> None:
    """One process imports them all: tests/test_layers.py holds that the order does not matter."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_ALL, *MODULES],
        env=environ(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)  # a module that prints breaks this line
    assert found.keys() == set(MODULES)
    assert {module: seen for module, seen in found.items() if seen} == {}


def test_the_version_that_a_session_records_is_the_declared_one() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_every_package_is_looked_at() -> None:
    found = {name.partition(".")[0] for name in MODULES}
    assert {"swarm", "events"} <= found
    assert "swarm.cli.main" in MODULES


def cpu_seconds(command: list[str], home: Path) -> float:
    """Return the processor time of a process: it does not grow when others keep the machine busy, as elapsed time does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ(home), cwd=home, stdout=subprocess.DEVNULL, check=True, timeout=30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_costs_at_most_four_times_a_bare_interpreter(tmp_path: Path) -> None:
    bare, with_help = [sys.executable, "-c", "pass"], [sys.executable, "-m", "swarm.cli.main", "--help"]
    cpu_seconds(with_help, tmp_path)  # the first run compiles
    rounds = [(cpu_seconds(bare, tmp_path), cpu_seconds(with_help, tmp_path)) for _ in range(9)]
    assert statistics.median(times[1] for times in rounds) <= 4 * statistics.median(times[0] for times in rounds)


def test_commands_that_run_nothing_do_not_import_what_runs() -> None:
    modules = ", ".join(f"swarm.cli.{command}" for command in ("mcp", "approve", "answer", "trust"))
    code = f"import sys, {modules}; print([name for name in sys.modules if name in {RUNS!r}])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "[]\n"
