"""How fast money goes at a place in the log, read from its end backwards: of a long log only the last hour is looked at."""

from __future__ import annotations

from events.log import Entry, EventLog
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.burning import HOUR_US, Burning, BurningView

MOST = 20_000
"""Events that are read at the most. Where the hour had more, the speed is that of what they hold."""

STEP = 1_000


class Burns:
    """Kept between two looks: a place a little further on costs only what lies between."""

    def __init__(self, log: EventLog, *, step: int = STEP) -> None:
        """`step`: so many events are read at once."""
        self._log, self._step = log, step
        self._view = BurningView()
        self._position = -1  # nothing was read yet

    async def at(self, position: int) -> Burning:
        """Raises LogError."""
        if 0 <= self._position <= position <= self._position + MOST:
            view, entries = self._view, await _between(self._log, self._position, position)
        else:
            view, entries = BurningView(), await self._hour_up_to(position)
        for entry in [*await self._begun_before(entries, view), *entries]:
            view.apply(entry)
        self._view, self._position = view, position
        return view.burning()

    async def _hour_up_to(self, position: int) -> list[Entry]:
        """All of the hour up to the last charge, and somewhat more."""
        entries: list[Entry] = []
        low = position
        while low > 0 and len(entries) < MOST:
            high, low = low, max(0, low - self._step)
            entries = [*await _between(self._log, low, high), *entries]
            last = max((entry.at for entry in entries if _is_charge(entry)), default=0)
            if last and entries[0].at <= last - HOUR_US:
                break
        return entries

    async def _begun_before(self, entries: list[Entry], view: BurningView) -> list[Entry]:
        """The reservations of calls that ended in these entries and that the view does not know."""
        held = {entry.position for entry in entries}
        found: list[Entry] = []
        for entry in entries:
            match entry.event:
                case (
                    CallSettled(reservation=at)
                    | CallUnknown(reservation=at)
                    | CallFailed(reservation=at)
                    | CallReleased(reservation=at)
                ) if at not in held and not view.knows(at):
                    held.add(at)
                    read = await self._log.read(after=at - 1, limit=1)
                    found += [each for each in read if each.position == at and isinstance(each.event, CallReserved)]
                case _:
                    pass
        return found


def _is_charge(entry: Entry) -> bool:
    """Whether it surely is one: the last charge stands at such an entry, or behind."""
    event = entry.event
    return isinstance(event, CallSettled) and not event.is_reconciled and bool(event.tokens or event.cost_nanos)


async def _between(log: EventLog, after: int, until: int) -> list[Entry]:
    """The entries behind one position up to another; positions have no entries twice, so that these are all."""
    entries = await log.read(after=after, limit=until - after) if until > after else []
    return [entry for entry in entries if entry.position <= until]
