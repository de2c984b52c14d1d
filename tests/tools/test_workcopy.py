"""Commands work in a private copy of the project, and the user's own folder and repository stay as they are."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from swarm.errors import UsageError
from swarm.tools.workcopy import CopyTooLarge, differing, open_work_copy, tree_of

WHO = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    environ = {**os.environ, **WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environ, check=True, capture_output=True, text=True)
    return done.stdout


def everything(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder, with mode and content."""
    found: dict[str, tuple[int, str]] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
        found[str(path.relative_to(folder))] = mode, hashlib.sha256(content.encode()).hexdigest()
    return found


def files(folder: Path) -> list[str]:
    below = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(name for name in below if not name.startswith(".git/"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/a.py")
    return root


@pytest.fixture
def repository(project: Path) -> Path:
    (project / ".gitignore").write_text("*.log\n")
    git(project, "init", "-q", "-b", "trunk")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    git(project, "tag", "-a", "v1", "-m", "v1")
    (project / "src" / "a.py").write_text("a = 2\n")
    (project / "src" / "staged.py").write_text("s = 1\n")
    git(project, "add", "src/staged.py")
    (project / "untracked.txt").write_text("u\n")
    (project / "debug.log").write_text("ignored\n")
    (project / "run.sh").unlink()
    return project


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The folder in which copies are made; nothing may be left in it."""
    (tmp_path / "copies").mkdir()
    yield tmp_path / "copies"
    assert list((tmp_path / "copies").iterdir()) == []


async def test_a_plain_folder_is_copied_with_modes_links_and_empty_folders(project: Path, place: Path) -> None:
    (project / "empty").mkdir()
    os.utime(project / "run.sh", (1_000_000_000, 1_000_000_000))
    async with open_work_copy(project, folder=place) as copy:
        assert files(copy.path) == ["link", "run.sh", "src/a.py"]
        assert (copy.path / "empty").is_dir()
        assert (copy.path / "link").readlink() == Path("src/a.py")
        found = (copy.path / "run.sh").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o755, 1_000_000_000)
        assert stat.S_IMODE(copy.path.parent.stat().st_mode) == 0o700


async def test_a_repository_is_copied_as_it_is_now_without_what_it_ignores(repository: Path, place: Path) -> None:
    async with open_work_copy(repository, folder=place) as copy:
        assert files(copy.path) == [".gitignore", "link", "src/a.py", "src/staged.py", "untracked.txt"]
        assert (copy.path / "src" / "a.py").read_text() == "a = 2\n"


async def test_git_answers_in_the_copy_as_in_the_project(repository: Path, place: Path) -> None:
    async with open_work_copy(repository, folder=place) as copy:
        for question in (
            ["status", "--short", "-b"],
            ["diff"],
            ["diff", "--cached"],
            ["log", "--oneline"],
            ["describe"],
        ):
            assert git(copy.path, *question) == git(repository, *question)
        assert git(copy.path, "fsck") == ""


async def test_nothing_that_happens_in_a_copy_changes_the_users_repository(repository: Path, place: Path) -> None:
    before = everything(repository)
    async with open_work_copy(repository, folder=place) as copy:
        git(copy.path, "checkout", "-qb", "elsewhere")
        git(copy.path, "add", "-A")
        git(copy.path, "commit", "-qm", "second")
        git(copy.path, "tag", "-d", "v1")
        git(copy.path, "gc", "-q", "--prune=now")
        (copy.path / "src" / "a.py").write_text("broken")
        assert git(repository, "worktree", "list").count("\n") == 1
        assert git(repository, "status", "--short") != ""
    git(repository, "status")
    assert {name: found for name, found in everything(repository).items() if name != ".git/index"} == {
        name: found
        for name, found in before.items()
        if name != ".git/index"  # `git status` itself refreshes it
    }


async def test_making_a_copy_leaves_every_byte_of_the_repository_alone(repository: Path, place: Path) -> None:
    before = everything(repository)
    async with open_work_copy(repository, folder=place):
        pass
    assert everything(repository) == before


async def test_a_detached_head_and_a_linked_worktree_are_copied_as_they_are(repository: Path, place: Path) -> None:
    linked = repository.parent / "linked"
    git(repository, "worktree", "add", "-q", "--detach", str(linked))
    (linked / "run.sh").write_text("changed\n")
    async with open_work_copy(linked, folder=place) as copy:
        assert git(copy.path, "status", "--short", "-b") == git(linked, "status", "--short", "-b")
        assert git(copy.path, "rev-parse", "HEAD") == git(linked, "rev-parse", "HEAD")


async def test_a_shallow_clone_without_commits_before_it_is_copied(repository: Path, place: Path) -> None:
    git(repository, "commit", "-qam", "second")
    clone = repository.parent / "clone"
    git(repository.parent, "clone", "-q", "--depth", "1", repository.as_uri(), str(clone))
    async with open_work_copy(clone, folder=place) as copy:
        assert git(copy.path, "log", "--oneline") == git(clone, "log", "--oneline")


async def test_a_repository_without_a_commit_is_copied(project: Path, place: Path) -> None:
    git(project, "init", "-q")
    async with open_work_copy(project, folder=place) as copy:
        assert git(copy.path, "status", "--short") == git(project, "status", "--short")


async def test_a_folder_in_a_repository_is_copied_by_gits_list(repository: Path, place: Path) -> None:
    (repository / "src" / "debug.log").write_text("ignored\n")
    async with open_work_copy(repository / "src", folder=place) as copy:
        assert files(copy.path) == ["a.py", "staged.py"]


async def test_a_folder_that_the_repository_around_it_ignores_is_a_plain_one(repository: Path, place: Path) -> None:
    (repository / ".gitignore").write_text("ignored/\n")
    (repository / "ignored").mkdir()
    (repository / "ignored" / "a").write_text("x")
    async with open_work_copy(repository / "ignored", folder=place) as copy:
        assert files(copy.path) == ["a"]


async def test_files_of_a_submodule_are_in_the_copy(repository: Path, place: Path) -> None:
    inner = repository.parent / "inner"
    inner.mkdir()
    (inner / "i.py").write_text("i = 1\n")
    git(inner, "init", "-q")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "inner")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.as_uri(), "sub")
    async with open_work_copy(repository, folder=place) as copy:
        assert "sub/i.py" in files(copy.path)
        assert not (copy.path / "sub" / ".git").exists()


async def test_links_never_bring_in_what_lies_outside(project: Path, place: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "private").write_text("private")
    (project / "away").symlink_to(tmp_path / "outside")
    (project / "back").symlink_to(project / "src")
    os.mkfifo(project / "pipe")
    async with open_work_copy(project, folder=place) as copy:
        assert (copy.path / "away").is_symlink()
        assert (copy.path / "back").readlink() == copy.path / "src"
        assert not (copy.path / "pipe").exists()


async def test_a_folder_that_became_a_link_is_not_followed(repository: Path, place: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_text("private")
    for file in (repository / "src").iterdir():
        file.unlink()
    (repository / "src").rmdir()
    (repository / "src").symlink_to(tmp_path / "outside")
    async with open_work_copy(repository, folder=place) as copy:
        assert (copy.path / "src").is_symlink()


async def test_a_project_that_is_too_large_is_refused_with_its_largest_part(project: Path, place: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "big").write_bytes(b"x" * 3_000_000)
    with pytest.raises(CopyTooLarge, match=r"more than 2 MiB, most of it in 'data'"):
        async with open_work_copy(project, folder=place, max_bytes=2 << 20):
            pass
    for n in range(20):
        (project / "src" / f"{n}").touch()
    with pytest.raises(CopyTooLarge, match=r"more than 10 files, most of it in 'src'"):
        async with open_work_copy(project, folder=place, max_files=10):
            pass


def test_a_copy_is_removed_though_what_is_in_it_is_read_only(project: Path, place: Path) -> None:
    script = (
        "import asyncio, os, sys, anyio, anyio._backends._asyncio\nfrom pathlib import Path\n"
        "from swarm.tools.workcopy import open_work_copy\n"
        "if os.getuid() == 0:\n    os.setuid(65534)\n"  # root may delete everything
        "async def main():\n"
        "    async with open_work_copy(Path(sys.argv[1]), folder=Path(sys.argv[2])) as copy:\n"
        "        (copy.path / 'src' / 'a.py').chmod(0o400)\n"
        "        (copy.path / 'src').chmod(0)\n"
        "        (copy.path / 'link-away').symlink_to(sys.argv[2])\n"
        "anyio.run(main)\n"
    )
    if os.getuid() == 0:
        for folder in project.parents:
            if folder == Path(tempfile.gettempdir()):
                break
            folder.chmod(0o755)  # so that the process without rights gets there
    place.chmod(0o777)
    subprocess.run([sys.executable, "-c", script, str(project), str(place)], check=True)
    assert list(place.iterdir()) == []


async def test_a_cancelled_session_leaves_no_copy(project: Path, place: Path) -> None:
    opened = anyio.Event()

    async def work() -> None:
        async with open_work_copy(project, folder=place):
            opened.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        await opened.wait()
        assert list(place.iterdir()) != []
        tasks.cancel_scope.cancel()
    assert list(place.iterdir()) == []


async def test_the_copy_of_a_killed_process_is_removed_by_the_next_and_that_of_a_living_one_stays(
    project: Path, place: Path
) -> None:
    script = (
        "import anyio, sys\nfrom pathlib import Path\nfrom swarm.tools.workcopy import open_work_copy\n"
        "async def main():\n"
        "    async with open_work_copy(Path(sys.argv[1]), folder=Path(sys.argv[2])) as copy:\n"
        "        print(copy.path, flush=True)\n        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    words = [sys.executable, "-c", script, str(project), str(place)]
    async with await anyio.open_process(words, stderr=None) as other:
        assert other.stdout is not None
        theirs = Path((await other.stdout.receive()).decode().strip())
        async with open_work_copy(project, folder=place):
            assert theirs.is_dir()
        other.kill()
        await other.wait()
    assert theirs.is_dir()
    async with open_work_copy(project, folder=place):
        assert not theirs.parent.exists()


async def test_copies_are_never_made_inside_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(project / "src"))
    async with open_work_copy(project) as copy:
        assert not copy.path.is_relative_to(project)


async def test_a_draft_stands_in_the_copy_as_it_would_be_delivered(project: Path, place: Path) -> None:
    async with open_work_copy(project, folder=place) as copy:
        assert copy.write_draft("out/new.md", "text\n\n") == copy.path / "out" / "new.md"
        assert (copy.path / "out" / "new.md").read_text() == "text\n"
        (copy.path / "run.sh").chmod(0o555)
        copy.write_draft("run.sh", "new")
        assert stat.S_IMODE((copy.path / "run.sh").stat().st_mode) == 0o555
        alone = copy.write_draft(None, "text")
        assert alone.read_text() == "text\n"
        assert not alone.is_relative_to(copy.path)
        with pytest.raises(UsageError, match="leads out"):
            copy.write_draft("../x", "text")
        with pytest.raises(UsageError, match="cannot be written"):
            copy.write_draft("src", "text")
    assert (project / "run.sh").read_text() == "#!/bin/sh\n"


async def test_what_differs_is_what_was_changed_and_not_what_git_ignores(repository: Path) -> None:
    (repository / "not-added.txt").write_text("as it is")
    async with open_work_copy(repository) as copy:
        assert await differing(copy, repository) == []
        (copy.path / "a.log").write_text("ignored")
        (copy.path / "new.py").write_text("")
        (copy.path / "src" / "a.py").unlink()
        (copy.path / "run.sh").write_text("#!/bin/SH\n")
        assert await differing(copy, repository) == ["new.py", "run.sh", "src/a.py"]
        (copy.path / ".gitignore").write_text("*")  # the project's own rules hold, not those of the copy
        assert await differing(copy, repository) == [".gitignore", "new.py", "run.sh", "src/a.py"]


async def test_what_differs_in_a_plain_folder_is_found_too(project: Path) -> None:
    async with open_work_copy(project) as copy:
        (copy.path / "link").unlink()
        (copy.path / "link").symlink_to("run.sh")
        (copy.path / "src" / "__pycache__").mkdir()
        (copy.path / "src" / "__pycache__" / "a.pyc").write_text("")
        assert await differing(copy, project) == ["link"]


async def test_the_state_of_a_project_is_what_a_copy_of_it_would_hold(repository: Path) -> None:
    before = await tree_of(repository)
    assert before.startswith("5 files, ")
    (repository / "debug.log").write_text("ignored, too\n")
    os.utime(repository / "src" / "a.py")
    assert await tree_of(repository) == before
    (repository / "out.txt").write_text("an output\n")
    assert await tree_of(repository, without={"out.txt"}) == before


def relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("run.sh")


def unlink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").write_text("src/a.py")


CHANGES: list[Callable[[Path], object]] = [
    lambda root: (root / "src" / "a.py").write_text("a = 3\n"),
    lambda root: (root / "src" / "a.py").rename(root / "src" / "b.py"),
    lambda root: (root / "src" / "a.py").chmod(0o755),
    relink,
    unlink,
    lambda root: (root / "new.txt").touch(),
    lambda root: (root / "run.sh").unlink(),
]


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_changes_in_a_project_its_state_is_another(
    project: Path, change: Callable[[Path], object]
) -> None:
    before = await tree_of(project)
    change(project)
    assert await tree_of(project) != before


async def test_neither_a_new_folder_nor_what_is_being_delivered_is_another_state_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    before = await tree_of(tmp_path)
    assert before.startswith("1 file, ")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.swarm-t-4_Bv0cQwErTy12.part").write_text("as an output is named while it is written")
    (tmp_path / "out/.swarm-0f3a5c7e9b1d.part").write_text("as what tools changed is")
    assert await tree_of(tmp_path) == before
