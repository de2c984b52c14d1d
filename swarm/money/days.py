"""The days in which money is taken: one that ended takes no more, also where the clock goes back to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from events.scopes import day_and_zone, month_of
from swarm.money.caps import Need

MOST_BACK_D = 2
"""A day that began so many days later ends this one. One still later was begun by a clock that was wrong: it would end all
days until then, and with them their caps."""


class Days(msgspec.Struct):
    """By time zone the days in which something was reserved."""

    begun: dict[str, set[str]] = {}

    def see(self, scopes: Iterable[str]) -> None:
        for scope in scopes:
            if (found := day_and_zone(scope)) is not None:
                day, zone = found
                self.begun.setdefault(zone, set()).add(day)

    def in_the_last(self, need: Need) -> Need:
        """The need as of the last day that has begun, with its month, where it names one that ended."""
        renamed: dict[str, str] = {}
        for scope in need.named or need.scopes:
            last = self.last(scope)
            if last != scope:
                renamed |= {scope: last, month_of(scope): month_of(last)}
        if not renamed:
            return need
        return msgspec.structs.replace(
            need,
            scopes=tuple(renamed.get(scope, scope) for scope in need.scopes),
            named=tuple(renamed.get(scope, scope) for scope in need.named),
            caps=tuple(msgspec.structs.replace(cap, scope=renamed.get(cap.scope, cap.scope)) for cap in need.caps),
        )

    def last(self, scope: str) -> str:
        """The last of the days that began after the scope, each soon after the one before; the scope itself where none did."""
        found = day_and_zone(scope)
        if found is None:
            return scope
        text, zone = found
        day, begun = date.fromisoformat(text), self.begun.get(zone, set())
        while later := [after for after in _soon_after(day) if after.isoformat() in begun]:
            day = later[-1]
        return f"day:{day.isoformat()}@{zone}"


def _soon_after(day: date) -> list[date]:
    return [day + timedelta(days=number) for number in range(1, MOST_BACK_D + 1)]
