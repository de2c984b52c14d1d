"""What is typed behind `:`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.jump import Jump, NotUnderstood, completed, read_jump

VIEWS = ("swarm", "budget", "cost", "skills", "schedules", "log")
TASKS = ("build", "build-docs", "ship", "cost")


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        (":task build", Jump("task", "build")),
        ("task sh", Jump("task", "ship")),
        ("t build-docs", Jump("task", "build-docs")),
        ("ship", Jump("task", "ship")),
        ("cost week model", Jump("view", "cost", "week model")),
        (":cost", Jump("view", "cost")),
        ("BUD", Jump("view", "budget")),
        ("log kind:call.*", Jump("view", "log", "kind:call.*")),
        ("q", Jump("away")),
        (" quit ", Jump("away")),
    ],
)
def test_it_leads_there(text: str, leads: Jump) -> None:
    assert read_jump(text, VIEWS, TASKS) == leads


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write task NAME, one of swarm, budget, cost, skills, schedules, log, or q"),
        ("s", "s can be swarm or skills or schedules; write one letter more"),
        ("bugdet", "there is no bugdet here; did you mean budget? write task NAME"),
        ("\x1b[2J", "there is no ␛[2J here; write task NAME"),
        ("task bulid", "there is no task bulid; there is build"),
        ("task", "which task? There is build, build-docs, ship"),
    ],
)
def test_what_leads_nowhere_says_what_does(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as problem:
        read_jump(text, VIEWS, TASKS)
    assert str(problem.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("bu", "budget"),
        (":s", ":s"),
        ("sc", "schedules"),
        ("t", "task"),
        ("task bu", "task build"),
        ("task sh", "task ship"),
        ("task x", "task x"),
        ("cost we", "cost we"),
        ("xyz", "xyz"),
    ],
)
def test_what_was_begun_is_finished_as_far_as_it_is_certain(text: str, finished: str) -> None:
    assert completed(text, VIEWS, TASKS) == finished


@given(st.text(max_size=40), st.lists(st.text(max_size=8), max_size=4))
def test_nothing_that_is_typed_is_more_than_told(text: str, tasks: list[str]) -> None:
    assert completed(text, VIEWS, tasks).startswith(text.partition(" ")[0][:1])
    try:
        assert read_jump(text, VIEWS, tasks).to in ("view", "task", "away")
    except NotUnderstood as problem:
        assert "\x1b" not in str(problem)
