"""What today will have cost at its end, for the first view: as `swarm cost` foresees it, from what is folded for the screen."""

from __future__ import annotations

from datetime import timedelta, tzinfo

import anyio

from events.spending import Spending, spending
from events.views.spending import Asked
from swarm.cli.recorded import local_time
from swarm.insight.outlook import LEAST, LONGEST, outlook
from swarm.insight.periods import days_of_month_left, moment
from tui.feed import DayEnd, DayEndOf
from tui.live import Live, todays

_MINUTE_US = 60_000_000


def day_end_of(url: str, zone: tzinfo | None) -> DayEndOf:
    """What past days cost is read anew with each minute, in a thread, since in a long log it takes long; today is what the
    screen has folded, so that a replay foresees what could be foreseen then."""
    kept: dict[int, Spending] = {}

    async def look_up(live: Live, now: int) -> DayEnd:
        scopes = live.money.scopes
        today = sum(scopes[name].spent.nanos for name in todays(scopes, now))
        minute = now // _MINUTE_US
        if minute not in kept:
            found = await anyio.to_thread.run_sync(lambda: spending(url, ("tier",), _asked(now, zone)))
            kept.clear()
            kept[minute] = found
        return _foreseen(kept[minute], today, now, zone)

    return look_up


def _asked(now: int, zone: tzinfo | None) -> Asked:
    """Of past days what came behind the present time of day."""
    then = local_time(now, zone)
    past = [then.date() - timedelta(days=back) for back in range(1, LONGEST + 1)]
    return Asked(later={day.isoformat(): moment(day, zone, then.time()) for day in past})


def _foreseen(found: Spending, today: int, now: int, zone: tzinfo | None) -> DayEnd:
    then = local_time(now, zone)
    by_day: dict[str, int] = {}
    for payer, cost in found.costs.items():
        if payer.day < then.date().isoformat():
            by_day[payer.day] = by_day.get(payer.day, 0) + cost.nanos
    by_day[then.date().isoformat()] = today
    since = local_time(found.archived, zone).date().isoformat() if found.archived else ""
    seen = outlook(by_day, found.findings.later, then.date(), days_of_month_left(then.date()), since)
    if seen.day is None:
        return DayEnd(days=seen.days, least=LEAST)
    return DayEnd(days=seen.days, least=LEAST, median=seen.day.median, low=seen.day.low, high=seen.day.high)
