"""A glance at a log sees what the folds of the whole of it see."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.glance import Glance, Money, glance
from events.log import LogUnusable, open_log
from events.sqlite.segments import LENGTH
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.testing.histories import history
from events.upkeep import archive
from events.views.base import fold
from events.views.claims import ClaimsView
from events.views.money import MoneyView
from tests.events.aged import aged
from tests.events.test_segments import fill

DAYS = [f"day:2026-09-2{number}@UTC" for number in range(1, 5)]


async def folded(path: Path, scope: str) -> tuple[Money, ClaimsView]:
    async with open_log(path, read_only=True) as log:
        state = (await fold(log, MoneyView())).scope(scope)
        cap = state.caps.get("nanos")
        money = Money(
            spent=state.spent.nanos,
            reserved=state.reserved.nanos,
            maybe_paid=state.maybe_paid.nanos,
            cap=cap.most if cap else None,
        )
        return money, await fold(log, ClaimsView())


async def require_the_same(path: Path) -> list[Glance]:
    found = [glance(path, scope) for scope in DAYS]
    for scope, seen in zip(DAYS, found, strict=True):
        money, claims = await folded(path, scope)
        assert seen.money == money
        assert {one.session: one.claim for one in seen.owned} == claims.claims
    return found


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_a_glance_sees_what_the_folds_see_wherever_the_log_stands(seed: int, appends: int) -> None:
    async def check() -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "log.db"
            async with open_log(path, clock=SetClock()) as log:
                for append in history(Random(seed))[:appends]:
                    await log.append(append.events, texts=append.texts)
            await require_the_same(path)

    anyio.run(check)


async def test_a_glance_passes_over_segments_that_know_nothing_of_the_day(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_log(path, clock=SetClock()) as log:
        await fill(log, LENGTH + 900)  # of the first two days
        later = [make.new(make.reserved(scopes=("log", DAYS[2])), topic="ledger") for _ in range(LENGTH)]
        positions = (await log.append(later)).positions
        await log.append([make.new(make.settled(positions[0])), make.new(make.unknown(positions[1]))])
    found = await require_the_same(path)
    assert all(seen.money and seen.money.spent for seen in found[:3]) and found[3].money == Money()


async def test_the_session_that_was_let_go_last_is_the_one_that_ended(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    async with open_log(path, clock=clock) as log:
        for number in (1, 2):
            await log.append([make.new(make.opened(title=f"work {number}"), session=number, topic="sessions")])
            await log.append([make.new(make.claimed(), session=number, topic=f"claim/s{number}")])
        assert glance(path, DAYS[0]).ended is None
        clock.move(60)
        await log.append([make.new(make.closed(exit_code=3, finished=False), session=2, topic="claim/s2")])
    seen = glance(path, DAYS[0])
    assert [(one.session, one.title) for one in seen.owned] == [(1, "work 1")]
    ended = seen.ended
    assert ended is not None
    assert (ended.session, ended.title, ended.exit_code, ended.finished) == (2, "work 2", 3, False)
    assert ended.at == MORNING + 60_000_000


async def test_behind_an_archive_only_the_fold_can_say_what_is_spent(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    archive(path, before=await aged(path, clock), clock=clock)
    assert glance(path, DAYS[0]).money is None


def test_what_is_no_log_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch()
    with pytest.raises(LogUnusable, match="nothing was ever written"):
        glance(tmp_path / "log.db", DAYS[0])
