"""Of a long output a model sees its head, its tail, the lines that tell of trouble, and how to get the rest."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.tools.base import ToolRefused
from swarm.tools.shorten import lines_of, output_tool, shown
from tests.tools.using import refusal, use

MARK = re.compile(r"\[([\d,]+) lines, [\d,]+ bytes left out; `read_output` with handle=h from=(\d+) gives them\]")
LOG = [f"step {number}: all is well" for number in range(1, 1_001)]


def test_what_fits_is_not_touched() -> None:
    assert shown("a\nb\n", 4, "h") is None
    assert shown("", 0, "h") is None
    assert shown("ä" * 50, 100, "h") is None


def test_a_long_output_is_its_head_its_tail_and_a_mark_with_the_handle() -> None:
    text = shown("\n".join(LOG), 1_000, "h") or ""
    lines = text.split("\n")
    at = next(n for n, line in enumerate(lines) if MARK.fullmatch(line))
    found = MARK.fullmatch(lines[at])
    assert found is not None
    assert lines[:at] == LOG[:at] and lines[at + 1 :] == LOG[-len(lines) + at + 1 :]
    assert int(found[2]) == at + 1
    assert int(found[1]) == 1_000 - (len(lines) - 1)
    assert 800 < len(text) <= 1_000


def test_lines_that_tell_of_trouble_are_kept_with_their_numbers() -> None:
    log = list(LOG)
    log[499] = "E   AssertionError: assert 3 == 4"
    log[500] = "    0 errors in lint"
    log[600] = "thread 'main' panicked at src/main.rs:3"
    log[601] = "thread 'main' panicked at src/main.rs:3"
    text = shown("\n".join(log), 2_000, "h") or ""
    assert "\n500: E   AssertionError: assert 3 == 4\n601: thread 'main' panicked at src/main.rs:3\n" in text
    assert "0 errors" not in text and "602:" not in text
    assert len(text) <= 2_000


def test_of_very_much_trouble_the_first_and_the_last_are_kept() -> None:
    text = shown("\n".join(f"error {number}" for number in range(10_000)), 3_000, "h") or ""
    numbers = [int(number) for number in re.findall(r"^(\d+): error", text, re.MULTILINE)]
    assert len(numbers) == 8
    assert numbers[4] > 9_000 > numbers[3]


def test_an_error_is_told_among_however_many_warnings_of_one_kind() -> None:
    log = [f"warning: unused variable v{number}" for number in range(900)]
    log[500] = "worker 7 was killed: it timed out"
    text = shown("\n".join(log), 2_000, "h") or ""
    assert "\n501: worker 7 was killed: it timed out\n" in text


def test_a_line_without_an_end_is_cut_into_several_that_can_be_named() -> None:
    text = shown("x" * 100_000, 5_000, "h") or ""
    assert len(text) <= 5_000
    assert "[96 lines," in text or "[97 lines," in text
    assert len(lines_of("x" * 2_500)) == 3 and lines_of("") == [""]


@given(st.text("ab\nörro\u2028\r", max_size=400), st.integers(0, 300))
@settings(deadline=None)
def test_what_is_shown_is_never_more_than_is_allowed_but_for_the_mark(text: str, most: int) -> None:
    short = shown(text, most, "h")
    size = len(text.encode())
    assert (short is None) == (size <= most)
    if short is not None:
        assert len(short.encode()) <= most or MARK.fullmatch(short)
        head, tail = short.split(MARK.search(short)[0]) if MARK.search(short) else ("?", "?")  # type: ignore[index]
        assert text.startswith(head) and text.removesuffix("\n").endswith(tail.removeprefix("\n"))


async def text_of(handle: str) -> str:
    if handle != "h":
        raise ToolRefused(f"there is no output {handle!r}; take a handle from a mark of what was left out")
    return "\n".join(LOG)


async def test_the_rest_is_read_by_the_page() -> None:
    tool = output_tool(text_of, most_bytes=1_000)
    got: list[str] = []
    while len(got) < len(LOG):
        head, *page = (await use(tool, handle="h", from_=len(got) + 1)).text.split("\n")
        assert head.startswith(f"[lines {len(got) + 1}-")
        assert len("\n".join(page)) <= 1_000
        got += page
    assert got == LOG
    assert (await use(tool, handle="h", from_=7, lines=1)).text == f"[lines 7-7 of 1000; more from=8]\n{LOG[6]}"
    assert "so there is no line 1,001" in await refusal(tool, handle="h", from_=1_001)
    assert "there is no output 'x'" in await refusal(tool, handle="x")


async def test_the_rest_is_searched_for_a_text() -> None:
    tool = output_tool(text_of, most_bytes=200)
    assert (
        await use(tool, handle="h", search="STEP 77:")
    ).text == "[1 lines of 1,000 hold it]\n77: step 77: all is well"
    assert "the first 8 of them" in (await use(tool, handle="h", search="well")).text
    assert (await use(tool, handle="h", search="(a+)+$")).text == "[no line holds '(a+)+$'; there are 1,000]"
