"""`swarm verify`: is each stored byte of the log what was written, and does the log end where it did?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.log import Head
from events.verify import Report, parse_head, verify_log
from swarm.cli.output import counted
from swarm.cli.recorded import log_errors, require_log, settings_of
from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--head",
        metavar="POSITION:HASH",
        help="a head that was kept from an earlier run: say whether the log still has everything up to it",
    )

    parser.add_argument(
        "--with",
        dest="archives",
        metavar="FILE",
        nargs="+",
        default=[],
        help="archives of what was before, where they are no longer beside the log",
    )


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    kept = None if args.head is None else _kept(args.head)
    url = settings_of(args).log
    require_log(url)
    if missing := [file for file in args.archives if not Path(file).is_file()]:
        raise UsageError(f"--with {missing[0]}: there is no such file; name the archive where it lies now")
    with log_errors():
        report = anyio.run(_verify, url, kept, [Path(file) for file in args.archives])
    if output.json:
        output.document("swarm.verify/1", _document(report, url))
    else:
        _tell(report, url, output)
    return 0 if report.ok else 1


async def _verify(url: str, kept: Head | None, archives: Sequence[Path]) -> Report:
    return await verify_log(url, kept=kept, archives=archives)


def _kept(text: str) -> Head:
    try:
        return parse_head(text.strip())
    except ValueError as error:
        raise UsageError(
            f"--head {text!r} is no head; it is a position, a colon and 64 hex digits, as `swarm verify` prints it"
        ) from error


def _tell(report: Report, url: str, output: Output) -> None:
    for problem in report.problems:
        output.line(f"✘ {problem.where}: {problem.what}", "red")
    read = (
        f"{counted(report.events, 'event')} in {counted(report.batches, 'batch')} and {counted(report.texts, 'text')}"
    )
    if report.dropped:
        output.note(f"{counted(report.dropped, 'text')} were pruned; only their digests are left")
    for file in report.archives:
        output.note(f"what was before is in {file}, which was read, too, and joins")
    if report.elsewhere:
        output.note(f"what was before is in {report.elsewhere}, which is not there; name it with --with FILE")
    if report.ok:
        output.line(f"✔ {url} is as it was written: {read} were read", "green")
        output.line(f"head {report.head}")
        output.note(
            "keep the head elsewhere; `swarm verify --head POSITION:HASH` says later whether anything is missing"
        )
        return
    output.line(f"{url} has {counted(len(report.problems), 'problem')}; {read} were read")
    output.note("go on with another log (`--log FILE`), and keep this one as it is: what can still be read, is read")


def _document(report: Report, url: str) -> dict[str, object]:
    return {
        "log": url,
        "ok": report.ok,
        "events": report.events,
        "batches": report.batches,
        "texts": report.texts,
        "dropped": report.dropped,
        "archives": list(report.archives),
        "elsewhere": report.elsewhere or None,
        "head": str(report.head),
        "problems": [{"where": problem.where, "what": problem.what} for problem in report.problems],
    }
