"""How what a day costs has climbed: what was spent in it up to the end of each part of it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.money import MoneyView

PART_US = 300_000_000  # the length of a part: 288 make a day
_DAYS = 3  # that are kept; of the days that end one after another in their zones no more are looked at


class ClimbView(msgspec.Struct):
    """By scope of a day, by part of time (counted from 1970): nano-dollars spent in that scope at the part's end.

    The amounts are those of the money view that is folded beside it, and is always folded first.
    """

    days: dict[str, dict[int, int]] = {}

    def apply(self, entry: Entry, money: MoneyView) -> None:
        match entry.event:
            case CallReserved(scopes=scopes):
                for scope in scopes:
                    if scope.startswith("day:") and scope not in self.days:
                        self.days[scope] = {}
                        if len(self.days) > _DAYS:
                            del self.days[min(self.days)]
            case CallSettled() | CallUnknown() | CallFailed() | CallReleased():
                part = entry.at // PART_US
                for scope, parts in self.days.items():
                    if (state := money.scopes.get(scope)) is not None:
                        parts[part] = state.spent.nanos
            case _:
                pass

    def curve(self, scope: str, begins: int, until: int, parts: int) -> list[int]:
        """What was spent of a scope at the end of each of so many equally long parts of the time from `begins` to `until`.

        Microseconds since 1970.
        """
        known = sorted(self.days.get(scope, {}).items())
        found: list[int] = []
        at, spent = 0, 0
        for number in range(1, parts + 1):
            end = begins + (until - begins) * number // parts
            while at < len(known) and known[at][0] * PART_US < end:
                spent = known[at][1]
                at += 1
            found.append(spent)
        return found
