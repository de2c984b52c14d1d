"""A unified diff is applied to all its files or to none, where it belongs, and what did not fit is told."""

from __future__ import annotations

import difflib
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.tools.base import Tool, ToolRefused
from swarm.tools.diffs import paths_of, read_diff
from swarm.tools.files import file_tools
from swarm.tools.patch import applied, lines_of
from tests.tools.using import refusal, tool, use

TEN = "".join(f"line {number}\n" for number in range(1, 11))


@pytest.fixture
def patch(tmp_path: Path) -> Tool:
    return tool(file_tools(tmp_path), "patch")


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder with its mode, and the folders."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mode)
        for path in root.rglob("*")
        if ".git" not in path.parts
    }


async def test_several_files_are_changed_made_removed_and_renamed_at_once(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "src/a.py").write_text(TEN)
    (tmp_path / "src/run.sh").write_text("echo\n")
    (tmp_path / "old/gone.txt").write_text("bye\n")
    (tmp_path / "src/name.py").write_text("one\ntwo\nthree\n")
    diff = """Here is the change.
diff --git a/src/a.py b/src/a.py
index 1111111..2222222 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,4 +1,4 @@ def head():
 line 1
-line 2
+line two
 line 3
 line 4
@@ -8,3 +8,4 @@
 line 8
 line 9
 line 10
+line 11
diff --git a/new/deep/b.txt b/new/deep/b.txt
new file mode 100755
--- /dev/null
+++ b/new/deep/b.txt
@@ -0,0 +1,2 @@
+first
+second
\\ No newline at end of file
diff --git a/old/gone.txt b/old/gone.txt
deleted file mode 100644
--- a/old/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
diff --git a/src/name.py b/src/other.py
similarity index 66%
rename from src/name.py
rename to src/other.py
--- a/src/name.py
+++ b/src/other.py
@@ -1,3 +1,3 @@
 one
-two
+2
 three
diff --git a/src/run.sh b/src/run.sh
old mode 100644
new mode 100755
diff --git a/empty b/empty
new file mode 100644
index 0000000..e69de29
-- \n2.39.0
"""
    said = await use(patch, diff=diff)
    assert said.text.split("\n") == [
        "src/a.py is changed",
        "new/deep/b.txt is made",
        "old/gone.txt is removed",
        "src/name.py is renamed to src/other.py",
        "src/run.sh is changed",
        "empty is made",
    ]
    assert (tmp_path / "src/a.py").read_text() == TEN.replace("line 2", "line two") + "line 11\n"
    assert (tmp_path / "new/deep/b.txt").read_bytes() == b"first\nsecond"
    assert (tmp_path / "src/other.py").read_text() == "one\n2\nthree\n"
    assert os.access(tmp_path / "new/deep/b.txt", os.X_OK) and os.access(tmp_path / "src/run.sh", os.X_OK)
    assert not (tmp_path / "old").exists() and not (tmp_path / "src/name.py").exists()
    assert paths_of(diff) == (
        "src/a.py", "new/deep/b.txt", "old/gone.txt", "src/name.py", "src/other.py", "src/run.sh", "empty",
    )  # fmt: skip


