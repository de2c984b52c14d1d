"""What today costs, as it climbs: the chart of the first view with what is foreseen and the cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from tui.feed import DayEnd
from tui.live import Live, todays
from tui.rows import Row
from tui.widgets.chart import chart, legend, top_of
from tui.words import usd

PARTS = 288  # of a day


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent at the end of each part of the day that has begun, in nano-dollars, and how many parts follow."""

    spent: tuple[int, ...] = ()
    rest: int = PARTS
    cap: int | None = None
    end: DayEnd | None = None

    @property
    def forecast(self) -> tuple[int, ...]:
        """A straight way from what is spent to what the day will probably have cost."""
        if self.end is None or self.end.median is None or not self.spent:
            return ()
        now, until = self.spent[-1], max(self.spent[-1], self.end.median)
        return tuple(now + (until - now) * part // self.rest for part in range(1, self.rest + 1))


def today_of(live: Live, now: int, zone: tzinfo | None, end: DayEnd | None) -> Today:
    """Of the zones in which days are counted the first: there is one, unless somebody changed the setting today."""
    scopes = todays(live.money.scopes, now)
    if not scopes:
        return Today(end=end)
    named = scopes[0].partition("@")[2]
    begins, ends = _bounds(now, ZoneInfo(named) if named and named != "local" else zone)
    own = max(1, min(PARTS, -(-(now - begins) * PARTS // max(1, ends - begins))))
    spent = live.climb.curve(scopes[0], begins, begins + (ends - begins) * own // PARTS, own)
    caps = [cap for name in scopes if (cap := live.cap(name).nanos) is not None]
    return Today(spent=tuple(spent), rest=PARTS - own, cap=min(caps, default=None), end=end)


def _bounds(now: int, zone: tzinfo | None) -> tuple[int, int]:
    """When the day of a moment begins and ends, in microseconds since 1970."""
    day = datetime.fromtimestamp(now / 1e6, UTC).astimezone(zone).date()
    first, last = (
        (
            datetime(each.year, each.month, each.day, tzinfo=zone)
            if zone
            else datetime(each.year, each.month, each.day).astimezone()
        )
        for each in (day, day + timedelta(days=1))
    )
    return round(first.timestamp()) * 1_000_000, round(last.timestamp()) * 1_000_000


def spent_rows(today: Today, width: int, height: int) -> list[Row]:
    """The chart, and below it what its characters mean, where there is room."""
    if not today.spent or not (today.spent[-1] or today.cap):
        return [[("nothing is spent today yet", "faint")]]
    high = height - 1 if height > 3 else height
    rows = chart(
        today.spent, width, high, cap=today.cap, forecast=today.forecast, rest=0 if today.forecast else today.rest
    )
    if high < height:
        is_seen = today.cap is not None and today.cap <= top_of(today.spent, today.forecast, today.cap)
        rows.append([(" ", ""), *legend(cap=is_seen, forecast=bool(today.forecast)), *_history(today)])
    return rows


def _history(today: Today) -> Row:
    """Why nothing is foreseen, where nothing is."""
    if today.end is None or today.end.median is not None:
        return []
    return [(f"  forecast from {today.end.least} past days on; {today.end.days} so far", "faint")]


def spent_title(today: Today) -> str:
    spent = today.spent[-1] if today.spent else 0
    said = f"Cost today {usd(spent)}"
    if today.end is not None and today.end.median is not None:
        said += f" — forecast {usd(_cents(today.end.median))} at 24:00"
    return said + (f" (cap {usd(today.cap)})" if today.cap is not None else "")


def _cents(nanos: int) -> int:
    """Rounded to hundredths of a cent: what is foreseen is not known more exactly."""
    return round(nanos, -5)
