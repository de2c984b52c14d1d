"""`swarm report`: what a session came to, what stages saved, what was spent for nothing; as text, as rows, as a page."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from events.log import EventLog, system_clock
from events.views.stages import StagesView, stages_past
from swarm.cli.recorded import local_time, recorded, settings_of, zone_of
from swarm.cli.rows import add_row_arguments, form_of, write_rows
from swarm.errors import UsageError
from swarm.insight.periods import Name, Period, period_of

if TYPE_CHECKING:
    from swarm.cli.output import Output

_REPORTS = """\
reports:
  tokens   what requests had less by each stage, what was answered again, whether answers kept to their words (default)
  ab       how tasks went with each stage, beside those that were held back
  waste    what was spent on what came to no accepted result, and what avoids it
  session  how a session went, beside the ones before it: `swarm report session s4`

`swarm report --html s4 --to report.html` makes a page of a session, `swarm report --html week --to -` of a period.
"""
_MODULES = {"tokens": "swarm.cli.report_tokens", "ab": "swarm.cli.report_ab", "waste": "swarm.cli.report_waste"}
_SESSION = "session"
PERIODS: Mapping[str, Name] = {"day": "day", "week": "week", "month": "month", "all": "all"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known = [*_MODULES, _SESSION]
    parser.epilog = _REPORTS
    parser.add_argument("report", nargs="?", metavar="REPORT", help=f"{', '.join(known)}; default: tokens")
    parser.add_argument(
        "of",
        nargs="?",
        metavar="PERIOD|SESSION",
        help=(
            "tasks of today (day), this week from Monday on (week), this month (month), or all that the log holds (all); "
            "default: all; for `session` a session: s412 or 412; default: the last one"
        ),
    )
    parser.add_argument(
        "--html", action="store_true", help="a page for a browser, of a session (default: the last one) or of a period"
    )
    parser.add_argument("--to", metavar="FILE", help="with --html: where the page is written, - for stdout")
    parser.add_argument("--dated", action="store_true", help="with --html: say on the page when it was made")
    parser.add_argument("--md", action="store_true", help="with session: as Markdown, as it is without --json")
    add_row_arguments(parser)


def run(args: argparse.Namespace) -> int:
    form = form_of(args)
    if args.html:
        return _page(args)
    if args.to or args.dated:
        raise UsageError("--to and --dated go with --html")
    if args.report == _SESSION:
        import swarm.cli.report_session as report_session

        return report_session.run(args, args.of)
    if args.md:
        raise UsageError("--md goes with `swarm report session`")
    if args.report in PERIODS:
        told = f"`swarm report tokens {args.report}`, or `swarm report --html {args.report}` for a page"
        raise UsageError(f"{args.report} is a period, and a report is named before it: {told}")
    return _report(args, _known(args.report or "tokens", [*_MODULES, _SESSION], "report"), form)


def _page(args: argparse.Namespace) -> int:
    from swarm.cli import report_html

    if args.json or args.csv or args.jsonl or args.md:
        raise UsageError("--html is a form of its own; leave --json, --jsonl, --csv and --md out")
    words = [word for word in (args.report, args.of) if word is not None]
    if words[:1] == [_SESSION]:
        words = words[1:]
    if len(words) > 1:
        raise UsageError(
            f"--html is of one session or of one period, and {' and '.join(words)} are two; name one of them"
        )
    if words and words[0] in _MODULES:
        raise UsageError(f"--html holds what `swarm report {words[0]}` says; name a session, or {', '.join(PERIODS)}")
    return report_html.run(args, words[0] if words else None)


def _report(args: argparse.Namespace, name: str, form: str) -> int:
    output: Output = args.output
    settings = settings_of(args)
    named = PERIODS[_known(args.of or "all", list(PERIODS), "period")]
    period = period_of(named, local_time(system_clock(), zone_of(settings)).date())
    report = importlib.import_module(_MODULES[name])

    async def read() -> Any:
        async with recorded(settings.log) as log:
            return await report.read(log, period)

    found = anyio.run(read)
    if form:
        write_rows(form, *report.rows(found, period))
    else:
        report.tell(found, period, output)
    return 0


def _known(word: str, known: Sequence[str], what: str) -> str:
    """The word, where it is one of those. Raises UsageError."""
    if word in known:
        return word
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(word[:64], known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"there is no {what} {word[:80]!r}: {meant}{', '.join(known)} are known; see `swarm report --help`"
    )


async def stages_view(log: EventLog, _: Period | None) -> StagesView:
    """What two of the reports tell of. Raises LogError where the log cannot be read."""
    return (await stages_past(log)).view


def of_period(period: Period | None) -> dict[str, str | None]:
    """The period, as a document has it."""
    if period is None:
        return {"period": "all", "from": None, "to": None}
    return {"period": period.name, "from": period.first.isoformat(), "to": period.last.isoformat()}
