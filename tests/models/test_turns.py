"""A conversation for wires that know no system message among the turns."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import Message, Speaker, ToolCall
from swarm.models.turns import Result, Turn, turns_of

SPEAKERS: tuple[Speaker, ...] = ("system", "user", "assistant")
S, U, A = partial(Message, "system"), partial(Message, "user"), partial(Message, "assistant")


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ((), (), ()),
        ((S("s"), U("u")), ("s",), (Turn("user", ("u",)),)),
        ((S("s"), S("t"), U("u")), ("s", "t"), (Turn("user", ("u",)),)),
        (
            (S("s"), U("u"), A("a"), U("v")),
            ("s",),
            (Turn("user", ("u",)), Turn("assistant", ("a",)), Turn("user", ("v",))),
        ),
        ((U("u"), U("v")), (), (Turn("user", ("u", "v")),)),
        ((S("s"), U("u"), S("later")), ("s",), (Turn("user", ("u", "later")),)),
        ((S("alone"),), (), (Turn("user", ("alone",)),)),
        ((S(" "), U("u"), A("\n"), U("v")), (), (Turn("user", ("u", "v")),)),
    ],
)
def test_what_the_system_says_first_stands_apart_and_sides_take_turns(
    messages: tuple[Message, ...], system: tuple[str, ...], turns: tuple[Turn, ...]
) -> None:
    assert turns_of(messages) == (system, turns)


@given(st.lists(st.builds(Message, st.sampled_from(SPEAKERS), st.sampled_from(["", " ", "a", "b"])), max_size=8))
def test_nothing_that_was_said_is_lost_or_moved_and_no_side_speaks_twice(messages: list[Message]) -> None:
    system, turns = turns_of(messages)
    said = [message.text for message in messages if message.text.strip()]
    assert [*system, *(text for turn in turns for text in turn.parts)] == said
    assert all(one.speaker != other.speaker for one, other in pairwise(turns))
    assert not said or turns


@given(st.lists(st.builds(Message, st.sampled_from(SPEAKERS), st.sampled_from(["a", "b"])), min_size=1, max_size=8))
def test_a_conversation_that_goes_on_begins_as_it_did(messages: list[Message]) -> None:
    """What a provider keeps of a prompt is its beginning, so an answer and a question change nothing of what was before."""
    if all(message.speaker == "system" for message in messages):
        return
    system, turns = turns_of(messages)
    later_system, later = turns_of([*messages, Message("assistant", "yes"), Message("user", "then?")])
    assert later_system == system
    assert later[: len(turns) - 1] == turns[:-1]
    assert later[len(turns) - 1].parts[: len(turns[-1].parts)] == turns[-1].parts


def test_results_of_tools_come_first_in_their_turn_with_their_calls() -> None:
    calls = (ToolCall("a", "read", "{}"), ToolCall("b", "list", "{}"))
    messages = (
        U("u"),
        Message("assistant", " ", calls=calls),
        S("hurry"),
        Message("tool", "one", answers="b"),
        Message("tool", "", answers="a"),
        Message("tool", "lost", answers="z"),
        A("done"),
    )
    assert turns_of(messages)[1] == (
        Turn("user", ("u",)),
        Turn("assistant", calls),
        Turn("user", (Result(calls[1], "one"), Result(calls[0], ""), "hurry", "lost")),
        Turn("assistant", ("done",)),
    )
