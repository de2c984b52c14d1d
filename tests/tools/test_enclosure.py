"""No path leads out of the project: not by `..`, symlinks, special files, odd names, nor by a swap in the middle of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.tools.enclosure import Enclosure, NotThere, Unusable

CANARY = "canary-5f2e"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project full of ways out, beside a folder that holds a canary."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(CANARY)
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("x = 1\n")
    (root / ".git").mkdir()
    (root / ".git/config").write_text(CANARY)
    (root / "src/module").mkdir()
    (root / "src/module/.git").write_text(f"gitdir: {CANARY}")
    for name, target in {
        "up": "..",
        "out": "../outside",
        "out_abs": str(outside),
        "file": "../outside/secret.txt",
        "file_abs": str(outside / "secret.txt"),
        "slash": "/",
        "proc": "/proc/self/root",
        "cwd": "/proc/self/cwd",
        "again": "out",
        "src/deep": "../../outside",
        "circle": "circle",
        "ping": "pong",
        "pong": "ping",
        "home": "~",
        "gitdir": ".git",
        "gitfile": ".git/config",
        "sly": "src/../../outside",
        "new_out": "../outside/new.txt",
        "inside": "src",
        "inside_abs": str(root / "src"),
        "here": ".",
        "inside_file": "src/app.py",
        "dangling": "src/not-yet.txt",
    }.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "pipe")
    return root


WAYS_OUT = [
    "..",
    "../outside/secret.txt",
    "src/../../outside/secret.txt",
    "./../outside/secret.txt",
    "src/./../.././outside/secret.txt",
    "src//..//..//outside//secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "{outside}/secret.txt",
    "{project}/../outside/secret.txt",
    "{project}x/../outside/secret.txt",
    "up/outside/secret.txt",
    "out/secret.txt",
    "out_abs/secret.txt",
    "file",
    "file_abs",
    "slash/etc/passwd",
    "proc/etc/passwd",
    "cwd/secret.txt",
    "again/secret.txt",
    "src/deep/secret.txt",
    "inside/../../outside/secret.txt",
    "inside/deep/secret.txt",
    "here/here/out/secret.txt",
    "sly/secret.txt",
    "new_out",
    "out/../outside/secret.txt",
    "circle",
    "ping/x",
    ".git/config",
    ".GIT/config",
    ".git",
    "src/../.git/config",
    "gitdir/config",
    "gitfile",
    "here/.git/hooks/pre-commit",
    "src/module/.git",
    "src/module/.Git/x",
    "pipe",
    "",
    "src/app.py\0.txt",
    "\0",
    "x" * 300,
    "d/" * 3000,
    "\ud800",
]


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda way: ascii(way)[:50])
def test_no_way_out_is_read_listed_written_or_removed(way: str, project: Path) -> None:
    outside = project.parent / "outside"
    path = way.replace("{outside}", str(outside)).replace("{project}", str(project))
    before = _everything(project.parent)
    enclosure = Enclosure(project)
    for use in (
        lambda: enclosure.read(path, 1_000),
        lambda: enclosure.entries(path),
        lambda: list(enclosure.walk(path)),
        lambda: enclosure.write(path, b"overwritten"),
        lambda: enclosure.write(f"{path}/new.txt", b"planted"),
        lambda: enclosure.remove(f"{path}/secret.txt" if path else path),
    ):
        with pytest.raises(Unusable) as refused:
            use()
        assert CANARY not in str(refused.value)
        str(refused.value).encode()  # what is told can be stored
    assert _everything(project.parent) == before


def _everything(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for top, _, files in os.walk(folder):
        for path in (Path(top) / name for name in files):
            kind = "file" if path.is_file() and not path.is_symlink() else "other"
            found[str(path)] = path.read_text() if kind == "file" else kind
    return found


def test_symlinks_that_stay_inside_are_followed(project: Path) -> None:
    enclosure = Enclosure(project)
    for path in ("inside/app.py", "inside_abs/app.py", "here/src/app.py", "inside_file", "here/inside/../src/app.py"):
        assert enclosure.read(path, 100).content == b"x = 1\n"
        assert enclosure.where(path) == "src/app.py"
    assert enclosure.where("here") == "."
    assert enclosure.where("inside/..") == "."
    assert enclosure.where("inside/module/..") == "src"
    assert enclosure.entry("src/").is_folder


def test_an_absolute_path_into_the_project_is_one_of_the_project(project: Path) -> None:
    assert Enclosure(project).read(f"{project}/src/app.py", 100).path == "src/app.py"
    assert Enclosure(project).entry(str(project)).is_folder


def test_writing_through_a_symlink_writes_the_file_that_it_leads_to(project: Path) -> None:
    enclosure = Enclosure(project)
    enclosure.write("inside_file", b"new\n")
    enclosure.write("dangling", b"made\n")
    assert (project / "inside_file").is_symlink() and (project / "dangling").is_symlink()
    assert (project / "src/app.py").read_text() == "new\n"
    assert (project / "src/not-yet.txt").read_text() == "made\n"


def test_writing_breaks_a_hard_link_so_that_the_other_file_stays(project: Path) -> None:
    outside = project.parent / "outside/secret.txt"
    (project / "linked").hardlink_to(outside)
    Enclosure(project).write("linked", b"mine\n")
    assert outside.read_text() == CANARY
    assert (project / "linked").read_text() == "mine\n"
    Enclosure(project).remove("linked")
    assert outside.read_text() == CANARY


def test_a_written_file_keeps_its_mode_but_not_what_gives_rights(project: Path) -> None:
    (project / "run.sh").write_text("old\n")
    (project / "run.sh").chmod(0o4750)
    enclosure = Enclosure(project)
    enclosure.write("run.sh", b"new\n")
    assert (project / "run.sh").stat().st_mode & 0o7777 == 0o750
    (project / "run.sh").chmod(0o440)  # what is in the way of an ordinary open, not of a new file
    enclosure.write("run.sh", b"newer\n")
    assert (project / "run.sh").read_text() == "newer\n"
    assert not [path for path in project.iterdir() if path.name.startswith(".swarm-")]


def test_special_files_are_refused_at_once(project: Path, tmp_path: Path) -> None:
    os.chdir(project)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("sock")
        enclosure = Enclosure(project)
        for name in ("pipe", "sock"):
            with pytest.raises(Unusable, match="no ordinary file"):
                enclosure.read(name, 10)
            with pytest.raises(Unusable, match="no ordinary file"):
                enclosure.write(name, b"x")
            with pytest.raises(Unusable, match="no ordinary file"):
                enclosure.remove(name)
        assert {entry.name for entry in enclosure.walk(".")} == {"src/app.py", "src/module/.git"} - {"src/module/.git"}
    os.chdir(tmp_path)


def test_a_folder_is_neither_read_nor_written_over(project: Path) -> None:
    enclosure = Enclosure(project)
    for use in (lambda: enclosure.read("src", 1), lambda: enclosure.write("src", b""), lambda: enclosure.remove("src")):
        with pytest.raises(Unusable, match="is a folder"):
            use()
    with pytest.raises(Unusable, match="which is no folder"):
        enclosure.write("src/app.py/x", b"")


def test_names_that_are_no_utf_8_are_listed_read_and_written(tmp_path: Path) -> None:
    raw = b"caf\xe9.txt"
    (tmp_path / os.fsdecode(raw)).write_bytes(b"text")
    enclosure = Enclosure(tmp_path)
    (entry,) = enclosure.entries(".")
    assert enclosure.read(entry.name, 10).content == b"text"
    enclosure.write(entry.name, b"new")
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [raw]
    with pytest.raises(NotThere) as refused:
        enclosure.read("\udce9", 1)
    str(refused.value).encode()


def test_what_is_not_there_is_said_so(project: Path) -> None:
    enclosure = Enclosure(project)
    for path in ("nope", "src/nope", "nope/nope", "src/nope/../app.py"):
        with pytest.raises(NotThere):
            enclosure.read(path, 1)
    assert enclosure.where("nope/deep/file") == "nope/deep/file"
    with pytest.raises(Unusable):
        enclosure.where("nope/../../x")
    with pytest.raises(Unusable):
        enclosure.where("nope/.git/x")


def test_a_walk_passes_over_caches_and_gits_own_folder_unless_they_are_named(project: Path) -> None:
    for name in ("node_modules/x.js", ".venv/y.py", "src/__pycache__/z.pyc", ".github/flow.yml"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("")
    enclosure = Enclosure(project)
    assert [entry.name for entry in enclosure.walk(".")] == [".github/flow.yml", "src/app.py"]
    assert [entry.name for entry in enclosure.walk("node_modules")] == ["node_modules/x.js"]


_SWAPS = """
import ctypes
system = ctypes.CDLL(None)
exchange = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
if hasattr(system, "renameat2"):
    here = -100
    swap = lambda: system.renameat2(here, b"door", here, b"link", exchange)
