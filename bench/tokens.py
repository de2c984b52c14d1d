"""All tables on tokens, one after the other: each of the programs below in a process of its own, then which bars were missed.

python -m bench.tokens [--quick] [--json] [--only NAME,...]

counting, texts made short, parts of files, conversations, tools that are found, answers that are given again, and what the
same accepted work takes. Public texts are read from the folder that SWARM_BENCH_DATA names; what each does without, it says.
What is tuned on which texts stands in docs/explanation/measurements.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show

PROGRAMS = ("count", "compression", "context", "importance", "tools", "answers", "saving")
"""Modules beside this one, the quick ones first."""


class Failed(Exception):
    """A program ended with an error, which it has told itself."""


def table(name: str, *, quick: bool) -> dict[str, Any]:
    """What a program prints as JSON. Raises Failed."""
    command = [sys.executable, "-m", f"bench.{name}", "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failed(f"python -m bench.{name} ended with {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return {"program": name, **document}


def figures_of(document: dict[str, Any]) -> list[Figure]:
    """The figures of a table that was read."""
    found: list[Figure] = []
    for row in document["figures"]:
        bar = Bar(**row["bar"]) if row["bar"] else None
        found.append(Figure(row["what"], row["value"], row["unit"], row["beside"], bar))
    return found


def missed(documents: Sequence[dict[str, Any]]) -> list[str]:
    """The figures that do not keep to their bars, with their program."""
    return [
        f"{each['program']}: {figure.what}"
        for each in documents
        for figure in figures_of(each)
        if figure.verdict == "missed"
    ]


def summary(documents: Sequence[dict[str, Any]]) -> str:
    judged = [figure for each in documents for figure in figures_of(each) if figure.verdict]
    said = f"{len(judged)} figures have a bar"
    if not (wrong := missed(documents)):
        return f"{said}, all of them are kept"
    return "\n".join((f"{said}, {len(wrong)} are missed:", *(f"  {each}" for each in wrong)))


def _tables(names: Sequence[str], *, quick: bool, as_json: bool) -> Iterator[dict[str, Any]]:
    for name in names:
        document = table(name, quick=quick)
        if not as_json:
            show(document["title"], figures_of(document), as_json=False)
            sys.stdout.write("\n")
            sys.stdout.flush()
        yield document


def _programs(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in PROGRAMS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} prints no such table; there are {', '.join(PROGRAMS)}")
    return names


def main() -> None:
    parser = parser_of(__doc__, "each program's quick form")
    parser.add_argument("--only", type=_programs, default=PROGRAMS, metavar="NAME,...", help="some of the programs")
    args = parser.parse_args()
    try:
        documents = [*_tables(args.only, quick=args.quick, as_json=args.json)]
    except Failed as failed:
        sys.exit(str(failed))
    if args.json:
        json.dump({"tables": documents, "missed": missed(documents)}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(f"{summary(documents)}\n")


if __name__ == "__main__":
    to_its_end(main)
