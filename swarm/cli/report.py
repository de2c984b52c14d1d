"""`swarm report`: what the stages of the token pipeline saved, and how tasks went with them beside others."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

import anyio

from events.log import system_clock
from events.views.stages import StagesView, stages_past
from swarm.cli.recorded import local_time, recorded, settings_of, zone_of
from swarm.insight.periods import Period, period_of

if TYPE_CHECKING:
    from swarm.cli.output import Output

_REPORTS = """\
reports:
  tokens   what passed each stage, and what requests had less by it (default)
  ab       how tasks went with each stage, beside those that were held back
"""
_MODULES = {"tokens": "swarm.cli.report_tokens", "ab": "swarm.cli.report_ab"}


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

    async def read() -> StagesView:
        async with recorded(settings.log) as log:
            return (await stages_past(log)).view

    view = anyio.run(read)
    importlib.import_module(_MODULES[args.report]).tell(view, period, output)
    return 0


def of_period(period: Period | None) -> dict[str, str | None]:
    """The period, as a document has it."""
    if period is None:
        return {"period": "all", "from": None, "to": None}
    return {"period": period.name, "from": period.first.isoformat(), "to": period.last.isoformat()}
