"""How estimates held: what runs were expected to cost, and what they did."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.session import Estimated, SessionClosed, SessionOpened


class Run(msgspec.Struct):
    """A run that was estimated and is not over."""

    estimate: Estimated
    spent_nanos: int = 0  # what was maybe paid included
    unknown: dict[int, int] = {}  # of it: what is reserved for calls of which nobody knows, by position


class Held(msgspec.Struct):
    """How often runs cost no more than was foreseen."""

    runs: int = 0
    under_p50: int = 0
    under_p90: int = 0

    def add(self, other: Held) -> None:
        self.runs += other.runs
        self.under_p50 += other.under_p50
        self.under_p90 += other.under_p90


class EstimatesView(msgspec.Struct):
    """Runs that are over by the month (UTC) in which they ended; those whose estimate was a guess stand apart."""

    months: dict[str, Held] = {}  # by month, such as 2026-11
    guesses: dict[str, Held] = {}
    _runs: dict[int, Run] = {}  # by session
    _reserved: dict[int, int] = {}  # what is reserved for the open calls of these, by position

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case SessionOpened(estimate=Estimated() as estimate):
                self._runs[entry.session] = Run(estimate)
            case CallReserved(cost_nanos=nanos) if nanos and entry.session in self._runs:
                self._reserved[entry.position] = nanos
            case CallSettled(reservation=position, cost_nanos=nanos):
                self._end_call(entry, position, nanos)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._end_call(entry, position, 0)
            case CallUnknown(reservation=position):
                if (run := self._runs.get(entry.session)) and position in self._reserved:
                    nanos = run.unknown[position] = self._reserved.pop(position)
                    run.spent_nanos += nanos
            case SessionClosed(finished=True):
                self._end(entry)
            case _:
                pass

    def _end_call(self, entry: Entry, position: int, nanos: int) -> None:
        """Count what the call cost, in place of what was charged while nobody knew."""
        self._reserved.pop(position, None)
        if run := self._runs.get(entry.session):
            run.spent_nanos += nanos - run.unknown.pop(position, 0)

    def _end(self, entry: Entry) -> None:
        run = self._runs.pop(entry.session, None)
        if run is None or not (run.spent_nanos or run.estimate.p90_nanos):
            return  # that a run costs nothing is not hard to foresee
        month = datetime.fromtimestamp(entry.at // 1_000_000, UTC).strftime("%Y-%m")
        held = (self.guesses if run.estimate.guess else self.months).setdefault(month, Held())
        estimate, spent = run.estimate, run.spent_nanos
        held.add(Held(1, int(spent <= estimate.p50_nanos), int(spent <= estimate.p90_nanos)))
