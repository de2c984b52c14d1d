"""Ten years of schedules under a simulated clock: every slot is accounted for exactly once, whatever happens to machine and clock."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.schedule import CATCH_UPS, OVERLAPS, FiringDue, Rule
from tests.schedule import oracle
from tests.schedule.test_times import BEGIN, END, ZONES
from tests.schedule.world import DAY, S, Troubles, World, require_all_accounted

START = int(BEGIN.timestamp()) * S
ALL_TROUBLES = Troubles(sleeps=20, jumps_back=20, kills=20, crashes=30)


def slots_of(rule: Rule, end: datetime) -> list[int]:
    return [slot for slot in oracle.due(rule.cron, rule.zone, BEGIN, end) if slot > START]


def policy(number: int) -> dict[str, Any]:
    """A policy for each number, all of them in turn."""
    return {
        "catch_up": CATCH_UPS[number % 3],
        "overlap": OVERLAPS[number % 4],
        "retries": number % 3,
        "jitter_s": (0, 300)[number % 2],
        "timeout_s": (21_600, 3_000)[number // 2 % 2],
        "window_s": (3_600, 86_400)[number // 4 % 2],
    }


@pytest.mark.parametrize(("number", "zone"), list(enumerate(ZONES)))
def test_in_ten_years_every_slot_is_accounted_for_exactly_once(number: int, zone: str) -> None:
    rule = Rule(cron="30 2 * * *", zone=zone, **policy(number))
    world = World(rule, now=START, random=Random(number), troubles=ALL_TROUBLES)
    world.run(int(END.timestamp()) * S - 3 * DAY)
    slots = slots_of(rule, END)
    require_all_accounted(world.entries, world.state, slots)
    assert world.state.decided >= slots[-5], "nothing was left undecided"
    started = {entry.event.due for entry in world.entries if isinstance(entry.event, FiringDue)}
    assert len(started) > 2_000


@pytest.mark.soak
@pytest.mark.cases(1, 48)
def test_in_ten_years_every_slot_of_any_policy_is_accounted_for(seed: int) -> None:
    cron = ("15 6,18 29 2 *", "*/30 1-3 * * *", "0 */4 * * *", "0 9 1-7 * MON")[seed % 4]
    rule = Rule(cron=cron, zone=ZONES[seed % len(ZONES)], **policy(seed))
    world = World(rule, now=START, random=Random(seed), troubles=ALL_TROUBLES)
    world.run(int(END.timestamp()) * S - 3 * DAY)
    require_all_accounted(world.entries, world.state, slots_of(rule, END))


rules = st.builds(
    Rule,
    cron=st.sampled_from(["*/5 * * * *", "*/20 0-4 * * *", "7 * * * *", "30 1,2 * * *"]),
    zone=st.sampled_from(ZONES),
    catch_up=st.sampled_from(CATCH_UPS),
    overlap=st.sampled_from(OVERLAPS),
    retries=st.integers(0, 3),
    retry_s=st.sampled_from([1, 60, 900]),
    jitter_s=st.sampled_from([0, 60, 900]),
    timeout_s=st.sampled_from([60, 1_200, 21_600]),
    window_s=st.sampled_from([60, 3_600, 86_400]),
    most_runs=st.integers(1, 4),
)
rates = st.sampled_from([0, 20, 200])
troubles = st.builds(
    Troubles,
    sleeps=rates,
    jumps_back=rates,
    kills=rates,
    crashes=rates,
    failures=rates,
    longest_run_s=st.sampled_from([2, 400, 9_000]),
)


@given(rules, troubles, st.integers(0, 1 << 32))
def test_whatever_the_policy_and_whatever_happens_no_slot_is_lost_and_none_is_run_twice(
    rule: Rule, wrong: Troubles, seed: int
) -> None:
    world = World(rule, now=START, random=Random(seed), troubles=wrong)
    world.run(START + DAY)
    end = datetime.fromtimestamp((world.now + 3 * DAY) // S // 3_600 * 3_600, BEGIN.tzinfo)
    require_all_accounted(world.entries, world.state, slots_of(rule, end))
    most = rule.most_runs if rule.overlap == "allow" else 1
    assert len(world.state.open) <= most
    tries = [entry.event.nth for entry in world.entries if isinstance(entry.event, FiringDue)]
    assert max(tries, default=0) <= 2 + rule.retries
