"""Print what stands in each column of a CSV or TSV file: python3 profile_csv.py FILE [DELIMITER]."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

MISSING = {"", "na", "n/a", "-", "null", "none", "nan", "?"}
KINDS = {
    "int": r"[+-]?[1-9]\d*|0",
    "leading-zero": r"0\d+",
    "decimal-point": r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?\.\d+",
    "decimal-comma": r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+",
    "date-iso": r"\d{4}-\d{2}-\d{2}(?:[T ].*)?",
    "date-slash": r"\d{1,2}/\d{1,2}/\d{2,4}",
    "date-dot": r"\d{1,2}\.\d{1,2}\.\d{2,4}",
}


def kind_of(value: str) -> str:
    """Name the form of a value without blanks at its edges; what has none of the known forms is text."""
    if value.casefold() in MISSING:
        return f"missing {value!r}"
    return next((kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, value)), "text")


def delimiter_of(header: str) -> str:
    """Return the sign that parts most fields of a header line."""
    return max(",;\t|", key=header.count)


def column(name: str, values: Sequence[str]) -> list[str]:
    """Return the lines that describe a column."""
    bare = [value.strip() for value in values]
    filled = [value for value in bare if value.casefold() not in MISSING]
    kinds = Counter(map(kind_of, bare))
    lines = [f"{name}: {len(filled)} of {len(values)} filled, {len(set(filled))} distinct"]
    lines.append("  kinds: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    if filled:
        lines.append(f"  shortest {min(filled, key=len)!r}, longest {max(filled, key=len)[:60]!r}")
        lines.append(
            "  commonest: " + ", ".join(f"{value[:30]!r} {count}" for value, count in Counter(filled).most_common(5))
        )
    if edges := sum(value != value.strip() for value in values):
        lines.append(f"  {edges} with blanks at an edge")
    if folded := len(set(filled)) - len({" ".join(value.split()).casefold() for value in filled}):
        lines.append(f"  {folded} differ from another by case or blanks only")
    return lines


def profile(rows: Iterable[Sequence[str]]) -> list[str]:
    """Describe rows of which the first is the header; a row's number is that of the row in the file, the header is 1."""
    header, *body = rows
    wrong = [(number, len(row)) for number, row in enumerate(body, 2) if len(row) != len(header)]
    whole = [tuple(row) for row in body if len(row) == len(header)]
    lines = [f"{len(body)} rows, {len(header)} columns, {len(whole) - len(set(whole))} exact duplicates"]
    lines += [f"row {number} has {count} fields" for number, count in wrong[:10]]
    if len(wrong) > 10:
        lines.append(f"and {len(wrong) - 10} more rows with a wrong number of fields")
    for at, name in enumerate(header):
        lines += column(name, [row[at] for row in whole])
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the profile of the file that the arguments name; 2 where it cannot be read."""
    if not 1 <= len(arguments) <= 2 or (len(arguments) == 2 and len(arguments[1]) != 1):
        return failed("usage: python3 profile_csv.py FILE [DELIMITER], where the delimiter is one sign")
    try:
        text = Path(arguments[0]).read_bytes().decode("utf-8-sig").lstrip("\r\n")
    except OSError as error:
        return failed(f"{arguments[0]} cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return failed(f"{arguments[0]} is no UTF-8 (byte {error.start}); convert it, often it is cp1252")
    if not text.strip():
        return failed(f"{arguments[0]} is empty")
    delimiter = arguments[1] if len(arguments) == 2 else delimiter_of(text.partition("\n")[0])
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    sys.stdout.write("\n".join(profile(rows)) + "\n")
    return 0


def failed(why: str) -> int:
    """Say why nothing was printed, and return the exit code for that."""
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
