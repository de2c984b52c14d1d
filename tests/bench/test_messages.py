"""The labelled messages: enough of them, of many kinds, about half held out, and short enough where they matter."""

from __future__ import annotations

from typing import get_args

from bench.messages import Conversation, Kind, Message, conversations

MESSAGES = [message for talk in conversations() for message in talk.messages]


def share(part: int, whole: int) -> float:
    return part / whole


def test_there_are_at_least_two_hundred_messages_in_ten_conversations_each_with_a_label_and_its_reason() -> None:
    assert len(MESSAGES) >= 200 and len(conversations()) >= 10
    assert {message.kind for message in MESSAGES} == set(get_args(Kind))
    assert all(message.text.strip() and 3 < len(message.why) < 80 for message in MESSAGES)
    assert len({message.text for message in MESSAGES}) > 0.95 * len(MESSAGES)


def test_each_message_has_the_name_of_its_conversation_and_its_number_in_it() -> None:
    for talk in conversations():
        assert [message.id for message in talk.messages] == [f"{talk.name}/{n + 1}" for n in range(len(talk.messages))]
        assert talk.messages[0].kind == "intent" and talk.messages[0].speaker == "user"


def test_about_half_is_held_out_of_what_is_important_and_of_what_is_not() -> None:
    for important in (True, False):
        some = [message for message in MESSAGES if message.important is important]
        assert 0.4 < share(sum(message.is_held_out for message in some), len(some)) < 0.6


def test_the_rule_of_what_is_held_out_depends_on_the_id_alone() -> None:
    one = MESSAGES[0]
    other = Message(id=one.id, speaker="agent", kind="chatter", text="?", important=False, why="none")
    assert one.is_held_out == other.is_held_out


def test_a_label_does_not_follow_from_the_kind_and_not_from_the_length() -> None:
    mixed = {kind for kind in get_args(Kind) if len({each.important for each in MESSAGES if each.kind == kind}) == 2}
    assert len(mixed) >= 5
    kept = sorted(len(message.text) for message in MESSAGES if message.important)
    left = sorted(len(message.text) for message in MESSAGES if not message.important)
    assert kept[len(kept) // 2] > left[len(left) // 4] and kept[len(kept) // 2] < left[-len(left) // 10]


def test_what_is_important_has_room_in_half_of_each_conversation() -> None:
    def size(talk: Conversation, *, important: bool) -> int:
        return sum(len(each.text) for each in talk.messages if each.important or not important)

    for talk in conversations():
        assert share(size(talk, important=True), size(talk, important=False)) < 0.45, talk.name
