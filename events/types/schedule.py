"""Schedules: what is to be run when, and what became of each firing.

What a person says of schedules stands on the topic `schedules`, what becomes of a schedule's firings on `schedule/<name>`. Whoever
decides on a firing expects both where they were read, so that of two who start what is due one is refused and reads on. Moments are
microseconds since 1970. A firing is named by the position of its `firing.due`; its slot is the moment at which it was due.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from events.types.base import Event

SCHEDULES = "schedules"
"""The topic of what persons say of schedules."""

CatchUp = Literal["skip", "once", "all"]
Overlap = Literal["skip", "queue", "cancel-old", "allow"]
Approvals = Literal["", "deny", "fail", "wait"]

CATCH_UPS: tuple[CatchUp, ...] = get_args(CatchUp)
OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)


def firing_topic(schedule: str) -> str:
    return f"schedule/{schedule}"


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """When a schedule is due and what is done about it. Exactly one of `cron` and `every_s` says when."""

    cron: str = ""  # five fields, or a word such as @daily, as it was written
    every_s: int = 0  # of elapsed time, counted from `anchor`
    zone: str = "UTC"  # IANA name: whose wall clock `cron` means
    anchor: int = 0  # a moment
    start: int = 0  # nothing is due before it; 0 = no bound
    end: int = 0  # nothing is due from it on; 0 = no bound
    jitter_s: int = 0  # each firing waits up to this long, by its name and slot always the same
    catch_up: CatchUp = "once"  # what is done about slots that nobody was there for
    window_s: int = 3_600  # how long after it was due a slot is still made up for
    overlap: Overlap = "skip"  # what is done about one that is due while another runs
    most_runs: int = 3  # at once, where `overlap` allows several
    timeout_s: int = 21_600  # of a run; then it is ended
    retries: int = 0  # tries behind the first, where a task failed, no model was there, or the process died
    retry_s: int = 60  # before the second try; twice as long before each next one
    approvals: Approvals = ""  # what becomes of a tool that wants a person's word; "" = what the settings say


class Process(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who does something: a pid means nothing without the machine, its boot and the start time of the process."""

    host: str
    boot: str
    pid: int
    started: int


class ScheduleSet(Event, frozen=True, kw_only=True, tag="schedule.set"):
    """From now on this is run by this rule: a new schedule, or another rule for one that was there. Stands on `schedules`."""

    schedule: str
    directory: str  # the project folder in which it runs
    path: str  # of the task file, as it was named there; it is read anew at each firing
    rule: Rule
    options: tuple[str, ...] = ()  # of `swarm run`
    since: int  # slots before it are none of its
    by: str = ""  # for people: user@host


class SchedulePaused(Event, frozen=True, kw_only=True, tag="schedule.paused"):
    """Nothing of it starts any more until it is resumed; what runs goes on. Stands on `schedules`."""

    schedule: str
    by: str
    reason: str = ""


class ScheduleResumed(Event, frozen=True, kw_only=True, tag="schedule.resumed"):
    """It goes on; slots before `since` are not made up for. Stands on `schedules`."""

    schedule: str
    by: str
    since: int


class ScheduleRemoved(Event, frozen=True, kw_only=True, tag="schedule.removed"):
    """There is no such schedule any more; what runs goes on. Stands on `schedules`."""

    schedule: str
    by: str


class ScheduleRewound(Event, frozen=True, kw_only=True, tag="schedule.rewound"):
    """The clock had been far ahead and was put right: slots count again from `since` on, and not only from where it had stood."""

    schedule: str
    since: int
    ahead: int  # the slot up to which all had been decided


class FiringMissed(Event, frozen=True, kw_only=True, tag="firing.missed"):
    """Slots went by without a run: all from the first to the last of them."""

    schedule: str
    first_due: int
    last_due: int
    slots: int
    reason: str  # "late", "made up for", "paused", "changed" or "removed"


class FiringSkipped(Event, frozen=True, kw_only=True, tag="firing.skipped"):
    """A slot was due and is not run, because of another run."""

    schedule: str
    due: int
    reason: str  # "overlap", "full", "replaced", "changed", "removed"
    firing: int = 0  # the one because of which; 0 = none alone


class FiringQueued(Event, frozen=True, kw_only=True, tag="firing.queued"):
    """A slot waits until another run is over, or until there is a place for it."""

    schedule: str
    due: int
    reason: str  # "overlap" or "places"


class FiringDue(Event, frozen=True, kw_only=True, tag="firing.due"):
    """A slot is to be run now: whoever appended this starts a process for it, and nobody else does."""

    schedule: str
    due: int  # of one that a person started: when that was
    starter: Process
    nth: int = 1  # which try of the slot
    manual: bool = False  # a person started it
    goes_on: int = 0  # the session of an earlier try, of which what was accepted is taken over; 0 = none


class FiringStarted(Event, frozen=True, kw_only=True, tag="firing.started"):
    """The process of a firing is there and begins. One that comes too late finds the topic moved on, and ends."""

    schedule: str
    firing: int
    process: Process


class FiringCancelled(Event, frozen=True, kw_only=True, tag="firing.cancelled"):
    """The process of a firing is to end; whoever appended this tells it so."""

    schedule: str
    firing: int
    reason: str  # "timeout" or "replaced"


class FiringFinished(Event, frozen=True, kw_only=True, tag="firing.finished"):
    """The run of a firing is over."""

    schedule: str
    firing: int
    exit_code: int  # of `swarm run`
    run: int = 0  # number of its session; 0 = it came to none
    idle: str = ""  # why there was nothing to do, where no model was called; "" = there was
    detail: str = ""  # what went wrong, in a sentence; "" = nothing


class FiringOrphaned(Event, frozen=True, kw_only=True, tag="firing.orphaned"):
    """The process of a firing was found gone, without a word on how it ended."""

    schedule: str
    firing: int
    run: int = 0  # the session that it had opened; 0 = none


AnySchedule = ScheduleSet | SchedulePaused | ScheduleResumed | ScheduleRemoved
"""What stands on `schedules`."""

AnyFiring = (
    ScheduleRewound
    | FiringMissed
    | FiringSkipped
    | FiringQueued
    | FiringDue
    | FiringStarted
    | FiringCancelled
    | FiringFinished
    | FiringOrphaned
)
"""What stands on `schedule/<name>`."""
