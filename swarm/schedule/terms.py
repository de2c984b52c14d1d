"""What a person says of a schedule, in words, and the rule that it becomes: each word with its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import get_args

from events.types.schedule import CATCH_UPS, OVERLAPS, Approvals, CatchUp, Overlap, Rule
from swarm.schedule.times import SECOND, require_cron
from swarm.units import parse_seconds, shortened

APPROVALS = ("deny", "fail", "wait")
EVERY = "every "
"""How a schedule begins that is said in one text, and is no cron expression."""

MOST_RUNS, MOST_RETRIES = 20, 10
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class BadTerm(ValueError):
    """A word of a schedule says nothing, or too much. `term` is which; the text is the sentence to show."""

    def __init__(self, term: str, said: str) -> None:
        self.term = term
        super().__init__(said)


def terms_of(text: str) -> dict[str, str]:
    """What a schedule in one text says: `every 20m`, else a cron expression or a word such as @daily."""
    if text.strip().startswith(EVERY):
        return {"every": text.strip().removeprefix(EVERY).strip()}
    return {"cron": text.strip()}


def check_term(term: str, text: str) -> None:
    """Raises BadTerm where the text is not what that term can be."""
    try:
        TERMS[term][0](text)
    except ValueError as error:
        raise BadTerm(term, str(error)) from error


def rule_of(terms: Mapping[str, str], *, zone: str, now: int) -> Rule:
    """The rule that these words make. `zone` is whose clock holds where they name none; an interval counts from `now`, or from
    the start that they name. Raises BadTerm."""
    for term, text in terms.items():
        check_term(term, text)
    if ("cron" in terms) == ("every" in terms):
        both = "cron and every exclude each other" if "cron" in terms else "nothing says when"
        raise BadTerm(
            "cron", f"{both}; say when with a cron expression such as '30 6 * * 1-5', or an interval such as 20m"
        )
    zone = terms.get("tz", zone)
    start, end = (_moment(terms[name], zone, ends=name == "end") if name in terms else 0 for name in ("start", "end"))
    if end and end <= max(start, now):
        raise BadTerm("end", f"the end {shortened(terms['end'])} is not behind the start, or has passed")
    every = _seconds(terms["every"]) if "every" in terms else 0
    known = Rule()
    return Rule(
        cron=" ".join(terms.get("cron", "").split()),
        every_s=every,
        zone=zone,
        anchor=(start - every * SECOND if start else now) if every else 0,
        start=start,
        end=end,
        jitter_s=_seconds(terms["jitter"]) if "jitter" in terms else 0,
        catch_up=_catch_up(terms.get("catch_up", known.catch_up)),
        window_s=_seconds(terms["window"]) if "window" in terms else known.window_s,
        overlap=_overlap(terms.get("overlap", known.overlap)),
        most_runs=int(terms.get("runs", known.most_runs)),
        timeout_s=_seconds(terms["timeout"]) if "timeout" in terms else known.timeout_s,
        retries=int(terms.get("retries", known.retries)),
        retry_s=_seconds(terms["retry_after"]) if "retry_after" in terms else known.retry_s,
        approvals=_approvals(terms.get("approvals", "")),
    )


def require_zone(name: str) -> None:
    """Raises ValueError for what is no time zone."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(
            f"{shortened(name)} is no time zone known here; write an IANA name such as Europe/Berlin"
        ) from None


def _one_of(*words: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if text not in words:
            raise ValueError(f"{shortened(text)} is not known here; known: {', '.join(words)}")

    return check


def _time(least: int, most: int, said: str) -> Callable[[str], None]:
    """A whole number of seconds between two bounds."""

    def check(text: str) -> None:
        seconds = parse_seconds(text)
        if seconds != int(seconds) or not least <= seconds <= most:
            raise ValueError(f"{shortened(text)} is not {said}; write it as 90s, 20m or 2h")

    return check


def _number(least: int, most: int) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
            raise ValueError(f"{shortened(text)} is not from {least} to {most}")

    return check


def _check_moment(text: str) -> None:
    _moment(text, "UTC", ends=False)


def _moment(text: str, zone: str, *, ends: bool) -> int:
    """A day or a time on the clock of a zone; the end of a day is that of its last moment. Raises ValueError."""
    from zoneinfo import ZoneInfo

    try:
        if len(text) == len("2026-11-22"):
            day = date.fromisoformat(text) + timedelta(days=ends)
            found = datetime.combine(day, time())
        else:
            found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()) * SECOND
    except (ValueError, OverflowError):
        raise ValueError(f"{shortened(text)} is no day or time; write 2026-11-22 or 2026-11-22T06:30") from None


def _seconds(text: str) -> int:
    return int(parse_seconds(text))


def _catch_up(text: str) -> CatchUp:
    return next(each for each in CATCH_UPS if each == text)


def _overlap(text: str) -> Overlap:
    return next(each for each in OVERLAPS if each == text)


def _approvals(text: str) -> Approvals:
    return next((each for each in get_args(Approvals) if each == text), "")


TERMS: Mapping[str, tuple[Callable[[str], None], str]] = {
    "cron": (require_cron, "five fields as cron has them, or @hourly, @daily, @weekly, @monthly, @yearly"),
    "every": (_time(_MINUTE, 30 * _DAY, "a time from 1m to 30d"), "an interval of elapsed time, such as 20m"),
    "tz": (
        require_zone,
        "whose clock `cron`, `start` and `end` mean; without it that of the settings, else the machine's",
    ),
    "start": (_check_moment, "a day or time before which nothing is due"),
    "end": (_check_moment, "a day, the last one, or a time from which on nothing is due"),
    "jitter": (_time(1, _HOUR, "a time up to 1h"), "how long each firing waits at most, by its name and time"),
    "catch_up": (_one_of(*CATCH_UPS), "what is done about times that were missed; once without it"),
    "window": (_time(_MINUTE, 7 * _DAY, "a time from 1m to 7d"), "how late a time is still made up for; 1h without it"),
    "overlap": (_one_of(*OVERLAPS), "what is done about one that is due while another runs; skip without it"),
    "runs": (_number(1, MOST_RUNS), "with `overlap: allow`: how many may run at once; 3 without it"),
    "timeout": (_time(10, 7 * _DAY, "a time from 10s to 7d"), "how long a run may take; 6h without it"),
    "retries": (_number(0, MOST_RETRIES), "further tries of a run that failed; 0 without it"),
    "retry_after": (
        _time(1, _HOUR, "a time up to 1h"),
        "the pause before the first of them, doubled each time; 1m without it",
    ),
    "approvals": (_one_of(*APPROVALS), "what becomes of a tool that wants a person's word"),
}
"""What can be said of a schedule: how a text is checked, and what it is for in one line."""
