"""Each event of a schedule as one sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from events.types.any import AnyEvent
from events.types.base import Unknown
from events.types.schedule import (
    FiringCancelled,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringQueued,
    FiringSkipped,
    FiringStarted,
    Rule,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleRewound,
    ScheduleSet,
)
from swarm.insight.reason import many

WHY = {
    "late": "nobody was there when they were due",
    "made up for": "a later one makes up for them",
    "paused": "the schedule was paused",
    "changed": "the schedule was changed",
    "removed": "the schedule was removed",
    "overlap": "the one before still ran",
    "full": "as many as may be waited or ran",
    "replaced": "a newer one takes its place",
    "places": "no more runs may begin at once",
    "timeout": "its time was over",
}
"""The words that events have for a reason, as a half of a sentence."""


def firing_said(event: AnyEvent | Unknown) -> str:
    """What an event of a schedule says; empty for any other."""
    match event:
        case ScheduleSet():
            return f"{event.by or 'somebody'} set the schedule {event.schedule}: {event.path}, {rule_said(event.rule)}"
        case SchedulePaused():
            return f"{event.by} paused the schedule {event.schedule}" + (f": {event.reason}" if event.reason else "")
        case ScheduleResumed():
            return f"{event.by} resumed the schedule {event.schedule}"
        case ScheduleRemoved():
            return f"{event.by} removed the schedule {event.schedule}"
        case ScheduleRewound():
            return f"the clock was put right; slots of {event.schedule} count again from {_when(event.since)} on"
        case FiringMissed() | FiringSkipped() | FiringQueued():
            return _not_run(event)
        case FiringDue() | FiringStarted() | FiringCancelled() | FiringFinished() | FiringOrphaned():
            return _run(event)
        case _:
            return ""


def rule_said(rule: Rule) -> str:
    """When a rule is due, in a few words."""
    return f"every {span_said(rule.every_s)}" if rule.every_s else f"{rule.cron} {rule.zone}"


def span_said(seconds: int) -> str:
    """A whole number of the largest unit that fits: 90m, 2h, 45s."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _not_run(event: FiringMissed | FiringSkipped | FiringQueued) -> str:
    why = WHY.get(event.reason, event.reason)
    match event:
        case FiringMissed():
            span = _when(event.first_due)
            span += f" to {_when(event.last_due)}" if event.slots > 1 else ""
            return f"{many(event.slots, 'slot')} of {event.schedule} went by without a run, {span}: {why}"
        case FiringSkipped():
            return f"{event.schedule} was due at {_when(event.due)} and is not run: {why}"
        case FiringQueued():
            return f"{event.schedule}, due at {_when(event.due)}, waits: {why}"


def _run(event: FiringDue | FiringStarted | FiringCancelled | FiringFinished | FiringOrphaned) -> str:
    match event:
        case FiringDue():
            if event.manual:
                return f"a person started {event.schedule}"
            again = f", try {event.nth}" if event.nth > 1 else ""
            return f"{event.schedule}, due at {_when(event.due)}, is started{again}"
        case FiringStarted():
            return f"the run of {event.schedule} began"
        case FiringCancelled():
            return f"the run of {event.schedule} was told to end: {WHY.get(event.reason, event.reason)}"
        case FiringFinished():
            how = f"had nothing to do: {event.idle}" if event.idle else f"ended with {event.exit_code}"
            return f"the run of {event.schedule} {how}" + (f": {event.detail}" if event.detail else "")
        case FiringOrphaned():
            return f"the process of a run of {event.schedule} was gone without a word"


def _when(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}Z".replace(":00Z", "Z")
