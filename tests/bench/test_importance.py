"""The bench of importance: what it counts as kept, and that half of a conversation keeps what matters of it."""

from __future__ import annotations

from bench import importance
from bench.messages import Message, conversations


def message(text: str) -> Message:
    return Message(id="a/1", speaker="user", kind="decision", text=text, important=True, why="decides")


def test_a_message_is_kept_where_most_of_it_stands() -> None:
    said = message("Yes, but only if the name is the same, too. Otherwise keep both.")
    assert importance.is_kept(said, "user: Yes, but only if the name is the same, too. …")
    assert not importance.is_kept(said, "user: Otherwise keep both.")
    assert not importance.is_kept(message("ok"), "")


def test_at_half_of_the_characters_the_bar_is_kept_on_messages_that_nothing_was_chosen_by() -> None:
    judged, _ = importance.shares(importance.ours, conversations(), 2)
    assert judged >= importance.BAR > importance.shares(importance.head, conversations(), 2)[0]


def test_no_way_passes_the_limit() -> None:
    talk = conversations()[0]
    for way in (importance.ours, *importance.BESIDE.values()):
        assert 0 < len(way(talk, 900)) <= 900
