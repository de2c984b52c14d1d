"""The report that a run leaves in a file, where `--report` or the setting `report_file` names one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from events.log import EventLog, LogError, system_clock
from swarm.errors import SwarmError, UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.results import Result
    from swarm.settings.load import Settings

_SESSION = "{session}"


def add_report_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="write how the session went to a file: .html a page, .json a document, else Markdown; {session} is its name",
    )


def require_report(args: argparse.Namespace) -> None:
    """Raises UsageError for a file that could not be written, before anything is done."""
    if args.report is None:
        return
    path = Path(args.report)
    if not path.name or path.is_dir():
        raise UsageError(f"--report {args.report}: a file is expected, such as report.html, and this is a folder")


def report_path(args: argparse.Namespace, settings: Settings, session: str) -> Path | None:
    """The file in which a session leaves its report; None where none is asked for."""
    named = args.report or settings.report_file
    return Path(named.replace(_SESSION, session)) if named else None


async def leave_report(
    log: EventLog, result: Result, args: argparse.Namespace, settings: Settings, output: Output
) -> None:
    """Write the report where one is asked for. That it cannot be written is told, and is no failure of the run."""
    path = report_path(args, settings, result.session)
    if path is None:
        return
    from swarm.cli.report_html import write_to

    try:
        write_to(path, await _text(log, int(result.session.removeprefix("s")), path.suffix.lower(), args))
    except (SwarmError, LogError) as error:
        output.problem(f"the run is recorded, and no report was left: {error}", "red")
    else:
        output.note(f"the report is in {path}")


async def _text(log: EventLog, session: int, form: str, args: argparse.Namespace) -> str:
    if form in (".html", ".htm"):
        from swarm.cli.budget_scope import here
        from swarm.cli.page.document import page
        from swarm.cli.report_html import page_of_session

        return page(await page_of_session(log, session, here(args)))
    from swarm.cli.report_session import read_report, text_of

    return text_of(await read_report(log, session, now=system_clock()), form, log=args.log)
