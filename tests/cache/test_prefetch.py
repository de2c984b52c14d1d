"""What is likely to be read next follows from what was read after it before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import Entry
from events.testing import builders as make
from events.views import follows
from events.views.base import decode_state, encode_state
from events.views.follows import FollowsView, Read
from swarm.cache.prefetch import hit_rate, likely_next


def read_by(view: FollowsView, names: Sequence[str], *, attempt: int = 1, project: str = "p", **changes: Any) -> None:
    """An attempt that reads these and hands a draft in."""
    events: list[Any] = [make.tool_finished(**({"tool": "read", "on": name, "ordinal": 1} | changes)) for name in names]
    for event in [*events, make.drafted()]:
        entry = Entry(
            position=1,
            id=b"",
            at=1,
            topic="s1",
            project=project,
            session=1,
            task="t",
            step=1,
            attempt=attempt,
            cause=0,
            event=event,
        )
        view.apply(entry)


def names_of(view: FollowsView, after: str = "", project: str = "p") -> list[str]:
    return [each.what.name for each in likely_next(view, project, Read("read", after) if after else None)]


def test_what_mostly_followed_is_likely_and_what_was_seen_once_is_not() -> None:
    view = FollowsView()
    read_by(view, ["a.py", "b.py"])
    assert names_of(view, "a.py") == [], "seen once"
    for _ in range(3):
        read_by(view, ["a.py", "b.py", "c.py"])
    read_by(view, ["a.py", "c.py"])
    assert names_of(view) == ["a.py"] and names_of(view, "a.py") == ["b.py"]
    assert likely_next(view, "p", Read("read", "a.py"))[0].share == pytest.approx(4 / 6)


def test_how_often_it_was_right_is_counted_before_it_is_learned_from() -> None:
    view = FollowsView()
    assert hit_rate(view) is None
    for name in ("b.py", "b.py", "c.py"):
        read_by(view, ["a.py", name])
    assert (view.guessed, view.hits) == (4, 3), "a first twice, b once, c not"
    assert hit_rate(view) == 0.75


def test_projects_attempts_and_what_failed_do_not_mix() -> None:
    view = FollowsView()
    for attempt in range(1, 5):
        read_by(view, ["a.py"], attempt=attempt)
        read_by(view, ["b.py"], attempt=attempt, project="q")
        read_by(view, ["c.py"], attempt=attempt, failed=True)
        read_by(view, ["d.py"], attempt=attempt, tool="run")
    assert names_of(view) == ["a.py"] and names_of(view, project="q") == ["b.py"]
    assert names_of(view, "a.py") == [] == names_of(view, "b.py")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follows, "MOST", 5)
    view = FollowsView()
    read_by(view, [f"{n}.py" for n in range(50)])
    assert sum(len(then) for then in view.counts["p"].values()) == 5


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=8), st.integers(0, 8))
def test_a_fold_that_goes_on_from_its_stored_state_is_the_same_fold(reads: list[list[str]], cut: int) -> None:
    whole, parted = FollowsView(), FollowsView()
    for number, names in enumerate(reads):
        if number == cut:
            parted = decode_state(FollowsView, encode_state(parted))
        read_by(whole, names)
        read_by(parted, names)
    assert parted == whole
    assert all(each.share <= 1 for each in likely_next(whole, "p", Read("read", "a")))
