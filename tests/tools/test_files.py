"""Reading, listing and writing files, as a model does it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swarm.tools.base import Tool
from swarm.tools.files import file_tools
from tests.tools.using import refusal, use


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, Tool]:
    return {each.name: each for each in file_tools(tmp_path, read_bytes=1_000)}


def test_tools_say_what_they_leave_behind_and_cost_few_words(tools: dict[str, Tool]) -> None:
    assert {name: each.effect for name, each in tools.items()} == {
        "read": "none",
        "list": "none",
        "search": "none",
        "write": "copy",
        "edit": "copy",
        "patch": "copy",
    }
    for each in tools.values():
        assert each.spec.parameters["additionalProperties"] is False
        assert len(each.spec.description) < 110 and "\n" not in each.spec.description
        assert each.subject in each.spec.parameters["properties"]
    assert [name for name, each in tools.items() if not each.repeatable] == ["edit", "patch"]


async def test_a_file_is_given_as_it_is_and_a_part_of_it_with_its_lines(tools: dict[str, Tool], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    assert (await use(tools["read"], path="a.txt")).text == "one\ntwo\nthree"
    part = await use(tools["read"], path="a.txt", from_=2, lines=1)
    assert part.text == "[a.txt: lines 2-2 of 3; more from line 3]\ntwo"
    assert (await use(tools["read"], path="./a.txt", from_=3, lines=10**12)).text == "[a.txt: lines 3-3 of 3]\nthree"
    assert "3 lines, so there is no line 4" in await refusal(tools["read"], path="a.txt", from_=4)


async def test_a_long_file_is_given_by_the_page_and_a_long_line_by_its_beginning(
    tools: dict[str, Tool], tmp_path: Path
) -> None:
    lines = [f"line {number} {'x' * 40}" for number in range(1, 101)]
    (tmp_path / "long").write_text("\n".join(lines))
    got: list[str] = []
    first = 1
    while first <= len(lines):
        head, *page = (await use(tools["read"], path="long", from_=first)).text.split("\n")
        assert head.startswith(f"[long: lines {first}-")
        assert sum(map(len, page)) <= 1_000
        got += page
        first += len(page)
    assert got == lines
    (tmp_path / "one").write_text("ä" * 5_000)
    said = (await use(tools["read"], path="one")).text
    assert said.startswith("[one: lines 1-1 of 1, its first 1,000 of 10,000 bytes]\n") and said.count("ä") == 500


async def test_line_endings_and_marks_of_bytes_are_not_shown(tools: dict[str, Tool], tmp_path: Path) -> None:
    (tmp_path / "dos.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert (await use(tools["read"], path="dos.txt")).text == "one\ntwo"
    (tmp_path / "empty").write_bytes(b"")
    assert (await use(tools["read"], path="empty")).text == "[empty is empty]"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "a PNG image of 8 bytes"),
        (b"ab\0cd", "a binary file of 5 bytes"),
        ("text".encode("utf-16"), "text in UTF-16 of 10 bytes"),
    ],
)
async def test_what_is_no_text_is_named(content: bytes, kind: str, tools: dict[str, Tool], tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(content)
    assert kind in await refusal(tools["read"], path="it")
    assert "nothing was changed" in await refusal(tools["edit"], path="it", old="a", new="b")


async def test_bytes_that_are_no_utf_8_do_not_keep_a_text_from_being_read(
    tools: dict[str, Tool], tmp_path: Path
) -> None:
    (tmp_path / "latin").write_bytes("grün = 1\n".encode("latin-1"))
    assert (await use(tools["read"], path="latin")).text == "gr\ufffdn = 1"


SECRET = "sk-canary-0123456789abcdef"
BLOCK = "-----BEGIN KEY-----\nMIIcanary\nMIJcanary\n-----END KEY-----"


def redact(text: str) -> str:
    return text.replace(SECRET, "[secret:KEY]").replace(BLOCK, "[secret:BLOCK]")


async def test_no_part_of_a_secret_is_shown_where_a_line_or_a_page_is_cut(tmp_path: Path) -> None:
    tools = {each.name: each for each in file_tools(tmp_path, read_bytes=100, redact=redact)}
    (tmp_path / "a").write_text(f"first\n{BLOCK}\nlast {SECRET}\n{'x' * 90}{SECRET}\n{'y' * 230}{SECRET}\n")
    for first in range(1, 9):
        assert "canary" not in (await use(tools["read"], path="a", from_=first)).text
    assert (await use(tools["read"], path="a", from_=3, lines=1)).text.endswith("\n[a line of a secret]")
    assert (await use(tools["read"], path="a", from_=6, lines=1)).text.endswith("\nlast [secret:KEY]")
    found = (await use(tools["search"], pattern="canary|last")).text
    assert "canary" not in found.lower() and "\n3: [a line of a secret]\n" in found and "6: last [secret:KEY]" in found
    for name, arguments in (
        ("edit", {"path": "a", "old": "MIIcanarx\nMIJcanary", "new": ""}),
        ("edit", {"path": "a", "old": f"lust {SECRET[:9]}", "new": ""}),
        ("patch", {"diff": "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n first\n-second\n+third\n"}),
    ):
        told = await refusal(tools[name], **arguments)
        assert "MIJcanary" not in told and "0123" not in told and "BEGIN" not in told
    await use(tools["edit"], path="a", old=SECRET, new="gone", all=True)
    assert (tmp_path / "a").read_text().startswith(f"first\n{BLOCK}\nlast gone\n"), "the file itself is not redacted"


async def test_what_is_not_there_is_told_with_what_is_near(tools: dict[str, Tool], tmp_path: Path) -> None:
    for name in ("src/apps.py", "src/app/main.py", "lib/tools/App.ts", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    words = await refusal(tools["read"], path="src/app.py")
    assert words == "src/app.py is not there; near it: src/apps.py, src/app/, src/app/main.py"
    assert "near it: lib/tools/App.ts" in await refusal(tools["read"], path="app.ts")
    assert "near it: README.md" in await refusal(tools["edit"], path="readme.md", old="a", new="b")
    assert "see what is there with `list`" in await refusal(tools["read"], path="zzzzzz/qqqq")
    assert "near it: src/" in await refusal(tools["list"], path="srcs")
    assert "is a folder; use `list`" in await refusal(tools["read"], path="src")
    assert "is no folder; use `read`" in await refusal(tools["list"], path="README.md")


async def test_a_list_is_a_tree_that_says_what_it_leaves_out(tools: dict[str, Tool], tmp_path: Path) -> None:
    for name in ("src/a.py", "src/deep/er/b.py", "node_modules/x.js", ".git/config", ".github/flow.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345")
    (tmp_path / "many").mkdir()
    for number in range(70):
        (tmp_path / f"many/{number:03}").write_text("")
    (tmp_path / "link").symlink_to("src/a.py")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text("")
    listed = (await use(tools["list"])).text
    assert listed.startswith(
        ".github/\n  flow.yml 5\ncaf? (its name cannot be shown) 0\nlink -> src/a.py\nmany/\n  000 0\n"
    )
    assert (
        "  059 0\n  [10 more in many]\nnode_modules/ (not looked into)\npipe (pipe)\nsrc/\n  a.py 5\n  deep/" in listed
    )
    assert listed.endswith("  deep/") and ".git/" not in listed
    listed.encode()
    assert (await use(tools["list"], path="src", depth=99)).text == "a.py 5\ndeep/\n  er/\n    b.py 5"
    assert len((await use(tools["list"], path="many")).text.split("\n")) == 70
    (tmp_path / "src/none").mkdir()
    assert (await use(tools["list"], path="src/none")).text == "[src/none is empty]"


async def test_a_list_of_very_much_is_bounded(tools: dict[str, Tool], tmp_path: Path) -> None:
    for folder in range(30):
        (tmp_path / f"f{folder:02}").mkdir()
        for number in range(20):
            (tmp_path / f"f{folder:02}/{number}").write_text("")
    lines = (await use(tools["list"], depth=3)).text.split("\n")
    assert len(lines) <= 260
    assert sum(line.endswith("/") for line in lines) == 30, "all that is near the top is shown"
    assert lines[-1] == "  [20 more in f29]"


async def test_writing_makes_folders_and_files_and_keeps_to_the_text(tools: dict[str, Tool], tmp_path: Path) -> None:
    said = await use(tools["write"], path="new/deep/a.txt", text="one\r\ntwo")
    assert said.text == "new/deep/a.txt is made: 2 lines."
    assert (tmp_path / "new/deep/a.txt").read_bytes() == b"one\r\ntwo"
    (tmp_path / "new/deep/a.txt").chmod(0o755)
    said = await use(tools["write"], path="new/deep/a.txt", text="")
    assert said.text == "new/deep/a.txt is written anew: 0 lines."
    assert (tmp_path / "new/deep/a.txt").stat().st_mode & 0o777 == 0o755
    assert "half a character" in await refusal(tools["write"], path="b", text="a\ud800")
    assert not (tmp_path / "b").exists()


async def test_no_tool_leaves_the_project(tools: dict[str, Tool], tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    for path in ("../x", "/etc/passwd", "out/passwd", ".git/config"):
        for name, arguments in {
            "read": {},
            "list": {},
            "search": {"pattern": "root"},
            "write": {"text": "x"},
            "edit": {"old": "root", "new": "x"},
        }.items():
            words = await refusal(tools[name], path=path, **arguments)
            assert "leads out of the project" in words or "git's own folder" in words
        diff = f"--- a/x\n+++ {path}\n@@ -0,0 +1 @@\n+x\n"
        await refusal(tools["patch"], diff=diff.replace("--- a/x", "--- /dev/null"))
        await refusal(tools["patch"], diff=f"--- {path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n")
