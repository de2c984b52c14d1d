"""Conversations made short: what must stay stays word for word, in its order, and within the limit."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.compress import compress
from swarm.compress.conversation import short_conversation, turns
from swarm.compress.form import form_of
from swarm.compress.importance import Said, levels
from swarm.compress.room import CUT, Count, Shortened, cut
from tests.compress.counting import by_bytes, by_joints
from tests.compress.test_importance import TALK


def plain(talk: list[Said]) -> str:
    return "\n\n".join(f"{each.speaker}: {each.text}" for each in talk) + "\n"


def beginning(count: Count) -> Callable[[str, int], Shortened]:
    return lambda said, room: Shortened(cut(said, room, count), (1,), "")


TEXT = plain(TALK)
REQUEST = json.dumps(
    {"model": "m", "messages": [{"role": each.speaker, "content": each.text} for each in TALK]}, indent=2
)
CHAT = """[10:02] ann: We ship on Thursday, and never on a Friday again.
[10:03] bob: ok
[10:05] ann: The certificate of smtp.example.org expires on 1 March.
[10:06] bob: Who renews it?
"""


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        REQUEST,
        json.dumps(json.loads(REQUEST)["messages"]),
        CHAT,
        CHAT.replace("[", "").replace("]", " -"),
        TEXT.replace("user:", "**User:**").replace("assistant:", "**Assistant:**").replace("tool:", "**Tool (sh):**"),
        f"# Minutes of a chat\n\n{TEXT}",
    ],
)
def test_a_conversation_is_told_by_who_speaks(text: str) -> None:
    assert form_of(text) == "conversation"


@pytest.mark.parametrize(
    "text",
    [
        "user: root\nsystem: linux\nmodel: small\ntool: hammer\n",
        "user: root\nuser: ann\nuser: bob and some more words behind him\n",
        "[10:02] INFO: ready to serve requests\n[10:03] ERROR: disk is full again\n[10:04] INFO: it is gone again\n",
        "10:02:11 nginx: worker process started\n10:02:12 nginx: worker process 7 ready\n10:02:13 cron: job 3 began\n",
        json.dumps([{"role": "admin", "name": "ann"}] * 5),
        json.dumps([{"role": "user", "content": "one message alone is no conversation"}]),
        "The user: she wrote to us twice.\nThe assistant: he answered.\nThe user: she wrote again.\n",
        '[{"role": "user", "content": "cut off',
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert form_of(text) != "conversation"


def test_messages_have_their_speakers_their_words_and_their_lines() -> None:
    found = turns(f"# A chat\n{TEXT}")
    assert [each.said for each in found] == TALK
    lines = f"# A chat\n{TEXT}".split("\n")
    assert all("\n".join(lines[each.lines[0] - 1 : each.lines[-1]]) == each.head + each.said.text for each in found)


def test_of_json_parts_of_a_message_are_its_text_and_calls_stand_behind_it() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "read", "arguments": {"n": 1.50}}]}
    parts = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image", "url": "x"}]}
    found = turns(json.dumps([parts, call]).replace("1.5", "1.50"))
    assert found[0].said == Said("user", 'What is this?\n{"type":"image","url":"x"}')
    assert found[1].said.text == '{"tool_calls":[{"name":"read","arguments":{"n":1.50}}]}'


def test_what_must_stay_stands_word_for_word_and_in_order_and_marks_say_where_something_is_left_out() -> None:
    found = compress(TEXT, limit=by_bytes(TEXT) // 2, count=by_bytes, handle="read_output 7")
    kept = [each.text for each, level in zip(TALK, levels(TALK), strict=True) if level.rank == "must stay"]
    places = [found.text.index(each) for each in kept]
    assert found.form == "conversation" and places == sorted(places)
    assert f"\n{CUT}\n" in found.text and "thanks" not in found.text and "row 7" not in found.text
    assert found.text.split("\n")[-1] == f"[{found.said}; all: read_output 7]" and "of 15 messages" in found.said
    lines = TEXT.split("\n")
    assert all(lines[number - 1] in found.text for number in found.kept)


def test_a_conversation_in_json_that_fits_as_a_table_can_be_had_back_and_otherwise_is_written_plainly() -> None:
    whole = compress(REQUEST, limit=by_bytes(REQUEST) * 9 // 10, count=by_bytes)
    assert whole.reversible and whole.form == "conversation"
    short = compress(REQUEST, limit=by_bytes(REQUEST) // 2, count=by_bytes)
    assert not short.reversible and short.kept == ()
    assert short.text.startswith(f"user: {TALK[0].text}\n")


def test_a_long_message_that_must_stay_leaves_room_for_the_others() -> None:
    wish = "Summarise this. " + " ".join(f"It rained on day {number}." for number in range(200))
    talk = [Said("user", wish), *TALK[1:]]
    found = compress(plain(talk), limit=by_bytes(TEXT), count=by_bytes)
    assert "Summarise this." in found.text and TALK[6].text in found.text and TALK[13].text in found.text


def test_an_output_that_is_sought_is_shown_though_it_would_be_dropped() -> None:
    limit = by_bytes(TEXT) * 3 // 4
    assert "row 37 ok" in compress(TEXT, limit=limit, count=by_bytes, sought="what of row 37?").text
    assert "row 37 ok" not in compress(TEXT, limit=limit, count=by_bytes).text


def test_a_conversation_of_courtesies_is_made_short_as_any_text() -> None:
    text = plain([Said("ai", "You are welcome, my pleasure!"), Said("tool", "row 1 ok\n" * 30)] * 2)
    assert compress(text, limit=20, count=by_bytes, form="conversation").text


TALKS = st.lists(
    st.builds(
        Said,
        st.sampled_from(["user", "assistant", "tool", "system"]),
        st.sampled_from([each.text for each in TALK]) | st.text("aé1 .?\n/", max_size=40).map(str.strip),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(TALKS, st.integers(0, 300), st.sampled_from([by_bytes, by_joints]), st.sampled_from(["", "rows on a disk"]))
def test_the_limit_holds_and_what_must_stay_is_whole_wherever_all_of_it_fits(
    talk: list[Said], limit: int, count: Callable[[str], int], sought: str
) -> None:
    text = plain(talk)
    short = short_conversation(text, limit=limit, count=count, brief=beginning(count), sought=sought)
    again = short_conversation(text, limit=limit, count=count, brief=beginning(count), sought=sought)
    assert short == again
    if short is None:
        return
    assert count(short.text) <= limit
    found = [each.said for each in turns(text)]
    must = [each for each, level in zip(found, levels(found), strict=True) if level.rank == "must stay"]
    if count(f"{CUT}\n" + f"\n{CUT}\n".join(f"{each.speaker}: {each.text}" for each in must) + f"\n{CUT}") <= limit:
        assert all(each.text in short.text for each in must)
