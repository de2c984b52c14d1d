"""`swarm export`: traces and metrics for OpenTelemetry, a log without its texts to share, rows for other programs."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

_FORMS = """\
forms:
  otel             spans and metrics as OTLP/JSON, to a file or to an endpoint; prompts and answers only with --content
  share            a log of its own with every text replaced: times, tokens, money and decisions stay
  csv, jsonl       a row for each call, task or session (--rows)
"""
_MODULES = {
    "otel": "swarm.cli.export_otel",
    "share": "swarm.cli.export_share",
    "csv": "swarm.cli.export_rows",
    "jsonl": "swarm.cli.export_rows",
}
_OPTIONS = {
    "endpoint": ("otel",),
    "endpoint_from_env": ("otel",),
    "header": ("otel",),
    "conventions": ("otel",),
    "content": ("otel",),
    "cost_as": ("otel",),
    "shift_times": ("share",),
    "rows": ("csv", "jsonl"),
}
"""By what an option is kept as the forms that it belongs to."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _FORMS
    parser.add_argument("form", choices=list(_MODULES), metavar="FORM", help="otel, share, csv or jsonl")
    parser.add_argument(
        "sessions", nargs="*", default=[], metavar="SESSION", help="s412 or 412; default: the last session"
    )
    parser.add_argument(
        "--all", action="store_true", help="every session of the log; of otel, those that have finished"
    )
    parser.add_argument("--since", metavar="WHEN", help="sessions that began in the last 2h, 1d, or since 2026-11-20")
    parser.add_argument("--to", metavar="FILE", help="the file to write; - is stdout (the default, but for share)")
    otel = parser.add_argument_group("otel")
    otel.add_argument("--endpoint", metavar="URL", help="send it there, such as http://127.0.0.1:4318")
    otel.add_argument(
        "--endpoint-from-env",
        action="store_true",
        help="send it where OTEL_EXPORTER_OTLP_ENDPOINT says, with OTEL_EXPORTER_OTLP_HEADERS",
    )
    otel.add_argument("--header", metavar="K=V", action="append", help="a header of each request; repeatable")
    otel.add_argument(
        "--conventions", metavar="VERSION", help="which names: 1.41 (the default) or genai-dev, which may still change"
    )
    otel.add_argument("--content", action="store_true", help="with prompts, answers and reasons, as the log has them")
    otel.add_argument(
        "--cost-as", metavar="NAME", action="append", help="the cost of a call under this name, too; repeatable"
    )
    share = parser.add_argument_group("share")
    share.add_argument("--shift-times", action="store_true", help="move all times by the same number of whole days")
    rows = parser.add_argument_group("csv, jsonl")
    rows.add_argument("--rows", choices=("calls", "tasks", "sessions"), help="what has a row; default: calls")


def run(args: argparse.Namespace) -> int:
    for option, forms in _OPTIONS.items():
        if getattr(args, option) not in (None, False) and args.form not in forms:
            named = " or ".join(f"`swarm export {form}`" for form in forms)
            raise UsageError(f"--{option.replace('_', '-')} goes with {named}")
    ways = [bool(args.sessions), args.all, args.since is not None]
    if sum(ways) > 1:
        raise UsageError("sessions, --all and --since each say which sessions are meant; give one of them")
    output: Output = args.output
    code: int = importlib.import_module(_MODULES[args.form]).act(args, output)
    return code
