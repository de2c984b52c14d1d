"""`swarm report`: what the stages of the token pipeline saved, how tasks went with them, and what was spent for nothing."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, Any

import anyio

from events.log import EventLog, system_clock
from events.views.stages import StagesView, stages_past
from swarm.cli.recorded import local_time, recorded, settings_of, zone_of
from swarm.insight.periods import Period, period_of

if TYPE_CHECKING:
    from swarm.cli.output import Output

_REPORTS = """\
reports:
  tokens   what requests had less by each stage, what was answered again, whether answers kept to their words (default)
  ab       how tasks went with each stage, beside those that were held back
  waste    what was spent on what came to no accepted result, and what avoids it
"""
_MODULES = {"tokens": "swarm.cli.report_tokens", "ab": "swarm.cli.report_ab", "waste": "swarm.cli.report_waste"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _REPORTS
    known = list(_MODULES)
    parser.add_argument("report", nargs="?", choices=known, default="tokens", metavar="REPORT", help=" or ".join(known))
    parser.add_argument(
        "period",
        nargs="?",
        choices=["day", "week", "month", "all"],
        default="all",
        help="tasks of today, this week from Monday on, this month, or all that the log holds; default: all",
    )


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    settings = settings_of(args)
    period = period_of(args.period, local_time(system_clock(), zone_of(settings)).date())
    report = importlib.import_module(_MODULES[args.report])

    async def read() -> Any:
        async with recorded(settings.log) as log:
            return await report.read(log, period)

    report.tell(anyio.run(read), period, output)
    return 0


async def stages_view(log: EventLog, _: Period | None) -> StagesView:
    """What two of the reports tell of. Raises LogError where the log cannot be read."""
    return (await stages_past(log)).view


def of_period(period: Period | None) -> dict[str, str | None]:
    """The period, as a document has it."""
    if period is None:
        return {"period": "all", "from": None, "to": None}
    return {"period": period.name, "from": period.first.isoformat(), "to": period.last.isoformat()}