def hunk(at: str, *lines: str) -> str:
    return "\n".join(("--- a/f", "+++ b/f", f"@@ {at} @@", *lines)) + "\n"


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        ("", "names no file"),
        ("please change line 3", "names no file"),
        ("*** Begin Patch\n*** Update File: f\n", "write a unified diff"),
        ("@@ -1 +1 @@\n-line 1\n+x\n", "before any file was named"),
        ("--- a/f\n+++ b/f\n@@ lines 1 to 3 @@\n-line 1\n+x\n", "of it begins like the head of a hunk"),
        (hunk("-1,2 +1,2", " line 1", " line 2"), "nothing changes"),
        (hunk("-1,2 +1,2", " line 1", "?line 2", "+x"), "begins with '?'"),
        (hunk("-3 +3", "-line three", "+x"), "none of its old lines is in the file"),
        (hunk("-2,3 +2,3", " line 2", "-line three", "+x", " line 4"), "line 3 is 'line 3', not 'line three'"),
        (hunk("-10,2 +10,2", " line 10", "-line 11", "+x"), "line 11 is not there, not 'line 11'"),
        (hunk("-1,2 +1,3", "+x", "+y"), "no line of the file as it is"),
        (hunk("-99,0 +100", "+x"), "the file has 10"),
        (hunk("-2 +2", "-line 2", "+x") + "@@ -2 +2 @@\n-line 2\n+y\n", "another changes line 2, too"),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n", "none is not there"),
        ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "f is there already"),
        ("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-line 1\n", "9 lines of that file are not in it"),
        ("--- a/f\n+++ b/g\n@@ -1 +1 @@\n-line 1\n+x\n", "write `rename from` and `rename to`"),
        ("diff --git a/f b/f\nGIT binary patch\nliteral 3\n", "binary file"),
        ("Binary files a/f and b/f differ\n", "binary file"),
        ("diff --git a/f b/g\ncopy from f\ncopy to g\n", "copies a file"),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n", "symlink or submodule"),
        (hunk("-1 +1", "-line 1", "+\ud800"), "half a character"),
        ("--- a/link\n+++ b/link\n@@ -1 +1 @@\n-line 1\n+x\n", "is a symlink to f; patch that file"),
        ("--- a/bin\n+++ b/bin\n@@ -1 +1 @@\n-x\n+y\n", "cannot be changed as text"),
        ("--- a/../f\n+++ b/../f\n@@ -1 +1 @@\n-line 1\n+y\n", "leads out of the project"),
    ],
)  # fmt: skip
async def test_a_diff_that_cannot_be_applied_is_refused_and_changes_nothing(
    diff: str, words: str, patch: Tool, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text(TEN)
    (tmp_path / "first").write_text("1\n")
    (tmp_path / "bin").write_bytes(b"x\0")
    (tmp_path / "link").symlink_to("f")
    before = tree(tmp_path)
    good = "--- a/first\n+++ b/first\n@@ -1 +1 @@\n-1\n+2\n--- /dev/null\n+++ b/made/it\n@@ -0,0 +1 @@\n+x\n"
    assert words in await refusal(
        patch, diff=good + diff if "file was named" not in words and diff[:4] == "--- " else diff
    )
    assert tree(tmp_path) == before


async def test_a_hunk_is_found_by_its_lines_where_its_number_is_wrong(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(TEN)
    said = await use(patch, diff=hunk("-2,3 +2,3", " line 6", "-line 7", "+seven", " line 8"))
    assert said.text == "f is changed\n  hunk 1 stood at line 6, not 2"
    said = await use(patch, diff=hunk("-1,9 +1,9", " line 1", "-line 2", "+two"))
    assert said.text == "f is changed\n  hunk 1 has other lines than its head counts"
    await use(patch, diff="--- f\n+++ f\n@@ ... @@\n-line 3\n+three\n\n")
    await use(patch, diff="```diff\n--- f\n+++ f\n@@\n-line 4\n+four\n```")
    assert (tmp_path / "f").read_text() == "line 1\ntwo\nthree\nfour\nline 5\nline 6\nseven\nline 8\nline 9\nline 10\n"


async def test_a_hunk_that_fits_at_several_places_is_not_guessed(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nx\na\nx\na\n")
    assert "it fits at lines 2, 4; give the right line" in await refusal(patch, diff=hunk("-9 +9", "-x", "+y"))
    await use(patch, diff=hunk("-4 +4", "-x", "+y"))
    assert (tmp_path / "f").read_text() == "a\nx\na\ny\na\n"


async def test_context_that_differs_is_left_away_only_where_that_is_asked_for(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(TEN)
    diff = hunk("-3,3 +3,3", " LINE 3", "-line 4", "+four", " line 5")
    await refusal(patch, diff=diff)
    assert (await use(patch, diff=diff, fuzz=1)).text.endswith("hunk 1 fitted without 1 line of context at its edges")
    assert (tmp_path / "f").read_text() == TEN.replace("line 4", "four")
    await refusal(patch, diff=hunk("-3,3 +3,3", " line 5", "-LINE 6", "+six", " line 7"), fuzz=2)


async def test_windows_lines_stay_windows_lines(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf" + TEN.replace("\n", "\r\n").encode())
    diff = hunk("-1,3 +1,4", "-line 1", "+one", "+more", " line 2", " line 3")
    await use(patch, diff=diff)
    expected = TEN.replace("line 1\n", "one\nmore\n", 1).replace("\n", "\r\n")
    assert (tmp_path / "f").read_bytes() == b"\xef\xbb\xbf" + expected.encode()
    await use(patch, diff=hunk("-4 +4", "-line 3", "+three").replace("\n", "\r\n"))
    assert (tmp_path / "f").read_bytes().count(b"\n") == expected.count("\r\n")


async def test_a_line_at_the_end_without_a_newline_gets_one_where_others_follow(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb")
    await use(patch, diff=hunk("-1,2 +1,3", " a", " b", "+c"))
    assert (tmp_path / "f").read_text() == "a\nb\nc\n"


async def test_parts_of_one_diff_build_on_each_other(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\n")
    diff = (
        "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+c\n"
        "--- /dev/null\n+++ b/d/in\n@@ -0,0 +1 @@\n+x\n--- a/d/in\n+++ b/d/in\n@@ -1 +1 @@\n-x\n+y\n"
    )
    await use(patch, diff=diff)
    assert {name for name, (_, mode) in tree(tmp_path).items() if mode & 0o100000} == {"f", "d/in"}
    assert (tmp_path / "f").read_text() == "c\n"


async def test_files_are_put_back_where_a_later_one_cannot_be_written(patch: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1\n")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/f").write_text("1\n")
    (tmp_path / "gone/f").chmod(0o755)
    before = tree(tmp_path)
    changed = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n--- a/gone/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    made = "--- /dev/null\n+++ b/new/deep/f\n@@ -0,0 +1 @@\n+x\n"
    large = f"--- /dev/null\n+++ b/other/large\n@@ -0,0 +1 @@\n+{'x' * 2_000_000}\n"
    with largest_file(1_000_000):
        assert "other/large cannot be used (File too large)" in await refusal(patch, diff=changed + made + large)
    assert tree(tmp_path) == before


@contextmanager
def largest_file(size: int) -> Generator[None]:
    """Let nobody in this process write a file with more bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_names_in_quotes_are_read_as_git_writes_them() -> None:
    diff = 'diff --git "a/gr\\303\\274n\\t.txt" "b/gr\\303\\274n\\t.txt"\nold mode 100644\nnew mode 100755\n'
    assert paths_of(diff) == ("grün\t.txt",)
    assert paths_of("--- a/with space.txt\t2026-01-01\n+++ b/with space.txt\t2026-01-01\n@@ -1 +1 @@\n-a\n+b\n") == (
        "with space.txt",
    )


def test_a_removed_line_that_looks_like_a_head_is_none() -> None:
    (one,) = read_diff("--- a/q.sql\n+++ b/q.sql\n@@ -1,3 +1,3 @@\n--- a comment\n+++ another\n x\n y\n")
    assert one.hunks[0].body[:2] == (("-", "-- a comment\n"), ("+", "++ another\n"))


LINES = st.lists(st.sampled_from(["a", "b", "c", "", " x", "-- y", "@@ z", "\\ w", "é", "\u2028", "d\r"]), max_size=14)
TEXTS = st.tuples(LINES, st.booleans()).map(lambda made: "\n".join(made[0]) + ("\n" if made[0] and made[1] else ""))


def diff_of(before: str, after: str, context: int) -> str:
    """The unified diff of two texts by the standard library, with git's mark at an end without a newline."""
    lines = difflib.unified_diff(lines_of(before), lines_of(after), "a/f", "b/f", n=context)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@given(TEXTS, TEXTS, st.integers(0, 3))
@settings(deadline=None)
def test_applying_the_diff_of_two_texts_gives_the_second(before: str, after: str, context: int) -> None:
    diff = diff_of(before, after, context)
    if diff:
        (one,) = read_diff(diff)
        assert applied(before, one.hunks, "f") == (after, [])


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 3), st.integers(0, 2))
@settings(deadline=None)
def test_a_diff_of_other_texts_is_applied_or_refused_and_never_breaks(
    before: str, after: str, other: str, context: int, fuzz: int
) -> None:
    diff = diff_of(before, after, context)
    if diff:
        (one,) = read_diff(diff)
        try:
            made, _ = applied(other, one.hunks, "f", fuzz=fuzz)
        except ToolRefused:
            return
        added = [line for hunk in one.hunks for sign, line in hunk.body if sign == "+"]
        assert all(line.rstrip("\r\n") in made for line in added)


@given(st.text("abc+-@ \\\n\r#/dev.nulifgt0123456789,", max_size=200))
@settings(deadline=None)
def test_whatever_is_given_as_a_diff_is_read_or_refused(text: str) -> None:
    try:
        read_diff(f"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n{text}")
    except ToolRefused as error:
        assert "nothing was changed" in str(error)


def _git_diff(folder: Path) -> str:
    """What git says of the folders `before` and `after` in this one."""
    words = ["git", "diff", "--no-index", "-M", "--src-prefix=a/", "--dst-prefix=b/", "before", "after"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
async def test_what_git_writes_is_applied_as_git_applies_it(patch: Tool, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, files in (
        (before, {"a.py": TEN, "b/c.txt": "x\ny\n", "gone": "1\n", "no end": "x", "moved": TEN * 2, "ü": "1\n"}),
        (
            after,
            {
                "a.py": f"first\n{TEN}last",
                "b/c.txt": "x\n",
                "no end": "x\n",
                "to": TEN * 2 + "z\n",
                "new": "",
                "ü": "2\n",
            },
        ),
    ):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    diff = re.sub(r"(?<=[ \"][ab]/)(before|after)/", "", _git_diff(tmp_path))
    diff = diff.replace("rename from before/", "rename from ").replace("rename to after/", "rename to ")
    await use(tool(file_tools(before), "patch"), diff=diff)
    assert {name: text for name, (text, _) in tree(before).items()} == {
        name: text for name, (text, _) in tree(after).items()
    }
