"""A search finds lines, the same with ripgrep and without it, in bounded time, and shows nothing from outside."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.tools.base import Tool
from swarm.tools.enclosure import Enclosure
from swarm.tools.globbing import glob_of
from swarm.tools.search import LARGEST_FILE, search_tool
from tests.tools.using import refusal, use

RIPGREP = shutil.which("rg")
needs_ripgrep = pytest.mark.skipif(RIPGREP is None, reason="ripgrep (rg) is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, content in {
        "README.md": b"# Title\nSee Total and total.\n",
        "src/app.py": b"def total(items):\n    return sum(items)\n\n\nTOTAL = total([1, 2])\n",
        "src/deep/win.py": b"one total\r\ntwo\r\ntotal",
        "src/deep/latin.txt": "gr\u00fcn = total\n".encode("latin-1"),
        "src/bom.txt": b"\xef\xbb\xbftotal = 1\n",
        "src/utf16.txt": "total\n".encode("utf-16"),
        "data.bin": b"total\0total\n",
        "late.bin": b"total\n" * 200 + b"\0",
        ".github/flow.yml": b"name: total\n",
        ".gitignore": b"ignored.txt\n",
        "ignored.txt": b"total here\n",
        "node_modules/dep.js": b"total\n",
        ".git/config": b"total\n",
        "-dash.txt": b"total\n",
        "with space: and colon.txt": b"total\n",
        "new\nline.txt": b"total\n",
        "ü.txt": "größe total\n".encode(),
        "long.txt": b"x" * 1_000 + b"total" + b"y" * 100_000 + b"\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"total\n")
    (root / "link.py").symlink_to("src/app.py")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text("total canary\n")
    (root / "out").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe")
    return root


def ours(root: Path, seconds: float = 20) -> Tool:
    return search_tool(Enclosure(root), ripgrep="", seconds=seconds)


async def test_lines_are_given_under_their_files_with_their_numbers(project: Path) -> None:
    said = await use(ours(project), pattern=r"def total|TOTAL", path="src")
    assert said.text == "src/app.py\n1: def total(items):\n5: TOTAL = total([1, 2])"
    assert not said.failed


@needs_ripgrep
@pytest.mark.parametrize(
    "arguments",
    [
        {"pattern": "total"},
        {"pattern": "TOTAL", "ignore_case": True},
        {"pattern": r"\btotal\b.*\d"},
        {"pattern": "total$"},
        {"pattern": "^total"},
        {"pattern": r"^\w+ total"},
        {"pattern": "total(items)", "plain": True},
        {"pattern": "Total.", "plain": True, "ignore_case": True},
        {"pattern": "total", "glob": "*.py"},
        {"pattern": "total", "glob": "src/**/*.{py,txt}"},
        {"pattern": "total", "path": "src", "glob": "deep/*"},
        {"pattern": "total", "path": "src/app.py"},
        {"pattern": "total", "path": "link.py"},
        {"pattern": "total", "path": "node_modules"},
        {"pattern": "größe"},
        {"pattern": "to(?=tal)"},
        {"pattern": r"(t)o\1al"},
        {"pattern": "nowhere at all"},
        {"pattern": "total", "glob": "*.nope"},
        {"pattern": "-e"},
        {"pattern": "[[tx]otal"},
        {"pattern": "--files"},
        {"pattern": "one\ntwo"},
    ],
    ids=str,
)
async def test_ripgrep_and_our_own_search_give_the_same(arguments: dict[str, str], project: Path) -> None:
    with_it = await use(search_tool(Enclosure(project), ripgrep=RIPGREP), **arguments)
    without = await use(ours(project), **arguments)
    assert with_it == without
    assert "canary" not in with_it.text and ".bin" not in with_it.text.replace("late.bin", "")
    with_it.text.encode()


async def test_everything_but_caches_git_and_binary_files_is_searched(project: Path) -> None:
    text = (await use(ours(project), pattern="total", plain=True)).text
    for name in (
        "-dash.txt",
        ".github/flow.yml",
        "ignored.txt",
        "new?line.txt",
        "caf?.txt",
        "ü.txt",
        "src/deep/win.py",
    ):
        assert f"\n{name}\n" in f"\n{text}\n"
    assert not [name for name in ("node_modules", ".git/", "data.bin", "utf16", "link.py", "out/") if name in text]
    assert f"{'x' * 240}[... 100,765 more]" in text


async def test_of_many_hits_the_first_are_shown(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text("hit\n" * 10)
    text = (await use(ours(tmp_path), pattern="hit")).text
    assert text.count(": hit") == 100 and "09.txt" in text and "10.txt" not in text
    assert text.endswith("[only the first 100 lines are shown; narrow it with `path`, `glob` or the pattern]")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "the pattern is empty"),
        ("x[", "no regular expression"),
        ("(" * 400, "no regular"),
        ("x" * 2_000, "at most"),
    ],
)
async def test_a_pattern_that_is_none_is_refused(pattern: str, words: str, project: Path) -> None:
    assert words in await refusal(ours(project), pattern=pattern)


async def test_a_pattern_that_takes_for_ever_is_ended(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 60 + "!\n")
    (tmp_path / "b.txt").write_text("b\n")
    started = time.monotonic()
    said = await use(ours(tmp_path, seconds=1), pattern="(a+)+$")
    assert time.monotonic() - started < 15
    assert said.text.startswith("[it took too long, and not all files were searched") and said.cut


async def test_a_file_that_is_too_large_is_told_so(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    for path in (".", "large"):
        said = await use(ours(tmp_path), pattern="x", path=path)
        assert said.text == "[no line matches in 0 files]\n[1 file above 16 MiB not searched]"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look for processes in")
async def test_a_search_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 60 + "!\n")
    with anyio.move_on_after(0.5) as patience:
        await use(ours(tmp_path), pattern="(a+)+$")
    assert patience.cancelled_caught
    assert not [each for each in _children() if b"swarm.tools.matching" in each]


def _children() -> list[bytes]:
    """The command lines of our own child processes."""
    found: list[bytes] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            found += [(folder / "cmdline").read_bytes()] if int(parent) == os.getpid() else []
    return found


@needs_ripgrep
async def test_what_ripgrep_says_of_a_file_is_shown_from_inside_only(tmp_path: Path) -> None:
    """A program that follows a swapped folder, as ripgrep may in a race, tells the numbers of lines and nothing else."""
    (tmp_path / "a.txt").write_text("mine\n")
    liar = tmp_path.parent / "liar"
    liar.write_text("#!/bin/sh\nprintf './a.txt\\0001:canary\\n./a.txt\\0009:canary\\n./../x\\0001:canary\\n'\n")
    liar.chmod(0o755)
    said = await use(search_tool(Enclosure(tmp_path), ripgrep=str(liar)), pattern="canary")
    assert said.text == "a.txt\n1: mine"


async def test_a_ripgrep_that_cannot_be_started_is_done_without(project: Path) -> None:
    tool = search_tool(Enclosure(project), ripgrep="/nowhere/rg")
    assert "1: def total" in (await use(tool, pattern="def total")).text


@pytest.mark.parametrize(
    ("glob", "matching", "not_matching"),
    [
        ("*.py", ["a.py", "src/a.py", "src/deep/a.py", ".a.py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["a.py", "src/deep/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/a.py", "src/x/y/a.py"], ["a.py", "lib/a.py"]),
        ("**/test_*", ["test_a", "x/y/test_b.py"], ["x/atest_b"]),
        ("src/", ["src/a", "src/x/y"], ["lib/a", "src"]),
        ("*.{js,ts}", ["a.js", "x/a.ts"], ["a.jsx"]),
        ("{a,b}/{c,d}.x", ["a/c.x", "b/d.x"], ["c/a.x"]),
        ("[ab]?.txt", ["a1.txt", "x/bz.txt"], ["c1.txt", "a.txt"]),
        ("[!a]*", ["b", "x/cd"], ["a", "x/ab"]),
        ("./app.py", ["app.py", "src/app.py"], ["app.pyx"]),
        ("a{b", ["a{b"], ["ab"]),
    ],
)
def test_a_glob_means_what_it_means_elsewhere(glob: str, matching: list[str], not_matching: list[str]) -> None:
    fits = glob_of(glob)
    assert [path for path in matching if not fits(path)] == []
    assert [path for path in not_matching if fits(path)] == []


@given(st.text("ab*?/[]{},!", max_size=40), st.text("ab/", max_size=20))
def test_every_glob_is_tried_on_every_path(glob: str, path: str) -> None:
    assert glob_of(glob)(path) in (True, False)


async def test_a_glob_made_to_hurt_does_not(tmp_path: Path) -> None:
    path = "/".join(["a" * 100] * 30)
    started = time.process_time()
    assert not glob_of("**/a/" * 50 + "b")(path)
    assert not glob_of("*a" * 140 + "b")(path)
    assert time.process_time() - started < 2
    assert "more than 64 others" in await refusal(ours(tmp_path), pattern="x", glob="{a,b}" * 20)
    assert "at most 300" in await refusal(ours(tmp_path), pattern="x", glob="x" * 400)
