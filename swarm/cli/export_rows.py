"""`swarm export csv|jsonl`: a row for each call, task or session, for spreadsheets and other programs."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.bus import read_all
from events.log import EventLog
from swarm.cli.export_file import open_file
from swarm.cli.export_sessions import sessions_meant
from swarm.cli.output import counted
from swarm.cli.recorded import decimal_usd, log_errors, recorded, settings_of, utc_text
from swarm.errors import UsageError
from swarm.export.rows import MOMENTS, Cell, Kind, Row, SessionRows

if TYPE_CHECKING:
    from swarm.cli.output import Output

_ACTED_UPON = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets take for a formula (OWASP, "CSV Injection"); names in it may be a model's."""


def act(args: argparse.Namespace, output: Output) -> int:
    if output.json:
        raise UsageError(f"--json is for one document, and {args.form} is rows; leave it out")
    anyio.run(_export, args, output, None if args.to in (None, "-") else Path(args.to).expanduser())
    return 0


async def _export(args: argparse.Namespace, output: Output, file: Path | None) -> None:
    kind: Kind = args.rows or "calls"
    header, rows = True, 0
    async with recorded(settings_of(args).log) as log:
        sessions = await sessions_meant(log, args)
        write: Callable[[bytes], None]
        with open_file(file, output) as write, log_errors():
            for session in sessions:
                for row in (await _folded(log, session)).rows(kind, session):
                    write(_line(_told(row), args.form, header=header).encode("utf-8", "replace"))
                    header, rows = False, rows + 1
    output.note(f"{counted(rows, 'row')} written" + (f" to {file}" if file else ""))


async def _folded(log: EventLog, session: int) -> SessionRows:
    view = SessionRows()
    async for page in read_all(log, session=session):
        for entry in page:
            view.apply(entry)
    return view


def _told(row: Row) -> Mapping[str, Cell]:
    """The row with its moments in ISO 8601, and with its amount in dollars behind the whole one."""
    told: dict[str, Cell] = {}
    for name, cell in row.items():
        told[name] = (utc_text(int(cell)) if cell else "") if name in MOMENTS else cell
        if name == "cost_nanos":
            told["cost_usd"] = decimal_usd(int(cell))
    return told


def _line(row: Mapping[str, Cell], form: str, *, header: bool) -> str:
    if form == "jsonl":
        return json.dumps(row, ensure_ascii=False) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for cells in ([list(row)] if header else []) + [_harmless(list(row.values()))]:
        writer.writerow(cells)
    return text.getvalue()


def _harmless(cells: Sequence[Cell]) -> list[Cell]:
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_ACTED_UPON) else cell for cell in cells]