else:
    swap = lambda: system.renamex_np(b"door", b"link", exchange)
while swap() == 0:
    pass
"""


@contextmanager
def _swapped(root: Path, outside: Path) -> Generator[None]:
    """Swap the folder `door` for a symlink that leads out and back, over and over, in a process of its own."""
    (root / "link").symlink_to(outside)
    swapping = subprocess.Popen([sys.executable, "-c", _SWAPS], cwd=root)
    try:
        yield
        assert swapping.poll() is None
    finally:
        swapping.kill()
        swapping.wait()


def test_a_folder_that_is_swapped_for_a_symlink_in_the_middle_leads_nowhere(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, text in ((root / "door/in", "mine"), (outside / "in", CANARY)):
        folder.mkdir(parents=True)
        (folder / "file").write_text(text)
    enclosure = Enclosure(root)
    done = refused = 0
    with _swapped(root, outside):
        while done + refused < 10_000 or not done or not refused:
            try:
                assert enclosure.read("door/in/file", 100).content in (b"mine", b"written")
                assert "file" in [entry.name for entry in enclosure.entries("door/in")]
                assert CANARY not in str(list(enclosure.walk(".")))
                enclosure.write("door/in/file", b"written")
                enclosure.write("door/in/made", b"written")
                enclosure.remove("door/in/made")
                done += 1
            except Unusable:
                refused += 1
    assert sorted(path.name for path in outside.rglob("*")) == ["file", "in"]
    assert (outside / "in/file").read_text() == CANARY


PARTS = st.sampled_from(
    ["..", ".", "", "src", "out", "up", "here", "inside", "app.py", "slash", "sly", "deep", ".git", "x"]
)


@given(st.lists(PARTS, min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_path_of_such_parts_leads_out(parts: list[str]) -> None:
    enclosure = Enclosure(_shared())
    path = "/".join(parts)
    try:
        assert enclosure.read(path, 100).content == b"x = 1\n"
    except Unusable as error:
        assert CANARY not in str(error)


_MADE: list[Path] = []


def _shared() -> Path:
    return _MADE[0]


@pytest.fixture(autouse=True, scope="module")
def _one_project(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    top = tmp_path_factory.mktemp("ways")
    (top / "outside").mkdir()
    (top / "outside/app.py").write_text(CANARY)
    (top / "outside/x").write_text(CANARY)
    root = top / "root"
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("x = 1\n")
    for name, target in {
        "out": "../outside", "up": "..", "here": ".", "inside": "src", "slash": "/", "sly": "src/../../outside",
        "src/deep": "../..", "src/up": "..", "src/x": "../x", "x": "src/app.py",
    }.items():  # fmt: skip
        (root / name).symlink_to(target)
    _MADE.append(root)
    yield
    _MADE.clear()
