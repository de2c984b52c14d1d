"""Logs to measure on: what sessions of 200 tasks append, in large appends, so that a million events take half a minute."""

from __future__ import annotations

from pathlib import Path

import msgspec

from events.log import EventLog, NewEvent, open_log, session_name
from events.testing.builders import chosen, claimed, closed, new, opened, reserved, settled, submitted

CALLS_A_TASK = 3
CALLS_A_SESSION = 200 * CALLS_A_TASK
AT_ONCE = 200  # calls of one append, beside the settlements of those of the append before


def made(task: int, count: int) -> list[NewEvent]:
    """A choice on the session's topic and a reservation on `ledger` by turns, as a task of a session makes them."""
    choice, reservation = chosen(seed=f"{task}"), reserved(ordinal=1)
    return [
        new(choice, task=f"t{task}", step=1, attempt=number)
        if number % 2
        else new(reservation, task=f"t{task}", step=1, attempt=number, topic="ledger")
        for number in range(count)
    ]


class Filling(msgspec.Struct):
    """How far a log was filled."""

    events: int = 0
    calls: int = 0
    sent: list[int] = []  # reservations of the last append, which the next one settles
    a_session: int = CALLS_A_SESSION

    async def go_on(self, log: EventLog, until: int) -> None:
        """Append until the log holds `until` events, each call chosen, reserved and settled."""
        while self.events < until:
            events = [event for number, position in enumerate(self.sent) for event in self._settled(number, position)]
            reservations: list[int] = []
            while len(reservations) < AT_ONCE and self.events + len(events) < until:
                events += _asked(self.calls + len(reservations), self.a_session)
                reservations.append(len(events) - 1)
            ack = await log.append(events)
            self.events += len(events)
            self.sent = [ack.positions[place] for place in reservations]
            self.calls += len(reservations)

    def _settled(self, number: int, position: int) -> list[NewEvent]:
        call = self.calls - len(self.sent) + number
        session, task = _place(call, self.a_session)
        events = [new(settled(position), session=session, task=task, step=1, attempt=1)]
        if (call + 1) % self.a_session == 0:
            events.append(new(closed(), session=session, topic=f"claim/{session_name(session)}"))
        return events


def _place(call: int, a_session: int) -> tuple[int, str]:
    return 1 + call // a_session, f"t{call % a_session // CALLS_A_TASK}"


def _asked(call: int, a_session: int) -> list[NewEvent]:
    """A call's choice and reservation, which is the last; before them what begins its session and its task."""
    session, task = _place(call, a_session)
    name = session_name(session)
    events: list[NewEvent] = []
    if call % a_session == 0:
        events += [
            new(opened(title=name), session=session, topic="sessions"),
            new(claimed(), session=session, topic=f"claim/{name}"),
        ]
    if call % CALLS_A_TASK == 0:
        events.append(new(submitted(title=task), session=session, task=task))
    scopes = ("log", f"day:2026-09-{1 + session % 28:02}@UTC", name, f"{name}/{task}")
    choice, reservation = chosen(seed=f"{call}"), reserved(ordinal=1 + call % CALLS_A_TASK, scopes=scopes)
    return [
        *events,
        new(choice, session=session, task=task, step=1, attempt=1),
        new(reservation, session=session, task=task, step=1, attempt=1, topic="ledger"),
    ]


async def filled(path: Path, count: int, filling: Filling | None = None) -> Filling:
    """Fill the log at a path up to about `count` events, from where `filling` left it, and close it."""
    filling = filling or Filling()
    async with open_log(path) as log:
        await filling.go_on(log, count)
    return filling
