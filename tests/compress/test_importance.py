"""Which messages of a conversation matter, and why."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.messages import conversations
from swarm.compress.importance import RANKS, Rank, Said, levels, part_of

TALK = [
    Said("user", "The export of orders fails every night. Find out why and mend it."),
    Said("assistant", "Reading the log of the last night."),
    Said("tool", "\n".join(f"row {number} ok" for number in range(120))),
    Said("tool", "psycopg.errors.DiskFull: could not extend file base/16384/2619"),
    Said("assistant", "The export writes a temporary table of 40 GB into base/16384, and the disk has 31 GB left."),
    Said("assistant", "Shall I delete the old exports?"),
    Said("user", "Yes, but never those of the last 90 days, audit needs them."),
    Said("user", "Great, thanks!"),
    Said("assistant", "Hmm, perhaps one could also compress them, or maybe move them somewhere, I am not sure."),
    Said("assistant", "Deleted 212 exports on production; the disk has 118 GB left now."),
    Said("user", "Write the report to report.md."),
    Said("user", "Write the report to docs/nightly.md instead, not to report.md."),
    Said("user", "Great, thanks!"),
    Said("assistant", "Still to do: an alert at 80 % of the disk, by Friday."),
    Said("user", "Who is on call on Sunday?"),
]
RANKED: dict[int, Rank] = {
    0: "must stay",
    1: "droppable",
    2: "droppable",
    3: "must stay",
    4: "must stay",
    5: "droppable",
    6: "must stay",
    7: "droppable",
    8: "droppable",
    9: "must stay",
    11: "must stay",
    12: "droppable",
    13: "must stay",
    14: "must stay",
}


@pytest.mark.parametrize(("number", "rank"), RANKED.items())
def test_what_is_wanted_decided_open_or_wrong_must_stay_and_courtesy_goes(number: int, rank: Rank) -> None:
    level = levels(TALK)[number]
    assert (level.rank, bool(level.reasons)) == (rank, True), level


def test_each_level_says_its_reasons() -> None:
    found = levels(TALK)
    assert "a limit" in found[6].reasons
    assert found[5].reasons[1] == "a question that was answered"
    assert found[12].reasons == ("said before",)
    assert "something open" in found[13].reasons and "an open question" in found[14].reasons


def test_what_is_replaced_later_counts_less_than_before_it_was() -> None:
    assert "replaced later" in levels(TALK)[10].reasons
    assert levels(TALK)[10].points < levels(TALK[:11])[10].points


def test_an_error_that_is_solved_later_counts_less() -> None:
    error = Said("tool", "gpg: decryption failed: no secret key")
    talk = [Said("user", "Restore the backup."), error]
    solved = [*talk, Said("assistant", "Fixed: the secret key was on the other machine.")]
    assert levels(talk)[1].rank == "must stay" and levels(solved)[1].points < levels(talk)[1].points


@pytest.mark.parametrize(
    ("speaker", "part"),
    [("Assistant", "agent"), ("tool (read)", "tool"), ("system", "system"), ("ann", "person"), ("", "person")],
)
def test_a_name_that_is_no_role_is_a_person(speaker: str, part: str) -> None:
    assert part_of(speaker) == part


def test_of_the_messages_by_which_words_were_chosen_most_are_ranked_as_they_are_labelled() -> None:
    chosen = [
        (level.rank, each.important)
        for talk in conversations()
        for level, each in zip(levels([Said(m.speaker, m.text) for m in talk.messages]), talk.messages, strict=True)
        if not each.is_held_out
    ]
    assert sum((rank == "must stay") == important for rank, important in chosen) > 0.9 * len(chosen)
    assert not any(important for rank, important in chosen if rank == "droppable")


MESSAGES = st.lists(
    st.builds(
        Said,
        st.sampled_from(["user", "assistant", "tool", "system", "ann"]),
        st.sampled_from([each.text for each in TALK]) | st.text(max_size=60),
    ),
    max_size=8,
)


@settings(max_examples=50, deadline=None)
@given(MESSAGES)
def test_every_message_has_a_level_and_always_the_same(messages: list[Said]) -> None:
    found = levels(messages)
    assert len(found) == len(messages) and all(each.rank in RANKS for each in found)
    assert found == levels(messages)


def test_a_long_conversation_is_judged_in_time_that_grows_with_its_length() -> None:
    def taken(times: int) -> float:
        talk = [Said(each.speaker, f"{each.text} {turn}") for turn in range(times) for each in TALK]
        begun = time.process_time()
        levels(talk)
        return time.process_time() - begun

    taken(5)
    assert taken(80) < 30 * max(taken(10), 0.003)
