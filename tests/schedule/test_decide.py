"""What is done about a schedule: on time, late, while another runs, after a failure, after a crash, with a clock that was wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from events.log import Entry
from events.types.any import AnyEvent
from events.types.schedule import (
    AnySchedule,
    FiringCancelled,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringSkipped,
    FiringStarted,
    Process,
    Rule,
    SchedulePaused,
    ScheduleResumed,
    ScheduleRewound,
    ScheduleSet,
)
from events.views.schedules import ScheduleState, SchedulesView
from swarm.schedule.decide import MOST_CAUGHT_UP, MOST_QUEUED, decide, left_out, next_look, to_kill
from swarm.schedule.times import delay_of

S = 1_000_000
M, H, DAY = 60 * S, 3_600 * S, 86_400 * S
T = 20_000 * DAY  # a midnight in UTC
ME, CHILD = Process("here", "boot", 1, 1), Process("here", "boot", 2, 2)


class Desk:
    """A schedule that is due each hour from T on, and what was decided about it."""

    def __init__(self, **rule: Any) -> None:
        self.view, self.position, self.now = SchedulesView(), 0, T
        self.say(ScheduleSet(schedule="a", directory="/p", path="a.yaml", rule=Rule(cron="@hourly", **rule), since=T))

    @property
    def state(self) -> ScheduleState:
        return self.view.schedules["a"]

    def say(self, event: AnyEvent) -> int:
        self.position += 1
        topic = "schedules" if isinstance(event, AnySchedule) else "schedule/a"
        self.view.apply(Entry(self.position, b"", self.now, topic, "", 0, "", 0, 0, 0, event))
        return self.position

    def at(self, now: int, *, places: int = 1, gone: frozenset[int] = frozenset()) -> list[Any]:
        """All that is decided at a moment, one after the other; what is started has begun."""
        self.now, found = now, list[Any]()
        while decision := decide(self.state, now, me=ME, places=places, gone=gone):
            found += decision.events
            positions = [self.say(event) for event in decision.events]
            if decision.starts:
                self.say(FiringStarted(schedule="a", firing=positions[-1], process=CHILD))
            assert len(found) < 100
        return found

    def end(self, code: int = 0, *, at: int = 0) -> None:
        self.now = at or self.now
        self.say(FiringFinished(schedule="a", firing=next(iter(self.state.open)), exit_code=code, run=7))


def dues(events: list[Any]) -> list[tuple[str, int]]:
    """The kinds of events, and the hour that each is about."""
    return [(type(event).__name__, (getattr(event, "due", None) or event.last_due) // H - T // H) for event in events]


def test_a_slot_is_started_once_it_is_due_and_not_again() -> None:
    desk = Desk()
    assert desk.at(T + H - 1) == []
    assert dues(desk.at(T + H)) == [("FiringDue", 1)]
    assert desk.at(T + H) == [] and desk.at(T + H - 10 * M) == []


@pytest.mark.parametrize(
    ("catch_up", "window_s", "expected"),
    [
        ("skip", 7_200, [("FiringMissed", 5)]),
        ("once", 60, [("FiringMissed", 5)]),
        ("once", 7_200, [("FiringMissed", 3), ("FiringMissed", 4), ("FiringDue", 5)]),
        ("all", 7_200, [("FiringMissed", 3), ("FiringDue", 4), ("FiringQueued", 5)]),
    ],
)
def test_slots_that_nobody_was_there_for_are_made_up_for_as_the_rule_says(
    catch_up: str, window_s: int, expected: list[tuple[str, int]]
) -> None:
    desk = Desk(catch_up=catch_up, window_s=window_s)
    assert dues(desk.at(T + 5 * H + 10 * M)) == expected


def test_one_on_time_makes_up_for_those_that_were_missed() -> None:
    desk = Desk(window_s=86_400)
    found = desk.at(T + 5 * H)
    assert dues(found) == [("FiringMissed", 4), ("FiringDue", 5)]
    assert (found[0].slots, found[0].reason) == (4, "made up for")


def test_what_is_made_up_for_is_bounded() -> None:
    desk = Desk(catch_up="all", window_s=7 * 86_400)
    found = desk.at(T + 6 * DAY + 10 * M)
    assert found[0].slots == 6 * 24 - MOST_CAUGHT_UP
    assert len(found) == 1 + MOST_CAUGHT_UP and isinstance(found[1], FiringDue)


def test_more_slots_than_one_decision_looks_at_are_counted_by_the_next_ones() -> None:
    desk = Desk()
    desk.now = T + 100 * H + 30 * M
    found: list[Any] = []
    while decision := decide(desk.state, T + 100 * H + 30 * M, me=ME, most=40):
        found += decision.events
        for event in decision.events:
            desk.say(event)
    assert sum(each.slots for each in found if isinstance(each, FiringMissed)) == 99
    assert dues(found)[-1] == ("FiringDue", 100)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", [("FiringSkipped", 2)]),
        ("queue", [("FiringQueued", 2)]),
        ("allow", [("FiringDue", 2)]),
    ],
)
def test_one_that_is_due_while_another_runs(overlap: str, expected: list[tuple[str, int]]) -> None:
    desk = Desk(overlap=overlap)
    desk.at(T + H)
    assert dues(desk.at(T + 2 * H)) == expected
    desk.end()
    assert dues(desk.at(T + 2 * H + M)) == ([("FiringDue", 2)] if overlap == "queue" else [])


def test_a_newer_one_ends_the_old_one_and_takes_its_place_once_it_is_gone() -> None:
    desk = Desk(overlap="cancel-old")
    desk.at(T + H)
    desk.now = T + 2 * H
    decision = decide(desk.state, desk.now, me=ME)
    assert decision is not None and decision.ends == tuple(desk.state.open)
    assert [type(event).__name__ for event in desk.at(T + 2 * H)] == ["FiringCancelled", "FiringQueued"]
    assert dues(desk.at(T + 3 * H)) == [("FiringSkipped", 2), ("FiringQueued", 3)], "it was told once"
    desk.end(143)
    assert desk.state.recent[-1].status == "replaced"
    assert dues(desk.at(T + 3 * H)) == [("FiringDue", 3)]


def test_as_many_as_the_rule_says_run_at_once_and_wait_at_most() -> None:
    desk = Desk(overlap="allow", most_runs=2)
    assert [dues(desk.at(T + hour * H))[0][0] for hour in (1, 2, 3)] == ["FiringDue", "FiringDue", "FiringSkipped"]
    desk = Desk(overlap="queue", timeout_s=86_400 * 2)
    kinds = [dues(desk.at(T + hour * H))[0][0] for hour in range(1, MOST_QUEUED + 3)]
    assert kinds == ["FiringDue", *["FiringQueued"] * MOST_QUEUED, "FiringSkipped"]


def test_without_a_place_a_slot_waits_however_late_that_makes_it() -> None:
    desk = Desk(catch_up="skip")
    assert [(each.due, each.reason) for each in desk.at(T + H, places=0)] == [(T + H, "places")]
    assert desk.at(T + H + 50 * M, places=0) == []
    assert dues(desk.at(T + H + 50 * M)) == [("FiringDue", 1)]


def test_a_slot_that_waits_for_a_place_is_not_overtaken() -> None:
    desk = Desk()
    desk.at(T + H, places=0)
    found = desk.at(T + 2 * H)
    assert dues(found) == [("FiringSkipped", 2), ("FiringDue", 1)] and found[0].reason == "overlap"


def test_why_a_slot_is_not_run_is_said() -> None:
    for overlap, reason in (("skip", "overlap"), ("allow", "full")):
        desk = Desk(overlap=overlap, most_runs=1)
        desk.at(T + H)
        (skipped,) = desk.at(T + 2 * H)
        assert (skipped.reason, skipped.firing) == (reason, next(iter(desk.state.open)))


def test_a_failure_is_tried_again_with_longer_and_longer_pauses() -> None:
    desk = Desk(retries=2, retry_s=60)
    desk.at(T + H)
    desk.end(1)
    assert desk.at(T + H + 59 * S) == [] and next_look(desk.state, desk.now) == T + H + M
    (again,) = desk.at(T + H + M)
    assert (again.due, again.nth, again.goes_on) == (T + H, 2, 7)
    desk.end(4)
    assert desk.at(T + H + 2 * M) == []
    assert [each.nth for each in desk.at(T + H + 3 * M)] == [3]
    desk.end(1)
    assert desk.at(T + 2 * H - M) == []


@pytest.mark.parametrize("code", [0, 2, 3, 5, 130])
def test_what_another_try_cannot_help_is_not_tried_again(code: int) -> None:
    desk = Desk(retries=3)
    desk.at(T + H)
    desk.end(code)
    assert desk.at(T + 2 * H - M) == []


def test_the_next_slot_takes_the_place_of_a_try_that_was_to_come() -> None:
    desk = Desk(retries=5, retry_s=3_600)
    desk.at(T + H)
    desk.end(1, at=T + H + 30 * M)
    assert [each.nth for each in desk.at(T + 2 * H)] == [1]


def test_a_run_whose_process_is_gone_is_made_up_for_once_as_a_slot_that_was_missed() -> None:
    desk = Desk()
    desk.at(T + H)
    (lost,) = desk.state.open
    found = desk.at(T + H + 5 * M, gone=frozenset({lost}))
    assert [type(each) for each in found] == [FiringOrphaned, FiringDue] and found[1].nth == 2
    (lost,) = desk.state.open
    assert [type(each) for each in desk.at(T + H + 6 * M, gone=frozenset({lost}))] == [FiringOrphaned]
    careful = Desk(catch_up="skip")
    careful.at(T + H)
    assert [type(each) for each in careful.at(T + H + M, gone=frozenset(careful.state.open))] == [FiringOrphaned]


def test_a_process_that_has_not_begun_gets_its_time_before_it_counts_as_gone() -> None:
    desk = Desk()
    desk.now = T + H
    firing = desk.say(FiringDue(schedule="a", due=T + H, starter=ME))
    assert desk.at(T + H + 50 * S, gone=frozenset({firing})) == []
    assert isinstance(desk.at(T + H + 70 * S, gone=frozenset({firing}))[0], FiringOrphaned)


def test_a_run_is_ended_when_its_time_is_over_and_killed_where_it_does_not_end() -> None:
    desk = Desk(timeout_s=600)
    desk.at(T + H)
    (told,) = desk.at(T + H + 10 * M)
    assert isinstance(told, FiringCancelled) and told.reason == "timeout"
    assert to_kill(desk.state, T + H + 10 * M + 30 * S) == []
    assert [each.position for each in to_kill(desk.state, T + H + 11 * M)] == list(desk.state.open)
    desk.end(143)
    assert desk.state.recent[-1].status == "timed out"


def test_while_it_is_paused_nothing_starts_and_the_pause_is_not_made_up_for() -> None:
    desk = Desk(catch_up="all", window_s=86_400)
    desk.say(SchedulePaused(schedule="a", by="ada"))
    assert desk.at(T + 3 * H + 10 * M) == []
    (missed,) = left_out(desk.state, T + 3 * H + 10 * M, "paused")
    assert isinstance(missed, FiringMissed) and missed.slots == 3
    desk.say(missed)
    desk.say(ScheduleResumed(schedule="a", by="ada", since=T + 3 * H + 10 * M))
    assert desk.at(T + 3 * H + 20 * M) == []
    assert dues(desk.at(T + 4 * H)) == [("FiringDue", 4)]


def test_a_clock_that_was_years_ahead_does_not_silence_a_schedule() -> None:
    desk = Desk()
    desk.at(T + 1_000 * DAY)
    desk.end()
    found = desk.at(T + 2 * H + 10 * M)
    assert [type(each) for each in found] == [ScheduleRewound]
    assert dues(desk.at(T + 3 * H)) == [("FiringDue", 3)]


def test_a_rule_that_is_set_anew_counts_from_then_on() -> None:
    desk = Desk()
    desk.at(T + H)
    desk.end(1)
    desk.now = T + H + 10 * M
    daily = Rule(cron="@daily", retries=3)
    desk.say(ScheduleSet(schedule="a", directory="/p", path="b.yaml", rule=daily, since=desk.now))
    assert desk.at(T + 5 * H) == [], "what failed under the old one is not tried again"
    assert dues(desk.at(T + DAY)) == [("FiringDue", 24)]


def test_a_rule_that_is_set_anew_by_a_clock_that_went_back_runs_no_slot_again() -> None:
    desk = Desk()
    desk.at(T + 3 * H)
    desk.end()
    hourly = Rule(cron="@hourly")
    desk.say(ScheduleSet(schedule="a", directory="/p", path="a.yaml", rule=hourly, since=T + H - M))
    assert desk.at(T + 3 * H + M) == []
    assert dues(desk.at(T + 4 * H)) == [("FiringDue", 4)]


def test_the_next_look_is_where_something_may_change() -> None:
    desk = Desk(jitter_s=300)
    begins = T + H + delay_of("a", desk.state.rule, T + H)
    assert next_look(desk.state, T) == begins
    assert desk.at(begins - 1) == [] and dues(desk.at(begins)) == [("FiringDue", 1)]
    ended = msgspec.structs.replace(desk.state.rule, end=T + H)
    desk.say(ScheduleSet(schedule="a", directory="/p", path="a.yaml", rule=ended, since=begins))
    assert next_look(desk.state, begins) == begins + 21_600 * S, "the time of the run"
    desk.end()
    assert next_look(desk.state, begins) is None


def test_of_queued_slots_each_is_accounted_for_where_the_schedule_goes() -> None:
    desk = Desk(overlap="queue")
    for hour in (1, 2, 3):
        desk.at(T + hour * H)
    gone = left_out(desk.state, T + 4 * H, "removed")
    assert [(type(each), getattr(each, "due", 0)) for each in gone] == [
        (FiringSkipped, T + 2 * H),
        (FiringSkipped, T + 3 * H),
        (FiringMissed, 0),
    ]
