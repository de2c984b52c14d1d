"""A text is replaced where it is meant, exactly, and what is wrong with the asking is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swarm.tools.base import Tool
from swarm.tools.edit import Ambiguous, NotFound, replaced
from swarm.tools.files import file_tools
from tests.tools.using import refusal, tool, use


@pytest.fixture
def edit(tmp_path: Path) -> Tool:
    return tool(file_tools(tmp_path), "edit")


async def test_what_stands_once_is_replaced_and_all_else_stays(edit: Tool, tmp_path: Path) -> None:
    path = tmp_path / "run.py"
    path.write_bytes(b"\xef\xbb\xbfdef f():\r\n    return 1\r\n\xff = 2\r\n")
    path.chmod(0o755)
    said = await use(edit, path="run.py", old="def f():\n    return 1\n", new="def f():\n    x = 2\n    return x\n")
    assert said.text == "run.py is changed in line 1."
    assert path.read_bytes() == b"\xef\xbb\xbfdef f():\r\n    x = 2\r\n    return x\r\n\xff = 2\r\n"
    assert path.stat().st_mode & 0o777 == 0o755


async def test_a_text_is_no_pattern_and_what_replaces_it_no_template(edit: Tool, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("f(x) + [a-z]* + \\1\n")
    await use(edit, path="a", old="[a-z]* + \\1", new="\\g<0> \\n $&")
    assert (tmp_path / "a").read_text() == "f(x) + \\g<0> \\n $&\n"


async def test_what_stands_several_times_is_refused_with_the_lines_unless_all_is_meant(
    edit: Tool, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("x = 1\ny = 2\nx = 1\n")
    words = await refusal(edit, path="a", old="x = 1", new="x = 3")
    assert "stands 2 times in a (lines 1, 3), nothing was changed; give more of the text around the place" in words
    assert (await use(edit, path="a", old="x = 1", new="x = 3", all=True)).text == "a is changed in line 1, 3."
    assert (tmp_path / "a").read_text() == "x = 3\ny = 2\nx = 3\n"
    (tmp_path / "b").write_text("aaa\n")
    assert "2 times" in await refusal(edit, path="b", old="aa", new="c")


async def test_what_is_not_there_is_told_with_what_is_nearest(edit: Tool, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("def total(items):\n\tresult = sum(items)\n\treturn result\n\nprint(total([1]))\n")
    words = await refusal(edit, path="a", old="def total(items):\n    result = sum(items)", new="x")
    assert words.endswith("line 1 on differs from it in white space only:\ndef total(items):\n\tresult = sum(items)")
    words = await refusal(edit, path="a", old="\tresult = sum(item)\n\treturn result", new="x")
    assert words.endswith("most like it is line 2 on:\n\tresult = sum(items)\n\treturn result")
    words = await refusal(edit, path="a", old="SELECT * FROM nowhere", new="x")
    assert words.endswith("nothing in it is like it; look with `read` or `search`")
    assert "white space only" in await refusal(edit, path="a", old="\n\n\n", new="x")


async def test_asking_for_nothing_is_refused(edit: Tool, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    assert "`old` is empty" in await refusal(edit, path="a", old="", new="x")
    assert "the same" in await refusal(edit, path="a", old="x", new="x")
    assert "half a character" in await refusal(edit, path="a", old="x", new="\ud800")
    assert (tmp_path / "a").read_text() == "x\n"


def test_new_lines_get_the_line_ending_that_most_of_the_file_have() -> None:
    assert replaced("a\r\nb\r\nc\n", "b", "b\nd", "f") == ("a\r\nb\r\nd\r\nc\n", [2])
    assert replaced("a\r\nb\nc\nd\n", "a\nb", "e\nf", "f") == ("e\nf\nc\nd\n", [1])
    assert replaced("a\nb\n", "a", "x\r\ny", "f") == ("x\r\ny\nb\n", [1])


@given(st.text("ab\n", max_size=12), st.text("ab\n", min_size=1, max_size=4), st.text("abc\n", max_size=4))
def test_a_text_that_stands_once_is_replaced_as_python_does(text: str, old: str, new: str) -> None:
    count = sum(text.startswith(old, at) for at in range(len(text)))
    if count == 1:
        assert replaced(text, old, new, "f")[0] == text.replace(old, new)
    else:
        with pytest.raises(Ambiguous if count else NotFound):
            replaced(text, old, new, "f")


@given(st.lists(st.sampled_from(["a", "b", "é", ""]), min_size=1, max_size=8), st.integers(0, 7), st.data())
def test_an_edit_of_windows_lines_is_the_same_edit_as_of_plain_ones(
    lines: list[str], at: int, data: st.DataObject
) -> None:
    text = "\n".join(lines)
    old = "\n".join(lines[at : at + data.draw(st.integers(1, 3))])
    assume(old and sum(text.startswith(old, place) for place in range(len(text))) == 1)
    plain, _ = replaced(text, old, "x\ny", "f")
    windows, _ = replaced(text.replace("\n", "\r\n"), old, "x\ny", "f")
    assert windows.replace("\r\n", "\n") == plain
    assert "\r\n" not in text.replace("\n", "\r\n") or windows.count("\n") == windows.count("\r\n")
