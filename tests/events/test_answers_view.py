"""Which answers may be given again, as verdicts say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import Entry
from events.testing import builders as make
from events.types.answer import EXACT, NEAR, AnswersCleared, AnswerServed
from events.types.base import Said
from events.types.call import CallKey
from events.types.task import AttemptAbandoned, Overruled
from events.views import answers as view_module
from events.views.answers import AnswersView, Known
from events.views.base import decode_state, encode_state


class Story:
    """Entries as a session writes them, folded as they come."""

    def __init__(self) -> None:
        self.view, self.position, self.attempt = AnswersView(), 0, 0

    def add(self, event: Any, **place: Any) -> int:
        self.position += 1
        given: dict[str, Any] = {
            "task": "t",
            "step": 1,
            "attempt": self.attempt,
            "session": 1,
            "at": self.position,
        } | place
        entry = Entry(position=self.position, id=b"", topic="s1", project="demo", cause=0, event=event, **given)
        self.view.apply(entry)
        return self.position

    def asked(self, key: str = "k", answer: str = "yes", *, role: str = "worker", **settled: Any) -> int:
        """A call of a new attempt, answered; returns the position of its answer."""
        self.attempt += 1
        said = (Said("user", make.a_ref(key)),)
        reserved = self.add(make.reserved(role=role, messages=said, key=CallKey(key, "rest")))
        return self.add(make.settled(reserved, answer=make.a_ref(answer), **({"finish": "stop"} | settled)))

    def served(self, source: int, *, role: str = "worker", how: str = EXACT, key: str = "k") -> None:
        self.attempt += 1
        ref = make.a_ref("x")
        common: dict[str, Any] = {"agent": "a", "model": "m", "tier": "free", "messages": (Said("user", ref),)}
        event = AnswerServed(
            source=source, key=key, how=how, role=role, answer=ref, max_output_tokens=9, ordinal=1, **common
        )
        self.add(event)

    @property
    def known(self) -> Known:
        return self.view.known["k"]


@pytest.fixture
def story() -> Story:
    return Story()


def test_verdicts_count_for_the_answer_wherever_it_was_given(story: Story) -> None:
    source = story.asked()
    story.add(make.accepted())
    story.served(source)
    story.add(make.accepted())
    story.served(source, how=NEAR)
    story.add(make.rejected())
    assert (story.known.same.right, story.known.same.wrong) == (2, 0)
    assert (story.known.near.right, story.known.near.wrong, story.known.withdrawn) == (0, 1, False)


def test_a_verdict_that_was_itself_given_again_says_nothing_new(story: Story) -> None:
    source, judged = story.asked(), story.asked("j", role="validator")
    story.served(source)
    story.attempt -= 1
    story.served(judged, role="validator", key="j")
    story.add(make.accepted())
    assert story.known.same.right == 0


def test_what_nobody_judged_says_nothing(story: Story) -> None:
    story.asked()
    story.add(make.accepted(unjudged=True))
    assert story.known.same.right == 0


def test_what_a_person_rejects_is_withdrawn_and_so_is_the_word_of_the_judge(story: Story) -> None:
    story.asked()
    story.attempt -= 1
    story.asked("j", role="validator")
    story.add(make.accepted(judge="j@m"))
    before = Overruled(context="c", agent="a", model="m", judged_at=1, judge="m")
    story.add(make.rejected(by="ada@host", overrules=before))
    assert story.known.withdrawn and story.view.known["j"].withdrawn


def test_what_an_audit_finds_wrong_and_what_came_to_nothing_is_withdrawn(story: Story) -> None:
    story.asked()
    story.add(make.accepted())
    story.add(make.audited(agrees=False))
    story.asked("other")
    story.add(AttemptAbandoned(role="worker", reason="no plan"))
    assert story.known.withdrawn and story.view.known["other"].withdrawn


@pytest.mark.parametrize("settled", [{"finish": "length"}, {"finish": "refusal"}, {"calls": make.a_ref("[]")}])
def test_an_answer_that_is_not_whole_is_not_kept(story: Story, settled: dict[str, Any]) -> None:
    story.asked(**settled)
    assert not story.view.known


def test_the_same_answer_once_more_keeps_what_was_said_of_it_and_another_one_begins_anew(story: Story) -> None:
    story.asked()
    story.add(make.rejected())
    story.asked()
    assert story.known.same.wrong == 1
    story.asked(answer="no")
    assert story.known.same.wrong == 0


def test_behind_the_word_of_a_person_nothing_is_left(story: Story) -> None:
    story.asked()
    at = story.add(AnswersCleared(by="ada@host"))
    assert (story.view.known, story.view.alike, story.view.cleared) == ({}, {}, at)


def test_the_answer_that_was_longest_of_no_use_goes_first(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "MOST", 2)
    first = story.asked("a")
    story.asked("b")
    story.served(first, key="a")
    story.asked("c")
    assert list(story.view.known) == ["a", "c"]
    assert list(story.view.alike["rest"]) == ["a", "c"]


STEPS = st.lists(st.sampled_from(["ask", "serve", "accept", "reject", "clear"]), max_size=30)


@given(STEPS, st.integers(0, 30))
def test_a_fold_that_goes_on_from_its_stored_state_is_the_same_fold(steps: list[str], cut: int) -> None:
    whole, parted, source = Story(), Story(), 0
    for number, step in enumerate(steps):
        if number == cut:
            parted.view = decode_state(AnswersView, encode_state(parted.view))
        for each in (whole, parted):
            if step == "ask":
                source = each.asked(f"k{number % 3}", f"a{number % 2}")
            elif step == "serve":
                each.served(source, key=f"k{number % 3}")
            elif step == "clear":
                each.add(AnswersCleared(by="ada@host"))
            else:
                each.add(make.accepted() if step == "accept" else make.rejected())
    assert parted.view == whole.view
