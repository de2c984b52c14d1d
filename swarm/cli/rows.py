"""Rows for other programs: as comma-separated values, or as JSON Lines."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from swarm.cli.streams import write_result
from swarm.errors import UsageError

Form = Literal["", "csv", "jsonl"]
Value = str | int | float | None

_COUNTED = {2: "two", 3: "three"}
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), the wide forms included."""


def add_row_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", action="store_true", help="write the rows as comma-separated values (RFC 4180)")
    parser.add_argument("--jsonl", action="store_true", help="write the rows as JSON Lines, one object a row")


def form_of(args: argparse.Namespace) -> Form:
    """In which form rows are asked for; "" where they are not. Raises UsageError where two forms are."""
    named = [f"--{name}" for name in ("csv", "json", "jsonl") if getattr(args, name)]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} are {_COUNTED[len(named)]} forms of one result; name one of them")
    return "csv" if args.csv else "jsonl" if args.jsonl else ""


def write_rows(form: str, header: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """Write the rows to stdout, with the header first as CSV, each with the names of the header as JSON Lines."""
    if form == "jsonl":
        for row in rows:
            write_result(json.dumps(dict(zip(header, row, strict=True))) + "\n")
    else:
        write_result(csv_text(header, rows))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """The rows as RFC 4180 has them. A text that a spreadsheet would reckon has an apostrophe before it, and stays a text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row])
    return text.getvalue()


def harmless(text: str) -> str:
    """The text as a cell. A sign alone says nothing to a spreadsheet, and what stands for nothing stays a dash."""
    return f"'{text}" if len(text) > 1 and text.startswith(_FORMULA) else text
