"""What differs in a work copy, found and placed again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.tools.apply import ChangesConflict, apply, reverse
from swarm.tools.diff import bounded, stat_line, unified
from swarm.tools.tree import Change, NameUnwritable, NotRestored, Tree, digest_of
from swarm.tools.workcopy import WorkCopy, open_work_copy

KEY = b"k" * 32
SECRET = "hunter2-hunter2"


def redact(text: str) -> str:
    return text.replace(SECRET, "[secret:PASSWORD]")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("def a():\n    return 1\n")
    (root / "b.bin").write_bytes(b"\xff\x00\x01")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/a.py")
    return root


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True)


async def tree_of(project: Path, copy: WorkCopy) -> Tree:
    tree = Tree(project, copy.path, redact=redact, key=KEY)
    await tree.begin()
    return tree


def change_all(folder: Path) -> None:
    (folder / "src" / "a.py").write_text("def a():\n    return 2\n")
    (folder / "b.bin").write_bytes(b"\xff\x00\x02")
    (folder / "run.sh").unlink()
    (folder / "link").unlink()
    (folder / "link").symlink_to("b.bin")
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "c.txt").write_text("new\n")
    (folder / "src" / "tool").write_text("#!/bin/sh\n")
    (folder / "src" / "tool").chmod(0o755)


async def test_an_untouched_copy_differs_in_nothing(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        assert await tree.look() == ()
        assert tree.digest == ""


async def test_each_look_tells_what_changed_since_the_last(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / "src" / "a.py").write_text("second\n")
        (first,) = await tree.look()
        assert (first.path, first.before.text, first.after.text) == ("src/a.py", "def a():\n    return 1\n", "second\n")
        (copy.path / "b.bin").write_bytes(b"\xff")
        (second,) = await tree.look()
        assert (second.path, second.after.form) == ("b.bin", "base64")
        (copy.path / "src" / "a.py").write_text("def a():\n    return 1\n")
        (third,) = await tree.look()
        assert third.path == "src/a.py"
        assert third.before == third.after
        assert [change.path for change in tree.changes] == ["b.bin"]


async def test_a_recorded_state_is_placed_in_another_copy_of_the_project(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        change_all(copy.path)
        await tree.look()
        changes, digest = tree.changes, tree.digest
    async with open_work_copy(project) as copy:
        again = await tree_of(project, copy)
        await again.place(changes)
        assert again.digest == digest == digest_of(changes)
        assert again.changes == changes
        assert (copy.path / "link").readlink() == Path("b.bin")
        assert os.access(copy.path / "src" / "tool", os.X_OK)
        assert not (copy.path / "run.sh").exists()


async def test_a_file_with_a_secret_is_known_by_a_keyed_digest_alone(project: Path) -> None:
    (project / ".env").write_text("PASSWORD=before\n")
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / ".env").write_text(f"PASSWORD={SECRET}\n")
        await tree.look()
        (change,) = tree.changes
        assert (change.after.form, change.after.text) == ("secret", None)
        assert SECRET not in repr(tree.changes)
        assert await tree.look() == ()  # it is the same when it is looked at again
        other = Tree(project, copy.path, redact=redact, key=b"x" * 32)
        await other.begin()
        assert change.after.digest not in repr(other)
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        with pytest.raises(NotRestored, match=r"\.env"):
            await tree.place([change])
    (project / ".env").write_text(f"PASSWORD={SECRET}\n")
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        await tree.place([change])  # the user's own file is the same


async def test_a_link_that_leads_to_a_secret_is_kept_as_a_file_with_one_is_and_never_followed(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / "pointer").symlink_to(f"/nowhere/{SECRET}")
        (change,) = await tree.look()
        assert (change.after.kind, change.after.form, change.after.text) == ("link", "secret", None)
        there = os.fsencode((copy.path / "pointer").readlink())
        apply(project, [change], key=KEY, content=lambda _: there)
        assert (project / "pointer").readlink() == Path(f"/nowhere/{SECRET}")
        apply(project, [change], key=KEY)  # it is there already
        assert await tree.look() == ()


async def test_a_name_that_holds_a_secret_is_refused_and_not_repeated(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / f"{SECRET}.txt").write_text("")
        with pytest.raises(NameUnwritable, match=r"\[secret:PASSWORD\].txt' holds a secret") as refused:
            await tree.look()
        assert SECRET not in str(refused.value)


async def test_what_git_would_take_for_its_own_is_no_change(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / "src" / ".git").write_text("gitdir: ../evil\n")
        (copy.path / ".GIT").symlink_to("evil")
        assert await tree.look() == ()


async def test_what_git_ignores_is_no_change(project: Path) -> None:
    git(project, "init", "-q")
    (project / ".gitignore").write_text("build/\n*.log\n")
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / "build").mkdir()
        (copy.path / "build" / "out").write_text("x")
        (copy.path / "run.log").write_text("x")
        (copy.path / "kept.txt").write_text("x")
        await tree.look()
        assert [change.path for change in tree.changes] == ["kept.txt"]


async def test_a_name_that_is_no_text_is_refused_with_its_reason(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / os.fsdecode(b"\xff.txt")).touch()
        with pytest.raises(NameUnwritable, match="not UTF-8"):
            await tree.look()


async def _changed(project: Path) -> tuple[Change, ...]:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        change_all(copy.path)
        await tree.look()
        return tree.changes


async def test_changes_are_applied_and_taken_back_whole(project: Path) -> None:
    before = {path: path.lstat().st_mode for path in sorted(project.rglob("*"))}
    changes = await _changed(project)
    apply(project, changes, key=KEY)
    assert (project / "src" / "a.py").read_text() == "def a():\n    return 2\n"
    assert not (project / "run.sh").exists()
    assert (project / "link").readlink() == Path("b.bin")
    assert os.access(project / "src" / "tool", os.X_OK)
    apply(project, changes, key=KEY)  # once more does nothing
    apply(project, reverse(changes), key=KEY)
    assert (project / "b.bin").read_bytes() == b"\xff\x00\x01"
    after = {path: path.lstat().st_mode for path in sorted(project.rglob("*"))}
    assert {path: mode for path, mode in after.items() if "new" not in path.parts} == before


async def test_a_file_that_somebody_changed_meanwhile_keeps_all_files_as_they_are(project: Path) -> None:
    changes = await _changed(project)
    (project / "b.bin").write_bytes(b"mine")
    with pytest.raises(ChangesConflict, match=r"b\.bin.*is not as it was"):
        apply(project, changes, key=KEY)
    assert (project / "src" / "a.py").read_text() == "def a():\n    return 1\n"
    assert not (project / "new").exists()
    assert not list(project.rglob("*.part"))


async def test_what_a_crash_left_of_a_delivery_is_cleared_up_by_the_next(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        change_all(copy.path)
        changes = await tree.look()
    part, *_ = crashed(project, changes)
    assert part.name.startswith(".swarm-")
    apply(project, changes, key=KEY)
    assert not list(project.rglob(".swarm-*"))


CRASHING = """
import os, sys
from pathlib import Path
import msgspec
from swarm.tools.apply import apply
from swarm.tools.tree import Change
renames = []
sys.addaudithook(lambda event, _: (renames.append(1), len(renames) > 1 and os._exit(9)) if event == "os.rename" else None)
apply(Path(sys.argv[1]), msgspec.json.decode(sys.stdin.buffer.read(), type=list[Change]), key=b"k" * 32)
"""


def crashed(project: Path, changes: Sequence[Change]) -> list[Path]:
    """Deliver in a process that ends when the first file has got its name, and return what it left."""
    words = [sys.executable, "-c", CRASHING, str(project)]
    done = subprocess.run(words, input=msgspec.json.encode(changes), cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 9
    return list(project.rglob(".swarm-*"))


async def test_nothing_is_applied_through_a_link_that_leads_out_of_the_project(project: Path, tmp_path: Path) -> None:
    changes = [change for change in await _changed(project) if change.path == "new/deep/c.txt"]
    outside = tmp_path / "outside"
    outside.mkdir()
    (project / "new").symlink_to(outside)
    with pytest.raises(ChangesConflict, match="leads out of the project"):
        apply(project, changes, key=KEY)
    assert not list(outside.iterdir())


async def test_the_patch_of_changes_is_one_that_git_applies(project: Path, tmp_path: Path) -> None:
    git(project, "init", "-q")
    changes = [change for change in await _changed(project) if change.after.form == change.before.form == ""]
    patch = unified(changes)
    assert "new file mode 100755" in patch
    assert "deleted file mode 100755" in patch
    (tmp_path / "changes.patch").write_text(patch)
    git(project, "apply", str(tmp_path / "changes.patch"))
    assert (project / "src" / "a.py").read_text() == "def a():\n    return 2\n"
    assert (project / "new" / "deep" / "c.txt").read_text() == "new\n"
    assert stat_line(changes).startswith(f"{len(changes)} files, +")


async def test_a_long_patch_is_cut_file_by_file_and_says_so(project: Path) -> None:
    async with open_work_copy(project) as copy:
        tree = await tree_of(project, copy)
        (copy.path / "long.txt").write_text("".join(f"line {number}\n" for number in range(5_000)))
        (copy.path / "short.txt").write_text("short\n")
        await tree.look()
        told = bounded(tree.changes, 4_000)
    assert len(told) < 4_500
    assert "more lines of this file's changes" in told
    assert "+short" in told


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "d/c", "d/e"]), st.none() | st.binary(max_size=40), max_size=4))
async def test_whatever_changes_is_placed_and_taken_back(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, bytes | None]
) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "a").write_bytes(b"a")
    (root / "d").mkdir()
    (root / "d" / "c").write_bytes(b"\xfe")
    was = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    async with open_work_copy(root) as copy:
        tree = await tree_of(root, copy)
        for name, content in wanted.items():
            if content is None:
                (copy.path / name).unlink(missing_ok=True)
            else:
                (copy.path / name).write_bytes(content)
        await tree.look()
        changes = tree.changes
    apply(root, changes, key=KEY)
    now = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    expected = {**was, **{name: content for name, content in wanted.items() if content is not None}}
    assert now == {name: content for name, content in expected.items() if wanted.get(name, b"") is not None}
    apply(root, reverse(changes), key=KEY)
    assert {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()} == was
