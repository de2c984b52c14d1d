"""What is done about a schedule now: a pure function of how it stands, of the time, of who is gone and of how many may still start.

`decide` says one thing at a time. Whoever asks appends its events under `expect`, starts or tells to end what it names, folds, and
asks again, until it says nothing. After a crash the same question about the folded state gives what is left to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile

import msgspec

from events.types.schedule import (
    AnyFiring,
    FiringCancelled,
    FiringDue,
    FiringMissed,
    FiringOrphaned,
    FiringQueued,
    FiringSkipped,
    Process,
    ScheduleRewound,
)
from events.views.schedules import REWIND_US, Firing, ScheduleState
from swarm.schedule.times import SECOND, delay_of, due_after, first_after

ON_TIME_S = 120
"""So long after it was due a slot counts as met: a crontab asks once a minute, and a machine may be busy."""

BEGIN_S = 60
"""So long the process of a firing has to say that it is there, where whoever started it is gone."""

STOP_S = 30
"""So long a process has to end by itself once it was told to; then it is killed."""

MOST_QUEUED = 10
"""Slots of a schedule that wait at once."""

MOST_CAUGHT_UP = 24
"""Slots that `catch_up: all` makes up for at once, the newest."""

MOST_COUNTED = 100_000
"""Slots that one decision looks at. Where more went by, the next one goes on behind them."""

MOST_BACK_OFF_S = 3_600
"""The longest time between two tries."""

TRIED_AGAIN = (1, 4)
"""Exit codes behind which another try may help: a task failed, no model was there. A wrong file or a cap stays what it is."""


class Decision(msgspec.Struct, frozen=True):
    """What is appended. `starts` says that the last event is a firing.due, for which a process is then started; `ends` are the
    firings whose processes are told to end."""

    events: tuple[AnyFiring, ...]
    starts: bool = False
    ends: tuple[int, ...] = ()


def decide(
    state: ScheduleState,
    now: int,
    *,
    me: Process,
    places: int = 1,
    gone: Collection[int] = (),
    most: int = MOST_COUNTED,
) -> Decision | None:
    """The next thing to do about a schedule at the moment `now`; None where there is nothing.

    `me` is who asks and would start it, `places` how many more runs may begin, whatever schedule they are of, `gone` the open
    firings whose process is no more (where none has begun: whose starter is no more).
    """
    if found := _about_open(state, now, gone):
        return found
    if state.paused_at or state.removed:
        return None
    if state.decided - now > REWIND_US:
        return Decision((ScheduleRewound(schedule=state.name, since=now, ahead=state.decided),))
    return (
        _about_slots(state, now, me, places, most)
        or _about_queue(state, me, places)
        or _about_tries(state, now, me, places)
    )


def to_kill(state: ScheduleState, now: int) -> list[Firing]:
    """The firings that were told to end and had their time for it."""
    return [each for each in state.running if each.cancelled and now - each.cancelled_at > STOP_S * SECOND]


def left_out(state: ScheduleState, until: int, reason: str) -> list[AnyFiring]:
    """What accounts for all that waits or was due up to a moment and will not be run, for a `reason`: paused, changed, removed."""
    queued = [FiringSkipped(schedule=state.name, due=each.due, reason=reason) for each in state.queued]
    slots = takewhile(lambda slot: slot <= until, due_after(state.rule, state.decided))
    return [*queued, *_missed(state.name, slots, reason)] if not state.removed else []


def next_look(state: ScheduleState, now: int) -> int | None:
    """The moment at which `decide` may have something to say that it has not now, as far as the clock brings it; None: never.

    Ends of processes, and what others append, come without being foreseen.
    """
    moments = [each.at + state.rule.timeout_s * SECOND for each in state.running if not each.cancelled]
    moments += [each.cancelled_at + STOP_S * SECOND for each in state.running if each.cancelled]
    if not state.paused_at and not state.removed:
        if (slot := first_after(state.rule, state.decided)) is not None:
            moments.append(slot + delay_of(state.name, state.rule, slot))
        if (last := _tried(state)) is not None and _may_be_tried_again(state, last, now):
            moments.append(_again_at(state, last))
    return min(moments, default=None)


def _about_open(state: ScheduleState, now: int, gone: Collection[int]) -> Decision | None:
    for firing in state.running:
        late = now - firing.at > BEGIN_S * SECOND or now < firing.at
        if firing.position in gone and (firing.process is not None or late):
            event = FiringOrphaned(schedule=state.name, firing=firing.position, run=firing.session)
            return Decision((event,))
        if not firing.cancelled and not firing.manual and now - firing.at >= state.rule.timeout_s * SECOND:
            told = FiringCancelled(schedule=state.name, firing=firing.position, reason="timeout")
            return Decision((told,), ends=(firing.position,))
    return None


def _about_slots(state: ScheduleState, now: int, me: Process, places: int, most: int) -> Decision | None:
    """What becomes of the slots that were due: those without a run first, as one event for all that follow each other."""
    late, met, counted = _slots(state, now, most)
    if counted is None:  # more went by than one decision looks at
        return Decision(tuple(_missed(state.name, late, "late")))
    kept, reason = _made_up_for(state, now, late, met)
    if lost := late[: len(late) - len(kept)]:
        return Decision(tuple(_missed(state.name, lost, reason)))
    if kept:
        return _run_or_wait(state, kept[0], me, places, waits=state.rule.catch_up == "all")
    return _run_or_wait(state, met[0], me, places) if met else None


def _slots(state: ScheduleState, now: int, most: int) -> tuple[list[int], list[int], int | None]:
    """The slots whose time has come: those that are late, those that are met, and how many they are (None: more than `most`).

    With a jitter they keep their order: one that waits less than the one before it waits for that, too.
    """
    late: list[int] = []
    met: list[int] = []
    begins = 0
    first = first_after(state.rule, state.decided)
    if first is None or first > now:
        return late, met, 0
    for slot in due_after(state.rule, state.decided):
        begins = max(begins, slot + delay_of(state.name, state.rule, slot))
        if begins > now:
            break
        if len(late) == most:
            return late, met, None
        (met if now - begins <= ON_TIME_S * SECOND else late).append(slot)
    return late, met, len(late) + len(met)


def _made_up_for(state: ScheduleState, now: int, late: Sequence[int], met: Sequence[int]) -> tuple[Sequence[int], str]:
    """The last of the late slots, which are made up for, and why the others are not."""
    if state.rule.catch_up == "skip":
        return (), "late"
    recent = [slot for slot in late if now - slot <= state.rule.window_s * SECOND]
    if state.rule.catch_up == "all":
        return recent[-MOST_CAUGHT_UP:], "late"
    if len(recent) < len(late):
        return recent, "late"  # those that are too old go first, by their own reason
    return ((), "made up for") if met else (recent[-1:], "made up for")


def _run_or_wait(state: ScheduleState, slot: int, me: Process, places: int, *, waits: bool = False) -> Decision:
    busy = bool(state.open or state.queued)
    allowed = state.rule.overlap == "allow" and not waits
    if busy and not (allowed and not state.queued and len(state.open) < state.rule.most_runs):
        return _overlapping(state, slot, waits=waits)
    if places <= 0:
        return Decision((FiringQueued(schedule=state.name, due=slot, reason="places"),))
    return Decision((FiringDue(schedule=state.name, due=slot, starter=me),), starts=True)


def _overlapping(state: ScheduleState, slot: int, *, waits: bool) -> Decision:
    """What becomes of a slot while another of the schedule runs or waits."""
    overlap, name = state.rule.overlap, state.name
    because = next(iter(state.open), 0)
    if overlap == "cancel-old" and not waits:
        replaced = [FiringSkipped(schedule=name, due=each.due, reason="replaced") for each in state.queued]
        running = [each.position for each in state.running if not each.cancelled]
        told = [FiringCancelled(schedule=name, firing=each, reason="replaced") for each in running]
        return Decision(
            (*replaced, *told, FiringQueued(schedule=name, due=slot, reason="overlap")), ends=tuple(running)
        )
    if (waits and len(state.queued) < MOST_CAUGHT_UP) or (overlap == "queue" and len(state.queued) < MOST_QUEUED):
        return Decision((FiringQueued(schedule=name, due=slot, reason="overlap"),))
    reason = "overlap" if overlap == "skip" else "full"
    return Decision((FiringSkipped(schedule=name, due=slot, reason=reason, firing=because),))


def _about_queue(state: ScheduleState, me: Process, places: int) -> Decision | None:
    room = state.rule.most_runs if state.rule.overlap == "allow" else 1
    if not state.queued or len(state.open) >= room or places <= 0:
        return None
    return Decision((FiringDue(schedule=state.name, due=state.queued[0].due, starter=me),), starts=True)


def _about_tries(state: ScheduleState, now: int, me: Process, places: int) -> Decision | None:
    last = _tried(state)
    if last is None or places <= 0 or not _may_be_tried_again(state, last, now) or now < _again_at(state, last):
        return None
    event = FiringDue(schedule=state.name, due=last.due, starter=me, nth=last.nth + 1, goes_on=last.session)
    return Decision((event,), starts=True)


def _tried(state: ScheduleState) -> Firing | None:
    """The firing that may be tried again: the last one that ended, while nothing runs or waits."""
    ended = [each for each in state.recent if not each.manual and each.position > state.position]
    return ended[-1] if ended and not state.open and not state.queued else None


def _may_be_tried_again(state: ScheduleState, last: Firing, now: int) -> bool:
    """A try that failed, was ended for its time or lost its process is repeated up to `retries` times; one that lost its process
    once more, as a slot that nobody was there for is made up for."""
    tries = 1 + state.rule.retries
    if last.status == "orphaned":
        made_up = state.rule.catch_up != "skip" and now - last.due <= state.rule.window_s * SECOND
        return last.nth < tries + made_up
    failed = last.status == "timed out" or (last.status == "failed" and last.exit_code in TRIED_AGAIN)
    return failed and last.nth < tries


def _again_at(state: ScheduleState, last: Firing) -> int:
    """When the next try begins: the time between two doubles; what lost its process waits no longer than its time to be found."""
    if last.status == "orphaned" and last.nth > state.rule.retries:
        return last.ended_at
    return last.ended_at + min(state.rule.retry_s << last.nth - 1, MOST_BACK_OFF_S) * SECOND


def _missed(name: str, slots: Sequence[int] | Iterator[int], reason: str) -> list[AnyFiring]:
    """One event for slots that follow each other; none for no slot."""
    first = last = count = 0
    for slot in slots:
        first, last, count = first or slot, slot, count + 1
    if not count:
        return []
    return [FiringMissed(schedule=name, first_due=first, last_due=last, slots=count, reason=reason)]
