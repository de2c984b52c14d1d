"""What calls cost, by the skills whose texts stood in them."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.cost import CostView


class SkillCostView(msgspec.Struct):
    """The costs of calls by all the skills that each held, in the order of their names; of most calls they are none."""

    archived: CostView = msgspec.field(
        default_factory=CostView
    )  # sums of what was cut off: of which skill is not known
    costs: dict[tuple[str, ...], CostView] = {}
    _held: dict[int, tuple[str, ...]] = {}  # by the reservations of calls that may still end, or be corrected

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved(skills=skills):
                held = self._held[entry.position] = tuple(sorted(set(skills)))
                self.costs.setdefault(held, CostView()).apply(entry)
            case (
                CallSettled(reservation=position)
                | CallFailed(reservation=position)
                | CallReleased(reservation=position)
            ):
                self._of(self._held.pop(position, None)).apply(entry)
            case CallUnknown(reservation=position):
                self._of(self._held.get(position)).apply(entry)
            case _:
                pass

    def _of(self, held: tuple[str, ...] | None) -> CostView:
        return self.archived if held is None else self.costs[held]
