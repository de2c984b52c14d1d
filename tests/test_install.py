"""What is installed is what was written: the wheel is whole, and works in an environment that has nothing else.

The environment is made once for all workers: an empty one, with the wheel and what it declares from the package index,
at the versions of constraints.txt. No extra is in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

from tests.provider import Answer, provider_thread

ROOT = Path(__file__).parent.parent
PACKAGES = {"events", "skills", "swarm", "tui"}

pytestmark = pytest.mark.timeout(300)  # the packages may have to come from the index first

NEED_AN_EXTRA = tuple(f"swarm.tools.mcp.{name}" for name in ("connection", "pipe", "web"))
"""Modules that are imported where the package `mcp` is known to be there."""

_IMPORT_ALL = """
import importlib, pkgutil, sys
names = [m.name for p in ("events", "swarm", "tui", "skills") for m in pkgutil.walk_packages(importlib.import_module(p).__path__, p + ".")]
for name in names:
    if name not in sys.argv[1:]:
        importlib.import_module(name)
print(len(names))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, the same for all of its workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def wheel(shared: Path) -> Path:
    with (shared / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built := list(shared.glob("*.whl"))):
            must([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(shared)], cwd=ROOT)
            built = list(shared.glob("*.whl"))
    assert len(built) == 1
    return built[0]


@pytest.fixture(scope="module")
def environment(shared: Path, wheel: Path) -> Path:
    """The folder of the environment's programs."""
    programs = shared / "env" / "bin"
    with (shared / "env.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (programs / "swarm").exists():
            venv.create(shared / "env")
            pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "-q", "--no-compile"]
            must([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], cwd=shared)
    return programs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with packages of its own, named as ours are: none of them may get in our way."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('a package of the user was imported')\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "hello.yaml").write_text("prompt: Say hello.\ncheck: {contains: hello}\n")
    return tmp_path


def must(command: list[str], *, cwd: Path) -> str:
    """Run what a test stands on; what it said is the failure."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=DEVNULL)
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def environ_of(folder: Path) -> dict[str, str]:
    """The environment of a user who has nothing set but a home."""
    return {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}


def user(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user of `folder` would who cannot be asked."""
    return subprocess.run(
        command, cwd=folder, env=environ_of(folder), stdin=DEVNULL, capture_output=True, text=True, timeout=60
    )


def declared_version() -> str:
    project: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["version"]


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_installs_our_four_packages_and_nothing_else_beside_them(wheel: Path) -> None:
    top = {name.partition("/")[0] for name in files_of(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


def test_every_file_of_the_packages_is_in_the_wheel_and_none_that_python_left_there(wheel: Path) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }
    assert {name for name in files_of(wheel) if ".dist-info/" not in name} == here
    assert {f"{package}/py.typed" for package in PACKAGES} <= here
    assert {"swarm/prompts/worker.md", "tui/swarm.tcss"} <= here


def test_the_installed_command_works_in_a_folder_that_has_an_events_package_of_its_own(
    environment: Path, folder: Path
) -> None:
    swarm = str(environment / "swarm")
    shown = user([swarm, "--help"], folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "swarm COMMAND" in shown.stdout
    checked = user([swarm, "validate", "hello.yaml"], folder)
    assert (checked.returncode, checked.stdout) == (0, "hello.yaml: ok, 1 task, 1 check, 0 commands\n")
    assert user([swarm, "--version"], folder).stdout == f"swarm {declared_version()}\n"


def test_everything_can_be_imported_with_what_the_package_itself_requires(environment: Path, folder: Path) -> None:
    done = user([str(environment / "python"), "-P", "-W", "error", "-c", _IMPORT_ALL, *NEED_AN_EXTRA], folder)
    assert done.stderr == ""
    assert int(done.stdout) > 50


def test_a_child_of_the_installed_command_finds_its_own_packages_and_says_what_it_lacks(
    environment: Path, folder: Path
) -> None:
    order = {"path": "none.gguf", "alias": "none", "port": 0, "key": "k", "context_tokens": 512, "threads": 1}
    child = [str(environment / "python"), "-P", "-m", "swarm.models.local_server"]
    with subprocess.Popen(child, cwd=folder, env=environ_of(folder), stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()  # and not closed: the child ends when its stdin does
        said = json.loads(process.stdout.readline())
    assert "xllamacpp" in said["missing"]


def test_the_embedded_model_is_not_fetched_where_nothing_could_run_it(environment: Path, folder: Path) -> None:
    done = user([str(environment / "swarm"), "run", "--local", "--yes", "hello.yaml"], folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: the embedded model needs the package xllamacpp (it is not installed); ")
    assert done.stderr.count("\n") == 1


def test_the_installed_command_runs_a_task_on_a_server_from_any_folder(environment: Path, folder: Path) -> None:
    with provider_thread(lambda _: Answer("hello to you")) as provider:
        run = [str(environment / "swarm"), "run", "--endpoint", provider.url, "hello.yaml"]
        done = user(run, folder)
    assert (done.returncode, done.stdout) == (0, "hello to you\n"), done.stderr
    assert "1 of 1 accepted" in done.stderr
