"""Command lines that nobody would type: a result or a sentence and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from random import Random

import pytest

from swarm.cli.main import COMMANDS, main
from tests.provider import Provider, provider_thread
from tests.soak.mutations import SCRAPS, luck, told
from tests.team import play, swarm

pytestmark = pytest.mark.soak

DATA = Path(__file__).parents[1] / "data"
NAMES = [name for group in COMMANDS.values() for name in group]
NOT_HERE = {"--follow", "-f", "--detach", "--local", "--yes"}
"""Options that wait for ever, leave a process behind, or fetch something from the network."""
CODES = {0, 1, 2, 3, 4, 5, 10, 11}
WORDS = (
    "task.yaml", "broken.yaml", "missing.yaml", "folder", "log.db", "other.db", "s1", "s2", "s99", "s1/task0", "s1/task0/1", "1", "-1",
    "0", "17", "1..5", "2026-11-21", "90d", "task0", "model", "day", "aiohttp", "bash", "zsh", "never", "always", "plain", "json",
    "pytest", "list", "a=b", "vars", "-", "--", "set", "raise", "split", "reconcile", "$0.50",
    "+20k", "task0=50%", "prompt: x", "Write a line.",
)  # fmt: skip


@pytest.fixture(scope="module")
def options() -> dict[str, list[str]]:
    """The options of each command, as its help names them."""
    found: dict[str, list[str]] = {}
    for name in NAMES:
        shown = swarm(name, "--help", home=DATA, cwd=DATA)
        assert shown.returncode == 0, shown.stderr
        found[name] = sorted(set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", shown.stdout)) - NOT_HERE)
    return found


@pytest.fixture(scope="module")
def server() -> Generator[Provider]:
    with provider_thread(play) as running:
        yield running


def make_home(folder: Path) -> None:
    (folder / "folder").mkdir(parents=True)
    (folder / "task.yaml").write_text("prompt: Write a line about ants.\n")
    shutil.copy(DATA / "broken" / "cycle.yaml", folder / "broken.yaml")
    shutil.copy(DATA / "golden-1.db", folder / "log.db")
    (folder / "other.db").write_text("no log")
    (folder / "log.db").chmod(0o600)


def a_command_line(random: Random, options: dict[str, list[str]], url: str) -> list[str]:
    name = random.choice(NAMES)
    words = [name] if random.random() < 0.97 else [random.choice((*SCRAPS, *WORDS))]
    if random.random() < 0.7:
        words += [
            "--log",
            random.choice(("log.db", "log.db", "log.db", "other.db", "new.db", "folder", "/proc/x", "memory:")),
        ]
    if name in ("run", "resume") and random.random() < 0.8:
        words += ["--endpoint", random.choice((url, url, "http://127.0.0.1:9/v1", "ftp://x", "")), "--model", "m"]
    for _ in range(random.randrange(5)):
        match random.randrange(4):
            case 0:
                words.append(random.choice(options.get(name) or ["--help"]))
            case 1:
                option = random.choice(options.get(name) or ["--help"])
                words.append(f"{option}={random.choice((*SCRAPS, *WORDS))}")
            case 2:
                words.append(random.choice(SCRAPS))
            case _:
                words.append(random.choice(WORDS))
    if random.random() < 0.1:
        random.shuffle(words)
    return [word.replace("\x00", "")[:2_000] for word in words if word not in NOT_HERE]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, from which nothing leads out."""
    for variable in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9/")
    for variable in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith(("XDG_", "SWARM_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.cases(1, 120)
def test_whatever_is_typed_is_answered_with_a_result_or_a_sentence(
    seed: int,
    home: Path,
    options: dict[str, list[str]],
    server: Provider,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, random in luck(seed):
        folder = home / str(number)
        make_home(folder)
        monkeypatch.chdir(folder)
        words = a_command_line(random, options, server.url)
        given = random.choice((b"", b"y\n", b"prompt: Write.\n", b"\xff\x00"))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with told(seed=seed, number=number, words=words, stdin=given):
            code = main(words)
            shown = capfd.readouterr()
            assert code in CODES, (code, shown.err)
            assert "Traceback" not in shown.err or "--debug" in words, shown.err
            assert "fault of swarm" not in shown.err, shown.err
            assert code == 0 or shown.err.strip() or shown.out.strip(), code


@pytest.mark.cases(2, 60)
def test_the_installed_command_takes_it_too(
    seed: int, home: Path, options: dict[str, list[str]], server: Provider
) -> None:
    random = Random(f"process {seed}")
    make_home(home / "project")
    words = a_command_line(random, options, server.url)
    with told(seed=seed, words=words):
        try:
            done = swarm(*words, home=home, cwd=home / "project", timeout=30)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it does not end: {error.stderr!r}") from error
        assert done.returncode in CODES, done.stderr
        assert "Traceback" not in done.stderr or "--debug" in words, done.stderr
        assert "fault of swarm" not in done.stderr, done.stderr
