"""What an output says twice is said once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.repeats import once, settled

FILE = [f"line {number} of a file that is printed" for number in range(1, 9)]


def lines_of(text: str) -> list[str]:
    return [line.text for line in once(text)]


def test_a_line_that_follows_itself_is_shown_once_with_how_often() -> None:
    assert lines_of("start\n" + "waiting for the server\n" * 12 + "done") == [
        "start",
        "waiting for the server [x12]",
        "done",
    ]
    assert lines_of("a\n\n\n\nb") == ["a", "", "b"]
    assert lines_of("}\n}\nx") == ["}", "}", "x"], "to say so would take more"


def test_a_block_that_follows_itself_is_shown_once_with_how_often() -> None:
    assert lines_of("connecting ...\nrefused, trying again\n" * 4 + "gave up") == [
        "connecting ...",
        "refused, trying again",
        "[the 2 lines above 4 times]",
        "gave up",
    ]


def test_a_file_that_is_printed_twice_is_named_where_it_is_the_same_and_shown_where_it_is_not() -> None:
    changed = [*FILE[:6], "another line", *FILE[7:]]
    shown = once("\n".join([*FILE, "$ cat again", *changed]))
    assert [line.text for line in shown] == [
        *FILE,
        "$ cat again",
        '[6 lines as above, from "line 1 of a file that is printed" on]',
        "another line",
        FILE[7],
    ]
    assert [line.number for line in shown] == [*range(1, 10), 0, 16, 17]


def test_colours_and_the_states_of_a_progress_bar_go() -> None:
    text = "\x1b[1;31mred\x1b[0m\r\n 10 %\r 55 %\r100 %\r\nmi\bistake\n\x1b]0;title\x07end"
    assert settled(text) == "red\n100 %\nmistake\nend"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["", "a", "a longer line of text", "another long line", "}"]) | st.text(max_size=5), max_size=40
    )
)
def test_no_line_is_lost_that_is_not_said_to_be_above(lines: list[str]) -> None:
    text = "\n".join(lines)
    shown = once(text)
    assert {line.text.split(" [x")[0] for line in shown} >= {line for line in text.split("\n") if "[" not in line}
    own = text.split("\n")
    assert all(line.text.startswith(own[line.number - 1]) for line in shown if line.number)
    assert sum(len(line.text) for line in shown) <= len(text)


@settings(max_examples=60, deadline=None)
@given(st.text("ab\r\n\b\x1b[0m]\x07é", max_size=60))
def test_a_settled_text_has_the_lines_that_it_had(text: str) -> None:
    assert settled(text).count("\n") == text.count("\n")
    assert "\x1b[0m" not in settled(text)
